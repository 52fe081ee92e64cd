"""Prefetching: reads the next batches and puts them on the devices while a step computes."""

import queue
import threading
from collections.abc import Callable, Generator
from typing import TypeVar

T = TypeVar("T")


def prefetch(make: Callable[[], T], count: int = 2) -> Generator[T, None, None]:
    """Yields the results of `make`, call after call until StopIteration. A thread makes them in advance.

    `make` takes the next batch and puts it on the devices. It must return with a batch what belongs to it, such as the
    position in the data after it: the data is further on by then. An exception is raised in its turn. To close the
    generator ends the thread, as soon as `make` returns.

    Args:
      make: only the thread calls it.
      count: of results that may wait, each of them in the memory of the devices.
    """
    results: queue.SimpleQueue[list[T] | BaseException] = queue.SimpleQueue()
    free, closed = threading.Semaphore(count), threading.Event()

    def run() -> None:
        try:
            while free.acquire() and not closed.is_set():
                results.put([make()])
        except BaseException as error:
            results.put(error)

    thread = threading.Thread(target=run, name="prefetch", daemon=True)
    thread.start()
    try:
        while isinstance(result := results.get(), list):
            free.release()
            yield result.pop()  # keeps no reference: the caller can free the memory of the devices
        if not isinstance(result, StopIteration):
            raise result
    finally:
        closed.set()
        free.release()
        thread.join()
