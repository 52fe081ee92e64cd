"""What is wrong with the fields of a config as a whole, whatever the program: found before the program begins."""

import fnmatch
import functools
import math
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from etils import epath
from ml_collections import ConfigDict

from imagenet_real.cli import configs
from imagenet_real.errors import InputError
from imagenet_real.io import storage

FOLDERS = ("images", "others", "published", "validation_images", "weights")  # fields that may name a folder of inputs


def check_program(config: ConfigDict, path: str) -> None:
    """Raises InputError if a config names a program and lacks its fields, as when only its field `program` is changed."""
    shipped = _configs_of(config.program)
    missing = [name for name in next(iter(shipped.values())) if all(name in other for other in shipped.values())]
    missing = [name for name in missing if name not in config]
    if missing:
        raise InputError(
            f"{path} names the program {config.program} and lacks its fields, such as {', '.join(missing[:3])}. Start from "
            f"the config {next(iter(shipped))}."
        )


@functools.cache
def _configs_of(program: str) -> dict[str, ConfigDict]:
    loaded = {name: configs.load_config(path) for name, path in configs.shipped_configs().items()}
    return {name: config for name, config in loaded.items() if config.program == program}


def check_used(program: str, overrides: Collection[str], unused: Mapping[str, str]) -> None:
    """Raises InputError if the command line sets a field that the program does not use; `unused` says what to do."""
    for name, hint in unused.items():
        if name in overrides:
            raise InputError(f"{program} does not use the field {name}. {hint}")


def check_numbers(config: ConfigDict) -> None:
    """Raises InputError for a number that is infinite or no number, and for a negative seed."""
    for name, value in _leaves(config.to_dict()):
        if name.endswith(("seed", "seeds")) and isinstance(value, int) and value < 0:
            raise InputError(f"{name}={value} is negative. Give 0 or more.")
        if isinstance(value, float) and not math.isfinite(value):
            raise InputError(f"{name}={value} is no finite number. Give one.")


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _leaves(inner, name)
    else:
        yield name, value


def check_inputs(config: ConfigDict, workdir: epath.Path, outputs: Sequence[str]) -> None:
    """Raises InputError if the program would write over a file that it reads, or into the folder of its inputs.

    Args:
      config: any field may name files: a path, a glob, or several of them with commas.
      workdir: the folder that the program writes to.
      outputs: patterns of the names of the files that it writes.
    """
    if storage.in_bucket(workdir):
        return
    for name, value in _leaves(config.to_dict()):
        for path in value.split(",") if isinstance(value, str) else ():
            if name in FOLDERS and _is_same(path, workdir):
                raise InputError(f"--workdir={workdir} is the folder of {name}. Give another folder for the results.")
            _check_files(name, path.strip(), workdir, outputs)


def _check_files(name: str, pattern: str, workdir: epath.Path, outputs: Sequence[str]) -> None:
    if not pattern or "://" in pattern or "\0" in pattern:
        return
    for path in storage.matching(pattern):
        is_output = any(fnmatch.fnmatch(path.name, output) for output in outputs)
        if is_output and path.is_file() and _is_same(path.parent, workdir):
            raise InputError(
                f"the results would replace {path}, an input of this run ({name}). Give another --workdir than its folder."
            )


def _is_same(path: str | os.PathLike, folder: epath.Path) -> bool:
    try:
        return os.path.samefile(os.path.expanduser(path), folder)
    except (OSError, ValueError):
        return False
