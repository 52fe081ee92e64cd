"""Eight devices, two and one, in whatever mesh: the same training, and checkpoints that move from one to another."""

import jax
import numpy as np
import optax
import pytest
from flax import nnx

from imagenet_real.models.vit import ViT
from imagenet_real.runtime import devices
from imagenet_real.training import optimizer, state, step
from imagenet_real.training.checkpoint import Checkpoints
from imagenet_real.training.losses import LOSSES
from tests.meshes import mesh_of
from tests.training import small
from tests.training.small import template
from tests.training.test_checkpoint import RUN_KEY, saved_run, train

pytestmark = pytest.mark.slow


def vit_run(mesh, *, fsdp=False, accumulate=1, remat=False, steps=2):
    """The losses of a small ViT, its last state, and the bytes of parameters and of optimizer state on one device."""

    def build(rngs):
        model = ViT(image_size=8, patch=4, width=64, depth=1, heads=2, num_classes=8, rngs=rngs)
        model.remat = remat
        return model

    adamw = optimizer.adamw(1e-3, weight_decay=0.1, clip_norm=1.0)
    graph, shapes = state.create_abstract(build, adamw, mesh, average=True, fsdp=fsdp)
    _, train_state = state.create(build, adamw, mesh, seed=0, average=True, fsdp=fsdp)
    shardings = jax.tree.map(lambda leaf: leaf.sharding, shapes)
    train_step = step.make_train_step(
        graph,
        LOSSES["sigmoid"].function,
        adamw,
        mesh,
        mean=small.MEAN,
        std=small.STD,
        average_decay=0.9,
        accumulate=accumulate,
        shardings=shardings if fsdp or mesh.shape["model"] > 1 else None,
    )
    random, losses = np.random.default_rng(0), []
    for _ in range(steps):
        images = random.integers(0, 256, (16, 8, 8, 3), dtype=np.uint8)
        targets = np.eye(8, dtype=np.float32)[random.integers(0, 8, 16)]
        batch = step.shard_batch(mesh, {"images": images, "targets": targets})
        train_state, metrics = train_step(train_state, batch)
        losses.append(float(metrics["loss"]))
    assert jax.tree.map(lambda leaf: leaf.sharding, train_state) == shardings
    bytes_of = [
        sum(leaf.addressable_shards[0].data.nbytes for leaf in jax.tree.leaves(tree))
        for tree in (train_state.params, train_state.opt_state)
    ]
    return losses, jax.device_get(train_state), bytes_of


def test_every_division_trains_alike():
    """Against copies on eight devices: parameters divided over all, over four of two groups, and over both axes.

    The last with batches in two parts and activations computed twice.
    """
    flat, square = mesh_of(8), mesh_of(2, 4)
    losses, end, (params, opt_state) = vit_run(flat)
    assert losses[-1] != losses[0]
    kernels = (64 * 192 + 64 * 64 + 64 * 256 + 256 * 64) * 4  # what of the model is worth dividing, in bytes
    runs = (
        (flat, 8, {"fsdp": True}),
        (square, 4, {}),
        (square, 8, {"fsdp": True, "accumulate": 2, "remat": True}),
    )
    for mesh, parts, options in runs:
        other_losses, other_end, (other_params, other_opt_state) = vit_run(mesh, **options)
        np.testing.assert_allclose(other_losses, losses, rtol=1e-5)
        small.assert_equal(other_end, end, atol=2e-5)
        saved = kernels - kernels // parts
        assert params - other_params == saved
        assert opt_state - other_opt_state == 2 * saved  # of Adam's two moments


def test_the_step_is_the_same_on_one_device_on_eight_and_by_pmap():
    """Three steps on a mesh of 8 devices, of 1, and with `pmap` and `pmean` over 8, are the same three steps."""
    batches = [small.batch(seed) for seed in range(3)]
    mesh = mesh_of(8)
    _, many, metrics = small.run(mesh, batches, average=True)
    assert metrics["loss"].is_fully_replicated
    assert many.params["fc"]["kernel"][...].sharding == devices.replicated(mesh)
    placed = step.shard_batch(mesh, batches[0])
    assert {shard.data.shape[0] for shard in placed["images"].addressable_shards} == {2}
    many = jax.device_get(many)

    _, single, metrics_of_one = small.run(small.one_device(), batches, average=True)
    small.assert_equal(many, jax.device_get(single), atol=1e-5)
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
            loss = optax.sigmoid_binary_cross_entropy(model(small.normalized(images)), targets).sum(axis=1).mean()
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


def test_a_checkpoint_moves_between_meshes(tmp_path):
    """Saved on 8 devices, restored on 8, 2 and 1 bit for bit, and trained on there."""
    states = saved_run(tmp_path, 2, mesh_of(8))
    graph, _ = small.created(small.one_device(), average=True)
    ends = []
    for count in (8, 2, 1):
        mesh = mesh_of(count)
        with Checkpoints(tmp_path, RUN_KEY) as checkpoints:
            restored, position = checkpoints.restore(template(mesh))
        assert position == {"records": 32}
        for leaf in jax.tree.leaves(restored):
            assert leaf.sharding == devices.replicated(mesh)
        small.assert_equal(jax.device_get(restored), states[-1])
        ends.append(jax.device_get(train(restored, graph, mesh, 2)))
    for end in ends[1:]:
        small.assert_equal(end, ends[0], atol=1e-5)
    assert np.isfinite(ends[0].params["fc"]["kernel"][...]).all()
