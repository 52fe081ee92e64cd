"""People's answers in SQLite: each acknowledged answer is on the disk, and there once."""

import contextlib
import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from imagenet_real.errors import InputError

SCHEMA = """
CREATE TABLE IF NOT EXISTS verdict (
  key TEXT PRIMARY KEY,       -- the page makes a key for each answer, so an answer that arrives twice is stored once
  image_id TEXT NOT NULL,
  reviewer TEXT NOT NULL,
  panel INTEGER NOT NULL,     -- 1: a panel's decision
  content TEXT NOT NULL,      -- JSON, see verdicts.Verdict
  at REAL NOT NULL,           -- seconds since 1970
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


class Row(NamedTuple):
    """A verdict in the database."""

    key: str
    image_id: str
    reviewer: str
    panel: bool
    content: dict[str, Any]


class Store:
    """A database in one file. Threads share a connection and take turns; a second process may read."""

    def __init__(self, path: str | os.PathLike):
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
        try:
            self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=30)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")  # an acknowledged answer survives a power cut too
            self._connection.executescript(SCHEMA)
        except sqlite3.DatabaseError as error:
            raise InputError(
                f"{os.fspath(path)} is no database of answers ({error}). Give another --workdir."
            ) from None
        self._lock = threading.Lock()

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def changes(self) -> int:
        """Returns the number of changes of this connection since it was opened."""
        return self._connection.total_changes

    def belongs_to(self, what: str, sha256: str) -> None:
        """Binds the answers to the file that they are about. Raises InputError if they are about another file."""
        with self._transaction() as database:
            database.execute("INSERT OR IGNORE INTO made_from VALUES (?, ?)", (what, sha256))
            (known,) = database.execute("SELECT sha256 FROM made_from WHERE what = ?", (what,)).fetchone()
        if known != sha256:
            raise InputError(
                f"the answers in this workdir are about another {what}. Give that file, or another --workdir."
            )

    def add_verdict(self, key: str, image_id: str, reviewer: str, panel: bool, content: dict[str, Any]) -> bool:
        """Adds a verdict, and returns whether it is new: a known key changes nothing."""
        with self._transaction() as database:
            cursor = database.execute(
                "INSERT OR IGNORE INTO verdict (key, image_id, reviewer, panel, content, at) VALUES (?, ?, ?, ?, ?, ?)",
                (key, image_id, reviewer, int(panel), json.dumps(content), time.time()),
            )
            return cursor.rowcount == 1

    def undo(self, reviewer: str, panel: bool) -> Row | None:
        """Marks the reviewer's last verdict as undone, and returns it; None if there is no verdict."""
        with self._transaction() as database:
            row = database.execute(
                "SELECT key, image_id, reviewer, panel, content FROM verdict "
                "WHERE reviewer = ? AND panel = ? AND NOT undone ORDER BY rowid DESC LIMIT 1",
                (reviewer, int(panel)),
            ).fetchone()
            if row is None:
                return None
            database.execute("UPDATE verdict SET undone = 1 WHERE key = ?", (row[0],))
        return _row(row)

    def verdicts(self, image_id: str | None = None) -> list[Row]:
        """Returns the verdicts, or those on one image, by time. A reviewer's last verdict on an image is valid."""
        condition, values = ("NOT undone", ()) if image_id is None else ("NOT undone AND image_id = ?", (image_id,))
        with self._lock:
            rows = self._connection.execute(
                f"SELECT key, image_id, reviewer, panel, content FROM verdict WHERE {condition} ORDER BY rowid",
                values,
            ).fetchall()
        return [_row(row) for row in rows]

    def put_votes(self, task: int, rater: str, answers: dict[int, str], seconds: Sequence[float | None]) -> None:
        """Stores the answers of a rater to a task, all or none. They replace earlier ones."""
        now = time.time()
        with self._transaction() as database:
            database.executemany(
                "INSERT OR REPLACE INTO vote VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (task, label, rater, answer, duration, now)
                    for (label, answer), duration in zip(answers.items(), seconds, strict=True)
                ],
            )

    def votes(self) -> list[tuple[int, int, str, str, float | None]]:
        """Returns task, class, rater, answer and seconds of every vote, in the order of time."""
        with self._lock:
            return self._connection.execute(
                "SELECT task, class, rater, answer, seconds FROM vote ORDER BY at, task, class"
            ).fetchall()


def _row(row: tuple) -> Row:
    return Row(row[0], row[1], row[2], bool(row[3]), json.loads(row[4]))
