"""The memory of this machine, and how it is said."""

import contextlib
import pathlib

_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")  # of a container
_USED = ("/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory/memory.usage_in_bytes")


def available() -> int | None:
    """Returns the bytes that a new program may use: of the machine and of the container; None if it is unknown."""
    amounts = [_of_machine(), *(_of_container(limit, used) for limit, used in zip(_LIMITS, _USED, strict=True))]
    return min((amount for amount in amounts if amount is not None), default=None)


def _of_machine() -> int | None:
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in pathlib.Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return None


def _of_container(limit: str, used: str) -> int | None:
    with contextlib.suppress(OSError, ValueError):  # "max" is no number
        return max(0, int(pathlib.Path(limit).read_text()) - int(pathlib.Path(used).read_text()))
    return None


def as_text(size: float) -> str:
    """Returns a number of bytes for people, such as 1.2 GB."""
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
