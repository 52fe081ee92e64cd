"""A model of a convolution, a batch norm and a linear layer, and batches for it."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from imagenet_real.models.layers import BatchNorm, convolution
from imagenet_real.runtime import devices
from imagenet_real.training import optimizer, state, step
from imagenet_real.training.losses import LOSSES
from tests.meshes import mesh_of

CLASSES, SIZE = 3, 6
MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.5)
DECAY = 0.9


class Net(nnx.Module):
    def __init__(self, width, *, rngs):
        self.conv = convolution(3, width, 3, 2, dtype=jnp.float32, rngs=rngs)
        self.bn = BatchNorm(width, rngs=rngs)
        self.fc = nnx.Linear(width, CLASSES, rngs=rngs)

    def __call__(self, images):
        return self.fc(nnx.relu(self.bn(self.conv(images))).mean(axis=(1, 2)))


def build(rngs, width=4):
    return Net(width, rngs=rngs)


SGD = optimizer.sgd(0.1, nesterov=True, weight_decay=1e-3, clip_norm=5.0)


def one_device():
    return mesh_of(1)


@functools.cache
def initial(average, seed):
    graph, train_state = state.create(build, SGD, one_device(), seed=seed, average=average)
    return graph, jax.device_get(train_state)


def created(mesh, *, average=False, seed=0):
    graph, train_state = initial(average, seed)
    return graph, devices.put(jax.tree.map(np.copy, train_state), devices.replicated(mesh))


@functools.cache
def template(mesh, average=True):
    """The shapes of a state: what a checkpoint is restored into."""
    return state.create_abstract(build, SGD, mesh, average=average)[1]


@functools.cache
def train_step(graph, mesh, loss="sigmoid"):
    return step.make_train_step(graph, LOSSES[loss].function, SGD, mesh, mean=MEAN, std=STD, average_decay=DECAY)


def batch(seed, size=16):
    """Noise, brighter in the color of its class."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, CLASSES, size)
    images = random.integers(0, 200, (size, SIZE, SIZE, 3), dtype=np.uint8)
    images[np.arange(size), ..., labels] += 55
    return {"images": images, "targets": np.eye(CLASSES, dtype=np.float32)[labels]}


def normalized(images):
    return (images / np.float32(255) - np.array(MEAN, np.float32)) / np.array(STD, np.float32)


def run(mesh, batches, **options):
    """The graph, the state after a step on each batch, and the metrics of the last."""
    graph, train_state = created(mesh, **options)
    for batch in batches:
        train_state, metrics = train_step(graph, mesh)(train_state, step.shard_batch(mesh, batch))
    return graph, train_state, metrics


def assert_equal(actual, expected, **tolerance):
    """Trees of arrays that are equal bit for bit, or to a tolerance."""
    assert jax.tree.structure(actual) == jax.tree.structure(expected)
    compare = np.testing.assert_allclose if tolerance else np.testing.assert_array_equal
    for left, right in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
        assert left.dtype == right.dtype
        compare(left, right, **tolerance)
