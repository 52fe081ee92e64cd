"""The model of a training run, from its last checkpoint or its best one."""

import dataclasses
import functools
import hashlib
import os
from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

import jax
import numpy as np
from etils import epath
from flax import nnx

from imagenet_real.data.preprocess import Preprocessing
from imagenet_real.errors import InputError
from imagenet_real.io import storage
from imagenet_real.io.readers import read_json
from imagenet_real.models import catalog, trainable
from imagenet_real.training.checksums import damaged
from imagenet_real.training.class_names import load_class_names

USE_AN_OLDER = "Delete the folder of this checkpoint: an older one takes its place."
CHECKPOINTS = ("last", "best")  # of a checkpoint; the best one is that of the highest score on `select_split`


@dataclasses.dataclass(frozen=True, eq=False)
class TrainedModel:
    """A model of the catalog with the parameters of a checkpoint, in evaluation mode, as `nnx.split` has it."""

    graph: nnx.GraphDef
    params: nnx.State
    step: int  # of the checkpoint
    run_key: Mapping[str, Any]  # what the run depends on
    class_names: tuple[str, ...] | None = None  # [K] of its training images; None if they have none, or before 0.2

    @property
    def preprocessing(self) -> dict[str, Any]:
        """Returns the preprocessing that the run was trained for."""
        values = {
            field.name: self.run_key[field.name]
            for field in dataclasses.fields(Preprocessing)
            if field.name in self.run_key
        }
        return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}

    @functools.cached_property
    def checksum(self) -> str:
        """Returns the SHA-256 of the parameters."""
        return checksum(self.params)


class _Run(TypedDict):
    """What a checkpoint says of its run."""

    identity: dict[str, Any]
    checksums: NotRequired[dict[str, Any]]


class _Metrics(TypedDict):
    score: float | None


def trained_model(
    name: str, workdir: str | os.PathLike, checkpoint: str = "last", dtype: jax.typing.DTypeLike = "float32"
) -> TrainedModel:
    """Returns the model `name`, of the catalog or the user's own, with the parameters of the last or the best checkpoint of a run.

    Uses the moving averages if the run has them. Raises InputError if there is no such checkpoint, or one of another
    model.
    """
    folder = _folder(workdir, checkpoint)
    run = read_json(folder / "run" / "metadata", _Run, USE_AN_OLDER)
    arrays = _arrays(folder / "state")
    run_key = run["identity"]
    if names := damaged(arrays, run.get("checksums", {})):
        raise InputError(
            f"{folder} is damaged: {names[0]} does not have its checksum. Delete it, and use an older checkpoint."
        )
    if run_key["model"].partition(".")[0] != name.partition(".")[0]:
        raise InputError(
            f"{workdir} is not a run of {name}: it is one of {run_key['model']}. Give --model={run_key['model']}."
        )
    if trainable.is_own(name):
        num_classes = run_key["num_classes"]
    else:
        num_classes = len(arrays[f"params.{catalog.find(name).head}.bias"])
    model = trainable.build_abstract(name, num_classes=num_classes, image_size=run_key["crop"], dtype=dtype)
    model.eval()
    graph, state = nnx.split(model)
    has_averages = any(path.startswith("average.") for path in arrays)
    prefixes = ("average.0", "average.1") if has_averages else ("params", "batch_stats")

    def array_of(path, expected):
        dotted = ".".join(map(str, path))
        array = next((arrays[key] for prefix in prefixes if (key := f"{prefix}.{dotted}") in arrays), None)
        if array is not None and jax.dtypes.issubdtype(expected.dtype, jax.dtypes.prng_key):
            return jax.random.wrap_key_data(array)  # the state of a dropout, which evaluation does not use
        if array is None or array.shape != expected.shape:
            shape = "missing" if array is None else f"of shape {array.shape}, expected {expected.shape}"
            raise InputError(f"{workdir} is not a run of {name}: {dotted} is {shape}. Give the --model of the run.")
        return array

    leaves = [(path, value.replace(array_of(path, value.get_value()))) for path, value in nnx.to_flat_state(state)]
    return TrainedModel(
        graph,
        nnx.from_flat_state(leaves),
        int(folder.name),
        run_key,
        load_class_names(storage.to_absolute_path(workdir)),
    )


def saved_run_key(workdir: str | os.PathLike) -> dict[str, Any] | None:
    """Returns what the newest checkpoint of a run says that the run depends on; None if there is no checkpoint."""
    folder = storage.to_absolute_path(workdir) / "checkpoints"
    steps = [int(name) for name in storage.names_in(folder) if name.isdigit()] if folder.exists() else []
    return read_json(folder / str(max(steps)) / "run" / "metadata", _Run, USE_AN_OLDER)["identity"] if steps else None


def checksum(params: Any) -> str:
    """Returns the SHA-256 of a tree of arrays."""
    digest = hashlib.sha256()
    for leaf in jax.tree.leaves(params):
        if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            continue  # of a dropout, which evaluation does not use
        digest.update(np.asarray(leaf).tobytes())
    return digest.hexdigest()


def _folder(workdir: str | os.PathLike, checkpoint: str) -> epath.Path:
    """Returns the folder of the last or the best checkpoint."""
    folder = storage.to_absolute_path(workdir) / "checkpoints"
    steps = sorted(int(name) for name in storage.names_in(folder) if name.isdigit())
    if not steps:
        raise InputError(
            f"{workdir} is neither a file of weights nor a run that has a checkpoint. "
            "Give a file, or the --workdir of a run of train."
        )
    if checkpoint == "last":
        return folder / str(steps[-1])
    scores = {step: _score(folder / str(step)) for step in steps}
    scored = [step for step in steps if scores[step] is not None]
    if not scored:
        raise InputError(
            f"{workdir} has no best checkpoint: its run had no select_split. Give --report_checkpoint=last."
        )
    return folder / str(max(scored, key=lambda step: (scores[step], step)))


def _score(folder: epath.Path) -> float | None:
    return read_json(folder / "metrics" / "metrics", _Metrics, USE_AN_OLDER)["score"]


def _arrays(state: epath.Path) -> dict[str, np.ndarray]:
    """Returns the arrays of a checkpoint by name."""
    import orbax.checkpoint as ocp

    reader = ocp.PyTreeCheckpointHandler()
    as_numpy = {name: ocp.RestoreArgs(restore_type=np.ndarray) for name in reader.metadata(state).tree}
    return reader.restore(state, args=ocp.args.PyTreeRestore(restore_args=as_numpy))
