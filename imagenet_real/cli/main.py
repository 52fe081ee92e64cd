"""Runs the program that a config names: python main.py --config=configs/score.py --workdir=DIR [--config.FIELD=VALUE ...]

With --help it tells every field of that config; without a config, which configs there are.
"""

import glob
import importlib
import os
import runpy
import sys

from absl import app, flags, logging
from ml_collections import config_flags

import imagenet_real
from imagenet_real.cli import alternatives, help
from imagenet_real.errors import InputError, exit_code_of, nearest
from imagenet_real.io import storage
from imagenet_real.report.printing import FORMATS

CONFIG = config_flags.DEFINE_config_file("config", help_string="The experiment: a file in configs/.", lock_config=True)
WORKDIR = flags.DEFINE_string("workdir", None, "The folder that results are written to, on a disk or gs://BUCKET/...")

NEEDED = "--config and --workdir are needed: python main.py --config=configs/score.py --workdir=DIR ..."


def main(argv: list[str]) -> None:
    if len(argv) > 1:
        raise InputError(f"unexpected argument {argv[1]!r}: every option is written --config.NAME=VALUE.")
    if CONFIG.value is None:
        raise InputError(NEEDED)
    logging.set_verbosity(logging.WARNING)  # the backends that JAX tries and does not find are nobody's concern
    files = (storage.to_path(imagenet_real.__file__).parent / "programs").glob("[a-z]*.py")
    programs = sorted(path.stem for path in files if "\ndef run(config: ConfigDict" in path.read_text())
    if CONFIG.value.program not in programs:
        raise InputError(f"there is no program {CONFIG.value.program!r}: {nearest(CONFIG.value.program, programs)}")
    if "format" in CONFIG.value and CONFIG.value.format not in FORMATS:
        raise InputError(f"unknown format {CONFIG.value.format!r}: {nearest(CONFIG.value.format, list(FORMATS))}")
    program = importlib.import_module(f"imagenet_real.programs.{CONFIG.value.program}")
    if WORKDIR.value is None and getattr(program, "NEEDS_WORKDIR", True):
        raise InputError(NEEDED)
    given = config_flags.get_override_values(flags.FLAGS["config"])
    alternatives.replace_alternatives(CONFIG.value, given, getattr(program, "ALTERNATIVES", ()))
    program.run(CONFIG.value, storage.to_path(WORKDIR.value) if WORKDIR.value else None)


def parse(argv: list[str]) -> list[str]:
    """Reads the flags; a config or field that does not exist is told with the nearest ones that do."""
    path = next((argument.partition("=")[2] for argument in argv if argument.lstrip("-").startswith("config=")), "")
    if path and not (path.endswith(".py") and os.path.isfile(path)):
        raise InputError(f"there is no config {path}: {nearest(path, glob.glob('configs/[a-z]*.py'))}")
    if {"--help", "-h"} & set(argv[1:]):
        print(help.text_of(path) if path else help.overview("configs"))
        sys.exit()
    try:
        return flags.FLAGS(argv)
    except (flags.Error, AttributeError, LookupError, TypeError, ValueError, OSError) as error:
        raise InputError(_wrong_field(argv, path) or " ".join(str(error).split())) from None


def _wrong_field(argv: list[str], path: str) -> str:
    """Returns what is wrong with the first field that the config does not have, at any depth; else an empty string."""
    known = help.names_of(runpy.run_path(path).get("get_config", dict)()) if path else []
    for argument in argv:
        option, _, value = argument.lstrip("-").partition("=")
        flag, _, name = option.partition(".")
        if flag != "config" or not name or not known or name in known:
            continue
        inner = [field for field in known if field.startswith(f"{name}.")]
        if not inner:
            return f"{path} has no field {name!r}: {_meant(name, known)}"
        if not value.startswith("{"):
            return f"{path} has several fields below {name!r}: give one of them, such as --config.{inner[0]}=VALUE."
    return ""


def _meant(name: str, known: list[str]) -> str:
    """Returns the known fields that are nearest: one of the same last name, below whatever it is, before all others."""
    same = [field for field in known if field.rpartition(".")[2] == name.rpartition(".")[2]]
    return f"did you mean {', '.join(same)}?" if same else nearest(name, known)


def run() -> int:
    """Like `app.run`, but a user's mistake ends in one line and an exit code, not in a traceback."""
    sys.path.insert(0, os.getcwd())  # a model of the user's own is imported from where the command runs
    return exit_code_of(lambda: app.run(main, flags_parser=parse))


if __name__ == "__main__":
    sys.exit(run())
