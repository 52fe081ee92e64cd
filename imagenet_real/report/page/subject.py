"""What a report is about: results with the lookups that its sections share."""

import collections
import dataclasses
import functools
from collections.abc import Sequence

import numpy as np

from imagenet_real.labels.image_ids import match
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.report.page.markup import Html
from imagenet_real.report.plots.drawing import Drawing
from imagenet_real.scoring import evidence as evidences
from imagenet_real.scoring.evidence import Evidence
from imagenet_real.scoring.results import Results, Row

COMPARED = 3  # judges that tables put side by side
_NAMES = {
    "real": "ReaL",
    "multilabel": "multi-label",
    "imagenet_m": "ImageNet-M",
    "except_mislabeled": "except mislabeled",
    "except_all_errors": "except all errors",
}


@dataclasses.dataclass(frozen=True)
class Section:
    """A part of the page; its drawings are files beside it too, by their names."""

    anchor: str
    title: str
    body: Html
    drawings: dict[str, Drawing] = dataclasses.field(default_factory=dict)


class Subject:
    """Results, what their classes are called, and which groups those belong to, where that is known.

    People stand beside models in the table of accuracies; all else is about models alone, where there are any.
    """

    def __init__(self, results: Results, class_names: Sequence[str], groups: Sequence[str] | None = None):
        self.results = results
        self.class_names = class_names  # [K]
        self.groups = groups  # [K]
        self.rows = {(row["model"], row["label_set"], row["k"]): row for row in results.rows}
        self.ks = sorted({row["k"] for row in results.rows})
        self.label_sets = list(dict.fromkeys(row["label_set"] for row in results.rows))
        scored = list(dict.fromkeys(row["model"] for row in results.rows))
        people = {row["person"] for row in results.people}
        self._unranked = [name for name in scored if name not in people] or scored
        self.people = [name for name in scored if name not in self._unranked]

    @functools.cached_property
    def evidence(self) -> Evidence:
        return self.results.evidence.of(self._unranked) if self.people else self.results.evidence

    @functools.cached_property
    def models(self) -> list[str]:
        """Best first, by the first label set, where they are ranked."""
        ranked = [row["model"] for row in self.results.rankings[0]["models"]] if self.results.rankings else []
        return ranked or self._unranked

    @property
    def best(self) -> str:
        """The model that sections about a single one speak of."""
        return self.models[0]

    @functools.cached_property
    def judges(self) -> list[LabelSet]:
        """The label sets that judge for themselves, the first few."""
        scored = [one for one in self.evidence.label_sets if one.name in self.label_sets]
        return evidences.judges(scored)[:COMPARED]

    def row(self, model: str, label_set: str) -> Row | None:
        """The row of the smallest k."""
        return self.rows.get((model, label_set, self.ks[0]))

    def number(self, model: str) -> int:
        """The row of the evidence that is a model's."""
        return self.evidence.models.index(model)

    def called(self, label: int) -> str:
        """What a class is called: the first of its names, or all of them where another class has the same first one."""
        if not 0 <= label < len(self.class_names):
            return "none"
        whole = self.class_names[label]
        first = _first(whole)
        return first if self._first_names[first] == 1 else whole

    @functools.cached_property
    def _first_names(self) -> collections.Counter:
        return collections.Counter(map(_first, self.class_names))

    @functools.cached_property
    def rows_of(self) -> dict[str, np.ndarray]:
        """For each judge the columns of the evidence that are its images, -1 where there is none."""
        return {one.name: match(one.image_ids, self.evidence.image_ids) for one in self.judges}

    @functools.cached_property
    def by_class(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """For each judge the [K] share of right answers of all models (NaN: none), and the [K] images of each class."""
        found = {}
        for one in self.judges:
            own = [entry for entry in self.results.by_class if entry["model"] not in self.people]
            entries = [entry for entry in own if entry["label_set"] == one.name]
            images = np.array([entry["images"] for entry in entries])
            hits = np.array([np.nan_to_num(entry["accuracy"]) for entry in entries]) * images
            found[one.name] = share(hits.sum(axis=0), images.sum(axis=0)), images.max(axis=0)
        return found


def _first(name: str) -> str:
    return name.partition(",")[0]


def label_set_name(name: str) -> str:
    """What the page calls a label set."""
    return _NAMES.get(name, name)


def by(name: str) -> str:
    """A label set in a sentence."""
    return "the original labels" if name == "original" else label_set_name(name)


def share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Part over whole, NaN where that is empty."""
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) > 0)
