"""The summary of `aggregate` as rows and as text."""

import dataclasses

from imagenet_real.raters.aggregation_summary import AggregationSummary, GoldQuality
from imagenet_real.report.layout import aligned
from imagenet_real.report.printing import tagged
from imagenet_real.scoring.results import Row


def as_rows(summary: AggregationSummary) -> list[Row]:
    """Returns the summary as rows of several tables."""
    content = dataclasses.asdict(summary)
    return tagged(
        votes=[content["votes"]],
        labels=[content["labels"]],
        agreement=[content["agreement"]],
        precision_recall=content["gold"]["precision_recall"] if summary.gold else [],
        raters=content["raters"],
    )


def as_text(summary: AggregationSummary) -> str:
    """Returns the summary as a few lines and a table."""
    suspicious = [f"rater {row.rater}: {'; '.join(row.suspicious)}" for row in summary.raters if row.suspicious]
    blocks = [_counts(summary), _precision_recall(summary.gold), "\n".join(suspicious)]
    return "\n\n".join(block for block in blocks if block)


def _counts(summary: AggregationSummary) -> str:
    votes, labels, alpha = summary.votes, summary.labels, summary.agreement.nominal
    agreement = "" if alpha is None else f"; Krippendorff's alpha {alpha:.3f}"
    return (
        f"{votes.votes:,} votes of {votes.raters:,} raters on {votes.questions:,} questions about {votes.images:,} "
        f"images{agreement}\n"
        f"{labels.labels:,} labels on {labels.images:,} images; {labels.images_by_labels[0]:,} images have no label and "
        f"{labels.images_with_the_original:,} have their original label"
    )


def _precision_recall(gold: GoldQuality | None) -> str:
    if gold is None or not gold.precision_recall:
        return ""
    rows = [
        [f"{point.threshold:g}", "" if point.precision is None else _percent(point.precision), _percent(point.recall)]
        for point in gold.precision_recall
    ]
    return aligned(["threshold", "precision", "recall"], rows)


def _percent(share: float) -> str:
    return f"{share * 100:.2f}"
