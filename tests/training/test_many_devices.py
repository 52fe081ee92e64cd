"""Eight devices, two and one: the same training, and checkpoints that move from one to another."""

import jax
import numpy as np
import optax
from flax import nnx

from imagenet_real import devices
from imagenet_real.training import step
from imagenet_real.training.checkpoint import Checkpoints
from tests.training import small
from tests.training.test_checkpoint import IDENTITY, saved_run, template, train


def test_eight_devices(tmp_path):
    small.in_another_process(
        f"""
        from tests.training import test_many_devices
        test_many_devices.the_step_is_the_same()
        test_many_devices.a_checkpoint_moves({str(tmp_path)!r})
        """,
        device_count=8,
    )


def the_step_is_the_same():
    """Three steps on a mesh of 8 devices, of 1, and with `pmap` and `pmean` over 8, are the same three steps."""
    assert jax.device_count() == 8
    batches = [small.batch(seed) for seed in range(3)]
    mesh = devices.data_mesh()
    _, many, metrics = small.run(mesh, batches, average=True)
    assert metrics["loss"].is_fully_replicated
    assert many.params["fc"]["kernel"][...].sharding == devices.copied_to(mesh)
    placed = step.put_batch(mesh, batches[0])
    assert {shard.data.shape[0] for shard in placed["images"].addressable_shards} == {2}
    many = jax.device_get(many)

    _, one, metrics_of_one = small.run(small.one_device(), batches, average=True)
    small.assert_equal(many, jax.device_get(one), atol=1e-5)
    small.assert_equal(jax.device_get(metrics), jax.device_get(metrics_of_one), rtol=1e-5)

    params, batch_stats, metrics_of_pmap = pmapped(batches)
    small.assert_equal(many.params, params, atol=1e-5)
    small.assert_equal(many.batch_stats, batch_stats, atol=1e-5)
    small.assert_equal(jax.device_get(metrics), metrics_of_pmap, rtol=1e-5)


def pmapped(batches):
    """The steps as `pmap` writes them: each device its part of the batch, gradients and statistics averaged by name."""
    graph, train_state = small.created(small.one_device())
    model = nnx.merge(graph, train_state.params, train_state.batch_stats)
    model.bn.axis_name = "devices"
    graph, params, batch_stats = nnx.split(model, nnx.Param, ...)

    def one_device(params, batch_stats, opt_state, images, targets):
        def local_loss(params):
            model = nnx.merge(graph, params, batch_stats, copy=True)
            loss = optax.sigmoid_binary_cross_entropy(model(small.normalised(images)), targets).sum(axis=1).mean()
            return loss, nnx.state(model, nnx.Not(nnx.Param))

        (loss, new_stats), gradient = jax.value_and_grad(local_loss, has_aux=True)(params)
        loss, gradient = jax.lax.pmean((loss, gradient), "devices")
        updates, opt_state = small.SGD.update(gradient, opt_state, params)
        metrics = {"loss": loss, "gradient_norm": optax.tree.norm(gradient)}
        return optax.apply_updates(params, updates), new_stats, opt_state, metrics

    count = jax.device_count()
    start = jax.device_get((params, batch_stats, train_state.opt_state))
    copies = jax.tree.map(lambda leaf: np.stack([leaf] * count), start)
    parallel = jax.pmap(one_device, axis_name="devices")
    for batch in batches:
        parts = [values.reshape(count, -1, *values.shape[1:]) for values in (batch["images"], batch["targets"])]
        *copies, metrics = parallel(*copies, *parts)
    first = jax.tree.map(lambda leaf: np.asarray(leaf[0]), (copies[0], copies[1], metrics))
    return first


def a_checkpoint_moves(folder):
    """Saved on 8 devices, restored on 8, 2 and 1 bit for bit, and trained on there."""
    assert jax.device_count() == 8
    states = saved_run(folder, 2, devices.data_mesh())
    graph, _ = small.created(small.one_device(), average=True)
    ends = []
    for count in (8, 2, 1):
        mesh = devices.data_mesh(jax.devices()[:count])
        with Checkpoints(folder, IDENTITY) as checkpoints:
            restored, position = checkpoints.restore(template(mesh))
        assert position == {"records": 32}
        for leaf in jax.tree.leaves(restored):
            assert leaf.sharding == devices.copied_to(mesh)
        small.assert_equal(jax.device_get(restored), states[-1])
        ends.append(jax.device_get(train(restored, graph, mesh, 2)))
    for end in ends[1:]:
        small.assert_equal(end, ends[0], atol=1e-5)
    assert np.isfinite(ends[0].params["fc"]["kernel"][...]).all()
