"""The protocol of every source of images: records by number, and their label fields."""

import dataclasses
from typing import Any, Protocol, TypedDict

import numpy as np

from imagenet_real.errors import InputError
from imagenet_real.labels import dataset
from imagenet_real.labels.label_set import LabelSet


class Record(TypedDict):
    """One image, still encoded."""

    image_id: str
    image: bytes


class UnreadableRecord(InputError):
    """A record whose bytes cannot be read, with the id of the image."""

    def __init__(self, image_id: str, reason: str):
        super().__init__(reason)
        self.image_id = image_id


@dataclasses.dataclass(frozen=True, eq=False)
class LabelFields:
    """The label fields of all records, with TFDS's names; see `labels.dataset.from_fields`."""

    image_ids: np.ndarray  # [N] str, in the order of the source
    fields: dict[str, Any]  # a sequence or an array; [N] each
    num_classes: int | None
    class_names: tuple[str, ...] | None
    damaged: dict[str, str] = dataclasses.field(
        default_factory=dict
    )  # image id -> reason; damaged records have no labels
    folders: tuple[str, ...] | None = None  # the classes that there are, of `class_names`; None: all of them


class Source(Protocol):
    """Random access to encoded images. Sources travel to worker processes, so they can be pickled."""

    name: str  # the user's spelling
    num_classes: int | None  # None if the images have no labels
    class_names: tuple[str, ...] | None
    fingerprint: str  # a digest of what identifies the records and their order
    notes: tuple[str, ...]  # what is left out of the source, and how its names are read

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Record: ...

    def label_fields(self) -> LabelFields:
        """Returns all labels, without decoding a pixel."""
        ...


def label_sets_of(source: Source) -> dict[str, LabelSet]:
    """Returns the label sets of a source by name, row for row; none if its images have no labels."""
    labels = source.label_fields()
    return dataset.from_fields(labels.image_ids, labels.fields, labels.num_classes, source.name, labels.class_names)
