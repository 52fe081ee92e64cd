"""The provenance of a result: the versions of the code that computed it."""

import pathlib
import platform
import subprocess

import numpy as np

import imagenet_real


def versions() -> dict[str, str | None]:
    """Returns the versions of this package, Python and NumPy, and the commit if this is a checkout."""
    return {
        "imagenet_real": imagenet_real.__version__,
        "commit": _commit(),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def _commit() -> str | None:
    root = pathlib.Path(imagenet_real.__file__).parent.parent
    if not (root / ".git").exists():
        return None
    try:
        command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
