"""A first guess of what kind a mistake is, with its reason, for people to confirm or correct."""

import dataclasses
import json
import os
from collections.abc import Sequence

import numpy as np

from imagenet_real.errors import InputError
from imagenet_real.io import storage
from imagenet_real.labels import analysis
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.mistakes.judged import CATEGORIES, FINE_GRAINED, OUTSIDE, SPURIOUS
from imagenet_real.mistakes.mistakes import Mistakes

# Rules and thresholds were chosen by cross-validation on the judged mistakes of ViT-3B alone, in steps of 0.05 and 0.1;
# what they are worth on other mistakes is measured.
CLOSE = 0.80  # similarity in the hierarchy from which on two classes are easily confused
FAR = 0.50  # below it the prediction has little to do with any right class
SEVERAL = 3  # right classes of an image that shows a scene
LIKELY = 0.4  # share of other models below which an answer is far-fetched, that do not have it among their best
LOOKED_AT = 5  # of their best answers
AGREEING = 0.5  # share of other models with the same answer from which on a label may be missing


@dataclasses.dataclass(frozen=True)
class Guess:
    """A category of `judged.CATEGORIES`, and why."""

    category: str
    reason: str


def similarity(a: Sequence[str], b: Sequence[str]) -> float:
    """How alike two classes are, from their ways from the root: 1 for the same, near 0 where only the root is shared.

    Twice the depth at which the ways part, divided by both lengths (Wu and Palmer 1994).
    """
    shared = next((depth for depth, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    return 2 * shared / (len(a) + len(b))


def guess(
    mistakes: Mistakes,
    ways: Sequence[tuple[str, ...]],
    label_set: LabelSet,
    groups: Sequence[frozenset[int]] = (),
    names: Sequence[str] | None = None,
    likely: np.ndarray | None = None,
) -> list[Guess]:
    """A guess for each mistake, by the first rule that holds, against the right class most like the prediction.

    1. Close in the hierarchy, or in one of the `groups` of confusable classes: fine-grained.
    2. Far from every right class: what the model saw may be none of the classes.
    3. The image shows several classes, or few other models come near the answer: the model may have answered with what
       usually stands beside: spurious correlation. The reason tells how often both are right together in `label_set`;
       as a rule of its own that was no sign.
    4. Else fine-grained, as most mistakes are. Nothing told unusual images of a class, "non-prototypical", from these.

    ways: of each class, from the root of the hierarchy to it (`hierarchy.load_paths`). names: of the classes.
    likely: [M] float, the share of other models with the prediction among their `LOOKED_AT` best answers, NaN where no
      other model was asked (`mistakes.agreement`).
    """
    pairs, images = analysis.co_occurring(label_set)
    together = {(int(a), int(b)): int(count) for (a, b), count in zip(pairs, images, strict=True)}
    names = names or [str(label) for label in range(label_set.num_classes)]
    shares = np.full(len(mistakes), np.nan) if likely is None else likely
    return [
        _guess(int(predicted), [int(one) for one in right if one >= 0], float(share), ways, together, groups, names)
        for predicted, right, share in zip(mistakes.predicted, mistakes.right, shares, strict=True)
    ]


def _guess(predicted, right, share, ways, together, groups, names) -> Guess:
    alike = {one: similarity(ways[predicted], ways[one]) for one in right}
    nearest = max(alike, key=alike.get)
    told = f"{names[predicted]} and {names[nearest]}"
    if alike[nearest] >= CLOSE:
        return Guess(FINE_GRAINED, f"{told} are close in the hierarchy ({alike[nearest]:.2f})")
    if any(predicted in group and not group.isdisjoint(right) for group in groups):
        return Guess(FINE_GRAINED, f"{names[predicted]} is in a group of confusable classes with a right one")
    if alike[nearest] < FAR:
        return Guess(OUTSIDE, f"{told}, the nearest right class, are far apart ({alike[nearest]:.2f})")
    if len(right) >= SEVERAL:
        reason = f"the image shows {len(right)} classes"
    elif share < LIKELY:
        reason = f"{names[predicted]} is among the {LOOKED_AT} best answers of {share:.0%} of other models"
    else:
        return Guess(FINE_GRAINED, f"{told} are neither close nor far ({alike[nearest]:.2f})")
    seen = {one: together.get((min(one, predicted), max(one, predicted)), 0) for one in right}
    usual = max(seen, key=seen.get)
    if seen[usual]:
        reason += f"; {names[predicted]} and {names[usual]} are right together on {seen[usual]} images"
    return Guess(SPURIOUS, reason)


def load_groups(path: str | os.PathLike, num_classes: int) -> list[frozenset[int]]:
    """Groups of confusable classes: JSON, `[{"classes": {"72": NAME, ...}}, ...]`. Raises InputError."""
    try:
        groups = [frozenset(int(label) for label in entry["classes"]) for entry in json.loads(storage.read_bytes(path))]
        if not all(0 <= label < num_classes for group in groups for label in group):
            raise ValueError(f"a class is not among the {num_classes}")
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read as groups of classes ({error}): expected "
            '[{"classes": {"72": "barn spider", ...}}, ...].'
        ) from None
    return groups


def confusion(guessed: Sequence[str], judged: Sequence[str]) -> np.ndarray:
    """[categories, categories] int: how often a mistake judged as the row was guessed to be the column."""
    table = np.zeros((len(CATEGORIES), len(CATEGORIES)), int)
    for one, truth in zip(guessed, judged, strict=True):
        table[CATEGORIES.index(truth), CATEGORIES.index(one)] += 1
    return table
