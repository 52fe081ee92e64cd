"""People beside models: on the images that a person answered, how good the person is and how good the models are."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from imagenet_real.labels.label_set import LabelSet
from imagenet_real.predictions.predictions import Predictions
from imagenet_real.scoring.accuracy import accuracy


def beside_models(
    models: Sequence[Predictions], label_sets: Sequence[LabelSet], top1: Mapping[str, Sequence[np.ndarray]]
) -> list[dict[str, Any]]:
    """One row a person and label set. A model stands in it if it has an answer on each of these images.

    Args:
      models: models and people.
      label_sets: of N images each.
      top1: by the name of a label set, [N] int8 of each of `models`: 1 right, 0 wrong, -1 no answer.
    """
    rows = []
    for at, person in enumerate(models):
        for label_set in label_sets if person.person else ():
            answers = top1[label_set.name]
            asked = (answers[at] >= 0) & label_set.is_scored
            if not asked.any():
                continue
            weight = label_set.take(asked).weight
            reached = {
                model.name: accuracy(one[asked] > 0, weight)
                for model, one in zip(models, answers, strict=True)
                if not model.person and (one[asked] >= 0).all()
            }
            own = accuracy(answers[at][asked] > 0, weight)
            row = {"person": person.name, "label_set": label_set.name, "images": int(asked.sum()), "accuracy": own}
            rows.append(row | {"models": dict(sorted(reached.items(), key=lambda pair: -pair[1]))})
    return rows
