"""Batches made by worker processes, in order. Their arrays lie in memory that the processes share; none is sent.

Threads of one process decode at the same time too, but take turns in all that Python does; processes do not.
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

AHEAD = 4  # finished batches that may wait for their turn, beside one in work in each worker
HELD = 4  # batches whose memory the caller may keep in use; more are copied
ALIGNED = 64  # bytes; where an array may begin


class Batches(Protocol):
    """Random access to batches; it travels to the workers."""

    nbytes: int  # of the arrays of one batch, at most, each rounded up to a multiple of ALIGNED

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Arrays, which are put into shared memory, and other things, which are sent."""
        ...


class WorkerBatches:
    """An iterator over all batches in order, each made by one of `workers` spawned processes.

    A script that starts it does so below `if __name__ == "__main__":`. An exception that a batch meets is raised in its
    turn, an InputError as it was; InputError where a worker is killed. `close` ends the workers; so does the end of the
    process, however it ends. Arrays stay as they are for as long as anything refers to them.
    """

    def __init__(self, batches: Batches, workers: int):
        spawn = multiprocessing.get_context("spawn")
        self._length, self._turn, self._begun = len(batches), 0, 0
        self._in_flight = workers + min(workers, AHEAD)
        # Unlike `shared_memory`, this has no name that could outlive a killed process, and does without /dev/shm.
        self._slots = [spawn.RawArray(ctypes.c_uint8, batches.nbytes) for _ in range(self._in_flight + HELD)]
        self._free = deque(range(len(self._slots)))
        self._made: dict[int, tuple[int, Any]] = {}
        self._workers: list[_Worker] = []
        self._end = util.Finalize(self, _end, args=(self._workers,), exitpriority=10)
        # The workers read it as long as they run; without a reference its memory would go to the next allocation.
        self._shared = _shared(spawn, batches)
        for _ in range(workers):
            self._workers.append(_Worker(spawn, self._shared, self._slots))

    def __iter__(self) -> "WorkerBatches":
        return self

    def __next__(self) -> dict[str, Any]:
        if self._turn == self._length:
            self.close()
            raise StopIteration
        try:
            self._begin()
            self._receive(wait=False)
            while self._turn not in self._made:
                self._receive(wait=True)
            slot, outcome = self._made.pop(self._turn)
            if isinstance(outcome, Exception):
                raise outcome
        except BaseException:
            self.close()
            raise
        self._turn += 1
        return self._taken(slot, outcome)

    def _begin(self) -> None:
        """Gives the workers the next batches to make, as far as there is memory for them."""
        while self._free and self._begun < min(self._length, self._turn + self._in_flight):
            worker = min(self._workers, key=lambda one: one.tasks)
            slot = self._free.popleft()
            try:
                worker.channel.send((self._begun, slot))
            except OSError:
                raise worker.ended() from None
            worker.tasks += 1
            self._begun += 1

    def _receive(self, *, wait: bool) -> None:
        """Takes note of batches that are made."""
        by_channel = {worker.channel: worker for worker in self._workers}
        for channel in connection.wait(list(by_channel), timeout=None if wait else 0):
            try:
                index, slot, outcome = channel.recv()
            except (EOFError, OSError):
                raise by_channel[channel].ended() from None
            by_channel[channel].tasks -= 1
            self._made[index] = slot, outcome

    def _taken(self, slot: int, layout: dict[str, Any]) -> dict[str, Any]:
        """A batch for the caller. Its memory is free for another one when nothing refers to its arrays any more."""
        memory = np.frombuffer(self._slots[slot], np.uint8)
        held = len(self._slots) - len(self._free) - (self._begun - self._turn)
        if held > HELD:
            memory = memory.copy()
            self._free.append(slot)
        else:
            weakref.finalize(memory, self._free.append, slot).atexit = False
        return {name: _view(memory, *place) if isinstance(place, _Place) else place for name, place in layout.items()}

    def close(self) -> None:
        """Ends the workers, whatever they are at."""
        self._turn = self._length
        self._end()


class _Worker:
    """A process that makes batches, and what it was given to do."""

    def __init__(self, spawn: Any, shared: tuple[Any, list[int]], slots: Sequence[Any]):
        self.channel, its_end = spawn.Pipe()
        self.tasks = 0  # that it was given and has not done
        self.process = spawn.Process(target=_work, args=(its_end, shared, slots), daemon=True)
        self.process.start()
        its_end.close()  # so that the channel ends with the process

    def ended(self) -> InputError:
        """What to say where it ended by itself."""
        self.process.join()
        code = self.process.exitcode
        why = f"killed by signal {-code}, perhaps for want of memory" if code < 0 else f"ended with exit code {code}"
        return InputError(
            f"a process that reads images was {why}: give fewer --config.workers; the same command continues."
        )


def _end(workers: Sequence[_Worker]) -> None:
    for worker in workers:
        worker.process.kill()  # it has nothing to lose
    for worker in workers:
        worker.process.join()
        worker.channel.close()


def _work(channel: connection.Connection, shared: tuple[Any, list[int]], slots: Sequence[Any]) -> None:
    follow_parent()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # schedulers send it to all processes; the parent ends in good order
    batches = _loaded(shared)
    while True:
        try:
            index, slot = channel.recv()
            channel.send((index, slot, _made(batches, index, np.frombuffer(slots[slot], np.uint8))))
        except (EOFError, OSError):  # the parent is gone
            return


def _made(batches: Batches, index: int, memory: np.ndarray) -> dict[str, Any] | Exception:
    """Where the arrays of a batch are in `memory`, and what else it has; or what kept it from being made."""
    try:
        batch, begin = batches[index], 0
        for name, values in batch.items():
            if isinstance(values, np.ndarray):
                batch[name] = _Place(values.dtype.str, values.shape, begin)
                _view(memory, *batch[name])[...] = values
                begin += values.nbytes + -values.nbytes % ALIGNED
        return batch
    except InputError as error:
        return InputError(str(error))
    except Exception:
        return RuntimeError(f"a process that reads images failed:\n{traceback.format_exc()}")


class _Place(NamedTuple):
    """Of an array in a batch's memory."""

    dtype: str
    shape: tuple[int, ...]
    begin: int


def _view(memory: np.ndarray, dtype: str, shape: tuple[int, ...], begin: int) -> np.ndarray:
    size = math.prod(shape) * np.dtype(dtype).itemsize
    return memory[begin : begin + size].view(dtype).reshape(shape)


def _shared(spawn: Any, batches: Batches) -> tuple[Any, list[int]]:
    """What makes the batches, in memory that all workers share, and its arrays with it: pickled once, not for each."""
    buffers: list[pickle.PickleBuffer] = []
    parts = [pickle.dumps(batches, protocol=5, buffer_callback=buffers.append)]
    parts += [buffer.raw() for buffer in buffers]
    sizes = [len(part) for part in parts]
    shared = spawn.RawArray(ctypes.c_uint8, sum(size + -size % ALIGNED for size in sizes))
    for place, part in zip(_slices(memoryview(shared).cast("B"), sizes), parts, strict=True):
        place[:] = part
    return shared, sizes


def _loaded(shared: tuple[Any, list[int]]) -> Batches:
    whole, sizes = shared
    pickled, *buffers = _slices(memoryview(whole).cast("B").toreadonly(), sizes)
    return pickle.loads(pickled, buffers=buffers)


def _slices(memory: memoryview, sizes: Sequence[int]) -> list[memoryview]:
    begins = itertools.accumulate((size + -size % ALIGNED for size in sizes), initial=0)
    return [memory[begin : begin + size] for begin, size in zip(begins, sizes, strict=False)]
