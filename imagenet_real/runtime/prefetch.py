"""Batches are read and laid on the devices before their turn, while a step computes."""

import queue
import threading
from collections.abc import Callable, Generator
from typing import TypeVar

T = TypeVar("T")


def prefetch(make: Callable[[], T], count: int = 2) -> Generator[T, None, None]:
    """What `make` gives, call after call until it raises StopIteration, made by a thread before it is asked for.

    `make` takes the next batch and lays it on the devices. What belongs to a batch, such as the position in the data after
    it, it gives together with it, for meanwhile the data is ahead of the steps. An exception comes in its turn. Closing the
    generator ends the thread, once `make` has returned.

    Args:
      make: is called by one thread alone.
      count: how many may wait, each in the devices' memory.
    """
    waiting: queue.SimpleQueue[list[T] | BaseException] = queue.SimpleQueue()
    room, closed = threading.Semaphore(count), threading.Event()

    def run() -> None:
        try:
            while room.acquire() and not closed.is_set():
                waiting.put([make()])
        except BaseException as error:
            waiting.put(error)

    thread = threading.Thread(target=run, name="prefetch", daemon=True)
    thread.start()
    try:
        while isinstance(one := waiting.get(), list):
            room.release()
            yield one.pop()  # which is the caller's alone, as is the devices' memory that it takes
        if not isinstance(one, StopIteration):
            raise one
    finally:
        closed.set()
        room.release()
        thread.join()
