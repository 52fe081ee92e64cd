"""The model that a run of `train` has made so far."""

import os

import numpy as np
from flax import nnx

from imagenet_real.errors import InputError
from imagenet_real.io.storage import names_in, to_absolute_path
from imagenet_real.models import catalog


def trained_model(name: str, workdir: str | os.PathLike) -> tuple[nnx.GraphDef, nnx.State]:
    """A model of the catalog with the parameters of the newest checkpoint of a run, in evaluation mode, as `nnx.split` has it.

    Of the averages, where the run has them. Raises InputError where there is no checkpoint, or one of another model.
    """
    arrays = _newest(workdir)
    head = f"params.{catalog.find(name).head}.bias"
    if head not in arrays:
        raise InputError(f"{workdir} is not a run of {name}: its parameters are {', '.join(list(arrays)[:3])}, ...")
    model = catalog.build_abstract(name, num_classes=len(arrays[head]))
    model.eval()
    graph, state = nnx.split(model)
    averaged = any(path.startswith("average.") for path in arrays)
    sources = ("average.0", "average.1") if averaged else ("params", "batch_stats")

    def found(path, shape):
        dotted = ".".join(map(str, path))
        array = next((arrays[key] for source in sources if (key := f"{source}.{dotted}") in arrays), None)
        if array is None or array.shape != shape.shape:
            raise InputError(
                f"{workdir} is not a run of {name}: {dotted} is {'not there' if array is None else array.shape}."
            )
        return array

    filled = [(path, value.replace(found(path, value.get_value()))) for path, value in nnx.to_flat_state(state)]
    return graph, nnx.from_flat_state(filled)


def _newest(workdir: str | os.PathLike) -> dict[str, np.ndarray]:
    """The arrays of the newest checkpoint by name."""
    import orbax.checkpoint as ocp

    folder = to_absolute_path(workdir) / "checkpoints"
    steps = [int(name) for name in names_in(folder) if name.isdigit()]
    if not steps:
        raise InputError(f"{workdir} is neither a file of weights nor a run that has a checkpoint.")
    state = folder / str(max(steps)) / "state"
    reader = ocp.PyTreeCheckpointHandler()
    as_numpy = {name: ocp.RestoreArgs(restore_type=np.ndarray) for name in reader.metadata(state).tree}
    return reader.restore(state, args=ocp.args.PyTreeRestore(restore_args=as_numpy))
