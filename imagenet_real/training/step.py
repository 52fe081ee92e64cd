"""The train step: a pure function of state and batch, compiled for a mesh. It never asks where a target came from."""

import dataclasses
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax.sharding import Mesh

from imagenet_real import devices
from imagenet_real.errors import InputError
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
) -> Step:
    """The compiled step: `(state, batch) -> (state, metrics)`. The state that goes in is used up.

    `mean` and `std` are of RGB in [0, 1]. `metrics` are scalars: `loss`, the mean over the global batch, and
    `gradient_norm`, before any clipping. Once either is not finite the new state is worthless: it is the caller's to
    stop. `average_decay` is that of the moving averages where the state has any (see `average`).
    """

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, dict[str, jax.Array]]:
        images = (batch["images"].astype(jnp.float32) / 255 - jnp.asarray(mean)) / jnp.asarray(std)

        def mean_loss(params):
            model = nnx.merge(graph, params, state.batch_stats, copy=True)
            value = loss(model(images), batch["targets"]).mean()
            return value, nnx.state(model, nnx.Not(nnx.Param))

        (value, batch_stats), gradient = jax.value_and_grad(mean_loss, has_aux=True)(state.params)
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

    copied, split = devices.copied_to(mesh), devices.split_over(mesh)
    return jax.jit(step, in_shardings=(copied, split), out_shardings=copied, donate_argnums=0)


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


def put_batch(mesh: Mesh, batch: Mapping[str, np.ndarray]) -> dict[str, jax.Array]:
    """Lays this process's part of a batch onto its devices: together the processes hold the global batch."""
    split = devices.split_over(mesh)
    return {name: jax.make_array_from_process_local_data(split, values) for name, values in batch.items()}


def check_batch_size(batch_size: int, mesh: Mesh) -> None:
    """Raises InputError unless the global batch divides evenly over the devices."""
    if batch_size < 1 or batch_size % mesh.size:
        below, above = batch_size - batch_size % mesh.size, batch_size + -batch_size % mesh.size
        near = f"{below} or {above}" if 0 < below < above else str(max(above, mesh.size))
        raise InputError(f"a batch of {batch_size} images does not divide over {mesh.size} devices: make it {near}")
