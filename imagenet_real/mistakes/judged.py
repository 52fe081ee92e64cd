"""Mistakes that people judged: what kind each is and how severe; as published, and as the review page writes them."""

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence

import numpy as np

from imagenet_real.errors import InputError, nearest
from imagenet_real.io import storage
from imagenet_real.labels.image_ids import first_repeated, image_id, match
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.mistakes.mistakes import Mistakes, find
from imagenet_real.predictions.predictions import Predictions

FINE_GRAINED = "Fine-grained error"
OUTSIDE = "Fine-grained error with OOV"  # out of vocabulary: what is shown is none of the classes
SPURIOUS = "Spurious Correlation"
NON_PROTOTYPICAL = "Non-prototypical"
MULTILABEL = "Fine-grained with Multilabel Options"
CATEGORIES = (FINE_GRAINED, OUTSIDE, SPURIOUS, NON_PROTOTYPICAL, MULTILABEL)
SEVERITIES = ("Major", "Minor", "Borderline")
_SPELLINGS = {"Fine-grained with OOV": OUTSIDE}  # both stand in the published Greedy Soups file

PREDICTED, CATEGORY, SEVERITY = "top_prediction", "failure category", "failure severity"


@dataclasses.dataclass(frozen=True, eq=False)
class Judged:
    """Mistakes of a model with a category and a severity each. Raises ValueError where one is unknown."""

    name: str
    image_ids: np.ndarray  # [M] str
    predicted: np.ndarray  # [M] int
    category: np.ndarray  # [M] str, of CATEGORIES
    severity: np.ndarray  # [M] str, of SEVERITIES

    def __post_init__(self):
        for what, values, known in (("category", self.category, CATEGORIES), ("severity", self.severity, SEVERITIES)):
            strange = sorted(set(values.tolist()) - set(known))
            if strange:
                raise ValueError(f"{what} {strange[0]!r} is unknown: {nearest(strange[0], list(known))}")
        if repeated := first_repeated(self.image_ids):
            raise ValueError(f"image {repeated} stands there more than once")

    def __len__(self) -> int:
        return len(self.image_ids)

    def counts(self) -> np.ndarray:
        """[categories, severities] int, in the order of CATEGORIES and SEVERITIES."""
        return np.array(
            [[((self.category == c) & (self.severity == s)).sum() for s in SEVERITIES] for c in CATEGORIES], dtype=int
        )

    def mistakes(self, label_set: LabelSet) -> Mistakes:
        """The same mistakes with the right classes of a label set. Raises InputError for an image that it lacks."""
        rows = match(self.image_ids, label_set.image_ids)
        if (rows < 0).any():
            raise InputError(
                f"{label_set.name} lacks {(rows < 0).sum()} of the {len(self)} images of {self.name}, such as "
                f"{self.image_ids[rows < 0][0]}: give the label set that they were judged under."
            )
        return Mistakes(
            self.image_ids,
            self.predicted,
            label_set.labels[rows],
            label_set.original[rows],
            np.full(len(self), np.nan),
        )


def load_judged(path: str | os.PathLike) -> Judged:
    """Reads `{image: {"top_prediction", "failure category", "failure severity"}}`, the format of `vit3b_mistakes.json`.

    The two published spellings of one category become one. Raises InputError.
    """
    path = storage.to_path(path)
    try:
        content = json.loads(storage.read_bytes(path))
        rows = [
            (image_id(name), int(entry[PREDICTED]), _SPELLINGS.get(entry[CATEGORY], entry[CATEGORY]), entry[SEVERITY])
            for name, entry in content.items()
        ]
        if not rows:
            raise ValueError("it has no mistake")
        ids, predicted, category, severity = map(np.array, zip(*rows, strict=True))
        return Judged(path.stem, ids, predicted, category, severity)
    except OSError as error:
        reason = error.strerror or str(error)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
    raise InputError(
        f"{path} cannot be read as judged mistakes ({reason}): expected "
        f'{{image: {{"{PREDICTED}": class, "{CATEGORY}": ..., "{SEVERITY}": ...}}}}.'
    )


def as_json(judged: Judged) -> str:
    """The content of a file that `load_judged` reads; severities and categories as published."""
    rows = zip(judged.image_ids, judged.predicted, judged.category, judged.severity, strict=True)
    content = {str(i): {PREDICTED: int(p), CATEGORY: str(c), SEVERITY: str(s)} for i, p, c, s in rows}
    return json.dumps(content, indent=1) + "\n"


def load_confused_pairs(path: str | os.PathLike, classes: Mapping[str, int]) -> tuple[np.ndarray, np.ndarray]:
    """Reads `[[wnid, wnid, times], ...]`, as `class_confusion_wnids.json`: what `mistakes.confused_pairs` gives.

    classes: from wnid to class index. Raises InputError.
    """
    try:
        rows = [(*sorted((classes[a], classes[b])), int(times)) for a, b, times in json.loads(storage.read_bytes(path))]
        if not rows:
            raise ValueError("it has no pair")
    except (OSError, KeyError, TypeError, ValueError) as error:
        reason = f"{error.args[0]!r} is no class" if isinstance(error, KeyError) else str(error)
        raise InputError(
            f"{path} cannot be read as confused pairs ({reason}): expected [[wnid, wnid, times], ...]."
        ) from None
    table = np.array(sorted(rows, key=lambda row: (-row[2], row)))
    return table[:, :2], table[:, 2]


def hard_subset(
    judged: Sequence[Judged], others: Sequence[Predictions], label_set: LabelSet, missed_by: int, name: str = "hard"
) -> LabelSet:
    """Images on which a mistake was judged major, and that at least `missed_by` of the models miss.

    The models are those whose mistakes were judged, who miss what stands in their file, and `others`, who miss what is
    wrong under the label set. Every image counts the same, so that a model's score is a count of them. ImageNet-M
    (Vasudevan et al. 2022) was made in this way, "major mistakes that several top-performing models make", from models
    whose predictions were not all published; it is not this set. Raises InputError where no image is left.
    """
    major = sorted({one for each in judged for one in each.image_ids[each.severity == "Major"].tolist()})
    missed_ids = [each.image_ids for each in judged] + [find(other, label_set).image_ids for other in others]
    missed = np.sum([np.isin(major, ids) for ids in missed_ids], axis=0, dtype=int)
    chosen = np.isin(label_set.image_ids, np.array(major)[missed >= missed_by]) & (label_set.labels >= 0).any(axis=1)
    if not chosen.any():
        raise InputError(
            f"no image with a major mistake is missed by {missed_by} of {len(missed_ids)} models: ask fewer."
        )
    subset = label_set.take(chosen)
    return dataclasses.replace(subset, name=name, average="images", weight=np.ones(len(subset)))
