"""Checkpoints of a run: written while training goes on, whole or not there, and restored onto any number of devices."""

import contextlib
import errno
import functools
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers

from imagenet_real.errors import InputError
from imagenet_real.io.run_key import differences
from imagenet_real.io.storage import to_absolute_path
from imagenet_real.training.state import TrainState


class Checkpoints:
    """The checkpoints in a folder: the newest `keep`, and the one with the highest score.

    `run_key` names what a run depends on, such as the model and the config, as plain values. Leave with `close`, or
    use as a context: the last checkpoint may still be on its way to the disk.
    """

    def __init__(self, folder: str | os.PathLike, run_key: Mapping[str, Any], *, keep: int = 2):
        self.folder = to_absolute_path(folder)
        self._run_key = json.loads(json.dumps(run_key))
        newest, best = checkpoint_managers.LatestN(keep), checkpoint_managers.BestN(get_metric_fn=_score, n=1)
        options = ocp.CheckpointManagerOptions(
            preservation_policy=checkpoint_managers.AnyPreservationPolicy([newest, best]),
            best_fn=_score,
            cleanup_tmp_directories=True,  # what a killed run left half-written
        )
        logging.getLogger("absl").addFilter(_is_not_raised_as_well)
        _tell_nothing_of_closed_loops()
        with self._errors("read"):
            self._manager = ocp.CheckpointManager(
                self.folder,
                options=options,
                item_handlers={"state": ocp.StandardCheckpointHandler(), "run": ocp.JsonCheckpointHandler()},
            )

    def save(self, state: TrainState, position: Any, *, score: float | None = None) -> None:
        """Begins to write the state and the position in the data, and returns when the state may be used up.

        `position` is anything JSON holds. With a `score`, larger is better, the checkpoint may become the best. Waits
        for the one before; does nothing where this step is kept already. Raises InputError where the disk refuses it,
        or the one before; those already whole are kept.
        """
        step, position = int(state.step), json.loads(json.dumps(position))
        with self._errors("written"):
            self._manager.wait_until_finished()
            if step in self._manager.all_steps():
                return
            self._manager.save(
                step,
                args=ocp.args.Composite(
                    state=ocp.args.StandardSave(_named(state)),
                    run=ocp.args.JsonSave({"identity": self._run_key, "position": position}),
                ),
                metrics={"score": None if score is None else float(score)},
                force=True,
            )

    def restore(self, template: TrainState, step: int | None = None) -> tuple[TrainState, Any] | None:
        """The newest state, or that of `step`, and its position in the data; None where there is no checkpoint.

        `template` is a state, or one of shapes, placed as the restored one is to be: it may lie on other devices, and
        on another number of them, than it was saved from. Raises InputError where the checkpoint belongs to a run of
        another identity or a model of other shapes.
        """
        step = self.latest_step() if step is None else step
        if step is None:
            return None
        with self._errors("read"):
            run = self._manager.restore(step, args=ocp.args.Composite(run=ocp.args.JsonRestore()))["run"]
            saved = self._manager.item_metadata(step)["state"]
        expected = _named(template)
        self._refuse(differences(run["identity"], self._run_key), step)
        self._refuse(differences(_shapes(saved), _shapes(expected)), step)
        target = {
            name: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding)
            for name, leaf in expected.items()
        }
        with self._errors("read"):
            restored = self._manager.restore(step, args=ocp.args.Composite(state=ocp.args.StandardRestore(target)))
        leaves = [restored["state"][name] for name in expected]
        return jax.tree.unflatten(jax.tree.structure(template), leaves), run["position"]

    def latest_step(self) -> int | None:
        """The step of the newest checkpoint."""
        return self._manager.latest_step()

    def best_step(self) -> int | None:
        """The step of the checkpoint with the highest score; None where none has one."""
        step = self._manager.best_step()
        return None if step is None or self._manager.metrics(step)["score"] is None else step

    def wait(self) -> None:
        """Returns when all checkpoints are whole. Raises InputError where the disk refused the last."""
        with self._errors("written"):
            self._manager.wait_until_finished()

    def close(self) -> None:
        """Waits, and ends the threads that write."""
        with self._errors("written"):
            self._manager.close()

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    def _refuse(self, found: str, step: int) -> None:
        if found:
            raise InputError(
                f"the checkpoint of step {step} in {self.folder} is of another run: {found}. "
                f"Use another --workdir, or delete {self.folder} to start anew"
            )

    @contextlib.contextmanager
    def _errors(self, done: str) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError, RuntimeError) as error:  # TensorStore says in all three what the disk said
            raise InputError(
                f"a checkpoint in {self.folder} could not be {done} ({_reason(error)}); see to the disk and run again: "
                f"it goes on from the newest whole one"
            ) from error


def _is_not_raised_as_well(record: logging.LogRecord) -> bool:
    """Orbax logs the traceback of an error in each of its threads that meets it, and then raises it to us."""
    return not (record.exc_info and "orbax" in record.pathname)


def _tell_nothing_of_closed_loops() -> None:
    """Where the disk refuses several files, the first is raised to us, and TensorStore prints a traceback of each other.

    It wants to tell them to the event loop of Orbax, which has ended by then.
    """
    before = sys.unraisablehook
    if getattr(before, "func", None) is _unless_of_closed_loop:
        return
    sys.unraisablehook = functools.partial(_unless_of_closed_loop, before)


def _unless_of_closed_loop(tell: Callable[[Any], None], unraisable: Any) -> None:
    if str(unraisable.exc_value) != "Event loop is closed":
        tell(unraisable)


def _reason(error: Exception) -> str:
    """What the system said, where that stands at the end of a long line with paths; else the beginning of the line."""
    text = (str(error).strip().splitlines() or [type(error).__name__])[0]
    known = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EIO)
    return next((os.strerror(code) for code in known if os.strerror(code) in str(error)), text[:200])


def _score(metrics: Mapping[str, float | None]) -> float:
    return float("-inf") if metrics["score"] is None else metrics["score"]


def _named(state: TrainState) -> dict[str, Any]:
    """The leaves of a state by name, `params.layer1.0.conv1.kernel`, in its own order.

    Names outlive the types of the tree, which are Flax's and optax's.
    """
    return {
        jax.tree_util.keystr(path, simple=True, separator=".").removesuffix(".value"): leaf
        for path, leaf in jax.tree_util.tree_leaves_with_path(state)
    }


def _shapes(leaves: Mapping[str, Any]) -> dict[str, str]:
    return {name: f"{leaf.dtype}{list(leaf.shape)}" for name, leaf in leaves.items()}
