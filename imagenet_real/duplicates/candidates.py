"""From the nearest images of another set to the pairs that people look at. NumPy alone."""

import dataclasses
from collections.abc import Mapping
from typing import Any, TypedDict

import numpy as np

from imagenet_real.duplicates.fingerprints import BITS
from imagenet_real.io import readers
from imagenet_real.io.readers import Name
from imagenet_real.labels.label_set import LabelSet

FIELDS = {"thumbnail": "similarity", "hash": "bits", "embedding": "embedding"}  # kind of fingerprint -> field of a pair


class _ConfirmedPair(TypedDict):
    image_id: Name


class _Confirmed(TypedDict):
    pairs: list[_ConfirmedPair]


@dataclasses.dataclass(frozen=True)
class Thresholds:
    """A pair is a candidate if one kind of fingerprint reaches its threshold."""

    similarity: float  # least correlation of thumbnails
    bits: int  # most bits of the hashes that differ
    embedding: float  # least cosine of embeddings

    def least_products(self) -> dict[str, float]:
        """Returns the least product of each kind of fingerprint."""
        return {"thumbnail": self.similarity, "hash": BITS - 2 * self.bits, "embedding": self.embedding}


@dataclasses.dataclass(frozen=True)
class Pair:
    """An image and the image of the other set that is most like it. A value is None below its threshold."""

    image_id: str
    other: str
    similarity: float | None = None  # correlation of thumbnails, the largest of all variants
    bits: float | None = None  # bits of the hashes that differ, the fewest of all variants
    embedding: float | None = None  # cosine

    @property
    def likeness(self) -> float:
        """The best of the three values, for sorting."""
        bits = BITS if self.bits is None else self.bits
        return max(self.similarity or 0, self.embedding or 0, 1 - bits / BITS)


@dataclasses.dataclass(frozen=True)
class Candidates:
    """The pairs of a search."""

    images: int
    others: int
    pairs: tuple[Pair, ...]  # the most alike first

    def as_json(self, provenance: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the content of duplicates.json."""
        pairs = [dataclasses.asdict(pair) for pair in self.pairs]
        return {
            "schema": 1,
            "images": self.images,
            "others": self.others,
            "pairs": pairs,
            "provenance": dict(provenance),
        }


def candidates(
    result: Mapping[str, tuple[np.ndarray, np.ndarray]],
    image_ids: np.ndarray,
    other_ids: np.ndarray,
    thresholds: Thresholds,
) -> Candidates:
    """Returns the pairs that are alike enough by one kind of fingerprint.

    Args:
      result: of `search.search`.
      image_ids: [N] str.
      other_ids: [M] str.
      thresholds: of each kind of fingerprint.
    """
    values: dict[tuple[str, str], dict[str, float]] = {}
    least = thresholds.least_products()
    for kind, (products, places) in result.items():
        for row, variant in zip(*np.nonzero((products >= least[kind]) & (places >= 0)), strict=True):
            pair = values.setdefault((str(image_ids[row]), str(other_ids[places[row, variant]])), {})
            product = float(products[row, variant])
            value, better = ((BITS - product) / 2, min) if kind == "hash" else (product, max)
            field = FIELDS[kind]
            pair[field] = better(pair.get(field, value), value)
    pairs = [Pair(image, other, **fields) for (image, other), fields in values.items()]
    pairs.sort(key=lambda pair: (-pair.likeness, pair.image_id, pair.other))
    return Candidates(len(image_ids), len(other_ids), tuple(pairs))


def load_confirmed(path: str) -> list[str]:
    """Reads the ids of the images that people confirmed as duplicates, from confirmed.json of the review page."""
    pairs = readers.read_json(path, _Confirmed, "Give confirmed.json of the review page.")["pairs"]
    return sorted({pair["image_id"] for pair in pairs})


def without_images(label_set: LabelSet, image_ids: list[str]) -> LabelSet:
    """Returns the label set without these images, as `NAME_without_duplicates`."""
    rest = label_set.take(~np.isin(label_set.image_ids, image_ids))
    return dataclasses.replace(rest, name=f"{label_set.name}_without_duplicates")
