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
from imagenet_real.training.state import TrainState

Loss = Callable[[jax.Array, jax.Array], jax.Array]
"""`loss(logits, target)`: [B, K], [B, K] -> [B]."""

Batch = Mapping[str, jax.Array]
"""`images` [B, H, W, 3] uint8 and `targets` [B, K] float32, divided over the mesh."""

Step = Callable[[TrainState, Batch], tuple[TrainState, dict[str, jax.Array]]]


def make_train_step(
    graph: nnx.GraphDef,
    loss: Loss,
    optimizer: optax.GradientTransformation,
    mesh: Mesh,
    *,
    mean: tuple[float, float, float],
    std: tuple[float, float, float],
    average_decay: float = 0.0,
    accumulate: int = 1,
    shardings: Any = None,
) -> Step:
    """The compiled step: `(state, batch) -> (state, metrics)`. The state that goes in is used up.

    `metrics` are scalars: `loss`, the mean over the global batch, and `gradient_norm`, before any clipping. Once either
    is not finite the new state is worthless: it is the caller's to stop.

    Args:
      graph, loss, optimizer, mesh: what is trained, for what, how and where.
      mean, std: of RGB in [0, 1].
      average_decay: that of the moving averages where the state has any (see `averaged`).
      accumulate: into how many parts each device takes its share of the batch, one after the other, to need less
        memory. The gradient is the mean of theirs; batch norms see a part at a time.
      shardings: how the state lies, a tree like it; None where every device has a copy.
    """

    def mean_loss(params, batch_stats, images, targets):
        model = nnx.merge(graph, params, batch_stats, copy=True)
        pixels = (images.astype(jnp.float32) / 255 - jnp.asarray(mean)) / jnp.asarray(std)
        return loss(model(pixels), targets).mean(), nnx.state(model, nnx.Not(nnx.Param))

    differentiated = jax.value_and_grad(mean_loss, has_aux=True)

    def of_batch(params, batch_stats, batch):
        if accumulate == 1:
            return differentiated(params, batch_stats, batch["images"], batch["targets"])

        def of_part(so_far, part):
            value, gradient, batch_stats = so_far
            (more, batch_stats), steps = differentiated(params, batch_stats, part["images"], part["targets"])
            return (value + more, jax.tree.map(jnp.add, gradient, steps), batch_stats), None

        parts = {name: _parts(values, accumulate, mesh) for name, values in batch.items()}
        nothing = jnp.zeros(()), jax.tree.map(jnp.zeros_like, params), batch_stats
        (value, gradient, batch_stats), _ = jax.lax.scan(of_part, nothing, parts)
        return (value / accumulate, batch_stats), jax.tree.map(lambda leaf: leaf / accumulate, gradient)

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, dict[str, jax.Array]]:
        params = state.params
        if shardings is not None:  # gathered where they are used, and the gradient divided as they were
            gathered = jax.tree.map(lambda leaf: devices.param_sharding(mesh, leaf.shape), params)
            params = jax.lax.with_sharding_constraint(params, gathered)
        (value, batch_stats), gradient = of_batch(params, state.batch_stats, batch)
        if shardings is not None:
            gradient = jax.lax.with_sharding_constraint(gradient, shardings.params)
        updates, opt_state = optimizer.update(gradient, state.opt_state, state.params)
        changed = TrainState(
            step=state.step + 1,
            params=optax.apply_updates(state.params, updates),
            batch_stats=batch_stats,
            opt_state=opt_state,
            average=state.average,
        )
        metrics = {"loss": value, "gradient_norm": optax.tree.norm(gradient)}
        return averaged(changed, average_decay), metrics

    copied, split = devices.replicated(mesh), devices.batch_sharding(mesh)
    lie = copied if shardings is None else shardings
    return jax.jit(step, in_shardings=(lie, split), out_shardings=(lie, copied), donate_argnums=0)


def _parts(values: jax.Array, count: int, mesh: Mesh) -> jax.Array:  # [B, ...] -> [count, B / count, ...]
    """Parts of a batch, of which each device has what it has of the batch: nothing travels."""
    by_device = values.reshape(devices.data_size(mesh), count, -1, *values.shape[1:])
    parts = jnp.moveaxis(by_device, 1, 0).reshape(count, -1, *values.shape[1:])
    return jax.lax.with_sharding_constraint(parts, NamedSharding(mesh, PartitionSpec(None, "data")))


def averaged(state: TrainState, decay: float) -> TrainState:
    """The state with its averages, if it has any, moved towards parameters and batch statistics by 1 - decay.

    The decay begins lower, min(decay, (1 + step) / (10 + step)), as TensorFlow's: a short run must forget its random
    start.
    """
    if state.average is None:
        return state
    decay = jnp.minimum(decay, (1 + state.step) / (10 + state.step))

    def move(average, current):
        is_float = jnp.issubdtype(current.dtype, jnp.floating)
        return decay * average + (1 - decay) * current if is_float else current  # a counter has no average

    return dataclasses.replace(state, average=jax.tree.map(move, state.average, (state.params, state.batch_stats)))


def shard_batch(mesh: Mesh, batch: Mapping[str, np.ndarray]) -> dict[str, jax.Array]:
    """Lays this process's part of a batch onto its devices: together the processes hold the global batch."""
    split = devices.batch_sharding(mesh)
    return {name: jax.make_array_from_process_local_data(split, values) for name, values in batch.items()}


def check_batch_size(batch_size: int, mesh: Mesh, accumulate: int = 1) -> None:
    """Raises InputError unless the global batch divides evenly over the devices, and there into its parts."""
    if accumulate < 1:
        raise InputError(f"accumulate={accumulate}: give the number of parts of a batch, at least 1.")
    parts = devices.data_size(mesh) * accumulate
    if batch_size < 1 or batch_size % parts:
        below, above = batch_size - batch_size % parts, batch_size + -batch_size % parts
        near = f"{below} or {above}" if 0 < below < above else str(max(above, parts))
        over = f"{devices.data_size(mesh)} devices" + (f" in {accumulate} parts each" if accumulate > 1 else "")
        raise InputError(f"a batch of {batch_size} images does not divide over {over}: make it {near}")
