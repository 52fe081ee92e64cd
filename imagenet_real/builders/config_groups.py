"""Fields that stand together below one field of a config, such as `augmentation`, as the value that they describe."""

import dataclasses
from collections.abc import Sequence
from typing import Any, TypeVar

from ml_collections import ConfigDict

from imagenet_real.errors import InputError, nearest

T = TypeVar("T")


def build(kind: type[T], config: ConfigDict, name: str, **others: Any) -> T:
    """Returns the dataclass `kind` of the fields below `name`, and of `others`, which come from elsewhere.

    Raises InputError for a field that `kind` does not have, or one that is missing and has no default.
    """
    fields = [field for field in dataclasses.fields(kind) if field.name not in others]
    required = [field.name for field in fields if field.default is dataclasses.MISSING]
    check(config, name, required, known=[field.name for field in fields])
    return kind(**others, **config[name].to_dict())


def check(config: ConfigDict, name: str, required: Sequence[str], known: Sequence[str] = ()) -> None:
    """Raises InputError where the fields below `name` are not `required` and some of `known`.

    On the command line a group can be given whole, as a dictionary, which nothing else checks.
    """
    for field in config[name]:
        if field not in (*required, *known):
            raise InputError(f"{name} has no field {field!r}: {nearest(field, [*required, *known])}")
    missing = [field for field in required if field not in config[name]]
    if missing:
        raise InputError(
            f"{name} lacks {', '.join(missing)}: give all its fields, or only one, --config.{name}.{missing[0]}=VALUE."
        )
