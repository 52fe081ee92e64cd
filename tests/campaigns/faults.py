"""A disk that fails from some moment on, within one process: full, read-only, or with room for small files alone."""

import builtins
import errno
import io
import os
import resource
from typing import Any

ERRORS = {"full": errno.ENOSPC, "read-only": errno.EROFS}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def inject(fault: dict[str, Any]) -> None:
    """Makes the disk of this process fail below a folder.

    `{"kind": "small", "size": BYTES}` leaves room for files of this size, also for libraries that are no Python.
    `{"kind": "full" or "read-only", "after": COUNT, "below": FOLDER}` refuses what would write, after COUNT such calls.
    """
    if fault["kind"] == "small":
        resource.setrlimit(resource.RLIMIT_FSIZE, (fault["size"], resource.RLIM_INFINITY))
        return
    left, folder, code = [fault["after"]], os.path.abspath(fault["below"]), ERRORS[fault["kind"]]

    def check(path: Any) -> None:
        if isinstance(path, int) or not os.path.abspath(os.fspath(path)).startswith(folder):
            return
        left[0] -= 1
        if left[0] < 0:
            raise OSError(code, os.strerror(code), os.fspath(path))

    def refuse_if(call: Any, writes: Any) -> Any:
        def refusing(path: Any, *arguments: Any, **named: Any) -> Any:
            if writes(*arguments, **named):
                check(path)
            return call(path, *arguments, **named)

        return refusing

    os.open = refuse_if(os.open, lambda flags=0, *_, **__: flags & WRITING)
    for module in (builtins, io):
        module.open = refuse_if(module.open, lambda mode="r", *_, **__: set(mode) & set("wax+"))
    for name in ("mkdir", "replace", "rename"):
        setattr(os, name, refuse_if(getattr(os, name), lambda *_, **__: True))
