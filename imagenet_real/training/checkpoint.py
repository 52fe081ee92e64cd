"""Checkpoints of a run: written in the background, complete or absent, and restored onto any number of devices."""

import contextlib
import errno
import functools
import json
import logging
import os
import sys
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import jax
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers

from imagenet_real.errors import InputError
from imagenet_real.io.run_key import differences
from imagenet_real.io.storage import to_absolute_path
from imagenet_real.runtime import distributed
from imagenet_real.training import checksums
from imagenet_real.training.parameters import name_of
from imagenet_real.training.state import TrainState

METADATA = "_CHECKPOINT_METADATA"  # the file that Orbax writes into every checkpoint
DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EIO)


class Checkpoints:
    """The checkpoints in a folder: the newest `keep`, the one with the highest score, and those of the steps `preserve`.

    `run_key` holds what a run depends on, such as the model and the config, as plain values; those of `may_change` may
    differ from a checkpoint's. Call `close` at the end, or use it as a context manager: the last checkpoint may not be on
    the disk yet.
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        run_key: Mapping[str, Any],
        *,
        keep: int = 2,
        preserve: Sequence[int] = (),
        may_change: Collection[str] = (),
    ):
        self.folder = to_absolute_path(folder)
        self._run_key, self._may_change = json.loads(json.dumps(run_key)), frozenset(may_change)
        newest, best = checkpoint_managers.LatestN(keep), checkpoint_managers.BestN(get_metric_fn=_score, n=1)
        policies = [newest, best, checkpoint_managers.CustomSteps(preserve)]
        options = ocp.CheckpointManagerOptions(
            preservation_policy=checkpoint_managers.AnyPreservationPolicy(policies),
            best_fn=_score,
            cleanup_tmp_directories=True,  # incomplete ones that a killed run left
        )
        for name in ("absl", "asyncio"):
            logging.getLogger(name).addFilter(_is_no_traceback_of_orbax)
        _ignore_closed_event_loops()
        with self._disk_errors("read"):
            self._manager = ocp.CheckpointManager(self.folder, options=options, handler_registry=_handlers())
            for step in self.steps()[:-1]:  # a run that was killed while it deleted an old checkpoint
                if not (self.folder / str(step) / METADATA).exists():
                    self._manager.delete(step)

    def save(self, state: TrainState, position: Any, *, score: float | None = None) -> None:
        """Starts to write the state and the position in the data. Returns when a step may donate the state.

        `position` is any JSON value. A checkpoint with a `score` may become the best; larger is better. Waits for the
        previous checkpoint. Does nothing if this step has a checkpoint. Raises InputError if the disk refuses this
        checkpoint or the previous one; complete checkpoints stay.
        """
        step, position = int(state.step), json.loads(json.dumps(position))
        arrays = _by_name(state)
        with self._disk_errors("written"):
            self._manager.wait_until_finished()
            if step in self._manager.all_steps():
                return
            sums = {name: int(value) for name, value in checksums.checksums(arrays).items()}
            self._manager.save(
                step,
                args=ocp.args.Composite(
                    state=ocp.args.StandardSave(arrays),
                    # The key `identity` is the run key's name on disk: runs of earlier versions continue.
                    run=ocp.args.JsonSave({"identity": self._run_key, "position": position, "checksums": sums}),
                ),
                metrics={"score": None if score is None else float(score)},
                force=True,
            )

    def restore(self, template: TrainState, step: int | None = None) -> tuple[TrainState, Any] | None:
        """Returns the newest state, or the one of `step`, and its position in the data; None without a checkpoint.

        `template` is a state, or its shapes, with the shardings of the restored state. It may use other devices, or
        another number of devices, than the saved state. Raises InputError if the checkpoint belongs to a different run
        or to a model of other shapes, or if it is damaged.
        """
        step = self.latest_step() if step is None else step
        if step is None:
            return None
        with self._disk_errors("read"):
            run = self._manager.restore(step, args=ocp.args.Composite(run=ocp.args.JsonRestore()))["run"]
            saved = self._manager.item_metadata(step)["state"]
        expected = _by_name(template)
        saved_key, key = (self._without_changes(run_key) for run_key in (run["identity"], self._run_key))
        self._check_equal(differences(saved_key, key), step)
        self._check_equal(differences(_shapes(saved), _shapes(expected)), step)
        target = {
            name: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding)
            for name, leaf in expected.items()
        }
        with self._disk_errors("read"):
            restored = self._manager.restore(step, args=ocp.args.Composite(state=ocp.args.StandardRestore(target)))
        if names := checksums.damaged(restored["state"], run.get("checksums", {})):
            raise InputError(
                f"the checkpoint of step {step} is damaged: {names[0]} does not have its checksum. Delete "
                f"{self.folder / str(step)}; the same command continues from an older checkpoint."
            )
        leaves = [
            jax.random.wrap_key_data(restored["state"][name]) if _is_key(leaf) else restored["state"][name]
            for name, leaf in zip(expected, jax.tree.leaves(template), strict=True)
        ]
        return jax.tree.unflatten(jax.tree.structure(template), leaves), run["position"]

    def remove_after(self, step: int) -> None:
        """Removes the checkpoints after `step`. Raises InputError if the disk refuses this."""
        with self._disk_errors("removed"):
            self._manager.wait_until_finished()
            for later in [saved for saved in self._manager.all_steps() if saved > step]:
                self._manager.delete(later)

    def steps(self) -> list[int]:
        """Returns the steps of the complete checkpoints, in ascending order."""
        return sorted(self._manager.all_steps())

    def latest_step(self) -> int | None:
        """Returns the step of the newest checkpoint."""
        return self._manager.latest_step()

    def best_step(self) -> int | None:
        """Returns the step of the checkpoint with the highest score; None if no checkpoint has a score."""
        step = self._manager.best_step()
        return None if step is None or self._manager.metrics(step)["score"] is None else step

    def wait(self) -> None:
        """Waits until all checkpoints are complete. Raises InputError if the disk refuses the last one."""
        with self._disk_errors("written"):
            self._manager.wait_until_finished()

    def close(self) -> None:
        """Waits until all checkpoints are complete, and ends the threads that write them."""
        with self._disk_errors("written"):
            self._manager.close()

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    def _without_changes(self, run_key: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in run_key.items() if name not in self._may_change}

    def _check_equal(self, difference: str, step: int) -> None:
        if difference:
            changes = f"; a run continues with other {', '.join(sorted(self._may_change))}" if self._may_change else ""
            raise InputError(
                f"the checkpoint of step {step} in {self.folder} belongs to a different run: {difference}. "
                f"Use another --workdir, or delete {self.folder} to start over{changes}."
            )

    @contextlib.contextmanager
    def _disk_errors(self, verb: str) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError, RuntimeError) as error:  # TensorStore raises all three for errors of the disk
            if distributed.is_lost_process(error):
                raise
            raise InputError(
                f"a checkpoint in {self.folder} could not be {verb} ({_reason(error)}). Check the disk and run the same "
                "command again: it continues from the newest complete checkpoint."
            ) from error


def _handlers() -> ocp.handlers.CheckpointHandlerRegistry:
    registry = ocp.handlers.DefaultCheckpointHandlerRegistry()
    for args in (ocp.args.StandardSave, ocp.args.StandardRestore):
        registry.add("state", args)
    for args in (ocp.args.JsonSave, ocp.args.JsonRestore):
        registry.add("run", args)
    return registry


def _is_no_traceback_of_orbax(record: logging.LogRecord) -> bool:
    """Orbax logs a traceback in each thread that meets an error, and then raises the error here.

    asyncio logs one more for every other file that the disk refuses at the same time.
    """
    if not record.exc_info or record.exc_info[2] is None:
        return True
    files = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(record.exc_info[2])]
    return not any("orbax" in file for file in (record.pathname, *files))


def _ignore_closed_event_loops() -> None:
    """Silences errors that find the event loop of Orbax closed.

    If the disk refuses several files, Orbax raises the first error and closes its loop. TensorStore then prints a
    traceback for each of the others.
    """
    hook = sys.unraisablehook
    if getattr(hook, "func", None) is not _report_unless_loop_closed:
        sys.unraisablehook = functools.partial(_report_unless_loop_closed, hook)


def _report_unless_loop_closed(report: Callable[[Any], None], unraisable: Any) -> None:
    if str(unraisable.exc_value) != "Event loop is closed":
        report(unraisable)


def _reason(error: Exception) -> str:
    """Returns the system's message, which may be at the end of a long line of paths; else the start of that line."""
    text = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return next((os.strerror(code) for code in DISK_ERRORS if os.strerror(code) in str(error)), text[:200])


def _score(metrics: Mapping[str, float | None]) -> float:
    return float("-inf") if metrics["score"] is None else metrics["score"]


def _by_name(state: TrainState) -> dict[str, Any]:
    """Returns the leaves of a state in order, by names such as `params.layer1.0.conv1.kernel`. A random key is its data."""
    return {name_of(path): _without_key(leaf) for path, leaf in jax.tree_util.tree_leaves_with_path(state)}


def _is_key(leaf: Any) -> bool:
    return jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _without_key(leaf: Any) -> Any:
    """Returns the data of a random key of a dropout, or its shape; other leaves as they are."""
    if not _is_key(leaf):
        return leaf
    if isinstance(leaf, jax.ShapeDtypeStruct):
        data = jax.eval_shape(jax.random.key_data, leaf)
        return jax.ShapeDtypeStruct(data.shape, data.dtype, sharding=leaf.sharding)
    return jax.random.key_data(leaf)


def _shapes(leaves: Mapping[str, Any]) -> dict[str, str]:
    return {name: f"{leaf.dtype}{list(leaf.shape)}" for name, leaf in leaves.items()}
