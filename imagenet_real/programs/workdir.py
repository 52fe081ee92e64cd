"""A folder that one run at a time may write to."""

import contextlib
import fcntl
import pathlib
from collections.abc import Iterator

from imagenet_real.errors import InputError


@contextlib.contextmanager
def claimed(workdir: pathlib.Path) -> Iterator[None]:
    """Holds `workdir` for this process. The system lets go of it when the process ends, however it ends.

    Raises InputError where another run holds it.
    """
    workdir.mkdir(parents=True, exist_ok=True)
    with (workdir / ".claim").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"{workdir} is in use by another run: wait for it, or give another --workdir") from None
        yield
