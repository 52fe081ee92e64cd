"""The analysis of a label set as rows and as text."""

import dataclasses
from collections.abc import Sequence

from imagenet_real.labels import analysis
from imagenet_real.labels import summary as summaries
from imagenet_real.labels.summary import ClassPair, Correction, LabelSetSummary
from imagenet_real.report.layout import aligned
from imagenet_real.report.names import count_of
from imagenet_real.report.printing import tagged
from imagenet_real.scoring import label_set_regression
from imagenet_real.scoring.label_set_regression import LabelSetRegression
from imagenet_real.scoring.results import Row


def as_rows(summary: LabelSetSummary, regression: LabelSetRegression | None) -> list[Row]:
    """Returns all rows of several tables."""
    content = summaries.as_json(summary)
    models = {"models": [], "lines": {}} if regression is None else label_set_regression.as_json(regression)
    return tagged(
        images_by_labels=[{"labels": size, "images": count} for size, count in enumerate(summary.images_by_labels)],
        against_original=[summary.against_original],
        co_occurring=content["co_occurring"],
        corrections=content["corrections"],
        losses=content["losses"],
        agreement=content["agreement"],
        models=models["models"],
        lines=[{"through": name, **line} for name, line in models["lines"].items()],
    )


def as_text(
    summary: LabelSetSummary, regression: LabelSetRegression | None, names: Sequence[str], max_rows: int
) -> str:
    """Returns a few tables with at most `max_rows` rows each. `names` are the names of the classes."""
    sizes = summary.images_by_labels
    labels = sum(size * count for size, count in enumerate(sizes))
    blocks = [
        f"{summary.name}: {labels:,} labels on {sum(sizes):,} images",
        aligned(["labels", "images"], [[str(size), f"{count:,}"] for size, count in enumerate(sizes)]),
        _counts("labels", summary.against_original),
        _pairs("together", ("a", "b"), summary.co_occurring, names, max_rows),
        _pairs("corrected", ("original", "right"), summary.corrections, names, max_rows),
    ]
    rows = [
        [_class_name(row.label, names), f"{row.images:,}", f"{row.lost:,}", f"{row.empty:,}"]
        for row in summary.losses[:max_rows]
    ]
    blocks.append(aligned(["class", "images", "lost", "without label"], rows))
    for other, counts in summary.agreement.items():
        relations = {relation: counts[relation] for relation in analysis.RELATIONS}
        blocks.append(_counts(f"{summary.name} and {other}", relations))
    if regression is not None:
        blocks += _lines(regression, summary.name)
    return "\n\n".join(blocks)


def _counts(title: str, counts: dict[str, int]) -> str:
    return aligned([title, "images"], [[name.replace("_", " "), f"{count:,}"] for name, count in counts.items()])


def _pairs(
    title: str,
    columns: tuple[str, str],
    pairs: Sequence[ClassPair | Correction],
    names: Sequence[str],
    max_rows: int,
) -> str:
    images = sum(pair.images for pair in pairs)
    line = f"{title}: {len(pairs):,} pairs of classes, {images:,} times"
    rows = [
        [_class_name(first, names), _class_name(second, names), f"{count:,}"]
        for first, second, count in map(dataclasses.astuple, pairs[:max_rows])
    ]
    return f"{line}\n\n{aligned([*columns, 'images'], rows)}" if rows else line


def _lines(regression: LabelSetRegression, label_set: str) -> list[str]:
    if not regression.lines:
        return [
            f"{count_of(len(regression.names), 'model')}: too few for a regression, which needs "
            f"{label_set_regression.MIN_MODELS} of different accuracy. analysis.json has their accuracies."
        ]
    return [
        f"{name} ({line.points}): a point of original accuracy goes with {line.slope:.3f} ({line.low:.3f} to "
        f"{line.high:.3f}) points of {label_set} accuracy, which explains {line.explained:.1%}"
        for name, line in regression.lines.items()
    ]


def _class_name(label: int, names: Sequence[str]) -> str:
    return f"{label} {names[label]}" if names[label] != str(label) else str(label)
