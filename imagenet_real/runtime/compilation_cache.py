"""Compiled models stay in the cache folder of the user: a second run begins in seconds. Imports no JAX."""

import contextlib
import hashlib
import os
import pathlib
import platform

from imagenet_real.io.paths import cache_folder

FOLDER = (
    "JAX_COMPILATION_CACHE_DIR"  # JAX's own variable: a user's value stays, and an empty one switches the cache off
)
LEAST_SECONDS = "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"
MAX_BYTES = 2**31


def enable() -> None:
    """Sets JAX's variables, for this process and those that it starts. Has an effect before JAX is imported.

    Programs of one processor do not run on every other one, so each kind has a folder of its own. Does nothing if the
    folder cannot be written.
    """
    if FOLDER in os.environ:
        return
    folder = pathlib.Path(os.fspath(cache_folder() / "compiled" / _processor()))
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        return
    if os.access(folder, os.W_OK):
        remove_oldest(folder)
        os.environ[FOLDER] = str(folder)
        os.environ.setdefault(LEAST_SECONDS, "0.1")


def remove_oldest(folder: pathlib.Path, max_bytes: int = MAX_BYTES) -> None:
    """Removes the files that were written first until the others have at most `max_bytes`."""
    files = []
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        files = [(stat.st_mtime, stat.st_size, entry.path) for entry in entries if (stat := entry.stat())]
    total = sum(size for _, size, _ in files)
    for _, size, path in sorted(files):
        if total <= max_bytes:
            return
        with contextlib.suppress(OSError):  # another process may have removed it
            os.unlink(path)
        total -= size


def _processor() -> str:
    """Returns a digest of the processor and of what it can do."""
    text = f"{platform.machine()} {platform.processor()}"
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        lines = {
            line.partition(":")[0].strip(): line
            for line in file
            if line.startswith(("model name", "flags", "Features"))
        }
        text += "".join(lines.values())
    return hashlib.sha256(text.encode()).hexdigest()[:16]
