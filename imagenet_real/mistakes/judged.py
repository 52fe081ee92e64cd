"""Mistakes that people judged, each with a category and a severity, in the published format."""

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from typing import Annotated, TypedDict

import numpy as np

from imagenet_real.errors import InputError, nearest
from imagenet_real.io import readers, storage
from imagenet_real.io.readers import Between, FileError, Name, shown
from imagenet_real.labels.image_ids import first_repeated, image_id, match
from imagenet_real.labels.label_set import MAX_CLASSES, LabelSet
from imagenet_real.mistakes.mistakes import Mistakes, find
from imagenet_real.predictions.predictions import Predictions

FINE_GRAINED = "Fine-grained error"
OUT_OF_VOCABULARY = "Fine-grained error with OOV"  # the image shows none of the classes
SPURIOUS = "Spurious Correlation"
NON_PROTOTYPICAL = "Non-prototypical"
MULTILABEL = "Fine-grained with Multilabel Options"
CATEGORIES = (FINE_GRAINED, OUT_OF_VOCABULARY, SPURIOUS, NON_PROTOTYPICAL, MULTILABEL)
MAJOR = "Major"
SEVERITIES = (MAJOR, "Minor", "Borderline")
_SPELLINGS = {"Fine-grained with OOV": OUT_OF_VOCABULARY}  # the published Greedy Soups file has both spellings

PREDICTED, CATEGORY, SEVERITY = "top_prediction", "failure category", "failure severity"
REMEDY = f'Give {{image: {{"{PREDICTED}": class, "{CATEGORY}": ..., "{SEVERITY}": ...}}}}.'
_Judged = TypedDict(  # two keys are no names of Python
    "_Judged",
    {"top_prediction": Annotated[int, Between(0, MAX_CLASSES - 1)], "failure category": str, "failure severity": str},
)
_Times = Annotated[int, Between(0)]


@dataclasses.dataclass(frozen=True, eq=False)
class JudgedMistakes:
    """M mistakes of a model, each with a category and a severity. Raises ValueError for an unknown one."""

    name: str
    image_ids: np.ndarray  # [M] str
    predicted: np.ndarray  # [M] int
    category: np.ndarray  # [M] str, of CATEGORIES
    severity: np.ndarray  # [M] str, of SEVERITIES

    def __post_init__(self):
        for field, values, known in (("category", self.category, CATEGORIES), ("severity", self.severity, SEVERITIES)):
            unknown = sorted(set(values.tolist()) - set(known))
            if unknown:
                raise ValueError(f"{field} {unknown[0]!r} is unknown: {nearest(unknown[0], list(known))}")
        if repeated := first_repeated(self.image_ids):
            raise ValueError(f"duplicate image id: {repeated}")

    def __len__(self) -> int:
        return len(self.image_ids)

    def counts(self) -> np.ndarray:
        """[categories, severities] int, in the order of CATEGORIES and SEVERITIES."""
        return np.array(
            [[((self.category == c) & (self.severity == s)).sum() for s in SEVERITIES] for c in CATEGORIES], dtype=int
        )

    def mistakes(self, label_set: LabelSet) -> Mistakes:
        """Returns the mistakes with the right classes of a label set. Raises InputError if it lacks an image."""
        rows = match(self.image_ids, label_set.image_ids)
        if (rows < 0).any():
            raise InputError(
                f"{label_set.name} lacks {(rows < 0).sum()} of the {len(self)} images of {self.name}, such as "
                f"{self.image_ids[rows < 0][0]}. Give the label set under which people judged them."
            )
        return Mistakes(
            self.image_ids,
            self.predicted,
            label_set.labels[rows],
            label_set.original[rows],
            np.full(len(self), np.nan),
        )


def load_judged(path: str | os.PathLike) -> JudgedMistakes:
    """Reads `{image: {"top_prediction", "failure category", "failure severity"}}`, the format of `vit3b_mistakes.json`.

    The two published spellings of one category become one. Raises InputError.
    """
    path = storage.to_path(path)
    content = readers.read_json(path, dict[Name, _Judged], REMEDY)
    if not content:
        raise FileError(path, "it has no mistake", REMEDY)
    rows = [
        (image_id(name), entry[PREDICTED], _SPELLINGS.get(entry[CATEGORY], entry[CATEGORY]), entry[SEVERITY])
        for name, entry in content.items()
    ]
    ids, predicted, category, severity = map(np.array, zip(*rows, strict=True))
    try:
        return JudgedMistakes(path.stem, ids, predicted, category, severity)
    except ValueError as error:
        raise FileError(path, error, REMEDY) from None


def as_json(judged: JudgedMistakes) -> str:
    """Returns the content of a file that `load_judged` reads."""
    rows = zip(judged.image_ids, judged.predicted, judged.category, judged.severity, strict=True)
    content = {str(i): {PREDICTED: int(p), CATEGORY: str(c), SEVERITY: str(s)} for i, p, c, s in rows}
    return json.dumps(content, indent=1) + "\n"


def load_confused_pairs(path: str | os.PathLike, classes: Mapping[str, int]) -> tuple[np.ndarray, np.ndarray]:
    """Reads `[[wnid, wnid, times], ...]`, the format of `class_confusion_wnids.json`.

    Returns the same as `mistakes.confused_pairs`. `classes` maps wnids to class indices. Raises InputError.
    """
    remedy = "Give [[wnid, wnid, times], ...]."
    rows = []
    for a, b, times in readers.read_json(path, list[tuple[Name, Name, _Times]], remedy):
        if unknown := [name for name in (a, b) if name not in classes]:
            raise FileError(path, f"{shown(unknown[0])} is no class", remedy)
        rows.append((*sorted((classes[a], classes[b])), times))
    if not rows:
        raise FileError(path, "it has no pair", remedy)
    table = np.array(sorted(rows, key=lambda row: (-row[2], row)))
    return table[:, :2], table[:, 2]


def hard_subset(
    judged: Sequence[JudgedMistakes],
    models: Sequence[Predictions],
    label_set: LabelSet,
    missed_by: int,
    name: str = "hard",
) -> LabelSet:
    """Returns the images with a major mistake that at least `missed_by` models miss.

    Every image has the same weight, so a model's score is a count of images. ImageNet-M (Vasudevan et al. 2022) was
    made this way, of "major mistakes that several top-performing models make". This is another set: the predictions of
    some of those models are not published.

    Args:
      judged: models that miss the images of their file.
      models: more models, which miss the images that they get wrong under the label set.
      label_set: gives the right classes.
      missed_by: least number of models.
      name: of the subset.

    Raises InputError if no image is left.
    """
    major_ids = [file.image_ids[file.severity == MAJOR] for file in judged]
    major = np.unique(np.concatenate([np.zeros(0, "U1"), *major_ids]))
    missed_ids = [file.image_ids for file in judged] + [find(model, label_set).image_ids for model in models]
    times_missed = np.sum([np.isin(major, ids) for ids in missed_ids], axis=0, dtype=int)
    is_hard = np.isin(label_set.image_ids, major[times_missed >= missed_by]) & (label_set.labels >= 0).any(axis=1)
    if not is_hard.any():
        raise InputError(
            f"no image with a major mistake is missed by {missed_by} of {len(missed_ids)} models. Give a smaller "
            "missed_by."
        )
    subset = label_set.take(is_hard)
    return dataclasses.replace(subset, name=name, average="images", weight=np.ones(len(subset)))
