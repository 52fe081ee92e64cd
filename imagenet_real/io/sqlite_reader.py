"""SQLite databases that are checked before they are used, and their rows by schema."""

import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from imagenet_real.io import storage
from imagenet_real.io.mismatch import Mismatch
from imagenet_real.io.schema import check
from imagenet_real.io.text_reader import FileError, check_is_file

SECONDS_LOCKED = 5.0  # how long to wait for another process
MOVE_AWAY = "Move it away, or give another --workdir."
_MAX_VALUE = 2**20  # bytes of a value


def open_database(
    path: str | os.PathLike,
    tables: Mapping[str, Sequence[str]],
    remedy: str = MOVE_AWAY,
    **options: Any,
) -> sqlite3.Connection:
    """Opens a database, or a new one if the file is missing or empty.

    Args:
      path: of the file, on a disk.
      tables: the columns of each table that the caller uses. A missing table is no error: the caller makes it.
      remedy: a sentence that says what to do about a wrong file.
      **options: of `sqlite3.connect`.

    Raises FileError if the file is no database, is damaged or locked, has other columns, or runs code (triggers, views).
    """
    path = storage.to_path(path)
    if path.exists():
        check_is_file(path, remedy)
    try:
        connection = sqlite3.connect(path, timeout=SECONDS_LOCKED, **options)
    except sqlite3.Error as error:
        raise FileError(path, f"it cannot be opened ({error})", remedy) from None
    try:
        connection.execute("PRAGMA trusted_schema=OFF")
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MAX_VALUE)
        _check(connection, tables)
    except (sqlite3.Error, Mismatch) as error:
        connection.close()
        problem = error.came if isinstance(error, Mismatch) else f"it is no database that can be used ({error})"
        raise FileError(path, problem, remedy) from None
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection, tables: Mapping[str, Sequence[str]]) -> None:
    (state,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if state != "ok":
        raise Mismatch(f"it is damaged ({state})")
    for kind, name in connection.execute("SELECT type, name FROM sqlite_master"):
        if kind not in ("table", "index"):
            raise Mismatch(f"it has a {kind} {name}, expected tables alone")
    for table, columns in tables.items():
        present = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        if missing := [column for column in columns if present and column not in present]:
            raise Mismatch(f"its table {table} has no column {missing[0]}")


def checked_rows(
    rows: Iterable[Sequence[Any]], schema: Any, path: str | os.PathLike, remedy: str = MOVE_AWAY
) -> list[Any]:
    """Returns rows of a query, each as `schema`, such as `tuple[int, str, float | None]`, says. Raises FileError."""
    checked = []
    try:
        for row in rows:
            checked.append(check(list(row), schema))
    except Mismatch as error:
        raise FileError(path, f"row {len(checked) + 1}{error}", remedy) from None
    except sqlite3.Error as error:
        raise FileError(path, f"it is damaged ({error})", remedy) from None
    return checked
