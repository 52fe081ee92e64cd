"""Finds the mistake in predictions that do not fit their labels: undoes each candidate and scores again.

A diagnosis needs an improvement beyond chance, so that a bad model, or one that guesses, has none. The caller decides
about the repair.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np

from imagenet_real.errors import MismatchError
from imagenet_real.labels.classes import of_label_set
from imagenet_real.labels.image_ids import are_in, match
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.labels.other_images import SHIFTED
from imagenet_real.predictions.predictions import Predictions

REPAIRS = ("class_off_by_one", "background_class", "class_order", "file_order_off_by_one", "imagefolder_order")
AS_IT_IS = "none"  # the repair of predictions that are as their owner means them
# Of ImageNet-A, -R, -Sketch and ObjectNet, the share of right images that makes a repair credible. A weak model that is
# right on few of them gains some images by any other order of the classes, and never as many.
MIN_REPAIRED = 0.25
MIN_CLASSES_TO_SHIFT = 10  # with fewer classes, off by one is as likely as any other order
# The mean accuracy over classes of a model in another order; a bad model whose mistakes repeat has less.
MIN_PERMUTED, MIN_PERMUTED_AT_CHANCE = 0.25, 0.05
MAX_CLASSES_TO_ASSIGN = 5_000  # a table of predictions against labels has the square of it

# ImageNet has pairs of classes with one meaning. Statistics of labels cannot tell their indices apart, because models
# disagree with the labels of both. The frequency of predictions can: on images of original label `on` (None: all images),
# the best `k` classes have `more` more often than `less`, for the given number of 47 models with published predictions
# (tests/scoring/test_doctor_published.py counts them).
TWINS = (
    {"more": 744, "less": 657, "k": 5, "on": None},  # projectile, missile: 44 of 47
    {"more": 848, "less": 482, "k": 1, "on": None},  # tape player, cassette player: 47 of 47
    {"more": 681, "less": 620, "k": 1, "on": 620},  # notebook, laptop: 47 of 47
    {"more": 639, "less": 638, "k": 1, "on": 638},  # maillot (tank suit), maillot: 47 of 47
    {"more": 837, "less": 836, "k": 1, "on": 837},  # sunglasses, sunglass: 45 of 47
)


@dataclasses.dataclass(frozen=True, eq=False)
class Diagnosis:
    """The name of a mistake in a predictions file, the evidence, and the predictions without it if it can be undone."""

    mistake: str
    evidence: str
    repaired: Predictions | None = None

    def error(self, name: str) -> MismatchError:
        """The error for the user, in one line."""
        undo = f"To undo it: --repair={self.mistake}" if self.repaired else "It cannot be undone. Predict again"
        return MismatchError(
            f"{name}: {self.mistake}: {self.evidence} {undo}. To score them as they are: --repair={AS_IT_IS}."
        )


def diagnose(predictions: Predictions, reference: LabelSet, real: LabelSet | None = None) -> Diagnosis | None:
    """The mistake that keeps `predictions` from fitting `reference`, or None.

    Args:
      predictions: of any model.
      reference: the original labels, or another label set if there are none.
      real: ReaL's labels of the same images, which separate similar classes better than the original ones.
    """
    before = _top1(predictions, reference)
    if not len(before):
        return None
    if before.mean() > 0.5 and predictions.top.max() < reference.num_classes:
        return None  # nothing can double that
    candidates = [*_class_candidates(predictions, reference), *_order_candidates(predictions, reference)]
    order, is_dependent = _class_order(predictions, reference, real)
    candidates += [] if order is None else [order]
    scored = [(_top1(candidate.repaired, reference), candidate) for candidate in candidates]
    scored = [(after, candidate) for after, candidate in scored if _explains(before, after)]
    if (
        reference.name in SHIFTED
    ):  # models are right on few of these images, so the images are not a mistake of the file
        scored = [(after, candidate) for after, candidate in scored if after.mean() >= MIN_REPAIRED]
        if not scored:
            return None
    if not scored:
        # Rows of other images do not depend on the labels, in any order of the classes.
        return None if is_dependent else _shuffled_rows(predictions, reference, before)
    # The class order, which comes last, can imitate any other mistake: it must be clearly better than the others.
    most = max(after.sum() for after, _ in scored)
    after, diagnosis = next(pair for pair in scored if pair[0].sum() >= 0.9 * most)
    shares = f"{before.mean():.1%} of {len(before)} images are right as they stand, {after.mean():.1%}"
    return dataclasses.replace(diagnosis, evidence=f"{shares} {diagnosis.evidence}.")


def without_background(predictions: Predictions) -> Predictions:
    """The predictions of a model with a background class, class 0, without it."""
    return _with_classes(predictions, _without_background(predictions.top), predictions.num_classes - 1)


def at_chance(predictions: Predictions, reference: LabelSet) -> bool:
    """Whether the predictions are no better than guessing a class; False if there are too few images to tell."""
    if reference.name in SHIFTED:
        return False
    correct = _top1(predictions, reference)
    expected = len(correct) / reference.num_classes
    threshold = expected + 6 * np.sqrt(expected + 1)
    return bool(correct.sum() < threshold < len(correct) / 2)


def _top1(predictions: Predictions, reference: LabelSet) -> np.ndarray:
    """[M] bool: for each scored image with a prediction, whether the best class is right."""
    rows = match(reference.image_ids, predictions.image_ids)
    scored = (rows >= 0) & reference.is_scored
    return (
        predictions.top[rows[scored], :1] == np.where(reference.labels[scored] < 0, -2, reference.labels[scored])
    ).any(axis=1)


def _explains(before: np.ndarray, after: np.ndarray) -> bool:
    """Twice as many right images, and six standard deviations more: beyond chance and beyond similar classes."""
    return after.sum() > 2 * before.sum() and after.sum() - before.sum() > 6 * np.sqrt(before.sum() + after.sum() + 1)


def _with_classes(predictions: Predictions, top: np.ndarray, num_classes: int) -> Predictions:
    return dataclasses.replace(predictions, top=top.astype(np.int32), num_classes=num_classes, scores=None, readings=())


def _class_candidates(predictions: Predictions, reference: LabelSet) -> Iterator[Diagnosis]:
    top, classes = predictions.top, reference.num_classes
    if predictions.num_classes == classes + 1 or (top.min() == 0 and top.max() == classes):
        yield Diagnosis(
            "background_class",
            f"once class 0 of {classes + 1} outputs is taken for a background class and left out",
            _with_classes(predictions, _without_background(top), classes),
        )
    elif top.max() <= classes and classes >= MIN_CLASSES_TO_SHIFT and not _is_collapsed(predictions, reference):
        for step, direction in ((-1, "too high"), (1, "too low")):
            yield Diagnosis(
                "class_off_by_one",
                f"once every class index, which is one {direction}, is corrected",
                _with_classes(predictions, (top + step) % classes, classes),
            )


def _without_background(top: np.ndarray) -> np.ndarray:
    """[N, k] classes without class 0, the others one lower; -1, which is never right, fills the end of a row."""
    order = np.argsort(top == 0, axis=1, kind="stable")
    return np.take_along_axis(top, order, axis=1) - 1


def _order_candidates(predictions: Predictions, reference: LabelSet) -> Iterator[Diagnosis]:
    """Other images that the rows may belong to; for files with a row for each image, or for a part of them."""
    known = match(predictions.image_ids, reference.image_ids) >= 0
    if known.mean() < 0.5 or not (known.all() or len(predictions) == len(reference)):
        return
    if len(predictions) < len(reference):
        reference = reference.take(are_in(reference.image_ids, predictions.image_ids))
    place = np.argsort(np.argsort(predictions.image_ids))  # of each row in the order of the ids
    ids = np.sort(reference.image_ids)
    for step, neighbor in ((1, "next"), (-1, "previous"), (0, "same-numbered")):
        image_ids = ids[(place + step) % len(ids)]
        if not np.array_equal(image_ids, predictions.image_ids):
            evidence = f"once each row is taken for the {neighbor} image in file order"
            yield Diagnosis("file_order_off_by_one", evidence, dataclasses.replace(predictions, image_ids=image_ids))
    if (reference.original >= 0).all():
        by_id = np.argsort(reference.image_ids)
        by_class = by_id[np.argsort(reference.original[by_id], kind="stable")]
        yield Diagnosis(
            "imagefolder_order",
            "once the rows are taken in the order of a folder with one subfolder per class",
            dataclasses.replace(predictions, image_ids=reference.image_ids[by_class][place]),
        )


def _class_order(predictions: Predictions, reference: LabelSet, real: LabelSet | None) -> tuple[Diagnosis | None, bool]:
    """Finds any other order of the classes: the best one-to-one assignment of predicted classes to labels.

    An assignment fits its own images even by chance. So one half of the images gives it, and the other half must confirm
    it. Also returns whether the other half confirms that predictions depend on labels.
    """
    classes = reference.num_classes
    if classes > MAX_CLASSES_TO_ASSIGN or predictions.top.min() < 0 or predictions.top.max() >= classes:
        return None, False
    rows = match(reference.image_ids, predictions.image_ids)
    scored = np.flatnonzero((rows >= 0) & reference.is_scored)
    if not len(scored):
        return None, False
    # An unusual seed: the seed that shuffled the images themselves would put whole classes into one half.
    half = np.random.default_rng(200607159).permutation(len(scored)) < len(scored) // 2
    top, labels = predictions.top[rows[scored]], reference.labels[scored]
    assignment = _assign(top[half], labels[half], classes)
    test_top, test_labels = top[~half, 0], labels[~half]
    before = (test_top[:, None] == test_labels).any(axis=1)
    after = (assignment[test_top][:, None] == test_labels).any(axis=1)
    if not _explains(before, after):
        return None, False
    if not _is_permuted(test_top, test_labels[:, 0], after, classes, before):
        return None, True

    better = real if real is not None and real.num_classes == classes else reference
    place = match(better.image_ids, predictions.image_ids)
    scored = (place >= 0) & better.is_scored
    order = _assign(predictions.top[place[scored]], better.labels[scored], classes)
    if better is real and of_label_set(better).is_imagenet:
        order = _separate_twins(order, predictions.top[place[scored]], better.original[scored])
    moved = np.flatnonzero(order != np.arange(classes))
    rare = int((np.bincount(predictions.top[:, 0], minlength=classes) < 5).sum())
    doubt = f", {rare} of them seldom predicted and so uncertain" if rare else ""
    example = f"for example index {moved[0]} stands for class {order[moved[0]]}" if len(moved) else ""
    evidence = f"once {len(moved)} of {classes} classes are put into their order ({example}{doubt})"
    return Diagnosis("class_order", evidence, _with_classes(predictions, order[predictions.top], classes)), True


def _is_permuted(
    predicted: np.ndarray, labels: np.ndarray, after: np.ndarray, classes: int, before: np.ndarray
) -> bool:
    """Says whether an assignment shows a good model in another order, and not a bad model whose mistakes repeat.

    A bad model predicts few classes, or confuses the same ones: an assignment gains from that, too. The mean accuracy over
    classes, where a model that predicts one class has 1 / K, must be that of a useful model. It may be lower if the model is
    right by chance alone as it stands, because a model that learned anything is better than chance.

    [M] int, [M] int, [M] bool, K, [M] bool.
    """
    counts = np.bincount(labels, minlength=classes)
    by_class = np.bincount(labels, weights=after, minlength=classes)[counts > 0] / counts[counts > 0]
    expected = len(before) / classes
    is_chance = before.sum() < expected + 3 * np.sqrt(expected + 1)
    least = max(MIN_PERMUTED_AT_CHANCE if is_chance else MIN_PERMUTED, 1.3 / classes)
    return bool(by_class.mean() >= least and _spread(predicted) >= 0.5 * _spread(labels))


def _is_collapsed(predictions: Predictions, reference: LabelSet) -> bool:
    """Says whether a model predicts far fewer classes than there are: then any shift of the classes gains by chance."""
    labels = reference.labels[reference.is_scored, 0]
    return _spread(np.maximum(predictions.top[:, 0], 0)) < 0.5 * _spread(labels)


def _spread(classes: np.ndarray) -> float:
    """Returns the effective number of classes among [M] int: K if all K are equally frequent, 1 if there is one alone."""
    shares = np.bincount(classes) / len(classes)
    return float(1 / (shares**2).sum())


def _assign(top: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """The class behind each index that a model uses: [N, k], [N, A] -> [K] int, a permutation.

    The table counts how often a model predicts an index while a class is right. Lower ranks count less. An image with
    several labels shares its count among them. Rows of rare indices are scaled up, so that frequent ones do not dominate.
    """
    from scipy.optimize import linear_sum_assignment

    share = 1.0 / np.maximum((labels >= 0).sum(axis=1), 1)
    table = np.zeros(classes * classes)
    for rank in range(min(5, top.shape[1])):
        for column in labels.T:
            rows = column >= 0
            cells = top[rows, rank].astype(np.int64) * classes + column[rows]
            table += np.bincount(cells, weights=share[rows] / (rank + 1), minlength=len(table))
    table = table.reshape(classes, classes)
    return linear_sum_assignment(table / np.sqrt(np.maximum(table.sum(axis=1, keepdims=True), 1)), maximize=True)[1]


def _separate_twins(order: np.ndarray, top: np.ndarray, original: np.ndarray) -> np.ndarray:
    order = order.copy()
    for twin in TWINS:
        more, less = (int(np.flatnonzero(order == twin[key])[0]) for key in ("more", "less"))
        labels = top[:, : twin["k"]] if twin["on"] is None else top[original == twin["on"], : twin["k"]]
        if (labels == more).sum() < (labels == less).sum():
            order[[more, less]] = order[[less, more]]
    return order


def _shuffled_rows(predictions: Predictions, reference: LabelSet, correct: np.ndarray) -> Diagnosis | None:
    """Predictions of a trained model that are right only by chance: its rows belong to other images.

    The second class of a trained model depends on the first, so the same pairs repeat. A model that guesses has random
    pairs, and an untrained model predicts few classes.
    """
    top, classes = predictions.top, reference.num_classes
    if top.shape[1] < 2 or len(correct) < 10 * classes or not at_chance(predictions, reference):
        return None
    _, pairs = np.unique(top[:, 0].astype(np.int64) * (classes + 2) + top[:, 1], return_counts=True)
    first, second = (np.unique(top[:, rank], return_counts=True)[1] / len(top) for rank in (0, 1))
    repeats = (pairs * (pairs - 1.0)).sum()
    by_chance = len(top) * (len(top) - 1.0) * (first**2).sum() * (second**2).sum()
    spread = 1 / (first**2).sum()
    if repeats < 5 * by_chance or spread < classes / 10:
        return None
    return Diagnosis(
        "shuffled_rows",
        f"{correct.mean():.2%} of {len(correct)} images are right, as by guessing, but the first two classes depend on each "
        f"other ({repeats / by_chance:.0f} times as many repeated pairs as by chance): these are a trained model's "
        "predictions for other images than their ids say.",
    )
