"""The train step: a pure function of state and batch, compiled for a mesh. It never asks where a target came from."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from imagenet_real.errors import InputError
from imagenet_real.runtime import devices
from imagenet_real.training.losses import LossFunction
from imagenet_real.training.parameters import name_of
from imagenet_real.training.state import TrainState

Batch = Mapping[str, jax.Array]
"""`images` [B, H, W, 3] uint8 and `targets` [B, K] float32, sharded over the mesh."""

Step = Callable[[TrainState, Batch], tuple[TrainState, dict[str, jax.Array]]]


def make_train_step(
    graph: nnx.GraphDef,
    loss: LossFunction,
    optimizer: optax.GradientTransformation,
    mesh: Mesh,
    *,
    mean: tuple[float, float, float],
    std: tuple[float, float, float],
    average_decay: float = 0.0,
    accumulate: int = 1,
    frozen: frozenset[str] = frozenset(),
    averaged_params: Callable[[optax.OptState, nnx.State], nnx.State] | None = None,
    shardings: Any = None,
) -> Step:
    """Compiles the step `(state, batch) -> (state, metrics)`. The step donates the memory of the old state.

    `metrics` are scalars: `loss`, the mean over the global batch, and `gradient_norm`, before clipping. If either is
    not finite, the new state is worthless, and the caller must stop.

    Args:
      graph: of the model, in training mode.
      loss: a function of logits and targets.
      optimizer: an optax transformation.
      mesh: the devices.
      mean: of RGB in [0, 1].
      std: of RGB in [0, 1].
      average_decay: of the moving averages, if the state has any (see `update_average`).
      accumulate: the number of parts into which each device splits its share of the batch, to need less memory. The
        gradient is the mean over the parts. A batch norm sees one part at a time.
      frozen: names of the arrays of the model that never change. They have no gradient.
      averaged_params: a function of the optimizer's state and the parameters that returns their averages, if the
        optimizer has averages of its own.
      shardings: of the state, as a tree like it. None replicates the state on every device.
    """

    def mean_loss(params, batch_stats, images, targets):
        params = _map_named(lambda name, leaf: jax.lax.stop_gradient(leaf) if name in frozen else leaf, params)
        model = nnx.merge(graph, params, batch_stats, copy=True)
        pixels = (images.astype(jnp.float32) / 255 - jnp.asarray(mean)) / jnp.asarray(std)
        return loss(model(pixels), targets).mean(), nnx.state(model, nnx.Not(nnx.Param))

    loss_and_gradient = jax.value_and_grad(mean_loss, has_aux=True)

    def batch_gradient(params, batch_stats, batch):
        if accumulate == 1:
            return loss_and_gradient(params, batch_stats, batch["images"], batch["targets"])

        def add_part(sums, part):
            value, gradient, batch_stats = sums
            (part_value, batch_stats), part_gradient = loss_and_gradient(
                params, batch_stats, part["images"], part["targets"]
            )
            return (value + part_value, jax.tree.map(jnp.add, gradient, part_gradient), batch_stats), None

        parts = {name: _split_batch(values, accumulate, mesh) for name, values in batch.items()}
        zeros = jnp.zeros(()), jax.tree.map(jnp.zeros_like, params), batch_stats
        (value, gradient, batch_stats), _ = jax.lax.scan(add_part, zeros, parts)
        return (value / accumulate, batch_stats), jax.tree.map(lambda leaf: leaf / accumulate, gradient)

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, dict[str, jax.Array]]:
        params = state.params
        if shardings is not None:  # FSDP: gather the parameters for the model, and shard the gradient again
            gathered = jax.tree.map(lambda leaf: devices.param_sharding(mesh, leaf.shape), params)
            params = jax.lax.with_sharding_constraint(params, gathered)
        (value, batch_stats), gradient = batch_gradient(params, state.batch_stats, batch)
        if shardings is not None:
            gradient = jax.lax.with_sharding_constraint(gradient, shardings.params)
        updates, opt_state = optimizer.update(gradient, state.opt_state, state.params)
        new_state = TrainState(
            step=state.step + 1,
            params=_map_named(
                lambda name, old, new: old if name in frozen else new,
                state.params,
                optax.apply_updates(state.params, updates),
            ),
            batch_stats=batch_stats,
            opt_state=opt_state,
            average=state.average,
        )
        metrics = {"loss": value, "gradient_norm": optax.tree.norm(gradient)}
        if averaged_params is None:
            return update_average(new_state, average_decay, frozen), metrics
        averages = averaged_params(new_state.opt_state, new_state.params), batch_stats
        return dataclasses.replace(new_state, average=averages), metrics

    replicated = devices.replicated(mesh)
    state_sharding = replicated if shardings is None else shardings
    return jax.jit(
        step,
        in_shardings=(state_sharding, devices.batch_sharding(mesh)),
        out_shardings=(state_sharding, replicated),
        donate_argnums=0,
        compiler_options=devices.compiler_options(training=True),
    )


def _split_batch(values: jax.Array, count: int, mesh: Mesh) -> jax.Array:  # [B, ...] -> [count, B / count, ...]
    """Splits a batch into parts. Each device keeps its own rows, so that no data moves."""
    by_device = values.reshape(devices.data_size(mesh), count, -1, *values.shape[1:])
    parts = jnp.moveaxis(by_device, 1, 0).reshape(count, -1, *values.shape[1:])
    return jax.lax.with_sharding_constraint(parts, NamedSharding(mesh, PartitionSpec(None, "data")))


def _map_named(function: Callable[..., Any], *trees: Any) -> Any:
    """Returns the tree of `function(name, *leaves)`."""
    return jax.tree_util.tree_map_with_path(lambda path, *leaves: function(name_of(path), *leaves), *trees)


def update_average(state: TrainState, decay: float, frozen: frozenset[str] = frozenset()) -> TrainState:
    """Moves the averages of a state, if it has any, toward its parameters and batch statistics by 1 - decay.

    The decay starts lower, min(decay, (1 + step) / (10 + step)), as in TensorFlow: a short run must forget its random
    start. `frozen` arrays stay the same, also in their last bit.
    """
    if state.average is None:
        return state
    decay = jnp.minimum(decay, (1 + state.step) / (10 + state.step))

    def move(name, average, current):
        moves = jnp.issubdtype(current.dtype, jnp.floating) and name not in frozen
        return decay * average + (1 - decay) * current if moves else current  # a counter has no average

    parts = zip(state.average, (state.params, state.batch_stats), strict=True)
    return dataclasses.replace(state, average=tuple(_map_named(move, *part) for part in parts))


def shard_batch(mesh: Mesh, batch: Mapping[str, np.ndarray]) -> dict[str, jax.Array]:
    """Puts the rows of this process on its devices. The rows of all processes form the global batch."""
    sharding = devices.batch_sharding(mesh)
    return {name: jax.make_array_from_process_local_data(sharding, values) for name, values in batch.items()}


def check_batch_size(batch_size: int, mesh: Mesh, accumulate: int = 1) -> None:
    """Raises InputError unless the devices, and the parts on each device, divide the global batch evenly."""
    if accumulate < 1:
        raise InputError(f"accumulate={accumulate} is no number of parts of a batch. Give at least 1.")
    parts = devices.data_size(mesh) * accumulate
    if batch_size < 1 or batch_size % parts:
        below, above = batch_size - batch_size % parts, batch_size + -batch_size % parts
        sizes = f"{below} or {above}" if 0 < below < above else str(max(above, parts))
        divisor = f"{devices.data_size(mesh)} devices" + (f" in {accumulate} parts each" if accumulate > 1 else "")
        raise InputError(f"a batch of {batch_size} images does not divide over {divisor}. Make it {sizes}.")
