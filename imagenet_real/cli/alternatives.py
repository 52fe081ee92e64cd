"""Fields of a config of which one replaces the others, such as the lengths of a run."""

from collections.abc import Mapping, Sequence
from typing import Any

from ml_collections import ConfigDict

from imagenet_real.errors import InputError


def replace_alternatives(config: ConfigDict, given: Mapping[str, Any], names: Sequence[str]) -> None:
    """Sets the other fields of `names` to 0 where one of them is `given` on the command line: it replaces the config's.

    Raises InputError where several are given; one that is given as 0 does not count.
    """
    chosen = [name for name in names if given.get(name)]
    if len(chosen) > 1:
        raise InputError(
            f"{' and '.join(f'{name}={given[name]}' for name in chosen)} are alternatives: give one of them."
        )
    for name in names:
        if chosen and name not in chosen:
            config[name] = type(config[name])(0)
