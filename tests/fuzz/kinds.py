"""The kinds of files that the program reads: how an undamaged one is made, and the call that reads it.

`make` writes the files of a small run into a folder and returns the one to damage. `read` reads it as the program does.
Kinds with a `command` are also read through the command line, where FILE, FOLDER and WORKDIR are replaced.
"""

import dataclasses
import pathlib
from collections.abc import Callable
from typing import Any

Folder = pathlib.Path


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of file."""

    name: str
    format: str  # of `mutations.STRUCTURAL`, or bytes
    make: Callable[[Folder], Folder]
    read: Callable[[Folder], Any]  # takes the path of the damaged file
    command: tuple[str, ...] = ()
    names: tuple[str, ...] = ()  # what a message may name instead of the file


def all_kinds() -> dict[str, Kind]:
    """Returns the kinds by name."""
    from tests.fuzz import (
        data_kinds,
        label_kinds,
        own_data_kinds,
        people_kinds,
        prediction_kinds,
        run_kinds,
        slice_kinds,
    )

    modules = (prediction_kinds, label_kinds, people_kinds, run_kinds, data_kinds, own_data_kinds, slice_kinds)
    return {kind.name: kind for module in modules for kind in module.KINDS}
