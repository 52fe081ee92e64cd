"""The summary of a label set: its sizes, pairs of classes, corrections, lost images, and agreement with other label sets."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from imagenet_real.labels import analysis
from imagenet_real.labels.label_set import LabelSet


@dataclasses.dataclass(frozen=True)
class ClassPair:
    """Two classes that are right for the same images."""

    a: int
    b: int
    images: int


@dataclasses.dataclass(frozen=True)
class Correction:
    """An original class and the one class that replaces it."""

    original: int
    right: int
    images: int


@dataclasses.dataclass(frozen=True)
class ClassLoss:
    """How many images a class has by the original labels, and how many of them lose it."""

    label: int
    images: int
    lost: int  # images for which the class is not right
    empty: int  # images without any right class


@dataclasses.dataclass(frozen=True)
class LabelSetSummary:
    """The analysis of a label set."""

    name: str
    images_by_labels: list[int]  # images with 0, 1, 2, ... labels
    against_original: dict[str, int]
    co_occurring: list[ClassPair]
    corrections: list[Correction]
    losses: list[ClassLoss]
    agreement: dict[str, dict[str, int]]  # images of each of `analysis.RELATIONS`, by the name of the other label set


def summarize(label_set: LabelSet, others: Sequence[LabelSet]) -> LabelSetSummary:
    """Analyzes a label set, and compares it with others image by image."""
    return LabelSetSummary(
        name=label_set.name,
        images_by_labels=np.bincount(analysis.labels_per_image(label_set)).tolist(),
        against_original=analysis.against_original(label_set),
        co_occurring=[ClassPair(*row) for row in _rows(*analysis.co_occurring(label_set))],
        corrections=[Correction(*row) for row in _rows(*analysis.corrections(label_set))],
        losses=_losses(label_set),
        agreement={
            other.name: {relation: len(ids) for relation, ids in analysis.agreement(label_set, other).items()}
            for other in others
        },
    )


def _rows(classes: np.ndarray, images: np.ndarray) -> list[list[int]]:  # [Q, 2], [Q]
    return np.column_stack([classes, images]).tolist()


def _losses(label_set: LabelSet) -> list[ClassLoss]:
    """Returns a row for each original class, the largest losses first."""
    losses = analysis.losses(label_set)
    order = np.argsort(-losses.lost, kind="stable")
    return [
        ClassLoss(int(label), int(losses.images[label]), int(losses.lost[label]), int(losses.empty[label]))
        for label in order
        if losses.images[label]
    ]


def as_json(summary: LabelSetSummary) -> dict[str, Any]:
    """Returns the content of analysis.json."""
    return {
        "label_set": summary.name,
        "images_by_labels": summary.images_by_labels,
        "against_original": summary.against_original,
        "co_occurring": [dataclasses.asdict(pair) for pair in summary.co_occurring],
        "corrections": [dataclasses.asdict(row) for row in summary.corrections],
        "losses": [
            {"class": row.label, "images": row.images, "lost": row.lost, "empty": row.empty} for row in summary.losses
        ],
        "agreement": [{"with": name, **counts} for name, counts in summary.agreement.items()],
    }
