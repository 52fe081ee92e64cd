"""Linear heads on features that stay fixed: several learning rates at once, the best chosen on a part of the training images."""

import dataclasses
import functools
import json
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from imagenet_real.errors import InputError
from imagenet_real.io import storage
from imagenet_real.io.run_key import differences
from imagenet_real.models.heads import LinearHead
from imagenet_real.training.losses import LOSSES

MOMENTUM = 0.9
ROWS = 8192  # of features in memory at a time, when no batch needs them


@dataclasses.dataclass(frozen=True)
class Scale:
    """Features are centered, and divided so that their squares sum to 1 on average."""

    mean: np.ndarray  # [D]
    std: np.ndarray  # [D]

    def __call__(self, rows: np.ndarray) -> np.ndarray:  # [N, D] -> [N, D] float32
        return ((rows - self.mean) / self.std).astype(np.float32)

    def fold(self, weight: np.ndarray, bias: np.ndarray) -> LinearHead:
        """Returns the head for features that are not scaled: `weight` is [D, K]."""
        folded = weight / self.std[:, None]
        return LinearHead(folded.T.astype(np.float32), (bias - self.mean @ folded).astype(np.float32))


def scale_of(features: np.ndarray, rows: np.ndarray) -> Scale:
    """Returns the scale of the given rows, computed in float64, in pieces."""
    total, squares = np.zeros(features.shape[1]), np.zeros(features.shape[1])
    for start in range(0, len(rows), ROWS):
        part = np.asarray(features[rows[start : start + ROWS]], np.float64)
        total += part.sum(axis=0)
        squares += np.square(part).sum(axis=0)
    mean = total / len(rows)
    std = np.sqrt(np.maximum(squares / len(rows) - np.square(mean), 1e-12)) * features.shape[1] ** 0.5
    return Scale(mean, std)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a head is trained: stochastic gradient descent with momentum, and a cosine schedule down to 0."""

    loss: str
    epochs: int
    batch_size: int
    weight_decay: float  # times half the sum of the squared weights, per image; not of the bias
    seed: int


def train(
    features: np.ndarray,
    labels: np.ndarray,
    rows: np.ndarray,
    scale: Scale,
    recipe: Recipe,
    learning_rates: Sequence[float],
    num_classes: int,
    *,
    file: str | os.PathLike,
    run_key: Mapping[str, Any],
    epoch_done: Callable[[int], None] = lambda epoch: None,
) -> tuple[np.ndarray, np.ndarray]:
    """Trains one head for each learning rate: `(weight [R, D, K], bias [R, K])`, for scaled features.

    `labels` [N] int are those of `features` [N, D]; `rows` [n] are trained on. The state after each epoch is in `file`; a
    killed run continues from it and returns the same numbers. Raises InputError if it belongs to a different run.
    """
    rates = jnp.asarray(learning_rates, jnp.float32)
    batch_size = min(recipe.batch_size, len(rows))
    steps = len(rows) // batch_size
    state, first = _load_or_start(file, run_key, recipe, len(rates), features.shape[1], num_classes)
    step = _step_of(recipe.loss, recipe.weight_decay)
    for epoch in range(first, recipe.epochs):
        order = np.random.default_rng((recipe.seed, epoch)).permutation(rows)
        for index in range(steps):
            batch = np.sort(order[index * batch_size : (index + 1) * batch_size])  # in the order of the disk
            done = (epoch * steps + index) / (recipe.epochs * steps)
            rate = rates * 0.5 * (1 + np.cos(np.pi * done))
            state = step(state, scale(features[batch]), labels[batch], rate)
        _save(file, state, epoch + 1, run_key)
        epoch_done(epoch)
    weight, bias = state[0]
    return np.asarray(weight), np.asarray(bias)


def _load_or_start(
    file: str | os.PathLike, run_key: Mapping[str, Any], recipe: Recipe, heads: int, width: int, num_classes: int
) -> tuple[tuple, int]:
    if pathlib.Path(file).exists():
        return _load(file, run_key)
    weight = jnp.zeros((heads, width, num_classes))
    bias = jnp.full((heads, num_classes), LOSSES[recipe.loss].head_bias(num_classes))
    params = weight, bias
    return (params, jax.tree.map(jnp.zeros_like, params)), 0


def _load(file: str | os.PathLike, run_key: Mapping[str, Any]) -> tuple[tuple, int]:
    try:
        with np.load(file, allow_pickle=False) as saved:
            params, velocity = (
                tuple(jnp.asarray(saved[f"{kind}_{i}"]) for i in (0, 1)) for kind in ("params", "velocity")
            )
            epoch, key = int(saved["epoch"]), str(saved["run_key"])
    except (ValueError, OSError, KeyError) as error:
        raise InputError(f"{file} is damaged ({error}). Delete it and run again.") from None
    if changes := differences(json.loads(key), json.loads(json.dumps(run_key))):
        raise InputError(f"{file} is of a different run: {changes}. Use another --workdir, or delete it.")
    return (params, velocity), epoch


def _save(file: str | os.PathLike, state: tuple, epoch: int, run_key: Mapping[str, Any]) -> None:
    arrays: dict[str, Any] = {
        f"{kind}_{i}": np.asarray(value)
        for kind, values in zip(("params", "velocity"), state, strict=True)
        for i, value in enumerate(values)
    }
    with storage.open_atomically(storage.to_path(file), "wb") as stream:
        np.savez(stream, epoch=epoch, run_key=json.dumps(run_key), **arrays)


@functools.cache
def _step_of(loss: str, weight_decay: float) -> Callable:
    function = LOSSES[loss].function

    def loss_of(params, features, target):
        weight, bias = params
        with jax.default_matmul_precision("highest"):
            logits = features @ weight + bias
        return function(logits, target).mean() + 0.5 * weight_decay * jnp.square(weight).sum()

    def update(params, velocity, rate, features, target):
        gradient = jax.grad(loss_of)(params, features, target)
        velocity = jax.tree.map(lambda v, g: MOMENTUM * v + g, velocity, gradient)
        ahead = jax.tree.map(lambda v, g: MOMENTUM * v + g, velocity, gradient)  # Nesterov
        return jax.tree.map(lambda p, a: p - rate * a, params, ahead), velocity

    @jax.jit
    def step(state, features, labels, rates):  # one step of all heads, on the same batch
        params, velocity = state
        target = jax.nn.one_hot(labels, params[1].shape[-1])
        return jax.vmap(update, in_axes=(0, 0, 0, None, None))(params, velocity, rates, features, target)

    return step


def top_classes(features: np.ndarray, rows: np.ndarray, head: LinearHead, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the best classes [n, count] of some rows, and their logits [n, count] float32; the lower class wins ties."""
    classes, scores = [], []
    for start in range(0, len(rows), ROWS):
        logits = np.asarray(features[rows[start : start + ROWS]], np.float32) @ head.weight.T + head.bias
        order = np.argsort(-logits, axis=1, kind="stable")[:, :count]
        classes.append(order)
        scores.append(np.take_along_axis(logits, order, axis=1))
    return np.concatenate(classes), np.concatenate(scores)
