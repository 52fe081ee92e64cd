"""Batches by worker processes, in order. Their arrays lie in shared memory, so that no process sends pixels.

Threads also decode at the same time, but only one of them runs Python code; processes have no such limit.
"""

import ctypes
import itertools
import math
import multiprocessing
import pickle
import signal
import traceback
import weakref
from collections import deque
from collections.abc import Sequence
from multiprocessing import connection, util
from typing import Any, NamedTuple, Protocol

import numpy as np

from imagenet_real.errors import InputError
from imagenet_real.runtime.child_processes import follow_parent

MAX_FINISHED = 4  # batches that may wait for their turn, besides the one that each worker makes
MAX_HELD = 4  # batches whose memory the caller may hold; further batches are copied
ALIGNMENT = 64  # bytes, of the start of an array


class Batches(Protocol):
    """Random access to batches. Pickle sends it to the workers."""

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays of one batch, at most, each rounded up to a multiple of ALIGNMENT."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Returns arrays, which go to shared memory, and other values, which pickle sends."""
        ...


def slots_of(workers: int) -> int:
    """Returns the number of batches that have a place in shared memory."""
    return workers + min(workers, MAX_FINISHED) + MAX_HELD


class WorkerBatches:
    """An iterator over all batches in order, each made by one of `workers` spawned processes.

    A script must start it below `if __name__ == "__main__":`. Raises the exception of a batch in its turn, an
    InputError unchanged, and InputError if a worker is killed. `close` ends the workers, and so does the end of this
    process, in whatever way. The arrays of a batch stay unchanged as long as anything refers to them.
    """

    def __init__(self, batches: Batches, workers: int):
        spawn = multiprocessing.get_context("spawn")
        self._length, self._next, self._started = len(batches), 0, 0
        self._in_flight = slots_of(workers) - MAX_HELD
        # Unlike `shared_memory`, a RawArray has no name that could outlive a killed process, and needs no /dev/shm.
        self._slots = [spawn.RawArray(ctypes.c_uint8, batches.nbytes) for _ in range(slots_of(workers))]
        self._free = deque(range(len(self._slots)))
        self._finished: dict[int, tuple[int, Any]] = {}
        self._workers: list[_Worker] = []
        self._end = util.Finalize(self, _end, args=(self._workers,), exitpriority=10)
        # The workers read this memory as long as they run. Without a reference, the next allocation would reuse it.
        self._shared = _share(spawn, batches)
        for _ in range(workers):
            self._workers.append(_Worker(spawn, self._shared, self._slots))

    def __iter__(self) -> "WorkerBatches":
        return self

    def __next__(self) -> dict[str, Any]:
        if self._next == self._length:
            self.close()
            raise StopIteration
        try:
            self._start_batches()
            self._receive(wait=False)
            while self._next not in self._finished:
                self._receive(wait=True)
            slot, outcome = self._finished.pop(self._next)
            if isinstance(outcome, Exception):
                raise outcome
        except BaseException:
            self.close()
            raise
        self._next += 1
        return self._take(slot, outcome)

    def _start_batches(self) -> None:
        """Assigns the next batches to workers, as far as memory is free."""
        while self._free and self._started < min(self._length, self._next + self._in_flight):
            worker = min(self._workers, key=lambda worker: worker.tasks)
            slot = self._free.popleft()
            try:
                worker.channel.send((self._started, slot))
            except OSError:
                raise worker.error() from None
            worker.tasks += 1
            self._started += 1

    def _receive(self, *, wait: bool) -> None:
        """Receives finished batches."""
        ready = connection.wait([worker.channel for worker in self._workers], timeout=None if wait else 0)
        for worker in self._workers:
            if worker.channel not in ready:
                continue
            try:
                index, slot, outcome = worker.channel.recv()
            except (EOFError, OSError):
                raise worker.error() from None
            worker.tasks -= 1
            self._finished[index] = slot, outcome

    def _take(self, slot: int, layout: dict[str, Any]) -> dict[str, Any]:
        """Returns a batch to the caller. Its memory becomes free when nothing refers to its arrays any more."""
        memory = np.frombuffer(self._slots[slot], np.uint8)
        held = len(self._slots) - len(self._free) - (self._started - self._next)
        if held > MAX_HELD:
            memory = memory.copy()
            self._free.append(slot)
        else:
            weakref.finalize(memory, self._free.append, slot).atexit = False
        return {name: _view(memory, *value) if isinstance(value, _Layout) else value for name, value in layout.items()}

    def close(self) -> None:
        """Ends the workers at once."""
        self._next = self._length
        self._end()


class _Worker:
    """A process that makes batches."""

    def __init__(self, spawn: Any, shared: tuple[Any, list[int]], slots: Sequence[Any]):
        self.channel, worker_channel = spawn.Pipe()
        self.tasks = 0  # assigned and not finished
        self.process = spawn.Process(target=_work, args=(worker_channel, shared, slots), daemon=True)
        self.process.start()
        worker_channel.close()  # the channel then ends with the process

    def error(self) -> InputError:
        """Returns the error of a process that ended by itself."""
        self.process.join()
        code = self.process.exitcode
        reason = f"signal {-code}, maybe for lack of memory" if code < 0 else f"exit code {code}"
        return InputError(
            f"a worker process that reads images ended with {reason}. Give fewer --workers; the same command continues."
        )


def _end(workers: Sequence[_Worker]) -> None:
    for worker in workers:
        worker.process.kill()  # it has nothing to save
    for worker in workers:
        worker.process.join()
        worker.channel.close()


def _work(channel: connection.Connection, shared: tuple[Any, list[int]], slots: Sequence[Any]) -> None:
    follow_parent()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # schedulers send it to every process; the parent ends the workers
    batches = _load(shared)
    while True:
        try:
            index, slot = channel.recv()
            channel.send((index, slot, _make(batches, index, np.frombuffer(slots[slot], np.uint8))))
        except (EOFError, OSError):  # the parent has ended
            return


def _make(batches: Batches, index: int, memory: np.ndarray) -> dict[str, Any] | Exception:
    """Puts the arrays of a batch into `memory`. Returns their layouts and the other values, or the exception."""
    try:
        batch, start = batches[index], 0
        for name, values in batch.items():
            if isinstance(values, np.ndarray):
                batch[name] = _Layout(values.dtype.str, values.shape, start)
                _view(memory, *batch[name])[...] = values
                start += values.nbytes + -values.nbytes % ALIGNMENT
        return batch
    except InputError as error:
        return InputError(str(error))
    except Exception:
        return RuntimeError(f"a worker process that reads images failed:\n{traceback.format_exc()}")


class _Layout(NamedTuple):
    """The layout of an array in the memory of a batch."""

    dtype: str
    shape: tuple[int, ...]
    start: int


def _view(memory: np.ndarray, dtype: str, shape: tuple[int, ...], start: int) -> np.ndarray:
    size = math.prod(shape) * np.dtype(dtype).itemsize
    return memory[start : start + size].view(dtype).reshape(shape)


def _share(spawn: Any, batches: Batches) -> tuple[Any, list[int]]:
    """Pickles the batches once, for all workers, into shared memory."""
    buffers: list[pickle.PickleBuffer] = []
    parts = [pickle.dumps(batches, protocol=5, buffer_callback=buffers.append)]
    parts += [buffer.raw() for buffer in buffers]
    sizes = [len(part) for part in parts]
    shared = spawn.RawArray(ctypes.c_uint8, sum(size + -size % ALIGNMENT for size in sizes))
    for target, part in zip(_slices(memoryview(shared).cast("B"), sizes), parts, strict=True):
        target[:] = part
    return shared, sizes


def _load(shared: tuple[Any, list[int]]) -> Batches:
    memory, sizes = shared
    pickled, *buffers = _slices(memoryview(memory).cast("B").toreadonly(), sizes)
    return pickle.loads(pickled, buffers=buffers)


def _slices(memory: memoryview, sizes: Sequence[int]) -> list[memoryview]:
    starts = itertools.accumulate((size + -size % ALIGNMENT for size in sizes), initial=0)
    return [memory[start : start + size] for start, size in zip(starts, sizes, strict=False)]
