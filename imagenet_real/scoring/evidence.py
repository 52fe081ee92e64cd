"""The evidence behind accuracies: the predictions of models for each image, and the verdicts of label sets."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from imagenet_real.labels.image_ids import match
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.predictions.predictions import Predictions
from imagenet_real.scoring.verdicts import Verdicts


@dataclasses.dataclass(frozen=True, eq=False)
class Evidence:
    """The best classes of M models, and the verdicts of label sets on them. Small enough for 1,500 models in memory."""

    models: list[str]
    label_sets: list[LabelSet]
    verdicts: dict[str, Verdicts]  # by label set, of M models on its images
    image_ids: np.ndarray  # [N] str, the images with a prediction of any model
    predicted: np.ndarray  # [M, N] int16 or int32, the best class, -1 without a prediction
    confidence: np.ndarray | None  # [M, N] float32, its probability, NaN if unknown; None if all are unknown

    def of(self, models: Sequence[str]) -> "Evidence":
        """The evidence of some of the models."""
        rows = [self.models.index(name) for name in models]
        return dataclasses.replace(
            self,
            models=list(models),
            verdicts={name: verdicts.take(rows) for name, verdicts in self.verdicts.items()},
            predicted=self.predicted[rows],
            confidence=None if self.confidence is None else self.confidence[rows],
        )


def gather(models: Sequence[Predictions], label_sets: Sequence[LabelSet], verdicts: dict[str, Verdicts]) -> Evidence:
    """Makes the evidence of predictions; `verdicts` has a row for each model, by label set."""
    image_ids = models[0].image_ids
    if not all(model.image_ids is image_ids or np.array_equal(model.image_ids, image_ids) for model in models):
        image_ids = np.unique(np.concatenate([model.image_ids for model in models]))
    largest = max(label_set.num_classes for label_set in label_sets)
    predicted = np.full((len(models), len(image_ids)), -1, np.int16 if largest <= np.iinfo(np.int16).max else np.int32)
    has_confidence = [model.top_scores is not None and model.logsumexp is not None for model in models]
    confidence = np.full(predicted.shape, np.nan, np.float32) if any(has_confidence) else None
    for at, model in enumerate(models):
        rows = match(image_ids, model.image_ids)
        columns = rows >= 0
        predicted[at, columns] = model.top[rows[columns], 0]
        if has_confidence[at]:
            confidence[at, columns] = np.exp(model.top_scores[rows[columns], 0] - model.logsumexp[rows[columns]])
    names = [model.name for model in models]
    return Evidence(names, list(label_sets), dict(verdicts), image_ids, predicted, confidence)


def judges(label_sets: Sequence[LabelSet]) -> list[LabelSet]:
    """The label sets with verdicts of their own: without those that repeat the labels of an earlier one on fewer images.

    ReaL is a judge beside the original labels. The label-error subsets are not, and ImageNet-M is not beside multi-label.
    """
    independent: list[LabelSet] = []
    for label_set in label_sets:
        if label_set.is_scored.any() and not any(_repeats(label_set, earlier) for earlier in independent):
            independent.append(label_set)
    return independent


def _repeats(label_set: LabelSet, earlier: LabelSet) -> bool:
    scored = label_set.take(label_set.is_scored)
    rows = match(scored.image_ids, earlier.image_ids)
    if not ((rows >= 0) & earlier.is_scored[rows]).all():
        return False
    width = max(scored.labels.shape[1], earlier.labels.shape[1])
    a, b = (
        np.pad(labels, ((0, 0), (0, width - labels.shape[1])), constant_values=-1)
        for labels in (scored.labels, earlier.labels[rows])
    )
    return bool((a == b).all())


@dataclasses.dataclass(frozen=True, eq=False)
class Contrast:
    """The verdicts of two label sets on one model, for the images that both score and that it has predictions for."""

    image_ids: np.ndarray  # [n] str
    first: np.ndarray  # [n] bool, right under the first label set
    second: np.ndarray  # [n] bool

    def flipped(self, *, to_right: bool) -> np.ndarray:
        """[f] str: the images that are right under the second label set alone; or, with `to_right=False`, the first alone."""
        return self.image_ids[(self.second & ~self.first) if to_right else (self.first & ~self.second)]

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """Images that are right under both, under the second only, under the first only, and under neither."""
        a, b = self.first, self.second
        return int((a & b).sum()), int((b & ~a).sum()), int((a & ~b).sum()), int((~a & ~b).sum())


def contrast(evidence: Evidence, model: int, first: LabelSet, second: LabelSet) -> Contrast:
    """Compares the verdicts of two label sets on the model with the number `model`."""
    rows = match(first.image_ids, second.image_ids)
    a, b = evidence.verdicts[first.name][model], evidence.verdicts[second.name][model]
    common = (rows >= 0) & first.is_scored & (a >= 0)
    common &= second.is_scored[rows] & (b[rows] >= 0)
    return Contrast(first.image_ids[common], a[common] > 0, b[rows[common]] > 0)
