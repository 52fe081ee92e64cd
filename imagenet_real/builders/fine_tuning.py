"""Config -> what stays frozen in a training run, and how much more slowly the first layers learn."""

from flax import nnx
from ml_collections import ConfigDict

from imagenet_real.errors import InputError
from imagenet_real.models import depth, trainable
from imagenet_real.training.parameters import frozen_names, frozen_statistics


def frozen_arrays(config: ConfigDict, model: nnx.Module, num_classes: int) -> frozenset[str]:
    """Returns the names of the arrays of a model that `freeze` keeps as they are. Raises InputError for wrong names."""
    entries = [entry.strip().strip(".") for entry in config.freeze.split(",") if entry.strip()]
    if not entries:
        return frozenset()
    _, params, others = nnx.split(model, nnx.Param, ...)
    names, head = _names(params), trainable.head_of(config.model, model, num_classes)
    frozen = frozen_names(names, entries, head)
    return frozen | frozen_statistics(_names(others), names, frozen)


def layer_factors(config: ConfigDict, model: nnx.Module, num_classes: int) -> dict[str, float] | None:
    """Returns the factor of the learning rate of each parameter; None if `layer_decay` is 1.

    Raises InputError if the decay is no share, or the model has no blocks that it could count.
    """
    if config.layer_decay == 1:
        return None
    if not 0 < config.layer_decay < 1:
        raise InputError(
            f"layer_decay={config.layer_decay} is out of range. Give a share, such as 0.75, or 1 for none."
        )
    names = _names(nnx.state(model, nnx.Param))
    layers = depth.layers(names, trainable.head_of(config.model, model, num_classes))
    last = max(layers.values())
    if last < 2:
        raise InputError(
            f"layer_decay={config.layer_decay}: no parameters of {config.model} are in blocks, such as blocks.0. Give "
            "--layer_decay=1."
        )
    return {name: config.layer_decay ** (last - layer) for name, layer in layers.items()}


def _names(state: nnx.State) -> list[str]:
    return [".".join(map(str, path)) for path, _ in nnx.to_flat_state(state)]
