"""Runs the program that a config names: imagenet-real score --predictions=FILE --workdir=DIR

The first word is the name of a shipped config; --config=FILE.py takes one of the user's own. With --help the command
prints the fields of the config, or without a config the list of configs.
"""

import importlib
import re
import sys

from absl import app, flags, logging
from ml_collections import config_flags

from imagenet_real.cli import alternatives, arguments, checks, configs, help
from imagenet_real.errors import InputError, nearest
from imagenet_real.io import extras, storage
from imagenet_real.report.printing import FORMATS
from imagenet_real.runtime import compilation_cache
from imagenet_real.runtime.exit_codes import exit_code_of

PROGRAMS = (  # modules of imagenet_real.programs; a config names one of them in its field `program`
    "aggregate",
    "class_embeddings",
    "clean",
    "compare",
    "duplicates",
    "evaluate",
    "label_errors",
    "label_maps",
    "labels",
    "mistakes",
    "models",
    "prepare",
    "probe",
    "propose",
    "relabel",
    "review",
    "score",
    "train",
)

CONFIG = config_flags.DEFINE_config_file("config", help_string="A config of the user's own.", lock_config=True)
WORKDIR = flags.DEFINE_string("workdir", None, "The folder that results are written to, on a disk or gs://BUCKET/...")


def main(argv: list[str]) -> None:
    if len(argv) > 1:
        raise InputError(f"unexpected argument {argv[1]!r}. Write every option as --NAME=VALUE.")
    logging.set_verbosity(logging.WARNING)  # JAX reports each backend that it does not find
    config = CONFIG.value
    if "program" not in config:
        raise InputError("the config has no field program. Start from a shipped config: from configs import score.")
    if config.program not in PROGRAMS:
        raise InputError(f"there is no program {config.program!r}: {nearest(config.program, list(PROGRAMS))}")
    if "format" in config and config.format not in FORMATS:
        raise InputError(f"unknown format {config.format!r}: {nearest(config.format, list(FORMATS))}")
    flag = flags.FLAGS["config"]
    path, overrides = config_flags.get_config_filename(flag), config_flags.get_override_values(flag)
    if "program" in overrides or not configs.is_shipped(path):
        checks.check_program(config, path)
    checks.check_numbers(config)
    compilation_cache.enable()
    with extras.needed_by(config.program):
        program = importlib.import_module(f"imagenet_real.programs.{config.program}")
        if WORKDIR.value is None and getattr(program, "NEEDS_WORKDIR", True):
            raise InputError("the folder for results is missing. Add --workdir=DIR.")
        checks.check_used(config.program, overrides, getattr(program, "UNUSED", {}))
        alternatives.replace_alternatives(config, overrides, getattr(program, "ALTERNATIVES", ()))
        workdir = storage.to_path(WORKDIR.value) if WORKDIR.value else None
        if workdir is not None:
            checks.check_inputs(config, workdir, getattr(program, "OUTPUTS", ()))
        program.run(config, workdir)


def parse(argv: list[str]) -> list[str]:
    """Reads the flags, or prints help and exits."""
    command = arguments.read_command(argv[1:])
    if not command.config:
        if command.arguments and not command.wants_help:
            raise InputError("the config is missing. Write its name first, as in imagenet-real score --workdir=DIR.")
        print(help.overview())
        sys.exit()
    path = configs.find_config(command.config)
    configs.make_bases_importable(path)
    if command.wants_help:
        print(help.text_of(path, command.config))
        sys.exit()
    sys.argv[1:] = arguments.as_flags(command, path)  # ml_collections reads the fields there
    try:
        return flags.FLAGS(sys.argv)
    except (flags.Error, AttributeError, LookupError, TypeError, ValueError, OSError) as error:
        text = re.sub(r"\('([^']+)', .*\)$", r"\1", " ".join(str(error).split()))  # absl prints a tuple as it is
        raise InputError(f"{text.rstrip('.')}. Give another value.") from None


def run() -> int:
    """Runs the command line. A user's mistake ends in one line and an exit code, without a traceback."""
    return exit_code_of(lambda: app.run(main, flags_parser=parse))
