"""A checkpoint of random numbers for a model, under timm's names, of sizes at which no layer's part drowns."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from imagenet_real.models.checkpoints import weights
from imagenet_real.models.initial import shapes_of

AXES = {2: (1, 0), 4: (3, 2, 0, 1)}  # of kernels: [in, out] -> [out, in] and [H, W, in, out] -> [out, in, H, W]


def random_tensors(state: nnx.State, gain: float = 1.0) -> dict[str, np.ndarray]:
    """What a tensor is for is read off the end of its name."""
    random = np.random.default_rng(0)
    tensors = {}
    for path, leaf in sorted(nnx.to_flat_state(state), key=lambda item: weights.timm_name(item[0])):
        name, shape = weights.timm_name(path), leaf.get_value().shape
        if path[-1] == "kernel":
            shape = tuple(shape[axis] for axis in AXES[len(shape)])
            tensors[name] = random.normal(0, gain * np.prod(shape[1:]) ** -0.5, shape)
        elif path[-1] in ("bias", "mean"):
            tensors[name] = random.normal(0, 0.3, shape)
        else:  # scales and variances
            tensors[name] = random.uniform(0.5, 2, shape)
    return {name: tensor.astype(np.float32) for name, tensor in tensors.items()}


def filled(build) -> nnx.Module:
    """A model with random parameters, which NumPy draws at once where Flax compiles for seconds.

    Kernels keep the size of what they multiply; scales, variances and biases are near one.
    """
    random = np.random.default_rng(0)

    def draw(leaf):
        if len(leaf.shape) > 1:
            return jnp.asarray(random.normal(0, np.prod(leaf.shape[:-1]) ** -0.5, leaf.shape), leaf.dtype)
        return jnp.asarray(random.uniform(0.5, 1.5, leaf.shape), leaf.dtype)

    model = shapes_of(lambda rngs: build())
    nnx.update(model, jax.tree.map(draw, nnx.state(model)))
    return model


def with_params(build, gain: float = 1.0) -> tuple:
    """A model in evaluation mode: its compiled `apply(params, images)`, its abstract params, and tensors for them."""
    model = shapes_of(lambda rngs: build())
    model.eval()
    graph, state = nnx.split(model)
    return jax.jit(lambda params, images: nnx.merge(graph, params)(images)), state, random_tensors(state, gain)
