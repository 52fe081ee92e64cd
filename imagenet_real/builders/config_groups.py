"""Fields below one field of a config, such as `augmentation`, as the value that they describe."""

import dataclasses
from collections.abc import Sequence
from typing import Any, TypeVar

from ml_collections import ConfigDict

from imagenet_real.errors import InputError, nearest

T = TypeVar("T")


def build(kind: type[T], config: ConfigDict, name: str, **arguments: Any) -> T:
    """Returns the dataclass `kind` with the fields below `name` and with `arguments`.

    A field that is a dataclass itself has its fields one level deeper. Raises InputError for a field that `kind` does not
    have, and for a missing field without a default.
    """
    return _build(kind, config[name].to_dict(), name, arguments)


def _build(kind: Any, values: dict[str, Any], name: str, arguments: dict[str, Any]) -> Any:
    fields = [field for field in dataclasses.fields(kind) if field.name not in arguments]
    required = [
        field.name
        for field in fields
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]
    _check(values, name, required, known=[field.name for field in fields])
    groups = {
        field.name: _build(field.default_factory, values[field.name], f"{name}.{field.name}", {})
        for field in fields
        if field.default_factory is not dataclasses.MISSING and field.name in values
    }
    return kind(**arguments, **{**values, **groups})


def check(config: ConfigDict, name: str, required: Sequence[str], known: Sequence[str] = ()) -> None:
    """Raises InputError unless the fields below `name` are `required` and maybe some of `known`.

    The command line accepts a whole group as a dictionary, and checks none of its fields.
    """
    _check(config[name].to_dict(), name, required, known)


def _check(values: dict[str, Any], name: str, required: Sequence[str], known: Sequence[str]) -> None:
    for field in values:
        if field not in (*required, *known):
            raise InputError(f"{name} has no field {field!r}: {nearest(field, [*required, *known])}")
    missing = [field for field in required if field not in values]
    if missing:
        raise InputError(
            f"{name} lacks {', '.join(missing)}. Give all its fields, or only one, --{name}.{missing[0]}=VALUE."
        )


def max_unreadable(config: ConfigDict) -> int | None:
    """Returns how many images may be unreadable; None for any number, which `skip_unreadable` means."""
    if config.max_unreadable < 0:
        raise InputError(f"max_unreadable={config.max_unreadable} is negative. Give the number of images, or 0.")
    return None if "skip_unreadable" in config and config.skip_unreadable else config.max_unreadable
