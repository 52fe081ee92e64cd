"""Proposals: the classes that models suggest for each image, for people to judge."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from imagenet_real.errors import InputError
from imagenet_real.labels.image_ids import match
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.predictions.predictions import Predictions

NONE = -1  # pads proposals


@dataclasses.dataclass(frozen=True)
class Quality:
    """How good proposals are on the scored images of a label set."""

    images: int
    recall: float  # share of the right classes that are proposed
    precision: float  # share of the proposals that are right
    per_image: float  # proposals


def check_models(models: Sequence[Predictions], originals: LabelSet) -> None:
    """Raises InputError if two models have the same name, or a model has other classes than the labels."""
    names = [model.name for model in models]
    duplicate = next((name for name in names if names.count(name) > 1), None)
    if duplicate:
        raise InputError(f"two files of predictions have the name {duplicate!r}. Give each file a different name.")
    for model in models:
        if model.num_classes not in (None, originals.num_classes) or model.top.max() >= originals.num_classes:
            raise InputError(
                f"{model.name} has {model.num_classes or int(model.top.max()) + 1} classes, and {originals.name} has "
                f"{originals.num_classes}. Give predictions of these classes."
            )


def predicted_images(originals: LabelSet, model: Predictions) -> LabelSet:
    """Returns the label set on the images that a model predicts. Raises InputError if there are none."""
    originals = originals.take(match(originals.image_ids, model.image_ids) >= 0)
    if not len(originals):
        raise InputError(
            f"{model.name} predicts no image of the label set {originals.name}. Give labels of its images."
        )
    return originals


def match_images(models: Sequence[Predictions], image_ids: np.ndarray) -> list[np.ndarray]:
    """Returns for each of M models the rows of the images: [N] str -> M arrays [N] int.

    Raises InputError if a model has no prediction of an image.
    """
    rows_of = []
    for model in models:
        rows = match(image_ids, model.image_ids)
        if (rows < 0).any():
            raise InputError(
                f"{model.name} has no prediction of {(rows < 0).sum()} of {len(image_ids)} images, such as "
                f"{image_ids[rows < 0][0]}. Give predictions of all images of the original labels."
            )
        rows_of.append(rows)
    return rows_of


def top_k(models: Sequence[Predictions], rows: Sequence[np.ndarray], k: int) -> np.ndarray:
    """Returns the k best classes of each model for each image: [M, N, k] int."""
    short = next((model for model in models if not 1 <= k <= model.top.shape[1]), None)
    if short:
        most = short.top.shape[1]
        remedy = "--k=1" if most == 1 else f"--k=NUMBER, from 1 to {most}"
        raise InputError(f"k={k}: {short.name} has {most} predicted classes an image. Give {remedy}.")
    return np.stack([model.top[row, :k] for model, row in zip(models, rows, strict=True)])


def highest_scores(models: Sequence[Predictions], rows: Sequence[np.ndarray], count: int) -> np.ndarray:
    """Returns the best class of each image and the classes of the `count` highest scores of a model: [M, N, k] int.

    The ranking goes over all images and classes. Scores are log probabilities where the predictions have `logsumexp`,
    else the scores themselves. Missing proposals are -1.
    """
    without_scores = next((model for model in models if model.top_scores is None), None)
    if without_scores:
        raise InputError(
            f"{without_scores.name} has no top_scores. Give predictions with scores, or use ranking=image."
        )
    width = max(model.top.shape[1] for model in models)
    candidates = np.full((len(models), len(rows[0]), width), NONE, dtype=np.int32)
    for number, (model, row) in enumerate(zip(models, rows, strict=True)):
        scores, top = model.top_scores[row].astype(np.float64), model.top[row]
        if model.logsumexp is not None:
            scores = scores - model.logsumexp[row, None]
        if not 1 <= count <= scores.size:
            raise InputError(f"highest={count}: {model.name} has {scores.size:,} scores. Give a number from 1 to that.")
        limit = np.partition(scores, scores.size - count, axis=None)[scores.size - count]
        is_proposed = scores >= limit
        is_proposed[:, 0] = True
        candidates[number, :, : top.shape[1]] = np.where(is_proposed, top, NONE)
    return candidates


def with_original(candidates: np.ndarray, original: np.ndarray) -> np.ndarray:
    """Adds the original labels as the proposals of one more model: [M, N, k], [N] -> [M + 1, N, k]."""
    width = ((0, 0), (0, 0), (0, candidates.shape[2] - 1))
    return np.concatenate([candidates, np.pad(original[None, :, None], width, constant_values=NONE)])


def union(candidates: np.ndarray, num_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns each proposed pair of image and class once, in order: [M, N, k] int -> [P] image rows, [P] classes."""
    image = np.broadcast_to(np.arange(candidates.shape[1])[:, None], candidates.shape)
    code = image.astype(np.int64) * num_classes + candidates
    code = np.unique(code[candidates >= 0])
    return code // num_classes, (code % num_classes).astype(np.int32)


def pairs_by_proposer(
    candidates: np.ndarray, original: np.ndarray | None, num_classes: int
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Returns the pairs that "models" propose, [M, N, k], and those "with_original" labels [N] if there are any."""
    pairs = {"models": union(candidates, num_classes)}
    if original is not None:
        pairs["with_original"] = union(with_original(candidates, original), num_classes)
    return pairs


def by_image(image_ids: np.ndarray, image: np.ndarray, classes: np.ndarray) -> dict[str, list[int]]:
    """Returns the proposed classes of each image: [N] ids, [P] image rows, [P] classes."""
    classes_of: dict[str, list[int]] = {}
    for image_id, label in zip(image_ids[image].tolist(), classes.tolist(), strict=True):
        classes_of.setdefault(image_id, []).append(label)
    return classes_of


def is_right(image: np.ndarray, classes: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns whether each proposed class is a right one of its image, by labels [N, A]: [P] bool."""
    return (labels[image] == classes[:, None]).any(axis=1)


def quality(image: np.ndarray, classes: np.ndarray, label_set: LabelSet) -> Quality:
    """Returns recall and precision of proposals on the scored images of a label set, whose rows are `image`."""
    is_scored = label_set.is_scored
    inside = is_scored[image]
    right = int(is_right(image[inside], classes[inside], label_set.labels).sum())
    labels, proposals = int((label_set.labels[is_scored] >= 0).sum()), int(inside.sum())
    images = int(is_scored.sum())
    return Quality(images, right / labels, right / max(1, proposals), proposals / images)


def is_unanimous(models: Sequence[Predictions], rows: Sequence[np.ndarray], original: np.ndarray) -> np.ndarray:
    """Returns the images whose original label is the best class of every model: [N] bool."""
    return np.all([model.top[row, 0] == original for model, row in zip(models, rows, strict=True)], axis=0)
