"""The summary of `propose` as rows and as text."""

from imagenet_real.raters.proposal_summary import ProposalSummary, as_json
from imagenet_real.report.names import count_of
from imagenet_real.report.printing import tagged
from imagenet_real.scoring.results import Row


def as_rows(summary: ProposalSummary) -> list[Row]:
    """Returns the summary as rows of several tables."""
    content = as_json(summary)
    quality = [
        {"images": where, "proposed_by": proposer, **row}
        for where, rows in (content["quality"] or {}).items()
        for proposer, row in rows.items()
    ]
    return tagged(
        models=[{"model": name} for name in content["models"]],
        choice=[content["choice"]] if content["choice"] else [],
        quality=quality,
        images=[content["images"]],
        tasks=[content["tasks"]],
    )


def as_text(summary: ProposalSummary) -> str:
    """Returns the summary as a few lines."""
    images, tasks = summary.images, summary.tasks
    lines = [
        f"Proposals come from {count_of(len(summary.models), 'model')}: {', '.join(summary.models)}",
        *_choice(summary),
        *_quality(summary),
    ]
    lines.append(
        f"{images.kept:,} of {images.images:,} images keep their original label, because all models agree with it; "
        f"{images.rated:,} are rated, {images.per_rated_image:.1f} labels each"
    )
    lines.append(
        f"{tasks.tasks:,} tasks of at most {tasks.largest} labels ({tasks.fewest_possible:,} if similar labels were not kept "
        f"together), {tasks.gold:,} of them gold"
    )
    if tasks.per_rater:
        lines.append(f"{tasks.per_rater['least']:,} to {tasks.per_rater['most']:,} tasks a rater")
    return "\n".join(lines)


def _choice(summary: ProposalSummary) -> list[str]:
    choice = summary.choice
    if choice is None:
        return []
    subsets = f"{choice.num_subsets:,} subsets"
    search = f"the best of all {subsets}" if choice.is_exhaustive else f"the best of {subsets}, by a greedy search"
    return [search] + (
        []
        if choice.reaches_recall
        else [f"no subset reaches the recall that was asked for; the highest is {choice.recall:.2%}"]
    )


def _quality(summary: ProposalSummary) -> list[str]:
    return [
        f"{'gold' if where == 'gold' else 'other'} images ({quality.images:,}), {proposer.replace('_', ' ')}: recall "
        f"{quality.recall:.2%}, precision {quality.precision:.2%}, {quality.per_image:.1f} labels an image"
        for where, rows in (summary.quality or {}).items()
        for proposer, quality in rows.items()
    ]
