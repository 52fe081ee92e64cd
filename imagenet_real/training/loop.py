"""The training loop: steps, metrics, evaluations and checkpoints, until the last step or a signal."""

import contextlib
import signal
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol

import jax
import numpy as np
from etils import epath
from jax.sharding import Mesh

from imagenet_real.errors import InputError
from imagenet_real.runtime import distributed, prefetch, signals
from imagenet_real.runtime.progress import Progress
from imagenet_real.training.checkpoint import Checkpoints
from imagenet_real.training.metrics import Metrics
from imagenet_real.training.state import TrainState
from imagenet_real.training.step import Step, shard_batch

MAX_QUEUED = 2  # steps that wait for the one that runs: each of them holds its batch


class Batches(Protocol):
    """An iterator over batches, this process's rows of them. Its position can be saved and restored."""

    batch_size: int  # of all processes together

    def __next__(self) -> Mapping[str, np.ndarray]: ...

    def get_state(self) -> Any:
        """Returns the position, as JSON."""
        ...

    def set_state(self, state: Any) -> None: ...


class Stopped(InputError):
    """A signal stopped the run, and its last step is saved."""

    on_all_processes = True

    def __init__(self, number: int, step: int):
        cause = "Ctrl-C" if number == signal.SIGINT else "SIGTERM"
        super().__init__(f"{cause} stopped the run after step {step}. The same command continues from there.")
        self.exit_code = signals.exit_code(number)


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
    checkpoint_at: Collection[int] = (),
    log_every: int,
    evaluate: Callable[[TrainState], dict[str, float]] | None = None,
    evaluate_every: int = 0,
    title: str = "training",
    learning_rate: Callable[[int], Any] | None = None,
) -> TrainState:
    """Trains until step `steps`, and returns the last state, which is saved.

    A run that continues from a checkpoint, with its `position`, ends in the same state and metrics as an uninterrupted
    run. Logs the means of loss and gradient norm every `log_every` steps, with the learning rate, a function of the
    number of finished steps. Logs and prints the values of `evaluate` every `evaluate_every` steps, unless 0, and at the
    end; the first value selects the best checkpoint. Saves every `checkpoint_every` steps, and the steps `checkpoint_at`.
    `metrics` is None on every process but the primary one.

    Raises InputError with the step if a loss is not finite, and `Stopped` after SIGTERM or Ctrl-C. Saved checkpoints stay.
    """
    window = _Window(checkpoints.folder)
    if position:
        batches.set_state(position["batches"])
        window.values = position["recent"]
    done = int(state.step)
    note = f"the first loss comes at step {min((done // log_every + 1) * log_every, steps):,}"

    def next_batch() -> tuple[Mapping[str, jax.Array], Any]:
        batch = next(batches)
        return shard_batch(mesh, batch), batches.get_state()

    with (
        distributed.stop_request() as stop_requested,
        Progress(steps, "steps", title, done=done, visible=metrics is not None) as progress,
        contextlib.closing(prefetch.prefetch(next_batch)) as sharded_batches,
    ):
        for number in range(done + 1, steps + 1):
            batch, batches_state = next(sharded_batches)
            state, values = step(state, batch)
            window.add(number, values)
            if number == done + 1:
                jax.block_until_ready(values)  # the time left is without the compilation
                progress.reach(number)
                progress.restart_clock()
            is_last, stop = number == steps, stop_requested(number)
            if is_last or number % log_every == 0:
                means, speed = window.means(), window.speed(batches.batch_size)
                if learning_rate is not None:
                    means["learning_rate"] = float(learning_rate(number - 1))
                if metrics is not None:
                    metrics.write(number, means, board={"images_per_second": speed})
                note = _as_text(means, speed)
                progress.describe(title, note)
                progress.reach(number)
            evaluates = evaluate is not None and (is_last or (evaluate_every > 0 and number % evaluate_every == 0))
            is_saved = number % checkpoint_every == 0 or number in checkpoint_at
            if is_last or evaluates or stop or is_saved:
                position = {"recent": window.fetch(), "batches": batches_state}
                scores = evaluate(state) if evaluates else {}
                if scores:
                    progress.say(f"step {number:,} of {steps:,}: {_accuracies(scores)}; {note}")
                    window.restart_clock()
                if metrics is not None:
                    if scores:
                        metrics.write(number, scores)
                    metrics.flush()  # before the checkpoint: a run that continues from it has all metrics up to it
                checkpoints.save(state, position, score=next(iter(scores.values()), None))
            if stop:
                checkpoints.wait()
                raise Stopped(stop, number)
        checkpoints.wait()
    return state


def _as_text(means: Mapping[str, float], speed: float) -> str:
    rate = f", learning rate {means['learning_rate']:.4g}" if "learning_rate" in means else ""
    return f"loss {means['loss']:.3f}{rate}, {speed:,.0f} images/s"


def _accuracies(scores: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.2%}" for name, value in scores.items())


class _Window:
    """The values of the steps since the last means. They stay on their devices until they are needed."""

    def __init__(self, checkpoints: epath.Path):
        self.values: list[dict[str, float]] = []
        self._pending: list[tuple[int, dict[str, jax.Array]]] = []
        self._checkpoints = checkpoints
        self._start, self._steps = time.perf_counter(), 0

    def add(self, number: int, values: dict[str, jax.Array]) -> None:
        """Adds the values of a step, and waits for an earlier step if too many are queued."""
        self._pending.append((number, values))
        self._steps += 1
        if len(self._pending) > MAX_QUEUED:
            jax.block_until_ready(self._pending[-1 - MAX_QUEUED][1])

    def fetch(self) -> list[dict[str, float]]:
        """Returns the values of each step since the last means. Raises InputError if a value is not finite."""
        numbers = [number for number, _ in self._pending]
        fetched = jax.device_get([values for _, values in self._pending])
        for number, values in zip(numbers, fetched, strict=True):
            if not np.isfinite(list(values.values())).all():
                text = ", ".join(f"{name} {value}" for name, value in sorted(values.items(), reverse=True))
                raise InputError(
                    f"step {number} failed ({text}); the checkpoints in {self._checkpoints} are older. "
                    "Give a lower learning_rate or a clip_norm, and another --workdir."
                )
        self.values += [{name: float(value) for name, value in values.items()} for values in fetched]
        self._pending = []
        return self.values

    def means(self) -> dict[str, float]:
        """Returns the mean of each value since the last means, and starts over."""
        values = self.fetch()
        self.values = []
        return {name: float(np.mean([step_values[name] for step_values in values])) for name in values[0]}

    def speed(self, batch_size: int) -> float:
        """Returns images per second since the last call."""
        seconds, images = time.perf_counter() - self._start, self._steps * batch_size
        self.restart_clock()
        return images / seconds

    def restart_clock(self) -> None:
        """Leaves the time so far out of the speed, such as that of an evaluation."""
        self._start, self._steps = time.perf_counter(), 0
