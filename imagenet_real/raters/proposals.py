"""Proposals: the classes that models suggest for each image, for people to judge."""

from collections.abc import Sequence

import numpy as np

from imagenet_real.errors import InputError
from imagenet_real.labels.image_ids import match
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.predictions.predictions import Predictions

NONE = -1


def joined(models: Sequence[Predictions], image_ids: np.ndarray) -> list[np.ndarray]:
    """For each model the rows of the images: [N] str -> M times [N] int. Raises InputError where a model lacks some."""
    rows = []
    for model in models:
        found = match(image_ids, model.image_ids)
        if (found < 0).any():
            raise InputError(
                f"{model.name} has no prediction of {(found < 0).sum()} of {len(image_ids)} images, such as "
                f"{image_ids[found < 0][0]}: models are compared on the images of the original labels."
            )
        rows.append(found)
    return rows


def top_k(models: Sequence[Predictions], rows: Sequence[np.ndarray], k: int) -> np.ndarray:
    """The k best classes of each model for each image: [M, N, k] int."""
    short = next((model for model in models if not 1 <= k <= model.top.shape[1]), None)
    if short:
        raise InputError(f"k={k}: {short.name} has {short.top.shape[1]} answers an image, give 1 to so many.")
    return np.stack([model.top[found, :k] for model, found in zip(models, rows, strict=True)])


def highest(models: Sequence[Predictions], rows: Sequence[np.ndarray], count: int) -> np.ndarray:
    """The best class of each image, and those among the `count` highest scores of the model over all images and classes.

    [M, N, k] int, -1 where there is none. Scores are log-probabilities where the predictions tell what to subtract, and
    else as they are.
    """
    lacking = next((model for model in models if model.top_scores is None), None)
    if lacking:
        raise InputError(
            f"{lacking.name} has no top_scores: a ranking over all images needs them, or use ranking=image."
        )
    width = max(model.top.shape[1] for model in models)
    found = np.full((len(models), len(rows[0]), width), NONE, dtype=np.int32)
    for number, (model, at) in enumerate(zip(models, rows, strict=True)):
        scores, top = model.top_scores[at].astype(np.float64), model.top[at]
        if model.logsumexp is not None:
            scores = scores - model.logsumexp[at, None]
        if not 1 <= count <= scores.size:
            raise InputError(f"highest={count}: {model.name} has {scores.size:,} scores, give 1 to so many.")
        limit = np.partition(scores, scores.size - count, axis=None)[scores.size - count]
        chosen = scores >= limit
        chosen[:, 0] = True
        found[number, :, : top.shape[1]] = np.where(chosen, top, NONE)
    return found


def union(candidates: np.ndarray, num_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Every pair of image and class that occurs: [M, N, k] int -> [P] rows of images, [P] classes, both in order."""
    image = np.broadcast_to(np.arange(candidates.shape[1])[:, None], candidates.shape)
    code = image.astype(np.int64) * num_classes + candidates
    code = np.unique(code[candidates >= 0])
    return code // num_classes, (code % num_classes).astype(np.int32)


def is_right(image: np.ndarray, classes: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """[P] bool: whether a class is one of the right ones of its image, by answers [N, A]."""
    return (answers[image] == classes[:, None]).any(axis=1)


def quality(image: np.ndarray, classes: np.ndarray, label_set: LabelSet) -> dict[str, float | int]:
    """Recall and precision of proposals on the images that count under a label set, whose rows `image` names."""
    counts = label_set.is_scored
    inside = counts[image]
    right = int(is_right(image[inside], classes[inside], label_set.labels).sum())
    wanted, proposed = int((label_set.labels[counts] >= 0).sum()), int(inside.sum())
    return {
        "images": int(counts.sum()),
        "recall": right / wanted,
        "precision": right / max(1, proposed),
        "per_image": proposed / int(counts.sum()),
    }


def unanimous(models: Sequence[Predictions], rows: Sequence[np.ndarray], original: np.ndarray) -> np.ndarray:
    """[N] bool: the images whose original label is the best class of every model."""
    return np.all([model.top[found, 0] == original for model, found in zip(models, rows, strict=True)], axis=0)
