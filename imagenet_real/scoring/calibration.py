"""Calibration: whether a model that is 80 % sure is right 80 % of the time."""

import dataclasses

import numpy as np

from imagenet_real.labels.image_ids import match
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.scoring.evidence import Evidence

BINS = 15  # of equal width, as in Guo et al. 2017, "On Calibration of Modern Neural Networks"


@dataclasses.dataclass(frozen=True, eq=False)
class Calibration:
    """Confidence and accuracy in bins of confidence."""

    images: np.ndarray  # [B] int
    confidence: np.ndarray  # [B] float, the mean probability of the best class, NaN in an empty bin
    accuracy: np.ndarray  # [B] float, the share of right images, NaN in an empty bin

    @property
    def error(self) -> float:
        """The expected calibration error: the distance of confidence and accuracy, averaged over images."""
        filled = self.images > 0
        return float(np.average(np.abs(self.confidence - self.accuracy)[filled], weights=self.images[filled]))

    @property
    def excess(self) -> float:
        """The mean confidence minus the accuracy: above zero if the model is too sure."""
        filled = self.images > 0
        return float(np.average((self.confidence - self.accuracy)[filled], weights=self.images[filled]))


def calibrate(confidence: np.ndarray, correct: np.ndarray, bins: int = BINS) -> Calibration:
    """Sorts images into bins: [N] float probabilities, [N] bool. Every image has the same weight. N is at least 1."""
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)  # a bin holds its upper end
    images = np.bincount(place, minlength=bins)

    def mean(values: np.ndarray) -> np.ndarray:
        total = np.bincount(place, weights=values, minlength=bins)
        return np.divide(total, images, out=np.full(bins, np.nan), where=images > 0)

    return Calibration(images, mean(confidence), mean(correct))


def calibrate_models(evidence: Evidence, label_set: LabelSet) -> list[Calibration | None]:
    """Calibrates each model under a label set; None for a model whose predictions have no probabilities."""
    if evidence.confidence is None:
        return [None] * len(evidence.models)
    columns = match(label_set.image_ids, evidence.image_ids)
    calibrations = []
    for verdicts, confidence in zip(evidence.verdicts[label_set.name], evidence.confidence, strict=True):
        probability = np.where(columns >= 0, confidence[columns], np.nan)
        known = label_set.is_scored & (verdicts >= 0) & np.isfinite(probability)
        calibrations.append(calibrate(probability[known], verdicts[known] > 0) if known.any() else None)
    return calibrations
