"""A first guess of the kind of a mistake, with its reason, for people to confirm or correct."""

import dataclasses
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypedDict

import numpy as np

from imagenet_real.io import readers
from imagenet_real.io.readers import FileError, shown
from imagenet_real.labels import analysis
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.mistakes.judged import CATEGORIES, FINE_GRAINED, OUT_OF_VOCABULARY, SPURIOUS
from imagenet_real.mistakes.mistakes import Mistakes

# Cross-validation on the judged mistakes of ViT-3B alone chose rules and thresholds, in steps of 0.05 and 0.1. Their
# accuracy on other mistakes is measured.
CLOSE_SIMILARITY = 0.80  # in the hierarchy; two classes above it are easily confused
FAR_SIMILARITY = 0.50  # below it the prediction has little to do with any right class
SCENE_LABELS = 3  # an image with this many right classes shows a scene
LIKELY_SHARE = 0.4  # of other models with the class among their best; below it a prediction is far-fetched
LIKELY_K = 5  # number of their best classes
AGREEING_SHARE = 0.5  # of other models with the same prediction; from here on a label may be missing
_NUMBER = re.compile("[0-9]{1,9}")


class _Group(TypedDict):
    classes: dict[str, Any]  # names by class


@dataclasses.dataclass(frozen=True)
class Guess:
    """A category of `judged.CATEGORIES`, and the reason."""

    category: str
    reason: str


def similarity(a: Sequence[str], b: Sequence[str]) -> float:
    """Returns how similar two classes are, by their paths from the root: 1 for the same, near 0 if they share the root.

    It is twice the depth at which the paths part, divided by both lengths (Wu and Palmer 1994).
    """
    shared = next((depth for depth, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    return 2 * shared / (len(a) + len(b))


def guess(
    mistakes: Mistakes,
    paths: Sequence[tuple[str, ...]],
    label_set: LabelSet,
    groups: Sequence[frozenset[int]] = (),
    names: Sequence[str] | None = None,
    likely: np.ndarray | None = None,
) -> list[Guess]:
    """Guesses the category of each of M mistakes by the first rule that holds.

    "Close" and "far" are said of the prediction and the right class nearest to it.

    1. The classes are close in the hierarchy, or in one of the `groups` of confusable classes: fine-grained.
    2. The prediction is far from every right class: the image may show none of the classes.
    3. The image has several right classes, or few other models come near the prediction: the model may predict what
       usually accompanies the object. That is a spurious correlation. The reason says how often both classes are right
       together in `label_set`; a rule of its own made of that had no value.
    4. Fine-grained, as most mistakes are. No rule separates unusual images of a class, "non-prototypical".

    Args:
      mistakes: of one model.
      paths: of each class, from the root of the hierarchy to the class (`hierarchy.load_paths`).
      label_set: which classes occur together.
      groups: of confusable classes.
      names: of the classes; their indices by default.
      likely: [M] float, the share of other models with the prediction among their `LIKELY_K` best classes; NaN without
        another model (`mistakes.agreement`).
    """
    pairs, images = analysis.co_occurring(label_set)
    together = {(int(a), int(b)): int(count) for (a, b), count in zip(pairs, images, strict=True)}
    names = names or [str(label) for label in range(label_set.num_classes)]
    shares = np.full(len(mistakes), np.nan) if likely is None else likely
    return [
        _guess(
            int(predicted), [int(label) for label in row if label >= 0], float(share), paths, together, groups, names
        )
        for predicted, row, share in zip(mistakes.predicted, mistakes.labels, shares, strict=True)
    ]


def _guess(
    predicted: int,
    labels: Sequence[int],
    share: float,
    paths: Sequence[tuple[str, ...]],
    together: Mapping[tuple[int, int], int],
    groups: Sequence[frozenset[int]],
    names: Sequence[str],
) -> Guess:
    similarities = {label: similarity(paths[predicted], paths[label]) for label in labels}
    nearest = max(similarities, key=similarities.get)
    highest, names_of_both = similarities[nearest], f"{names[predicted]} and {names[nearest]}"
    if highest >= CLOSE_SIMILARITY:
        return Guess(FINE_GRAINED, f"{names_of_both} are close in the hierarchy ({highest:.2f})")
    if any(predicted in group and not group.isdisjoint(labels) for group in groups):
        return Guess(FINE_GRAINED, f"{names[predicted]} is in a group of confusable classes with a right one")
    if highest < FAR_SIMILARITY:
        return Guess(OUT_OF_VOCABULARY, f"{names_of_both}, the nearest right class, are far apart ({highest:.2f})")
    if len(labels) >= SCENE_LABELS:
        reason = f"the image shows {len(labels)} classes"
    elif share < LIKELY_SHARE:
        reason = f"{names[predicted]} is among the {LIKELY_K} best classes of {share:.0%} of other models"
    else:
        return Guess(FINE_GRAINED, f"{names_of_both} are neither close nor far ({highest:.2f})")
    images = {label: together.get((min(label, predicted), max(label, predicted)), 0) for label in labels}
    companion = max(images, key=images.get)
    if images[companion]:
        reason += f"; {names[predicted]} and {names[companion]} are right together on {images[companion]} images"
    return Guess(SPURIOUS, reason)


def load_groups(path: str | os.PathLike, num_classes: int) -> list[frozenset[int]]:
    """Reads groups of confusable classes, JSON: `[{"classes": {"72": NAME, ...}}, ...]`. Raises InputError."""
    remedy = 'Give [{"classes": {"72": "barn spider", ...}}, ...].'
    groups = []
    for place, entry in enumerate(readers.read_json(path, list[_Group], remedy)):
        for label in entry["classes"]:
            if not _NUMBER.fullmatch(label) or int(label) >= num_classes:
                problem = f"[{place}].classes has {shown(label)}, expected class indices from 0 to {num_classes - 1}"
                raise FileError(path, problem, remedy)
        groups.append(frozenset(map(int, entry["classes"])))
    return groups


def confusion(guesses: Iterable[str], judged: Iterable[str]) -> np.ndarray:
    """Counts the guesses (column) of each judged category (row): [categories, categories] int."""
    table = np.zeros((len(CATEGORIES), len(CATEGORIES)), int)
    for category, truth in zip(guesses, judged, strict=True):
        table[CATEGORIES.index(truth), CATEGORIES.index(category)] += 1
    return table
