"""Where configs are: the shipped ones have names, and a file of the user's own has a path.

The wheel holds the folder `configs` as `imagenet_real/configs`; in a checkout it is beside the package. In both places, and
in a file of the user's own, `from configs import score` finds a shipped config.
"""

import ast
import os
import pathlib
import runpy
import sys
import types

from ml_collections import ConfigDict

import imagenet_real
from imagenet_real.errors import InputError, nearest


def shipped_folder() -> pathlib.Path:
    package = pathlib.Path(imagenet_real.__file__).parent
    return package / "configs" if (package / "configs").is_dir() else package.parent / "configs"


def shipped_configs() -> dict[str, pathlib.Path]:
    """Returns the files of the shipped configs by name, in alphabetical order."""
    return {path.stem: path for path in sorted(shipped_folder().glob("[a-z]*.py"))}


def is_shipped(path: str | os.PathLike) -> bool:
    """Returns whether a file is a shipped config."""
    return pathlib.Path(path).resolve().parent == shipped_folder().resolve()


def find_config(name: str) -> pathlib.Path:
    """Returns the file of a config: `name` is the name of a shipped config, or a path that ends in .py."""
    shipped = shipped_configs()
    if name in shipped:
        return shipped[name]
    path = pathlib.Path(name)
    if path.suffix != ".py" or not path.is_file():
        raise InputError(f"there is no config {name}: {nearest(path.stem, list(shipped))}")
    return path


def load_config(path: str | os.PathLike) -> ConfigDict:
    """Returns the config of a file. Raises InputError where the file does not run, or returns no config."""
    try:
        variables = runpy.run_path(os.fspath(path))
        config = variables["get_config"]() if "get_config" in variables else None
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise InputError(f"{path} raises {reason}. Correct the file.") from error
    if not isinstance(config, ConfigDict):
        raise InputError(f"{path} has no function get_config that returns an ml_collections.ConfigDict. Write one.")
    return config


def get_config(name: str) -> ConfigDict:
    """Returns a shipped config by name, or the one in a file, with its defaults: for notebooks and scripts."""
    path = find_config(name)
    make_bases_importable(path)
    return load_config(path)


def docstring(path: str | os.PathLike) -> str:
    return ast.get_docstring(ast.parse(pathlib.Path(path).read_text(encoding="utf-8"))) or ""


def base_folders(path: str | os.PathLike) -> list[pathlib.Path]:
    """Returns where `from configs import NAME` looks for the config at `path`: its own folder comes first."""
    folder = pathlib.Path(path).resolve().parent
    folders = [*([folder] if folder.name == "configs" else []), pathlib.Path.cwd() / "configs", shipped_folder()]
    return list(dict.fromkeys(folders))


def make_bases_importable(path: str | os.PathLike) -> None:
    """Lets the config at `path` say `from configs import NAME`."""
    package = types.ModuleType("configs", "The configs beside a config, in the current folder, and shipped.")
    package.__path__ = [str(folder) for folder in base_folders(path)]
    sys.modules["configs"] = package
