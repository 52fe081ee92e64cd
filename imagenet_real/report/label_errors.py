"""The comparison with the articles on label errors (Adansons 2022), as text and as CSV."""

import csv
import dataclasses
import io
from collections.abc import Mapping, Sequence

from imagenet_real.report.table import aligned
from imagenet_real.scoring.label_errors import LABEL_SETS, QUIRKS, PublishedComparison


def as_text(comparisons: Sequence[PublishedComparison]) -> str:
    """A line a model: accuracy and rank here, and in the articles, under each label set; then the gains and the quirks."""
    by_model: dict[str, list[PublishedComparison]] = {}
    for one in comparisons:
        by_model.setdefault(one.model, []).append(one)
    head = ["model"]
    for label_set in LABEL_SETS:
        head += [label_set.replace("except_", "except "), "rank", "published", "rank"]
    rows = []
    for model, several in by_model.items():
        cells = [model]
        for one in several:
            cells += [f"{one.accuracy:.3f}", _rank(one.rank, one.rank_change)]
            cells += [f"{one.published:.3f}", _rank(one.published_rank, one.published_rank_change)]
        rows.append(cells)
    lines = [aligned(head, rows), "", *_gains(by_model), "", "Known of the published table:"]
    return "\n".join([*lines, *(f"- {quirk}" for quirk in QUIRKS)])


def as_csv(comparisons: Sequence[PublishedComparison]) -> str:
    """A line a model and label set."""
    table = io.StringIO()
    writer = csv.DictWriter(
        table, [field.name for field in dataclasses.fields(PublishedComparison)], lineterminator="\n"
    )
    writer.writeheader()
    writer.writerows(map(dataclasses.asdict, comparisons))
    return table.getvalue()


def _rank(rank: int, change: int) -> str:
    return f"{rank} ({change:+d})" if change else str(rank)


def _gains(by_model: Mapping[str, Sequence[PublishedComparison]]) -> list[str]:
    lines = []
    for column, label_set in enumerate(LABEL_SETS[1:], start=1):
        here = [several[column].accuracy - several[0].accuracy for several in by_model.values()]
        there = [several[column].published - several[0].published for several in by_model.values()]
        means = [sum(gains) / len(gains) for gains in (here, there)]
        lines.append(
            f"mean gain {label_set.replace('except_', 'except ')}: {means[0]:.3f} points, published {means[1]:.3f} "
            f"({len(here)} models)"
        )
    return lines
