"""The output of programs on stdout: tables for people, or rows of JSON for other programs."""

import json
import os
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from imagenet_real.io.names import one_line
from imagenet_real.report import table
from imagenet_real.report.names import listed
from imagenet_real.scoring.results import Results, Row

FORMATS = ("table", "json")


def show(form: str, rows: Iterable[Mapping[str, Any]], text: object, notes: Sequence[str] = ()) -> None:
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
        print(one_line(note), file=sys.stderr)


def show_results(form: str, results: Results) -> None:
    """Prints results as a table, or as the rows of `results.json`."""
    unread = [f"not read: {row['image_id']}: {row['reason']}" for row in results.missing]
    show(form, results.rows, table.as_text(results), [*results.notes, *table.unavailable(results), *unread])


def show_written(form: str, workdir: str | os.PathLike, names: Sequence[str], next_command: str = "") -> None:
    """Prints the last line of a program: what it wrote, where, and the next command. With the form "json", to stderr."""
    following = f" Next: {next_command}" if next_command else ""
    print(
        f"Wrote {listed(names)} to {os.fspath(workdir)}.{following}", file=sys.stdout if form == "table" else sys.stderr
    )


def command(program: str, **fields: str | os.PathLike) -> str:
    """A command line of this package. Fields that are empty are left out."""
    arguments = (f"--{name}={shlex.quote(os.fspath(value))}" for name, value in fields.items() if value)
    return " ".join(["imagenet-real", program, *arguments])


def score_under(*label_sets: str | os.PathLike) -> str:
    """What to do next with a label set, where the program knows no predictions."""
    names = ",".join(os.fspath(name) for name in label_sets if name)
    return f"imagenet-real score with --label_sets={shlex.quote(names)} and your --predictions."


def tagged(**tables: Iterable[Row]) -> list[Row]:
    """The rows of several tables, each with the name of its table."""
    return [{"table": name, **row} for name, rows in tables.items() for row in rows]
