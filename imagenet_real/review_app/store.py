"""People's answers in SQLite and in a journal: each acknowledged answer is on the disk in both, and there once."""

import contextlib
import json
import math
import os
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from imagenet_real.errors import InputError
from imagenet_real.io import readers, storage
from imagenet_real.review_app.journal import Entry, Journal

SCHEMA = """
CREATE TABLE IF NOT EXISTS verdict (
  key TEXT PRIMARY KEY,       -- the page makes a key for each answer, so an answer that arrives twice is stored once
  image_id TEXT NOT NULL,
  reviewer TEXT NOT NULL,
  panel INTEGER NOT NULL,     -- 1: a panel's decision
  content TEXT NOT NULL,      -- JSON, see verdicts.Verdict
  at REAL NOT NULL,           -- seconds since 1970; later answers have larger numbers, also if the clock is set back
  undone INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS verdict_image ON verdict (image_id);
CREATE INDEX IF NOT EXISTS verdict_reviewer ON verdict (reviewer, panel);
CREATE TABLE IF NOT EXISTS vote (
  task INTEGER NOT NULL, class INTEGER NOT NULL, rater TEXT NOT NULL,
  answer TEXT NOT NULL, seconds REAL, at REAL NOT NULL,
  PRIMARY KEY (task, class, rater)
);
CREATE TABLE IF NOT EXISTS made_from (what TEXT PRIMARY KEY, sha256 TEXT NOT NULL);
"""
COLUMNS = {  # of each table, its key first
    "verdict": ("key", "image_id", "reviewer", "panel", "content", "at", "undone"),
    "vote": ("task", "class", "rater", "answer", "seconds", "at"),
    "made_from": ("what", "sha256"),
}
KEY_SIZE = {"verdict": 1, "vote": 3, "made_from": 1}
SECONDS_LOCKED = 2.0  # how long an answer waits for another program that locks the database
REMEDY = "Give another --workdir."


class Conflict(InputError):
    """An answer under a key that is taken by another answer."""


class Row(NamedTuple):
    """A verdict in the database."""

    key: str
    image_id: str
    reviewer: str
    panel: bool
    content: dict[str, Any]


class Store:
    """The answers in the folder of `path`: a database, and `answers.log` beside it, which restores the database.

    Threads share a connection and take turns. Raises InputError if the database cannot be read or restored. Methods that
    write raise sqlite3.Error or OSError if the disk refuses an answer. It is then not acknowledged and may come again.

    Args:
      path: of the database.
      read_only: do not restore anything, because a server that runs writes to both files.
    """

    def __init__(self, path: str | os.PathLike, *, read_only: bool = False):
        self.path = storage.to_path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._journal = Journal(self.path.with_suffix(".log"))
        self._lock = threading.Lock()
        self._read_only = read_only
        self._journaled: set[str] = set()
        self._last_time = 0.0
        self._open()

    def _open(self) -> None:
        entries = self._journal.entries()
        try:
            self._connection = _connect(self.path)
            tables = {table: _read_table(self._connection, table, self.path) for table in COLUMNS}
        except InputError:
            if not entries or self._read_only:
                raise
            self._connection = _connect(_moved_away(self.path))
            tables = {table: [] for table in COLUMNS}
            print(f"{self.path} is damaged; {self._journal.path} restores its answers", file=sys.stderr)
        if not self._read_only:
            with self._disk_errors():
                self._reconcile(entries, tables)
        rows = [*_replay(entries, self._journal.path)["verdict"].values(), *tables["verdict"]]
        self._last_time = max([*(row[5] for row in rows), *(row[5] for row in tables["vote"])], default=0.0)

    def _reconcile(self, entries: Sequence[Entry], tables: Mapping[str, Sequence[tuple]]) -> None:
        """Adds to the database what only the journal has, and to the journal what only the database has."""
        journaled = _replay(entries, self._journal.path)
        missing, changes = [], 0
        with self._transaction() as database:
            for table, size in KEY_SIZE.items():
                stored = {row[:size]: row for row in tables[table]}
                rows = {key: _later(table, row, stored.get(key)) for key, row in journaled[table].items()}
                missing += [
                    _entry(table, row) for key, row in (stored | rows).items() if journaled[table].get(key) != row
                ]
                changed = [row for key, row in rows.items() if stored.get(key) != row]
                marks = ", ".join("?" * len(COLUMNS[table]))
                database.executemany(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", changed)
                changes += len(changed)
        if changes:
            self._connection.execute("REINDEX")  # what damaged the rows may have damaged the indices
        if missing:
            self._journal.append(missing)
        self._journaled = {key for (key,) in journaled["verdict"]} | {row[0] for row in tables["verdict"]}

    def reopen(self) -> None:
        """Closes the database, and restores what it may have lost since it was opened."""
        self.close()
        self._open()

    def close(self) -> None:
        """Closes the database."""
        with contextlib.suppress(sqlite3.Error):  # of a damaged one; every answer is committed
            self._connection.close()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):  # SQLite has already rolled back after some errors
                    self._connection.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def _disk_errors(self) -> Iterator[None]:
        """Turns errors of the disk at the start, where nobody has sent an answer yet, into an InputError."""
        try:
            yield
        except sqlite3.Error as error:
            problem = f"it could not be written ({error})"
            remedy = "Check the disk and run the same command again: no answer is lost."
            raise readers.FileError(self.path, problem, remedy) from None

    def _now(self) -> float:
        """Returns the time, later than that of every answer so far."""
        self._last_time = max(time.time(), math.nextafter(self._last_time, math.inf))
        return self._last_time

    def changes(self) -> int:
        """Returns the number of changes of this connection since it was opened."""
        return self._connection.total_changes

    def belongs_to(self, what: str, sha256: str) -> None:
        """Binds the answers to the file that they are about. Raises InputError if they are about another file."""
        with self._lock:
            known = self._connection.execute("SELECT sha256 FROM made_from WHERE what = ?", (what,)).fetchone()
        if known is None and not self._read_only:
            with self._disk_errors():
                self._journal.append([_entry("made_from", (what, sha256))])
                with self._transaction() as database:
                    database.execute("INSERT INTO made_from VALUES (?, ?)", (what, sha256))
        elif known != (sha256,):
            raise InputError(
                f"the answers in this workdir are about another {what}. Give that file, or another --workdir."
            )

    def add_verdict(self, key: str, image_id: str, reviewer: str, panel: bool, content: dict[str, Any]) -> bool:
        """Adds a verdict, and returns whether it is new: the same verdict under the same key changes nothing.

        Raises Conflict if another verdict has the key, or if this one was undone.
        """
        row = (key, image_id, reviewer, int(panel), json.dumps(content))
        with self._transaction() as database:
            known = database.execute(
                "SELECT key, image_id, reviewer, panel, content, undone FROM verdict WHERE key = ?", (key,)
            ).fetchone()
            if known == (*row, 0):
                return False
            if known is not None:
                raise Conflict(
                    "another verdict has the key of this one, so it is not stored. Load the page and judge again."
                )
            entry = (*row, self._now(), 0)
            if key not in self._journaled:  # it is, if the database refused it before
                self._journal.append([_entry("verdict", entry)])
                self._journaled.add(key)
            database.execute("INSERT INTO verdict VALUES (?, ?, ?, ?, ?, ?, ?)", entry)
        return True

    def undo(self, reviewer: str, panel: bool) -> Row | None:
        """Marks the reviewer's last verdict as undone, and returns it; None if there is no verdict."""
        with self._transaction() as database:
            row = database.execute(
                "SELECT key, image_id, reviewer, panel, content, at FROM verdict "
                "WHERE reviewer = ? AND panel = ? AND NOT undone ORDER BY at DESC, rowid DESC LIMIT 1",
                (reviewer, int(panel)),
            ).fetchone()
            if row is None:
                return None
            self._journal.append([_entry("verdict", (*row, 1))])
            database.execute("UPDATE verdict SET undone = 1 WHERE key = ?", (row[0],))
        return _row(row)

    def verdicts(self, image_id: str | None = None) -> list[Row]:
        """Returns the verdicts, or those on one image, by time. A reviewer's last verdict on an image is valid."""
        condition, values = ("NOT undone", ()) if image_id is None else ("NOT undone AND image_id = ?", (image_id,))
        with self._lock:
            rows = self._connection.execute(
                f"SELECT key, image_id, reviewer, panel, content FROM verdict WHERE {condition} ORDER BY at, rowid",
                values,
            ).fetchall()
        return [_row(row) for row in rows]

    def put_votes(self, task: int, rater: str, answers: dict[int, str], seconds: Sequence[float | None]) -> None:
        """Stores the answers of a rater to a task, all or none. They replace earlier ones."""
        with self._transaction() as database:
            now = self._now()
            rows = [
                (task, label, rater, answer, duration, now)
                for (label, answer), duration in zip(answers.items(), seconds, strict=True)
            ]
            self._journal.append([_entry("vote", row) for row in rows])
            database.executemany("INSERT OR REPLACE INTO vote VALUES (?, ?, ?, ?, ?, ?)", rows)

    def votes(self) -> list[tuple[int, int, str, str, float | None]]:
        """Returns task, class, rater, answer and seconds of every vote, in the order of time."""
        with self._lock:
            return self._connection.execute(
                "SELECT task, class, rater, answer, seconds FROM vote ORDER BY at, task, class"
            ).fetchall()


def _connect(path: os.PathLike) -> sqlite3.Connection:
    connection = readers.open_database(path, COLUMNS, REMEDY, check_same_thread=False, isolation_level=None)
    try:
        connection.execute(f"PRAGMA busy_timeout={SECONDS_LOCKED * 1000:.0f}")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")  # an acknowledged answer survives a power cut too
        connection.executescript(SCHEMA)
    except sqlite3.Error as error:
        connection.close()
        raise readers.FileError(path, f"it is no database of answers ({error})", REMEDY) from None
    return connection


ROWS = {
    "verdict": tuple[str, str, str, int, str, float, int],
    "vote": tuple[int, int, str, str, float | None, float],
    "made_from": tuple[str, str],
}


def _read_table(connection: sqlite3.Connection, table: str, path: os.PathLike) -> list[tuple]:
    rows = connection.execute(f"SELECT {', '.join(COLUMNS[table])} FROM {table}")
    return [tuple(row) for row in readers.checked_rows(rows, ROWS[table], path, REMEDY)]


def _moved_away(path: os.PathLike) -> os.PathLike:
    """Renames a damaged database and the files that belong to it, and returns its free path."""
    for number in range(1, 1000):
        name = f"{path}.damaged{number}"
        if not os.path.exists(name):
            break
    for ending in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.rename(f"{path}{ending}", f"{name}{ending}")
    return path


def _entry(table: str, row: Sequence[Any]) -> Entry:
    return {"table": table, "row": list(row)}


def _replay(entries: Sequence[Entry], path: os.PathLike) -> dict[str, dict[tuple, tuple]]:
    """Returns the rows of each table by key: a later entry replaces an earlier one. Raises InputError."""
    tables: dict[str, dict[tuple, tuple]] = {table: {} for table in COLUMNS}
    for number, entry in enumerate(entries, start=1):
        table = entry.get("table")
        try:
            row = tuple(readers.check(entry.get("row"), ROWS[table]))
        except (KeyError, TypeError, readers.Mismatch):
            raise readers.FileError(path, f"entry {number} is no answer", REMEDY) from None
        tables[table][row[: KEY_SIZE[table]]] = row
    return tables


def _later(table: str, journaled: tuple, stored: tuple | None) -> tuple:
    """Returns the later state of a row. The journal is ahead of the database, unless it has lost its end."""
    if stored is None or table == "made_from":
        return journaled
    if table == "vote":
        return stored if stored[5] > journaled[5] else journaled
    return (*journaled[:6], max(journaled[6], stored[6]))


def _row(row: tuple) -> Row:
    return Row(row[0], row[1], row[2], bool(row[3]), json.loads(row[4]))
