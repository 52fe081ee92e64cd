"""Results that print as a table, and display as a table in a notebook."""

import dataclasses
from collections.abc import Sequence

from imagenet_real.labels.attributes import Attribute
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.predictions.predictions import Predictions
from imagenet_real.report import table
from imagenet_real.scoring import results as scoring
from imagenet_real.scoring.results import Results


class PrintedResults(Results):
    """`scoring.results.Results` that render themselves as text and as HTML."""

    def __str__(self) -> str:
        return table.as_text(self)

    __repr__ = __str__  # what an interactive Python shows

    def _repr_html_(self) -> str:
        return table.as_html(self)


def score(
    predictions: Predictions | Sequence[Predictions],
    label_sets: Sequence[str | LabelSet] | None = None,
    *,
    labels_dir: str = "",
    ks: Sequence[int] = (1, 5),
    allow_missing: bool = False,
    repair: str = "",
    slices: Sequence[Attribute] = (),
) -> PrintedResults:
    """Scores one or several models under every label set; see `scoring.results.score_models` for the arguments."""
    results = scoring.score_models(
        predictions,
        label_sets,
        labels_dir=labels_dir,
        ks=ks,
        allow_missing=allow_missing,
        repair=repair,
        slices=slices,
    )
    return PrintedResults(**{field.name: getattr(results, field.name) for field in dataclasses.fields(results)})
