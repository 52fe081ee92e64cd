"""Writes the parameters of a model as `.safetensors`, under timm's names and in PyTorch's order of axes."""

from collections.abc import Mapping

import jax
import numpy as np
from etils import epath
from flax import nnx

from imagenet_real.io import storage
from imagenet_real.models.checkpoints.weights import stored_axes, timm_name


def save_safetensors(
    path: epath.Path, state: nnx.State, *, own_names: bool = False, metadata: Mapping[str, str] | None = None
) -> None:
    """Writes every array of a model in float32, whole or not at all. `weights.load` reads the file.

    Args:
      path: of the file.
      state: the parameters and running statistics.
      own_names: keeps Flax's names and axes, for a model that is not in the catalog.
      metadata: texts for readers.
    """
    import safetensors.numpy

    tensors = {}
    for place, leaf in nnx.to_flat_state(state):
        value = leaf.get_value()
        if jax.dtypes.issubdtype(value.dtype, jax.dtypes.prng_key):
            continue  # the state of a random number generator
        array = np.asarray(value, np.float32)
        if own_names:
            tensors[".".join(map(str, place))] = array
        else:
            tensors[timm_name(place)] = np.ascontiguousarray(array.transpose(stored_axes(place, array.ndim)))
    with storage.open_atomically(path, "wb") as file:
        file.write(safetensors.numpy.save(tensors, metadata=dict(metadata or {})))
