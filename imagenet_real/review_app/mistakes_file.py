"""The list of mistakes under review, as the program `mistakes` writes it."""

import dataclasses
import os
from collections.abc import Collection
from typing import Annotated, Any, NotRequired, TypedDict

import numpy as np

from imagenet_real.io import readers, storage
from imagenet_real.io.readers import Between, FileError, Name, shorten
from imagenet_real.labels.image_ids import first_repeated
from imagenet_real.labels.label_set import MAX_CLASSES

REMEDY = "Give the mistakes.json of mistakes."
_Class = Annotated[int, Between(0, MAX_CLASSES - 1)]


class Item(TypedDict):
    """A mistake."""

    image_id: Name
    predicted: _Class
    original: Annotated[int, Between(-1, MAX_CLASSES - 1)]
    right: list[_Class]
    top: list[_Class]
    top_scores: list[float] | None
    guess: str | None
    reason: str | None
    agreeing: int | float | None
    label_may_be_missing: bool
    confidence: float | None


class _Provenance(TypedDict):
    labels: NotRequired[dict[str, str]]
    config: NotRequired[dict[str, Any]]


class _File(TypedDict):
    model: Name
    mistakes: list[Item]
    label_set: NotRequired[str]
    scored: NotRequired[int]
    images: NotRequired[int]
    provenance: NotRequired[_Provenance]


@dataclasses.dataclass(frozen=True, eq=False)
class MistakesFile:
    """The content of a `mistakes.json`."""

    path: str
    sha256: str
    model: str
    items: list[Item]
    label_set: str  # the name of the label set under which they are mistakes; empty in files of earlier versions
    labels: dict[str, str]  # the origin of that label set
    config: dict[str, Any]  # of the run of `mistakes`
    covers_part: bool = False  # whether images of the label set have no prediction

    def without(self, image_ids: Collection[str]) -> "MistakesFile":
        """Returns the file without the mistakes on some images."""
        return dataclasses.replace(self, items=[item for item in self.items if item["image_id"] not in image_ids])


def read_mistakes(path: str | os.PathLike) -> MistakesFile:
    """Reads a `mistakes.json` of a model. Raises InputError."""
    content = readers.read_json(path, _File, REMEDY)
    file = MistakesFile(
        path=os.fspath(path),
        sha256=storage.sha256(path),
        model=content["model"],
        items=content["mistakes"],
        label_set=content.get("label_set", ""),
        labels=content.get("provenance", {}).get("labels", {}),
        config=content.get("provenance", {}).get("config", {}),
        covers_part=content.get("scored", 0) < content.get("images", 0),
    )
    if not file.items:
        raise FileError(path, "it has no mistake", "There is nothing to review.")
    if repeated := first_repeated(np.array([item["image_id"] for item in file.items])):
        raise FileError(path, f"duplicate image id: {shorten(repeated, 60)}", REMEDY)
    for place, item in enumerate(file.items):
        if item["top_scores"] and len(item["top_scores"]) != len(item["top"]):
            raise FileError(path, f"mistakes[{place}] has {len(item['top'])} classes and other scores", REMEDY)
    return file
