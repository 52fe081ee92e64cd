"""Initial values of parameters, and models that have shapes in their place."""

import contextvars
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

_draws_nothing: contextvars.ContextVar[bool] = contextvars.ContextVar("draws_nothing", default=False)


def drawn(initial: nnx.Initializer) -> nnx.Initializer:
    """Returns the initializer. In a model of shapes it draws no numbers."""

    @functools.wraps(initial)
    def values(key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32, *options: Any, **named: Any) -> Any:
        return jnp.zeros(shape, dtype) if _draws_nothing.get() else initial(key, shape, dtype, *options, **named)

    return values


def shapes_of(build: Callable[[nnx.Rngs], nnx.Module]) -> nnx.Module:
    """Builds a model with the shapes of its parameters only, which takes no memory and little time.

    JAX traces the drawing of random numbers anew for every shape, which takes longer than all else. So `drawn` initializers
    and the keys are left out.
    """
    before = _draws_nothing.set(True)
    try:
        return nnx.eval_shape(lambda: build(untraced_rngs(0)))
    finally:
        _draws_nothing.reset(before)


class _UntracedStream(nnx.RngStream):
    """Counts its keys with a Python number. `fork` returns Flax's own streams: dropouts keep them in the model."""

    def __init__(self, key: jax.Array, *, tag: str):
        super().__init__(key, tag=tag)
        self.count = 0

    def __call__(self) -> jax.Array:
        if _draws_nothing.get():
            return self.key[...]
        key = jax.random.fold_in(self.key[...], self.count)
        self.count += 1
        return key

    def fork(self) -> nnx.RngStream:
        return nnx.RngStream(self(), tag=self.tag)


def untraced_rngs(seed: int | jax.Array) -> nnx.Rngs:
    """Returns the keys of `nnx.Rngs(seed)`, for building large models in traced code.

    Flax traces its own count of keys. For each of a large model's thousand keys, it then searches all earlier traces,
    which takes minutes.
    """
    rngs = nnx.Rngs(seed)
    rngs.default = _UntracedStream(rngs.default.key[...], tag=rngs.default.tag)
    return rngs
