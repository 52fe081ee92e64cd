"""The loop: steps, metrics, evaluations and checkpoints, until the last step or a signal."""

import contextlib
import json
import signal
import time
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import jax
import numpy as np
from etils import epath
from jax.experimental import multihost_utils
from jax.sharding import Mesh

from imagenet_real.errors import InputError
from imagenet_real.io import storage
from imagenet_real.runtime import prefetch
from imagenet_real.runtime.progress import Progress
from imagenet_real.training.checkpoint import Checkpoints
from imagenet_real.training.state import TrainState
from imagenet_real.training.step import Step, shard_batch

IN_FLIGHT = 2  # steps that wait for the one that is computed
SECONDS_PER_UPLOAD = 30.0  # of metrics in a bucket


class Batches(Protocol):
    """An iterator over batches, this process's rows of them, whose position can be kept and set."""

    batch_size: int  # of all processes together

    def __next__(self) -> Mapping[str, np.ndarray]: ...

    def get_state(self) -> Any:
        """The position, as JSON."""
        ...

    def set_state(self, state: Any) -> None: ...


class Stopped(InputError):
    """The run was asked to end and did, with its last step saved."""

    exit_code = 128 + signal.SIGTERM
    in_all = True


class Metrics:
    """`metrics.jsonl` and TensorBoard's event files in a folder, of the run up to step `done`.

    What an earlier process wrote past that step, which it could not save, is taken back. On a disk every line is there
    at once; in a bucket, where nothing can be appended, all is written anew now and then, and by `keep`.
    """

    def __init__(self, folder: epath.Path, done: int):
        from tensorboardX import record_writer
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.proto.event_pb2 import SessionLog

        record_writer.register_writer_factory("gs", types.SimpleNamespace(open=storage.open_to_append))
        self._path = folder / "metrics.jsonl"
        lines = storage.read_text(self._path).splitlines() if self._path.exists() else []
        with storage.open_atomically(self._path) as file:
            file.writelines(f"{line}\n" for line in lines if _step_of(line) <= done)
        self._file = storage.open_to_append(self._path)
        if not storage.in_bucket(folder):
            (folder / "tensorboard").mkdir(exist_ok=True)
        # Not `SummaryWriter`: the thread it writes in dies on a full disk, and then it waits for that thread for ever.
        self._board = EventsWriter(str(folder / "tensorboard" / "events"))
        self._add_event(done + 1, session_log=SessionLog(status=SessionLog.START))  # hides what is there from that step
        self._step, self._kept = done, time.monotonic()
        self._seconds_between = SECONDS_PER_UPLOAD if storage.in_bucket(folder) else 0.0

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Adds the values of a step, under their names. Raises InputError where the disk refuses them."""
        from tensorboardX.proto.summary_pb2 import Summary

        self._step = step
        with self._refusals():
            self._file.write((json.dumps({"step": step, **values}) + "\n").encode())
            shown = [Summary.Value(tag=name, simple_value=value) for name, value in values.items()]
            self._add_event(step, summary=Summary(value=shown))
        if time.monotonic() - self._kept >= self._seconds_between:
            self.keep()

    def keep(self) -> None:
        """Returns when all values are where no kill can reach them. Raises InputError where the disk refuses them."""
        with self._refusals():
            self._file.flush()
            self._board.flush()
        self._kept = time.monotonic()

    @contextlib.contextmanager
    def _refusals(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise InputError(
                f"the metrics of step {self._step} could not be written to {self._path} or tensorboard beside it "
                f"({error.strerror}); see to the disk and run again: it goes on from the newest checkpoint"
            ) from error

    def _add_event(self, step: int, **content: Any) -> None:
        from tensorboardX.proto.event_pb2 import Event

        self._board.write_event(Event(wall_time=time.time(), step=step, **content))

    def close(self) -> None:
        """Closes the files."""
        for file in (self._file, self._board):
            with contextlib.suppress(OSError):  # every line was flushed: what is left the disk refused before
                file.close()


def _step_of(line: str) -> float:
    try:
        return json.loads(line)["step"]
    except ValueError:
        return float("inf")  # half a line, which a killed run left


def fit(
    state: TrainState,
    step: Step,
    batches: Batches,
    mesh: Mesh,
    *,
    position: Mapping[str, Any] | None = None,
    steps: int,
    checkpoints: Checkpoints,
    metrics: Metrics | None,
    checkpoint_every: int,
    log_every: int,
    evaluate: Callable[[TrainState], dict[str, float]] | None = None,
    evaluate_every: int = 0,
    title: str = "training",
) -> TrainState:
    """Trains until `steps` are done in all, and returns the last state, which is saved.

    A run that was killed and goes on from any checkpoint, with its `position`, ends in the same state and metrics as one
    that was not. The means of loss and gradient norm are logged every `log_every` steps; the values of `evaluate` every
    `evaluate_every` steps, if not 0, and at the end; the first of them chooses the best checkpoint. Of several processes
    the first one has `metrics`, the others None.

    Raises InputError where a loss is not finite, naming its step, and `Stopped` after SIGTERM; what was saved stays.
    """
    recent = _Recent(checkpoints.folder)
    if position:
        batches.set_state(position["batches"])
        recent.values = position["recent"]
    done = int(state.step)

    def next_batch() -> tuple[Mapping[str, jax.Array], Any]:
        batch = next(batches)
        return shard_batch(mesh, batch), batches.get_state()

    with (
        _asked_to_stop() as asked,
        Progress(steps, "steps", title, done=done, shown=metrics is not None) as progress,
        contextlib.closing(prefetch.prefetch(next_batch)) as ready,
    ):
        for number in range(done + 1, steps + 1):
            batch, batches_at = next(ready)
            state, values = step(state, batch)
            recent.add(number, values)
            last, stopping = number == steps, asked(number)
            if last or number % log_every == 0:
                means = recent.means()
                if metrics is not None:
                    metrics.write(number, means)
                progress.describe(title, f"loss {means['loss']:.3f}, {recent.speed(batches.batch_size):,.0f} images/s")
                progress.reach(number)
            due = evaluate is not None and (last or (evaluate_every > 0 and number % evaluate_every == 0))
            if last or due or stopping or number % checkpoint_every == 0:
                position = {"recent": recent.fetched(), "batches": batches_at}
                scores = evaluate(state) if due else {}
                if scores and metrics is not None:
                    metrics.write(number, scores)
                if metrics is not None:
                    metrics.keep()  # first: a run that goes on from the checkpoint has the metrics up to it
                checkpoints.save(state, position, score=next(iter(scores.values()), None))
            if stopping and not last:
                checkpoints.wait()
                raise Stopped(
                    f"stopped by SIGTERM after step {number}, which is saved: the same command goes on from it"
                )
        checkpoints.wait()
    return state


class _Recent:
    """The values of the steps since the last means, left on their devices until they are needed."""

    def __init__(self, checkpoints: epath.Path):
        self.values: list[dict[str, float]] = []
        self._pending: list[tuple[int, dict[str, jax.Array]]] = []
        self._checkpoints = checkpoints
        self._began, self._steps = time.perf_counter(), 0

    def add(self, number: int, values: dict[str, jax.Array]) -> None:
        """Takes the values of a step, and waits for an earlier one: steps that wait to begin hold their batches."""
        self._pending.append((number, values))
        self._steps += 1
        if len(self._pending) > IN_FLIGHT:
            jax.block_until_ready(self._pending[-1 - IN_FLIGHT][1])

    def fetched(self) -> list[dict[str, float]]:
        """The values of each step since the last means. Raises InputError where one is not finite."""
        numbers = [number for number, _ in self._pending]
        fetched = jax.device_get([values for _, values in self._pending])
        for number, values in zip(numbers, fetched, strict=True):
            if not np.isfinite(list(values.values())).all():
                shown = ", ".join(f"{name} {value}" for name, value in sorted(values.items(), reverse=True))
                raise InputError(
                    f"step {number} went wrong ({shown}); the checkpoints in {self._checkpoints} are from before it. "
                    "Give a lower learning_rate or a clip_norm, and another --workdir"
                )
        self.values += [{name: float(value) for name, value in values.items()} for values in fetched]
        self._pending = []
        return self.values

    def means(self) -> dict[str, float]:
        """The mean of each value over the steps since the last means."""
        values = self.fetched()
        self.values = []
        return {name: float(np.mean([one[name] for one in values])) for name in values[0]}

    def speed(self, batch_size: int) -> float:
        """Images a second since the last call."""
        seconds, images = time.perf_counter() - self._began, self._steps * batch_size
        self._began, self._steps = time.perf_counter(), 0
        return images / seconds


@contextlib.contextmanager
def _asked_to_stop() -> Iterator[Callable[[int], bool]]:
    """Whether to stop after a step, since SIGTERM came, as schedulers send it before they take a machine away.

    Of several processes each asks after every step, and all get the same answers, whichever was sent the signal.
    """
    if jax.process_count() > 1:  # JAX listens for the signal itself, and lets the processes agree on a step
        yield multihost_utils.reached_preemption_sync_point
        return
    came = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: came.append(number))
    try:
        yield lambda step: bool(came)
    finally:
        signal.signal(signal.SIGTERM, before)
