"""The summary of a clean list as text."""

from imagenet_real.labels.clean_list import CleanListSummary


def as_text(summary: CleanListSummary) -> str:
    """Returns the summary in a few lines."""
    lines = [f"kept {summary.kept:,} of {summary.images:,} images, {summary.kept / summary.images:.2%}"]
    for name, value in (summary.real or {}).items():
        text = "-" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.2%}"
        lines.append(f"{name.replace('_', ' '):<38} {text:>7}")
    return "\n".join(lines)
