"""Fields of a config of which one replaces the others, such as the lengths of a run."""

from collections.abc import Mapping, Sequence
from typing import Any

from ml_collections import ConfigDict

from imagenet_real.errors import InputError


def replace_alternatives(config: ConfigDict, overrides: Mapping[str, Any], names: Sequence[str]) -> None:
    """Sets the other fields of `names` to 0 where the command line sets one of them.

    overrides: the fields that the command line sets; a field that it sets to 0 replaces no other.

    Raises InputError where the command line sets several.
    """
    chosen = [name for name in names if overrides.get(name)]
    if len(chosen) > 1:
        raise InputError(
            f"{' and '.join(f'{name}={overrides[name]}' for name in chosen)} are alternatives: give one of them."
        )
    for name in names:
        if chosen and name not in chosen:
            config[name] = type(config[name])(0)
