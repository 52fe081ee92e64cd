"""The model of a training run, from its newest checkpoint."""

import os

import numpy as np
from flax import nnx

from imagenet_real.errors import InputError
from imagenet_real.io.storage import names_in, to_absolute_path
from imagenet_real.models import catalog


def trained_model(name: str, workdir: str | os.PathLike) -> tuple[nnx.GraphDef, nnx.State]:
    """Returns a catalog model in evaluation mode, as `nnx.split` does, with the parameters of a run's newest checkpoint.

    Uses the moving averages if the run has them. Raises InputError if there is no checkpoint, or one of another model.
    """
    arrays = _newest(workdir)
    head = f"params.{catalog.find(name).head}.bias"
    if head not in arrays:
        raise InputError(
            f"{workdir} is not a run of {name}: it has the parameters {', '.join(list(arrays)[:3])}, .... "
            "Give the --config.model of the run."
        )
    model = catalog.build_abstract(name, num_classes=len(arrays[head]))
    model.eval()
    graph, state = nnx.split(model)
    has_averages = any(path.startswith("average.") for path in arrays)
    prefixes = ("average.0", "average.1") if has_averages else ("params", "batch_stats")

    def array_of(path, expected):
        dotted = ".".join(map(str, path))
        array = next((arrays[key] for prefix in prefixes if (key := f"{prefix}.{dotted}") in arrays), None)
        if array is None or array.shape != expected.shape:
            shape = "missing" if array is None else f"of shape {array.shape}, expected {expected.shape}"
            raise InputError(
                f"{workdir} is not a run of {name}: {dotted} is {shape}. Give the --config.model of the run."
            )
        return array

    leaves = [(path, value.replace(array_of(path, value.get_value()))) for path, value in nnx.to_flat_state(state)]
    return graph, nnx.from_flat_state(leaves)


def _newest(workdir: str | os.PathLike) -> dict[str, np.ndarray]:
    """Returns the arrays of the newest checkpoint by name."""
    import orbax.checkpoint as ocp

    folder = to_absolute_path(workdir) / "checkpoints"
    steps = [int(name) for name in names_in(folder) if name.isdigit()]
    if not steps:
        raise InputError(
            f"{workdir} is neither a file of weights nor a run that has a checkpoint. "
            "Give a file, or the --workdir of a run of train."
        )
    state = folder / str(max(steps)) / "state"
    reader = ocp.PyTreeCheckpointHandler()
    as_numpy = {name: ocp.RestoreArgs(restore_type=np.ndarray) for name in reader.metadata(state).tree}
    return reader.restore(state, args=ocp.args.PyTreeRestore(restore_args=as_numpy))
