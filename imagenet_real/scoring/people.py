"""People beside models: the accuracy of a person, and of the models on the same images."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from imagenet_real.labels.label_set import LabelSet
from imagenet_real.predictions.predictions import Predictions
from imagenet_real.scoring.accuracy import accuracy
from imagenet_real.scoring.verdicts import Verdicts


def beside_models(
    models: Sequence[Predictions], label_sets: Sequence[LabelSet], top1: Mapping[str, Sequence[np.ndarray] | Verdicts]
) -> list[dict[str, Any]]:
    """A row for each person and label set. A row has the models with a prediction for each of the person's images.

    Args:
      models: models and people.
      label_sets: of N images each.
      top1: for each label set by name, [N] int8 of each of `models`: 1 right, 0 wrong, -1 no prediction.
    """
    rows = []
    for at, person in enumerate(models):
        for label_set in label_sets if person.person else ():
            correct = top1[label_set.name]
            common = (correct[at] >= 0) & label_set.is_scored
            if not common.any():
                continue
            weight = label_set.take(common).weight
            accuracies = {
                model.name: accuracy(of_model[common] > 0, weight)
                for model, of_model in zip(models, correct, strict=True)
                if not model.person and (of_model[common] >= 0).all()
            }
            rows.append(
                {
                    "person": person.name,
                    "label_set": label_set.name,
                    "images": int(common.sum()),
                    "accuracy": accuracy(correct[at][common] > 0, weight),
                    "models": dict(sorted(accuracies.items(), key=lambda pair: -pair[1])),
                }
            )
    return rows
