"""CSV files that programs read and people open: no spreadsheet computes a name that they hold."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from imagenet_real.io.names import as_cell


def csv_text(rows: Iterable[Sequence[Any]]) -> str:
    """Returns rows as CSV. A text that a spreadsheet would compute gets an apostrophe in front, as in `'=1+1`."""
    return "".join(csv_lines(rows))


def csv_lines(rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """Yields the lines of `csv_text`, for tables that are large."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    for row in rows:
        writer.writerow([_safe(cell) for cell in row])
        yield table.getvalue()
        table.seek(0)
        table.truncate()


def csv_records(columns: Sequence[str], records: Iterable[Mapping[str, Any]]) -> str:
    """Returns records as CSV with a header; a column that a record lacks is empty."""
    return csv_text([columns, *([record.get(column, "") for column in columns] for record in records)])


def _safe(cell: Any) -> Any:
    return as_cell(cell) if isinstance(cell, str) else cell
