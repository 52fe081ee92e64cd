"""The list of mistakes under review, as the program `mistakes` writes it."""

import dataclasses
import json
import os
from collections.abc import Collection
from typing import Any

from imagenet_real.errors import InputError
from imagenet_real.io import storage

FIELDS = ("image_id", "predicted", "original", "right", "top", "top_scores", "guess", "reason", "agreeing")
FIELDS += ("label_may_be_missing", "confidence")


@dataclasses.dataclass(frozen=True, eq=False)
class MistakesFile:
    """The content of a `mistakes.json`."""

    path: str
    sha256: str
    model: str
    items: list[dict[str, Any]]
    label_set: str  # the name of the label set under which they are mistakes; empty in files of earlier versions
    labels: dict[str, str]  # the origin of that label set
    config: dict[str, Any]  # of the run of `mistakes`

    def without(self, image_ids: Collection[str]) -> "MistakesFile":
        """Returns the file without the mistakes on some images."""
        return dataclasses.replace(self, items=[item for item in self.items if item["image_id"] not in image_ids])


def read_mistakes(path: str | os.PathLike) -> MistakesFile:
    """Reads a `mistakes.json` of a model. Raises InputError."""
    try:
        content = json.loads(storage.read_bytes(path))
        provenance = content.get("provenance", {})
        file = MistakesFile(
            path=os.fspath(path),
            sha256=storage.sha256(path),
            model=str(content["model"]),
            items=content["mistakes"],
            label_set=content.get("label_set", ""),
            labels=provenance.get("labels", {}),
            config=provenance.get("config", {}),
        )
        if lacking := [name for item in file.items for name in FIELDS if name not in item]:
            raise KeyError(lacking[0])
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{path} cannot be read as mistakes ({error!r}). Give the mistakes.json of mistakes."
        ) from None
    if not file.items:
        raise InputError(f"{path} has no mistake. There is nothing to review.")
    return file
