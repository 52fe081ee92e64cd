"""What training changes: one tree of arrays, which a step takes and gives and a checkpoint keeps."""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jax.sharding import Mesh

from imagenet_real.models.catalog import Apply
from imagenet_real.models.layers import untraced_rngs
from imagenet_real.runtime import devices

Build = Callable[[nnx.Rngs], nnx.Module]
"""Makes a model with random parameters: `lambda rngs: catalog.build("resnet50", rngs=rngs)`."""


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class TrainState:
    """`step` finished steps, the parameters, the other arrays of the model, the optimizer's, and averages, if any.

    `average` is a pair like (`params`, `batch_stats`), their exponential moving averages, or None.
    """

    step: jax.Array  # [] int32
    params: nnx.State
    batch_stats: nnx.State  # batch statistics, and whatever else of the model is not trained by its gradient
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
    """The graph of the model from `build`, in training mode, and its state before the first step.

    It lies on the mesh as `devices.placed` says; without `fsdp` and a `model` axis every device has a copy.
    """
    graph, shapes = create_abstract(build, optimizer, mesh, average=average, fsdp=fsdp)
    placed = jax.tree.map(lambda leaf: leaf.sharding, shapes)
    # Compiled as one, much sooner than layer by layer; for any seed, so that a compilation cache serves all of them.
    initial = jax.jit(lambda key: _initial(build(untraced_rngs(key)), optimizer, average), out_shardings=placed)
    return graph, initial(jax.random.key(seed))


def create_abstract(
    build: Build, optimizer: optax.GradientTransformation, mesh: Mesh, *, average: bool = False, fsdp: bool = False
) -> tuple[nnx.GraphDef, TrainState]:
    """What `create` gives, with shapes in the place of arrays and at no cost: a checkpoint is restored into it."""
    model = nnx.eval_shape(lambda: build(untraced_rngs(0)))
    model.train()
    shapes = jax.eval_shape(lambda: _initial(build(untraced_rngs(0)), optimizer, average))

    def lie(leaf: jax.ShapeDtypeStruct) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(
            leaf.shape, leaf.dtype, sharding=devices.param_sharding(mesh, leaf.shape, fsdp=fsdp)
        )

    return nnx.graphdef(model), jax.tree.map(lie, shapes)


def evaluated_model(graph: nnx.GraphDef, state: TrainState) -> tuple[Apply, tuple[nnx.State, nnx.State]]:
    """The model in evaluation mode as `(apply, params)`, for `inference.predict`; of the averages, where there are any.

    `params` are the state's own arrays: use them before the next step takes the state.
    """
    params = (state.params, state.batch_stats) if state.average is None else state.average
    model = nnx.merge(graph, *params)
    model.eval()
    evaluated = nnx.split(model, nnx.Param, ...)[0]
    return lambda params, images: nnx.merge(evaluated, *params)(images), params


def _initial(model: nnx.Module, optimizer: optax.GradientTransformation, average: bool) -> TrainState:
    _, params, batch_stats = nnx.split(model, nnx.Param, ...)
    kept = (params, batch_stats) if average else None
    return TrainState(jnp.zeros((), jnp.int32), params, batch_stats, optimizer.init(params), kept)
