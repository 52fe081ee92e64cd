"""The state of a training run: one tree of arrays that a step updates and a checkpoint stores."""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jax.sharding import Mesh

from imagenet_real.models.functional import Apply
from imagenet_real.models.layers import untraced_rngs
from imagenet_real.runtime import devices

Build = Callable[[nnx.Rngs], nnx.Module]
"""Makes a model with random parameters: `lambda rngs: catalog.build("resnet50", rngs=rngs)`."""


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class TrainState:
    """The number of finished steps, the arrays of the model and of the optimizer, and moving averages, if any.

    `average` is a pair like (`params`, `batch_stats`), their exponential moving averages, or None.
    """

    step: jax.Array  # [] int32
    params: nnx.State
    batch_stats: nnx.State  # batch statistics, and every other array of the model that has no gradient
    opt_state: optax.OptState
    average: tuple[nnx.State, nnx.State] | None


def create(
    build: Build,
    optimizer: optax.GradientTransformation,
    mesh: Mesh,
    *,
    seed: int,
    average: bool = False,
    fsdp: bool = False,
) -> tuple[nnx.GraphDef, TrainState]:
    """Returns the graph of the model from `build`, in training mode, and its state before the first step.

    `devices.param_sharding` places the state on the mesh. Without `fsdp` and a `model` axis, every device has a copy.
    """
    graph, shapes = create_abstract(build, optimizer, mesh, average=average, fsdp=fsdp)
    shardings = jax.tree.map(lambda leaf: leaf.sharding, shapes)
    # One compilation is much faster than one per layer. The key is an argument: a compilation cache serves every seed.
    initialize = jax.jit(lambda key: _initial(build(untraced_rngs(key)), optimizer, average), out_shardings=shardings)
    return graph, initialize(jax.random.key(seed))


def create_abstract(
    build: Build, optimizer: optax.GradientTransformation, mesh: Mesh, *, average: bool = False, fsdp: bool = False
) -> tuple[nnx.GraphDef, TrainState]:
    """Returns the result of `create` with shapes instead of arrays, at no cost. A checkpoint is restored into it."""
    model = nnx.eval_shape(lambda: build(untraced_rngs(0)))
    model.train()
    shapes = jax.eval_shape(lambda: _initial(build(untraced_rngs(0)), optimizer, average))

    def with_sharding(leaf: jax.ShapeDtypeStruct) -> jax.ShapeDtypeStruct:
        sharding = devices.param_sharding(mesh, leaf.shape, fsdp=fsdp)
        return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding)

    return nnx.graphdef(model), jax.tree.map(with_sharding, shapes)


def evaluation_model(graph: nnx.GraphDef, state: TrainState) -> tuple[Apply, tuple[nnx.State, nnx.State]]:
    """Returns the model in evaluation mode as `(apply, params)`, with the averages if the state has them.

    `params` are the state's own arrays: use them before the next step donates them.
    """
    params = (state.params, state.batch_stats) if state.average is None else state.average
    model = nnx.merge(graph, *params)
    model.eval()
    evaluation_graph = nnx.split(model, nnx.Param, ...)[0]
    return lambda params, images: nnx.merge(evaluation_graph, *params)(images), params


def _initial(model: nnx.Module, optimizer: optax.GradientTransformation, average: bool) -> TrainState:
    _, params, batch_stats = nnx.split(model, nnx.Param, ...)
    averages = (params, batch_stats) if average else None
    return TrainState(jnp.zeros((), jnp.int32), params, batch_stats, optimizer.init(params), averages)
