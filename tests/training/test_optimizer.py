"""Optimizers against plain loops and against optax's own, and what weight decay leaves alone."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from imagenet_real.errors import InputError
from imagenet_real.models import catalog
from imagenet_real.training import optimizer, parameters, schedules

pytestmark = pytest.mark.slow


def leaf_names(params, chosen):
    flags = jax.tree.leaves(chosen)
    return {".".join(map(str, path)): flag for (path, _), flag in zip(nnx.to_flat_state(params), flags, strict=True)}


def test_weight_decay_leaves_norms_and_biases_alone():
    params = nnx.state(nnx.eval_shape(lambda: catalog.build("resnet_digits")), nnx.Param)
    named = leaf_names(params, parameters.decay_mask(params))
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
    named = leaf_names(params, parameters.decay_mask(params))
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


def toy(rows=6, columns=4):
    """Parameters of every kind, and gradients for five steps."""
    random = np.random.default_rng(0)

    def tree():
        shapes = {
            "linear": {"kernel": (rows, columns), "bias": (columns,)},
            "conv": {"kernel": (3, 3, 2, 5)},
            "depthwise": {"kernel": (3, 3, 1, 4)},
            "norm": {"scale": (columns,)},
        }
        return jax.tree.map(
            lambda shape: jnp.asarray(random.normal(size=shape), jnp.float32),
            shapes,
            is_leaf=lambda node: isinstance(node, tuple),
        )

    return tree(), [tree() for _ in range(5)]


def trained(transformation, finish=lambda state, params: params):
    """The parameters of `toy` after its gradients."""
    params, gradients = toy()
    state, update = transformation.init(params), jax.jit(transformation.update)
    for gradient in gradients:
        updates, state = update(gradient, state, params)
        params = optax.apply_updates(params, updates)
    return finish(state, params)


def assert_same(ours, theirs, **tolerance):
    for left, right in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(left, right, **tolerance or {"rtol": 1e-6, "atol": 1e-7})


RATE = schedules.cosine(0.1, 8, 2)
KERNELS = {
    "linear": {"kernel": True, "bias": False},
    "conv": {"kernel": True},
    "depthwise": {"kernel": True},
    "norm": {"scale": False},
}


def test_lion_is_the_one_of_optax():
    ours = optimizer.lion(RATE, beta2=0.98, weight_decay=0.1)
    assert_same(trained(ours), trained(optax.lion(RATE, b2=0.98, weight_decay=0.1, mask=KERNELS)))


def test_lamb_is_the_one_of_optax_for_kernels_and_adam_for_the_rest():
    ours = trained(optimizer.lamb(RATE, weight_decay=0.1))
    lamb, adam = trained(optax.lamb(RATE, weight_decay=0.1)), trained(optax.adam(RATE, eps=1e-6))
    assert_same(ours, jax.tree.map(lambda kernel, *leaves: leaves[not kernel], KERNELS, lamb, adam))


def test_muon_is_the_one_of_optax_with_adam_for_what_is_no_matrix():
    axes = {
        "linear": {"kernel": optax.contrib.MuonDimensionNumbers(0, 1), "bias": None},
        "conv": {"kernel": optax.contrib.MuonDimensionNumbers((0, 1, 2), 3)},
        "depthwise": {"kernel": None},
        "norm": {"scale": None},
    }
    theirs = optax.contrib.muon(RATE, muon_weight_dimension_numbers=axes, consistent_rms=0.2)
    assert_same(trained(optimizer.muon(RATE)), trained(theirs))
    adam = trained(optax.adam(RATE, nesterov=True))
    ours = trained(optimizer.muon(RATE, weight_decay=0.1))
    assert_same(ours["norm"], adam["norm"])  # no decay
    decayed = trained(
        optax.contrib.muon(RATE, weight_decay=0.1, muon_weight_dimension_numbers=axes, consistent_rms=0.2)
    )
    assert_same(ours["conv"], decayed["conv"])


def test_schedule_free_adamw_is_the_one_of_optax():
    rate = schedules.constant(0.1, 8, 2)
    ours = trained(optimizer.schedule_free_adamw(rate, beta2=0.98), optimizer.averaged_params)
    theirs = optax.contrib.schedule_free_adamw(0.1, warmup_steps=2, b2=0.98)
    assert_same(ours, trained(theirs, optax.contrib.schedule_free_eval_params))
    ours = trained(optimizer.schedule_free_adamw(rate, beta2=0.98, weight_decay=0.1), optimizer.averaged_params)
    theirs = optax.contrib.schedule_free_adamw(0.1, warmup_steps=2, b2=0.98, weight_decay=0.1)
    assert_same(ours["conv"], trained(theirs, optax.contrib.schedule_free_eval_params)["conv"])


@pytest.mark.parametrize("name", sorted(optimizer.OPTIMIZERS))
def test_frozen_parameters_take_no_memory_of_an_optimizer(name):
    params, gradients = toy()
    frozen = frozenset(parameters.names_in(params)) - {"linear.kernel", "linear.bias"}
    transformation = parameters.without(optimizer.OPTIMIZERS[name](0.1), frozen)
    state = transformation.init(params)
    sizes = {leaf.size for leaf in jax.tree.leaves(state)}
    assert params["linear"]["kernel"].size in sizes
    assert not {params["conv"]["kernel"].size, params["depthwise"]["kernel"].size} & sizes
    updates, _ = jax.jit(transformation.update)(gradients[0], state, params)
    assert jax.tree.structure(updates) == jax.tree.structure(params)


def test_momentum_in_bfloat16():
    params, _ = toy()
    for name in ("adamw", "sgd", "lion", "muon"):
        state = optimizer.OPTIMIZERS[name](0.1, dtype="bfloat16").init(params)
        assert jnp.dtype("bfloat16") in {leaf.dtype for leaf in jax.tree.leaves(state)}, name


def test_factors_of_the_learning_rate():
    params, _ = toy()
    factors = {name: 0.5 if name.startswith("conv") else 1.0 for name in parameters.names_in(params)}
    whole = optimizer.adamw(RATE, weight_decay=0.1)
    half = optimizer.adamw(lambda step: 0.5 * RATE(step), weight_decay=0.1)
    ours = trained(optax.chain(whole, parameters.scale_by_name(factors)))
    assert_same(ours["conv"], trained(half)["conv"])
    assert_same(ours["linear"], trained(whole)["linear"])


NAMES = ["blocks.1.norm.scale", "blocks.10.fc.kernel", "blocks.10.fc.bias", "cls_token", "head.fc.kernel"]


def test_names_to_freeze():
    def frozen(*freeze):
        return sorted(parameters.frozen_names(NAMES, freeze, "head.fc"))

    assert frozen("blocks.1") == NAMES[:1]
    assert frozen("blocks.10.fc.bias", "cls_token") == ["blocks.10.fc.bias", "cls_token"]
    assert frozen("backbone") == sorted(NAMES[:4])
    assert frozen() == []
    for freeze, message in (
        (["block"], "freeze has 'block', and no parameter or module has this name: did you mean blocks"),
        (["backbone", "head"], "freeze=backbone,head freezes every parameter"),
    ):
        with pytest.raises(InputError, match=message):
            frozen(*freeze)
    with pytest.raises(InputError, match="the head of this model is unknown"):
        parameters.frozen_names(NAMES, ["backbone"], "")


def test_statistics_are_frozen_with_the_parameters_beside_them():
    names = ["bn1.scale", "bn1.bias", "bn2.scale", "bn2.bias"]
    statistics = ["bn1.mean", "bn1.var", "bn2.mean"]
    assert parameters.frozen_statistics(statistics, names, frozenset(names[:3])) == {"bn1.mean", "bn1.var"}
