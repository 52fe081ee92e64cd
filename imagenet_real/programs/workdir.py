"""A folder that one run at a time may write to."""

import contextlib
import fcntl
import pathlib
from collections.abc import Iterator

from imagenet_real import cluster
from imagenet_real.errors import InputError


@contextlib.contextmanager
def claimed(workdir: pathlib.Path) -> Iterator[None]:
    """Holds `workdir` for this run, by its first process. The system lets go of it when that ends, however it ends.

    Raises InputError where another run holds it.
    """
    with contextlib.ExitStack() as held:
        cluster.in_first(lambda: held.enter_context(_locked(workdir)))
        yield


@contextlib.contextmanager
def _locked(workdir: pathlib.Path) -> Iterator[None]:
    workdir.mkdir(parents=True, exist_ok=True)
    with (workdir / ".claim").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"{workdir} is in use by another run: wait for it, or give another --workdir") from None
        yield
