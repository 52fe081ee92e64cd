"""From what a user types to the flags that absl and ml_collections read.

imagenet-real score --predictions=FILE    ->    --config=.../configs/score.py --config.predictions=FILE
"""

import dataclasses
import itertools
import pathlib
from collections.abc import Sequence

from absl import flags

from imagenet_real.cli import configs, help
from imagenet_real.errors import InputError, nearest

HELP = ("--help", "-help", "-h")


@dataclasses.dataclass(frozen=True)
class Command:
    """A config, and the arguments beside it."""

    config: str  # as the user writes it: the name of a shipped config, or a path; empty where there is none
    arguments: tuple[str, ...]

    @property
    def wants_help(self) -> bool:
        return any(argument in HELP for argument in self.arguments)


def read_command(words: Sequence[str]) -> Command:
    """Takes the config out of the words of a command: the first word, or the value of --config."""
    names, arguments, rest = [], [], list(words)
    if rest and not rest[0].startswith("-"):
        names.append(rest.pop(0))
    while rest:
        word = rest.pop(0)
        option, equals, value = word.partition("=")
        if option in ("--config", "-config"):
            names.append(value if equals or not rest else rest.pop(0))
        else:
            arguments.append(word)
    if len(names) > 1:
        raise InputError(f"{names[0]} and {names[1]} are two configs. Name one of them.")
    return Command("".join(names), tuple(arguments))


def as_flags(command: Command, path: pathlib.Path) -> list[str]:
    """Returns the arguments as flags: the field `NAME` is the flag `config.NAME`.

    Raises InputError for a field that the config at `path` does not have, at any depth, with the nearest names.
    """
    known = help.names_of(configs.load_config(path))
    _check_given_once(command.arguments, known)
    pairs = itertools.pairwise((*command.arguments, ""))  # --NAME VALUE is written without `=`
    return [f"--config={path}", *(_flag(argument, follower, command.config, known) for argument, follower in pairs)]


def _check_given_once(arguments: Sequence[str], known: Sequence[str]) -> None:
    """Raises InputError if the command sets a field or a flag twice: the last value would win in silence."""
    values: dict[str, str] = {}
    for argument in arguments:
        if not argument.startswith("-"):
            continue
        name = argument.lstrip("-").partition("=")[0].replace("config.", "", 1)
        if name not in known and name.removeprefix("no") in known:
            name = name.removeprefix("no")
        if name in values:
            raise InputError(f"--{name} is given twice: {values[name]} and {argument}. Give it once.")
        values[name] = argument


def _flag(argument: str, follower: str, config: str, known: list[str]) -> str:
    if not argument.startswith("-"):
        return argument
    option, equals, value = argument.lstrip("-").partition("=")
    name = option.removeprefix("config.")
    if option.startswith("noconfig.") or (name == option and name not in known and _is_flag(name)):
        return argument
    _check_field(name, value if equals else follower, config, known)
    return f"--config.{name}{equals}{value}"


def _is_flag(name: str) -> bool:
    return name in flags.FLAGS or name.removeprefix("no") in flags.FLAGS


def _check_field(name: str, value: str, config: str, known: list[str]) -> None:
    if name in known:
        return
    inner = [field for field in known if field.startswith(f"{name}.")]
    if not inner:
        raise InputError(f"{config} has no field {name!r}: {_nearest_fields(name, known)}")
    if not value.startswith("{"):
        raise InputError(f"{config} has several fields below {name!r}. Set one of them, such as --{inner[0]}=VALUE.")


def _nearest_fields(name: str, known: list[str]) -> str:
    """Returns the known fields that are nearest: those with the same last name come before all others."""
    last = name.rpartition(".")[2]
    same = [field for field in known if last in (field.rpartition(".")[2], _initials(field))]
    return f"did you mean {', '.join(same)}?" if same else nearest(name, [*known, "workdir"])


def _initials(field: str) -> str:
    """Returns the short form that other programs have for a field, such as `lr` for `learning_rate`."""
    return "".join(word[0] for word in field.rpartition(".")[2].split("_") if word)
