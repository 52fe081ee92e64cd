"""The train step against plain JAX, on one device and on eight."""

import dataclasses
import functools
import types

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from imagenet_real.errors import InputError
from imagenet_real.inference import predict
from imagenet_real.models.functional import normalized
from imagenet_real.training import state, step
from imagenet_real.training.losses import LOSSES
from tests.training import small

pytestmark = pytest.mark.slow


def test_one_step_against_plain_jax():
    graph, before = small.created(small.one_device())
    batch = small.batch(0)

    @functools.partial(jax.value_and_grad, has_aux=True)
    def loss(params):
        model = nnx.merge(graph, params, before.batch_stats, copy=True)
        logits = model(small.normalized(batch["images"]))
        return optax.sigmoid_binary_cross_entropy(logits, batch["targets"]).sum(axis=1).mean(), model.bn.var[...]

    @jax.jit
    def stepped(params):
        (value, variance), gradient = loss(params)
        updates, _ = small.SGD.update(gradient, before.opt_state, params)
        return value, variance, optax.tree.norm(gradient), optax.apply_updates(params, updates)

    value, variance, norm, params = stepped(before.params)
    _, after, metrics = small.run(small.one_device(), [batch])
    assert int(after.step) == 1
    np.testing.assert_allclose(metrics["loss"], value, rtol=1e-6)
    np.testing.assert_allclose(metrics["gradient_norm"], norm, rtol=1e-5)
    small.assert_equal(after.params, params, atol=1e-6)
    np.testing.assert_allclose(after.batch_stats["bn"]["var"][...], variance, rtol=1e-5)
    assert np.abs(variance - 1).max() > 0.01


@pytest.mark.parametrize("loss", LOSSES)
def test_training_learns(loss):
    mesh = small.one_device()
    graph, train_state = small.created(mesh)
    train_step = small.train_step(graph, mesh, loss)
    losses = []
    for seed in range(40):
        train_state, metrics = train_step(train_state, step.shard_batch(mesh, small.batch(seed)))
        losses.append(float(metrics["loss"]))
    assert losses[-1] < 0.5 * losses[0]
    assert int(train_state.step) == 40


def test_the_state_is_used_up():
    graph, train_state = small.created(small.one_device(), average=True)
    batch = step.shard_batch(small.one_device(), small.batch(0))
    small.train_step(graph, small.one_device())(train_state, batch)
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(train_state.params))
    assert not batch["images"].is_deleted()


def test_seeds_differ():
    kernels = [small.created(small.one_device(), seed=seed)[1].params["conv"]["kernel"][...] for seed in (0, 1)]
    assert np.abs(kernels[0] - kernels[1]).max() > 0.1


def test_shapes_are_those_of_the_state():
    graph, train_state = small.created(small.one_device(), average=True)
    same_graph, shapes = state.create_abstract(small.build, small.SGD, small.one_device(), average=True)
    assert same_graph == graph
    assert jax.tree.structure(shapes) == jax.tree.structure(train_state)
    for shape, leaf in zip(jax.tree.leaves(shapes), jax.tree.leaves(train_state), strict=True):
        assert (shape.shape, shape.dtype, shape.sharding) == (leaf.shape, leaf.dtype, leaf.sharding)


def test_averages_against_a_loop():
    mesh = small.one_device()
    graph, train_state = small.created(mesh, average=True)
    average = jax.device_get((train_state.params, train_state.batch_stats))
    for number in range(1, 6):
        train_state, _ = small.train_step(graph, mesh)(train_state, step.shard_batch(mesh, small.batch(number)))
        decay = min(small.DECAY, (1 + number) / (10 + number))
        current = jax.device_get((train_state.params, train_state.batch_stats))
        average = jax.tree.map(lambda old, new, decay=decay: decay * old + (1 - decay) * new, average, current)
    small.assert_equal(train_state.average, average, atol=1e-5)
    assert np.abs(average[0]["fc"]["kernel"][...] - train_state.params["fc"]["kernel"][...]).max() > 1e-3


def test_the_decay_of_averages_grows_to_its_end():
    kept = (nnx.State({"a": jnp.zeros(())}), nnx.State({"count": jnp.zeros((), jnp.int32)}))
    moved = (nnx.State({"a": jnp.ones(())}), nnx.State({"count": jnp.ones((), jnp.int32)}))
    for finished, decay in ((0, 0.1), (8, 0.5), (10**6, 0.999)):
        before = state.TrainState(jnp.int32(finished), *moved, (), kept)
        average = step.update_average(before, 0.999).average
        assert float(average[0]["a"]) == pytest.approx(1 - decay, rel=1e-4)
        assert int(average[1]["count"]) == 1  # a counter is not averaged
    alone = dataclasses.replace(before, average=None)
    assert step.update_average(alone, 0.999) is alone


@pytest.mark.parametrize("average", [False, True])
def test_evaluation(average):
    """`predict` gives the logits of the running statistics, of the averages where there are any."""
    graph, train_state, _ = small.run(small.one_device(), [small.batch(seed) for seed in range(3)], average=average)
    apply, params = state.evaluation_model(graph, train_state)
    records = small.batch(9, size=4)["images"]
    chunk = inference_batch(records)
    actual, _ = predict.predict(
        normalized(apply, small.MEAN, small.STD),
        params,
        lambda start: (chunk for _ in range(1)),
        total=4,
        batch_size=4,
        image_size=small.SIZE,
        mesh=small.one_device(),
        name="small",
        save_scores=True,
    )
    kept = train_state.average if average else (train_state.params, train_state.batch_stats)
    model = nnx.merge(graph, *kept, copy=True)
    model.eval()
    np.testing.assert_allclose(actual.scores, model(small.normalized(records)), atol=1e-5)
    np.testing.assert_allclose(apply(params, small.normalized(records[:1])), actual.scores[:1], atol=1e-5)


def inference_batch(images):
    @dataclasses.dataclass
    class Batch:
        images: np.ndarray
        image_ids: np.ndarray
        valid: np.ndarray
        unreadable: dict

    return Batch(images, np.array([f"image{n}" for n in range(len(images))]), np.ones(len(images), bool), {})


def test_a_loss_that_is_not_a_number_is_reported():
    broken = small.batch(0)
    broken["targets"][3, 1] = np.nan
    _, _, metrics = small.run(small.one_device(), [broken])
    assert np.isnan(metrics["loss"])
    assert np.isnan(metrics["gradient_norm"])


@pytest.mark.parametrize(
    ("batch_size", "message"),
    [
        (10, "a batch of 10 images does not divide over 8 devices. Make it 8 or 16."),
        (5, "a batch of 5 images does not divide over 8 devices. Make it 8."),
        (0, "a batch of 0 images does not divide over 8 devices. Make it 8."),
    ],
)
def test_a_batch_that_does_not_divide(batch_size, message):
    mesh = types.SimpleNamespace(shape={"data": 8, "model": 1})
    with pytest.raises(InputError) as caught:
        step.check_batch_size(batch_size, mesh)
    assert str(caught.value) == message
    step.check_batch_size(16, mesh)
    step.check_batch_size(16, mesh, accumulate=2)
    with pytest.raises(InputError, match="does not divide over 8 devices in 4 parts each. Make it 32"):
        step.check_batch_size(16, mesh, accumulate=4)
