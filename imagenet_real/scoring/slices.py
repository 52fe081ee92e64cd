"""Accuracy by attribute: models on slices of the images, each beside the rest of its column."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from imagenet_real.labels.attributes import Attribute
from imagenet_real.labels.image_ids import match
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.scoring import slice_statistics as statistics
from imagenet_real.scoring.ranking import SIGNIFICANCE
from imagenet_real.scoring.slice_statistics import Statistics
from imagenet_real.scoring.uncertainty import holm

BLOCK = 256  # slices at once, to save memory


@dataclasses.dataclass(frozen=True, eq=False)
class Slices:
    """The accuracies of M models on S slices, under one label set and at one k. NaN: no image, or no rest."""

    label_set: str
    k: int
    models: tuple[str, ...]  # M
    columns: tuple[str, ...]  # S, the column of each slice
    values: tuple[str, ...]  # S
    images: np.ndarray  # [M, S] int, scored ones with a prediction
    accuracy: np.ndarray  # [M, S] float
    low: np.ndarray  # [M, S] float, of a 95 % interval
    high: np.ndarray  # [M, S] float
    difference: np.ndarray  # [M, S] float, to the accuracy on the images of the column without the value
    error_ratio: np.ndarray  # [M, S] float, of the error on the slice to that on all images of the column
    p_value: np.ndarray  # [M, S] float, that slice and rest are alike, by Holm's method for the S slices of a model

    @property
    def resolved(self) -> np.ndarray:
        """[M, S] bool: whether the slice differs from the rest by more than chance, for all slices together."""
        return self.p_value < SIGNIFICANCE

    def rows(self) -> Iterator[dict[str, Any]]:
        """A row for each model and slice that has images; None for an undefined number."""
        numbers = [self.images, self.accuracy, self.low, self.high, self.difference, self.error_ratio, self.p_value]
        for m, model in enumerate(self.models):
            lists = [array[m].tolist() for array in numbers]
            for s, (images, accuracy, low, high, difference, error_ratio, p_value) in enumerate(
                zip(*lists, strict=True)
            ):
                if images:
                    yield {
                        "model": model,
                        "label_set": self.label_set,
                        "k": self.k,
                        "column": self.columns[s],
                        "value": self.values[s],
                        "images": images,
                        "accuracy": accuracy,
                        "low": low,
                        "high": high,
                        "difference": _number(difference),
                        "error_ratio": _number(error_ratio),
                        "p_value": _number(p_value),
                        "resolved": None if p_value != p_value else p_value < SIGNIFICANCE,
                    }


COLUMNS = ("model", "label_set", "k", "column", "value", "images", "accuracy", "low", "high")
COLUMNS += ("difference", "error_ratio", "p_value", "resolved")


def _number(value: float) -> float | None:
    return value if np.isfinite(value) else None


def by_attributes(
    verdicts: np.ndarray, label_set: LabelSet, attributes: Sequence[Attribute], models: Sequence[str], k: int
) -> Slices:
    """The accuracies of M models on every slice of the attributes.

    Args:
      verdicts: [M, N] int8, for the N images of the label set: 1 right, 0 wrong, -1 no prediction.
      label_set: of N images.
      attributes: a slice for each value of each.
      models: M names.
      k: of the verdicts, for the record.
    """
    scored = label_set.take(label_set.is_scored)
    verdicts = verdicts[:, label_set.is_scored]
    measure = statistics.class_means if label_set.average == "classes" else statistics.image_means
    parts: list[Statistics | None] = [None] * len(attributes)
    for rows, group in _groups(attributes, scored.image_ids):  # a thousand slices of a table have the same images
        known = rows >= 0
        images, right = (scored, verdicts) if known.all() else (scored.take(known), verdicts[:, known])
        members = np.concatenate([attributes[at].members_at(rows[known]) for at in group], axis=1)
        blocks = range(0, members.shape[1], BLOCK)
        joined = statistics.concatenate(
            [measure(right, images, members[:, start : start + BLOCK]) for start in blocks], len(models)
        )
        ends = np.cumsum([len(attributes[at].values) for at in group])
        for at, end in zip(group, ends.tolist(), strict=True):
            parts[at] = statistics.columns(joined, slice(end - len(attributes[at].values), end))
    joined = statistics.concatenate([part for part in parts if part is not None], len(models))
    adjusted = np.array([_holm(p_values) for p_values in joined.p_value]).reshape(joined.p_value.shape)
    return Slices(
        label_set=label_set.name,
        k=k,
        models=tuple(models),
        columns=tuple(attribute.column for attribute in attributes for _ in attribute.values),
        values=tuple(value for attribute in attributes for value in attribute.values),
        **{field.name: getattr(joined, field.name) for field in dataclasses.fields(joined) if field.name != "p_value"},
        p_value=adjusted,
    )


def _groups(attributes: Sequence[Attribute], image_ids: np.ndarray) -> Iterator[tuple[np.ndarray, list[int]]]:
    """Attributes of the same images: of [n] other images their rows among these, or -1, and the attributes' numbers."""
    groups: dict[int, list[int]] = {}
    for at, attribute in enumerate(attributes):
        groups.setdefault(id(attribute.image_ids), []).append(at)
    for group in groups.values():
        yield match(image_ids, attributes[group[0]].image_ids), group


def _holm(p_values: np.ndarray) -> np.ndarray:
    """Holm's adjusted p-values of the slices that have one, [S] float with NaN for the others."""
    defined = np.isfinite(p_values)
    adjusted = np.full(len(p_values), np.nan)
    adjusted[defined] = holm(p_values[defined])
    return adjusted
