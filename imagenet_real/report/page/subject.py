"""The subject of a report: results, with the lookups that its sections share."""

import collections
import dataclasses
import functools
from collections.abc import Sequence

from imagenet_real.labels.image_ids import are_in
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.report.page.markup import Html
from imagenet_real.report.plots.drawing import Drawing
from imagenet_real.scoring import class_accuracy
from imagenet_real.scoring import evidence as evidences
from imagenet_real.scoring.class_accuracy import ClassAccuracy
from imagenet_real.scoring.evidence import Evidence
from imagenet_real.scoring.results import Results, Row

MAX_COMPARED = 4  # label sets that tables put side by side


@dataclasses.dataclass(frozen=True)
class Section:
    """A part of the page. Its drawings are also files next to the page."""

    anchor: str
    title: str
    body: Html
    drawings: dict[str, Drawing] = dataclasses.field(default_factory=dict)  # by file name without ending


class Subject:
    """Results with the names of their classes, and the groups of the classes where these are known.

    Only the accuracy table has people beside models. Other sections are about models, if there are any.
    """

    def __init__(self, results: Results, class_names: Sequence[str], groups: Sequence[str] | None = None):
        self.results = results
        self.class_names = class_names  # [K]
        self.groups = groups  # [K]
        self.rows = {(row["model"], row["label_set"], row["k"]): row for row in results.rows}
        self.ks = sorted({row["k"] for row in results.rows})
        self.label_sets = list(dict.fromkeys(row["label_set"] for row in results.rows))
        names = list(dict.fromkeys(row["model"] for row in results.rows))
        people = {row["person"] for row in results.people}
        self._unranked = [name for name in names if name not in people] or names
        self.people = [name for name in names if name not in self._unranked]

    @functools.cached_property
    def evidence(self) -> Evidence:
        return self.results.evidence.of(self._unranked) if self.people else self.results.evidence

    @functools.cached_property
    def models(self) -> list[str]:
        """Best first under the first label set, if models are ranked."""
        ranked = [row["model"] for row in self.results.rankings[0]["models"]] if self.results.rankings else []
        return ranked or self._unranked

    @property
    def best(self) -> str:
        """The model that sections about a single model describe."""
        return self.models[0]

    @functools.cached_property
    def compared(self) -> list[LabelSet]:
        """The first label sets that differ in more than the images they leave out."""
        scored = [label_set for label_set in self.evidence.label_sets if label_set.name in self.label_sets]
        return evidences.judges(scored)[:MAX_COMPARED]

    @functools.cached_property
    def compared_here(self) -> list[LabelSet]:
        """`compared`, of the images with a prediction alone: a report on 1,000 images says nothing of 50,000."""
        return [label_set.take(are_in(label_set.image_ids, self.evidence.image_ids)) for label_set in self.compared]

    def row(self, model: str, label_set: str) -> Row | None:
        """The row of the smallest k."""
        return self.rows.get((model, label_set, self.ks[0]))

    def model_index(self, model: str) -> int:
        """The row of a model in the evidence."""
        return self.evidence.models.index(model)

    def class_name(self, label: int) -> str:
        """The first name of a class, or all its names where another class has the same first name."""
        if not 0 <= label < len(self.class_names):
            return "none"
        names = self.class_names[label]
        first = _first_name(names)
        return first if self._first_names[first] == 1 else names

    @functools.cached_property
    def _first_names(self) -> collections.Counter:
        return collections.Counter(map(_first_name, self.class_names))

    @functools.cached_property
    def by_class(self) -> dict[str, ClassAccuracy]:
        """Accuracy per class over all models, by label set."""
        rows = [row for row in self.results.by_class if row["model"] not in self.people]
        return {
            label_set.name: class_accuracy.pool([row for row in rows if row["label_set"] == label_set.name])
            for label_set in self.compared
        }


def _first_name(names: str) -> str:
    return names.partition(",")[0]
