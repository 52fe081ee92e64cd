"""Schedules at their corners, optimizers against plain loops, and what weight decay leaves alone."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from imagenet_real.errors import InputError
from imagenet_real.models import catalog
from imagenet_real.training import optimizer

pytestmark = pytest.mark.slow


def values(schedule, steps):
    return [float(schedule(step)) for step in steps]


def test_cosine_corners():
    schedule = optimizer.cosine(0.4, total_steps=100, warmup_steps=20)
    assert values(schedule, [0, 10, 20, 60, 100]) == pytest.approx([0, 0.2, 0.4, 0.2, 0], abs=1e-6)
    assert 0 < float(schedule(99)) < 1e-3  # the last step
    assert float(schedule(150)) == pytest.approx(0, abs=1e-6)
    for step in range(100):
        expected = 0.4 * step / 20 if step < 20 else 0.4 * (1 + math.cos(math.pi * (step - 20) / 80)) / 2
        assert float(schedule(step)) == pytest.approx(expected, abs=1e-6)


def test_without_warm_up_the_first_step_is_at_the_peak():
    assert values(optimizer.cosine(0.4, 10), [0, 5, 10]) == pytest.approx([0.4, 0.2, 0], abs=1e-6)
    assert values(optimizer.step_decay(0.4, 10, boundaries=[5]), [0, 4, 5, 9]) == pytest.approx([0.4, 0.4, 0.04, 0.04])


def test_warm_up_alone():
    assert values(optimizer.cosine(0.4, 8, 8), range(8)) == pytest.approx([0.05 * step for step in range(8)])
    assert values(optimizer.step_decay(0.4, 8, 8, boundaries=[]), [0, 7, 8]) == pytest.approx([0, 0.35, 0.4])


def test_step_decay():
    schedule = optimizer.step_decay(1.0, 90, 10, boundaries=[30, 60, 80], factor=0.1)
    steps = [0, 5, 10, 29, 30, 59, 60, 79, 80, 89]
    assert values(schedule, steps) == pytest.approx([0, 0.5, 1, 1, 0.1, 0.1, 0.01, 0.01, 0.001, 0.001])


@pytest.mark.parametrize("make", [optimizer.cosine, lambda *steps: optimizer.step_decay(*steps, boundaries=[])])
@pytest.mark.parametrize("steps", [(5, 6), (0, 0), (-1, 0), (5, -1)])
def test_impossible_lengths(make, steps):
    with pytest.raises(InputError, match=f"a run of {steps[0]} steps has {steps[1]} steps of warm-up"):
        make(0.1, *steps)


@pytest.mark.parametrize("boundaries", [[50, 40], [40, 40], [5], [100]])
def test_impossible_boundaries(boundaries):
    with pytest.raises(InputError, match="must ascend and lie between"):
        optimizer.step_decay(0.1, 100, 10, boundaries=boundaries)


def leaf_names(params, chosen):
    flags = jax.tree.leaves(chosen)
    return {".".join(map(str, path)): flag for (path, _), flag in zip(nnx.to_flat_state(params), flags, strict=True)}


def test_weight_decay_leaves_norms_and_biases_alone():
    params = nnx.state(nnx.eval_shape(lambda: catalog.build("resnet_digits")), nnx.Param)
    named = leaf_names(params, optimizer.decay_mask(params))
    assert {name for name, flag in named.items() if flag} == {
        "conv1.kernel",
        *(f"layer{stage}.0.conv{number}.kernel" for stage in (1, 2, 3) for number in (1, 2)),
        "layer2.0.downsample.0.kernel",
        "layer3.0.downsample.0.kernel",
        "fc.kernel",
    }
    left_alone = {name.split(".", 1)[0] + "|" + name.rsplit(".", 1)[1] for name, flag in named.items() if not flag}
    assert {"bn1|scale", "bn1|bias", "fc|bias"} <= left_alone


def test_weight_decay_leaves_tokens_and_positions_alone():
    params = nnx.state(catalog.build_abstract("vit_tiny_patch16_224"), nnx.Param)
    named = leaf_names(params, optimizer.decay_mask(params))
    assert {name.rsplit(".", 1)[-1] for name, flag in named.items() if flag} == {"kernel"}
    assert {name for name, flag in named.items() if not flag} >= {"cls_token", "pos_embed", "blocks.0.norm1.scale"}
    assert sum(named.values()) == 1 + 12 * 4 + 1


GRADIENTS = [
    {"kernel": np.array([3.0, -4.0]), "bias": np.array([12.0])},
    {"kernel": np.array([0.1, 0.2]), "bias": np.array([-0.3])},
]


def after(chain):
    """The parameters after the two gradients, from ones."""
    params = {"kernel": jnp.ones(2), "bias": jnp.ones(1)}
    state = chain.init(params)
    for gradient in GRADIENTS:
        updates, state = chain.update(jax.tree.map(jnp.float32, gradient), state, params)
        params = optax.apply_updates(params, updates)
    return params


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("clip_norm", [0.0, 1.0])
def test_sgd_against_a_loop(nesterov, clip_norm):
    params = {"kernel": np.ones(2), "bias": np.ones(1)}
    velocity = {"kernel": np.zeros(2), "bias": np.zeros(1)}
    for gradient in GRADIENTS:
        norm = math.sqrt(sum((leaf**2).sum() for leaf in gradient.values()))  # 13, then 0.37
        scale = min(1, clip_norm / norm) if clip_norm else 1
        for name, decay in (("kernel", 0.1), ("bias", 0.0)):
            step = scale * gradient[name] + decay * params[name]  # the decay is not clipped
            velocity[name] = 0.9 * velocity[name] + step
            params[name] = params[name] - 0.5 * (step + 0.9 * velocity[name] if nesterov else velocity[name])
    actual = after(optimizer.sgd(0.5, nesterov=nesterov, weight_decay=0.1, clip_norm=clip_norm))
    for name in params:
        np.testing.assert_allclose(actual[name], params[name], rtol=1e-5)


def test_adamw_against_a_loop():
    params = {"kernel": np.ones(2), "bias": np.ones(1)}
    first = {"kernel": np.zeros(2), "bias": np.zeros(1)}
    second = {"kernel": np.zeros(2), "bias": np.zeros(1)}
    for count, gradient in enumerate(GRADIENTS, start=1):
        for name, decay in (("kernel", 0.1), ("bias", 0.0)):
            first[name] = 0.9 * first[name] + 0.1 * gradient[name]
            second[name] = 0.99 * second[name] + 0.01 * gradient[name] ** 2
            step = first[name] / (1 - 0.9**count) / (np.sqrt(second[name] / (1 - 0.99**count)) + 1e-8)
            params[name] = params[name] - 0.5 * (step + decay * params[name])
    actual = after(optimizer.adamw(0.5, beta2=0.99, weight_decay=0.1))
    for name in params:
        np.testing.assert_allclose(actual[name], params[name], rtol=1e-5)


def adamp_by_loops(weights, gradients, rate, *, kernel, nesterov, decay):
    """One array after all gradients, channels first, after the authors' code; and which projections it made."""
    beta1, beta2, eps, delta, ratio = 0.9, 0.999, 1e-8, 0.1, 0.1
    weights, mean, square, made = weights.astype(np.float64), 0.0, 0.0, []
    for count, gradient in enumerate(gradients.astype(np.float64), start=1):
        mean = beta1 * mean + (1 - beta1) * gradient
        square = beta2 * square + (1 - beta2) * gradient**2
        down = np.sqrt(square) / math.sqrt(1 - beta2**count) + eps
        step = (beta1 * mean + (1 - beta1) * gradient) / down if nesterov else mean / down
        share = 1.0
        if kernel:
            views = {"channel": (len(weights), -1), "layer": (1, -1)}
            for name, view in views.items():
                rows, slopes, steps = weights.reshape(view), gradient.reshape(view), step.reshape(view)
                cosines = [
                    abs(row @ slope) / max(np.linalg.norm(row) * np.linalg.norm(slope), eps)
                    for row, slope in zip(rows, slopes, strict=True)
                ]
                if max(cosines) < delta / math.sqrt(rows.shape[1]):
                    directions = [row / (np.linalg.norm(row) + eps) for row in rows]
                    step = np.stack([one - d * (d @ one) for d, one in zip(directions, steps, strict=True)])
                    step, share = step.reshape(weights.shape), ratio
                    made.append(name)
                    break
            else:
                made.append("none")
            weights = weights * (1 - rate * decay * share)
        weights = weights - rate / (1 - beta1**count) * step
    return weights, made


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("shape", [(6, 4), (4, 3, 2, 2)])
def test_adamp_is_the_published_formula(nesterov, shape):
    """Kernels [outputs, ...] here, and [..., outputs] there; gradients along them, across each channel, across the whole."""
    rng = np.random.default_rng(0)
    start, bias = rng.normal(size=shape), rng.normal(size=5)
    rows = start.reshape(len(start), -1)
    across = rng.normal(size=rows.shape)
    across -= rows * ((across * rows).sum(1) / (rows**2).sum(1))[:, None]
    slopes = [rows + across, across, rows * np.array([1, -1] * (len(rows) // 2))[:, None]]
    slopes[2] -= rows * (slopes[2] * rows).sum() / (rows**2).sum()
    gradients = np.stack([slope.reshape(shape) for slope in slopes])
    rate = 1e-4  # the kernel stays where it was, about: the gradients remain along and across
    kernel, made = adamp_by_loops(start, gradients, rate, kernel=True, nesterov=nesterov, decay=0.5)
    assert made == ["none", "channel", "layer"]
    biases = rng.normal(size=(3, 5))
    expected, _ = adamp_by_loops(bias, biases, rate, kernel=False, nesterov=nesterov, decay=0.5)

    transformation = optimizer.adamp(rate, nesterov=nesterov, weight_decay=0.5)
    params = {"kernel": jnp.asarray(np.moveaxis(start, 0, -1), jnp.float32), "bias": jnp.asarray(bias, jnp.float32)}
    state, update = transformation.init(params), jax.jit(transformation.update)
    for gradient, its_bias in zip(gradients, biases, strict=True):
        slope = {"kernel": jnp.asarray(np.moveaxis(gradient, 0, -1)), "bias": jnp.asarray(its_bias)}
        updates, state = update(slope, state, params)
        params = optax.apply_updates(params, updates)
    moved = np.moveaxis(np.asarray(params["kernel"]), -1, 0) - start
    np.testing.assert_allclose(moved, kernel - start, rtol=5e-3, atol=2e-7)
    np.testing.assert_allclose(params["bias"] - bias, expected - bias, rtol=5e-3, atol=2e-7)
