"""The output of programs on stdout: tables for people, or rows of JSON for other programs."""

import json
import sys
from collections.abc import Iterable, Sequence

from imagenet_real.report import table
from imagenet_real.scoring.results import Results, Row

FORMATS = ("table", "json")


def show(form: str, rows: Iterable[Row], text: object, notes: Sequence[str] = ()) -> None:
    """Prints `text`, or each row as a line of JSON.

    Args:
      form: one of `FORMATS`.
      rows: printed with the form "json".
      text: printed with the form "table".
      notes: the lines of `text` that are no table; with the form "json", they go to stderr.
    """
    if form == "table":
        print(text)
        return
    for row in rows:
        print(json.dumps(row, allow_nan=False))
    for note in notes:
        print(note, file=sys.stderr)


def show_results(form: str, results: Results) -> None:
    """Prints results as a table, or as the rows of `results.json`."""
    unread = [f"not read: {row['image_id']}: {row['reason']}" for row in results.missing]
    show(form, results.rows, table.as_text(results), [*results.notes, *table.unavailable(results), *unread])


def tagged(**tables: Iterable[Row]) -> list[Row]:
    """The rows of several tables, each with the name of its table."""
    return [{"table": name, **row} for name, rows in tables.items() for row in rows]
