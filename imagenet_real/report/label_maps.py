"""What the program `label_maps` prints: the comparisons of label maps."""

import json
from collections.abc import Mapping
from typing import Any

from imagenet_real.report.printing import tagged

Summary = Mapping[str, Any]
"""The content of label_maps.json."""


def as_text(summary: Summary) -> str:
    """Renders the comparisons, one a line."""
    return "\n".join(f"{name}: {json.dumps(numbers)}" for name, numbers in summary.items())


def as_rows(summary: Summary) -> list[dict[str, Any]]:
    """Returns the comparisons as rows of JSON."""
    agreement = [{"of": name, **numbers} for name, numbers in summary.get("agreement", {}).items()]
    tables = {name: [numbers] for name, numbers in summary.items() if name != "agreement"}
    return tagged(**tables, agreement=agreement)
