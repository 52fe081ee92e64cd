"""The comparison with the articles on label errors (Adansons 2022), as text and as CSV."""

import dataclasses
from collections.abc import Mapping, Sequence

from imagenet_real.io.csv_writer import csv_records
from imagenet_real.report.layout import aligned
from imagenet_real.scoring.label_errors import LABEL_SETS, QUIRKS, PublishedComparison


def as_text(comparisons: Sequence[PublishedComparison]) -> str:
    """One line per model with measured and published accuracies and ranks, then mean gains and known quirks."""
    by_model: dict[str, list[PublishedComparison]] = {}
    for row in comparisons:
        by_model.setdefault(row.model, []).append(row)
    head = ["model"]
    for label_set in LABEL_SETS:
        head += [label_set.replace("except_", "except "), "rank", "published", "rank"]
    rows = []
    for model, by_label_set in by_model.items():
        cells = [model]
        for row in by_label_set:
            cells += [f"{row.accuracy:.3f}", _rank(row.rank, row.rank_change)]
            cells += [f"{row.published:.3f}", _rank(row.published_rank, row.published_rank_change)]
        rows.append(cells)
    lines = [aligned(head, rows), "", *_gains(by_model), "", "Known quirks of the published table:"]
    return "\n".join([*lines, *(f"- {quirk}" for quirk in QUIRKS)])


def as_csv(comparisons: Sequence[PublishedComparison]) -> str:
    """One line per model and label set."""
    columns = [field.name for field in dataclasses.fields(PublishedComparison)]
    return csv_records(columns, map(dataclasses.asdict, comparisons))


def _rank(rank: int, change: int) -> str:
    return f"{rank} ({change:+d})" if change else str(rank)


def _gains(by_model: Mapping[str, Sequence[PublishedComparison]]) -> list[str]:
    lines = []
    for column, label_set in enumerate(LABEL_SETS[1:], start=1):
        measured = [rows[column].accuracy - rows[0].accuracy for rows in by_model.values()]
        published = [rows[column].published - rows[0].published for rows in by_model.values()]
        means = [sum(gains) / len(gains) for gains in (measured, published)]
        lines.append(
            f"mean gain {label_set.replace('except_', 'except ')}: {means[0]:.3f} points, published {means[1]:.3f} "
            f"({len(measured)} models)"
        )
    return lines
