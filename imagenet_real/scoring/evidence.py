"""What models answered, image by image, and how label sets judge it: what accuracies are made of."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from imagenet_real.labels.image_ids import match
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.predictions.predictions import Predictions


@dataclasses.dataclass(frozen=True, eq=False)
class Evidence:
    """The first answers of M models, and the verdicts of label sets on them; in memory that suits 300 models."""

    models: list[str]
    label_sets: list[LabelSet]
    verdicts: dict[str, np.ndarray]  # by label set [M, its images] int8: 1 right, 0 wrong, -1 no prediction
    image_ids: np.ndarray  # [N] str, of all images that any model answered
    predicted: np.ndarray  # [M, N] int16 or int32, the best class, -1 where there is none
    confidence: np.ndarray | None  # [M, N] float32, its probability, NaN where unknown; None where none is known

    def of(self, models: Sequence[str]) -> "Evidence":
        """That of some of the models."""
        rows = [self.models.index(name) for name in models]
        return dataclasses.replace(
            self,
            models=list(models),
            verdicts={name: verdicts[rows] for name, verdicts in self.verdicts.items()},
            predicted=self.predicted[rows],
            confidence=None if self.confidence is None else self.confidence[rows],
        )


def gather(
    models: Sequence[Predictions], label_sets: Sequence[LabelSet], verdicts: dict[str, list[np.ndarray]]
) -> Evidence:
    """Keeps of the predictions what the evidence needs; `verdicts` has a row a model for each label set."""
    image_ids = models[0].image_ids
    if not all(np.array_equal(model.image_ids, image_ids) for model in models):
        image_ids = np.unique(np.concatenate([model.image_ids for model in models]))
    largest = max(label_set.num_classes for label_set in label_sets)
    predicted = np.full((len(models), len(image_ids)), -1, np.int16 if largest <= np.iinfo(np.int16).max else np.int32)
    sure = any(model.top_scores is not None and model.logsumexp is not None for model in models)
    confidence = np.full(predicted.shape, np.nan, np.float32) if sure else None
    for at, model in enumerate(models):
        rows = match(image_ids, model.image_ids)
        here = rows >= 0
        predicted[at, here] = model.top[rows[here], 0]
        if model.top_scores is not None and model.logsumexp is not None:
            confidence[at, here] = np.exp(model.top_scores[rows[here], 0] - model.logsumexp[rows[here]])
    judged = {name: np.stack(rows) for name, rows in verdicts.items()}
    return Evidence([model.name for model in models], list(label_sets), judged, image_ids, predicted, confidence)


def judges(label_sets: Sequence[LabelSet]) -> list[LabelSet]:
    """The label sets that judge for themselves: without those that repeat an earlier one's answers on fewer images.

    So ReaL is a judge beside the original labels; the label-error subsets are not, nor ImageNet-M beside multi-label.
    """
    kept: list[LabelSet] = []
    for label_set in label_sets:
        if label_set.is_scored.any() and not any(_repeats(label_set, earlier) for earlier in kept):
            kept.append(label_set)
    return kept


def _repeats(label_set: LabelSet, earlier: LabelSet) -> bool:
    mine = label_set.take(label_set.is_scored)
    rows = match(mine.image_ids, earlier.image_ids)
    if not ((rows >= 0) & earlier.is_scored[rows]).all():
        return False
    width = max(mine.labels.shape[1], earlier.labels.shape[1])
    a, b = (
        np.pad(labels, ((0, 0), (0, width - labels.shape[1])), constant_values=-1)
        for labels in (mine.labels, earlier.labels[rows])
    )
    return bool((a == b).all())


@dataclasses.dataclass(frozen=True, eq=False)
class Contrast:
    """How two label sets judge one model, on the images that count for both and that it answered."""

    image_ids: np.ndarray  # [n] str
    first: np.ndarray  # [n] bool, right by the first label set
    second: np.ndarray  # [n] bool

    def flipped(self, *, to_right: bool) -> np.ndarray:
        """[f] str: the images that the second label set calls right and the first wrong, or the other way round."""
        return self.image_ids[(self.second & ~self.first) if to_right else (self.first & ~self.second)]

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """Images that are right under both, under the second only, under the first only, and under neither."""
        a, b = self.first, self.second
        return tuple(int(kind.sum()) for kind in (a & b, b & ~a, a & ~b, ~a & ~b))


def contrast(evidence: Evidence, model: int, first: LabelSet, second: LabelSet) -> Contrast:
    """Compares the verdicts of two label sets on the model of that number."""
    rows = match(first.image_ids, second.image_ids)
    a, b = evidence.verdicts[first.name][model], evidence.verdicts[second.name][model]
    here = (rows >= 0) & first.is_scored & (a >= 0)
    here &= second.is_scored[rows] & (b[rows] >= 0)
    return Contrast(first.image_ids[here], a[here] > 0, b[rows[here]] > 0)
