"""What the programs `label_maps` and `relabel` print."""

import json
import os
from collections.abc import Mapping
from typing import Any, Protocol

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


class Size(Protocol):
    """How many label maps a folder has, and their size."""

    images: int
    height: int
    width: int
    k: int
    files: int
    nbytes: int


def summary_text(size: Size, folder: str | os.PathLike) -> str:
    """Renders the size of label maps, and how to train on them."""
    return (
        f"{size.images:,} label maps of {size.height} x {size.width} places, {size.k} classes each, are in {folder}: "
        f"{size.files} files, {size.nbytes / max(size.images, 1):,.0f} bytes an image.\n"
        f"Train on them with imagenet-real train_relabel --label_maps={folder}"
    )
