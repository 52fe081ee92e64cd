"""Writes the files that answers become while the answers come."""

import contextlib
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator

SECONDS_BETWEEN = 2.0
MAX_SHARE = 0.1  # of the time that the writing may take


@contextlib.contextmanager
def kept_written(changes: Callable[[], int], write: Callable[[], object]) -> Iterator[None]:
    """Calls `write` in a thread whenever the number of `changes` has grown, a few seconds later at most."""
    end = threading.Event()
    thread = threading.Thread(target=_follow, args=(changes, write, end), daemon=True)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


def _follow(changes: Callable[[], int], write: Callable[[], object], end: threading.Event) -> None:
    written, pause = changes(), SECONDS_BETWEEN
    while not end.wait(pause):
        count = changes()
        if count == written:
            continue
        start = time.monotonic()
        try:
            write()
            written = count
        except (
            OSError,
            sqlite3.Error,
        ) as error:  # every answer is in the database: the next try, or the end of the server, writes it
            print(
                f"the results could not be written ({getattr(error, 'strerror', None) or error}); trying again",
                file=sys.stderr,
            )
        pause = max(SECONDS_BETWEEN, (time.monotonic() - start) / MAX_SHARE)
