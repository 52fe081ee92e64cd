"""What the programs `label_maps` and `relabel` print."""

from collections.abc import Mapping
from typing import Any, Protocol

from imagenet_real.report.layout import aligned
from imagenet_real.report.names import count_of
from imagenet_real.report.printing import tagged

Summary = Mapping[str, Any]
"""The content of label_maps.json."""


def as_text(summary: Summary) -> str:
    """Renders the comparisons as a table: shares in percent, counts as they are."""
    tables = {name: numbers for name, numbers in summary.items() if name != "agreement"}
    tables |= {f"agreement, {name}": numbers for name, numbers in summary.get("agreement", {}).items()}
    rows = [
        [table, name.replace("_", " "), _number(value)]
        for table, numbers in tables.items()
        for name, value in numbers.items()
    ]
    return aligned(["comparison", "measure", ""], rows)


def _number(value: Any) -> str:
    return f"{value * 100:.2f} %" if isinstance(value, float) else f"{value:,}"


def as_rows(summary: Summary) -> list[dict[str, Any]]:
    """Returns the comparisons as rows of JSON."""
    agreement = [{"of": name, **numbers} for name, numbers in summary.get("agreement", {}).items()]
    tables = {name: [numbers] for name, numbers in summary.items() if name != "agreement"}
    return tagged(**tables, agreement=agreement)


class Size(Protocol):
    """How many label maps a folder has, and their size."""

    @property
    def images(self) -> int: ...

    @property
    def height(self) -> int: ...

    @property
    def width(self) -> int: ...

    @property
    def k(self) -> int: ...

    @property
    def files(self) -> int: ...

    @property
    def nbytes(self) -> int: ...


def summary_text(size: Size) -> str:
    """Renders the size of label maps."""
    return (
        f"{count_of(size.images, 'label map')} of {size.height} x {size.width} places, {size.k} classes each: "
        f"{count_of(size.files, 'file')}, {size.nbytes / max(size.images, 1):,.0f} bytes an image."
    )
