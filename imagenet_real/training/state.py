"""The state of a training run: one tree of arrays that a step updates and a checkpoint stores."""

import dataclasses
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax.sharding import Mesh

from imagenet_real.models.functional import Apply
from imagenet_real.models.initial import shapes_of, untraced_rngs
from imagenet_real.runtime import devices
from imagenet_real.training.parameters import name_of

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
    frozen: frozenset[str] = frozenset(),
    pretrained: Mapping[str, np.ndarray] | None = None,
    abstract: tuple[nnx.GraphDef, TrainState] | None = None,
) -> tuple[nnx.GraphDef, TrainState]:
    """Returns the graph of the model from `build`, in training mode, and its state before the first step.

    `abstract` is the result of `create_abstract` for the same arguments, if it is there already.

    `devices.param_sharding` places the state on the mesh. Without `fsdp` and a `model` axis, every device has a copy.
    `pretrained` arrays replace those of the same names. Norms whose statistics are `frozen` use them, as in evaluation.
    """
    if abstract is None:
        abstract = create_abstract(build, optimizer, mesh, average=average, fsdp=fsdp, frozen=frozen)
    graph, shapes = abstract
    shardings = jax.tree.map(lambda leaf: leaf.sharding, shapes)
    # One compilation is much faster than one per layer. The key is an argument: a compilation cache serves every seed.
    initialize = jax.jit(
        lambda key, arrays: _initial(build(untraced_rngs(key)), optimizer, average, arrays), out_shardings=shardings
    )
    return graph, initialize(jax.random.key(seed), dict(pretrained or {}))


def create_abstract(
    build: Build,
    optimizer: optax.GradientTransformation,
    mesh: Mesh,
    *,
    average: bool = False,
    fsdp: bool = False,
    frozen: frozenset[str] = frozenset(),
    model: nnx.Module | None = None,
) -> tuple[nnx.GraphDef, TrainState]:
    """Returns the result of `create` with shapes instead of arrays. A checkpoint is restored into it.

    `model` is what `build` makes, with shapes instead of arrays, if it is there already. It is set to training mode.
    """
    if model is None:
        model = shapes_of(build)
    model.train()
    for path, module in nnx.iter_graph(model):
        if isinstance(module, nnx.BatchNorm) and ".".join(map(str, (*path, "mean"))) in frozen:
            module.eval()
    _, *parts = nnx.split(model, nnx.Param, ...)
    shapes = jax.eval_shape(lambda params, batch_stats: _state(params, batch_stats, optimizer, average), *parts)

    def with_sharding(leaf: jax.ShapeDtypeStruct) -> jax.ShapeDtypeStruct:
        sharding = devices.param_sharding(mesh, leaf.shape, fsdp=fsdp)
        return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding)

    return nnx.graphdef(model), jax.tree.map(with_sharding, shapes)


def names_of(shapes: TrainState, *, statistics: bool = True) -> dict[str, jax.ShapeDtypeStruct]:
    """Returns the arrays of the model by name, with its statistics or without."""
    parts = (shapes.params, shapes.batch_stats) if statistics else (shapes.params,)
    return {name_of(path): leaf for part in parts for path, leaf in jax.tree_util.tree_leaves_with_path(part)}


def evaluation_model(graph: nnx.GraphDef, state: TrainState) -> tuple[Apply, tuple[nnx.State, nnx.State]]:
    """Returns the model in evaluation mode as `(apply, params)`, with the averages if the state has them.

    `params` are the state's own arrays: use them before the next step donates them.
    """
    params = (state.params, state.batch_stats) if state.average is None else state.average
    model = nnx.merge(graph, *params)
    model.eval()
    evaluation_graph = nnx.split(model, nnx.Param, ...)[0]
    return lambda params, images: nnx.merge(evaluation_graph, *params)(images), params


def _initial(
    model: nnx.Module, optimizer: optax.GradientTransformation, average: bool, pretrained: Mapping[str, jax.Array]
) -> TrainState:
    def replaced(path: tuple, leaf: jax.Array) -> jax.Array:
        return pretrained.get(name_of(path), leaf)

    _, *parts = nnx.split(model, nnx.Param, ...)
    params, batch_stats = (jax.tree_util.tree_map_with_path(replaced, part) for part in parts)
    return _state(params, batch_stats, optimizer, average)


def _state(
    params: nnx.State, batch_stats: nnx.State, optimizer: optax.GradientTransformation, average: bool
) -> TrainState:
    averages = (params, batch_stats) if average else None
    return TrainState(jnp.zeros((), jnp.int32), params, batch_stats, optimizer.init(params), averages)
