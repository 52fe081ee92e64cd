"""The parts of a training run, from its config."""

import dataclasses
import types

import jax
import numpy as np
import pytest
from flax import nnx
from ml_collections import ConfigDict

from configs import train_resnet50
from imagenet_real.builders import training, training_plan
from imagenet_real.errors import InputError
from tests.programs.test_train import brief, tiny  # noqa: F401  (a fixture)


def test_lengths():
    def steps(images, **fields):
        return training.total_steps(
            ConfigDict({"batch_size": 128, "steps": 0, "epochs": 0.0, "examples": 0} | fields), images
        )

    assert steps(1000, steps=7) == 7
    assert steps(1000, epochs=1.0) == 8  # the last batch goes on into the next epoch
    assert steps(1024, epochs=1.5) == 12
    assert steps(1000, examples=257) == 3
    imagenet = train_resnet50.get_config()
    assert training.total_steps(imagenet, 1_268_355) == -(-90 * 1_268_355 // 4096)


def test_the_sigmoid_loss_starts_from_a_head_that_expects_one_class(tiny):  # noqa: F811
    build = training.model_builder(brief("images", loss="sigmoid"), num_classes=3)
    np.testing.assert_allclose(build(nnx.Rngs(0)).head.bias[...], -np.log(3), rtol=1e-6)
    build = training.model_builder(brief("images", loss="softmax"), num_classes=3)
    np.testing.assert_array_equal(build(nnx.Rngs(0)).head.bias[...], 0)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw", "adamp"])
@pytest.mark.parametrize("schedule", ["cosine", "step"])
def test_optimizers_of_a_config(optimizer, schedule):
    config = brief(
        "images", optimizer=optimizer, schedule=schedule, decay_at=(0.5, 0.75), warmup_steps=0, learning_rate=0.5
    )
    params = {"kernel": jax.numpy.ones(3)}
    transformation = training.make_optimizer(config, 8)
    updates, _ = transformation.update({"kernel": jax.numpy.zeros(3)}, transformation.init(params), params)
    share = 0.1 if optimizer == "adamp" else 1.0  # a gradient of 0 is at right angles to any kernel
    np.testing.assert_allclose(updates["kernel"], -0.5 * share * config.weight_decay, rtol=1e-5)


def plan(monkeypatch, free=10**9, needed=10**6, **fields):
    """The plan of a run on 40 images."""
    monkeypatch.setattr(training_plan.memory, "available", lambda: free)
    batches = types.SimpleNamespace(memory=lambda: needed)
    return training_plan.make_plan(brief("images", **fields), range(40), batches)


def test_a_plan_is_said_before_the_first_step(monkeypatch, capsys):
    told = plan(monkeypatch, batch_size=8, steps=20, warmup_steps=2, learning_rate=0.5)
    assert dataclasses.astuple(told)[:4] == (40, 8, 20, 2)
    assert capsys.readouterr().err == (
        "40 images in batches of 8: 20 steps, 4.0 epochs; learning rate 0.5 at its peak after 2 steps of warm-up, cosine "
        "decay; about 1 MB of memory for images\n"
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"batch_size": 41}, "batch_size=41 is more than the 40 training images"),
        ({"warmup_steps": 20}, "warmup_steps=20: the run has 20 steps, so its learning rate would never decay"),
        ({"warmup_steps": 50}, "Give fewer --warmup_steps, such as 1, or a longer run"),
        (
            {"workers": 16, "needed": 14 * 10**9},
            "workers=16 and cache=.* need about 14.0 GB of memory for images, and 1.0 GB",
        ),
    ],
)
def test_a_plan_that_nobody_means_is_refused(monkeypatch, fields, message):
    with pytest.raises(InputError, match=message):
        plan(monkeypatch, **({"batch_size": 8, "steps": 20, "warmup_steps": 2} | fields))


def test_a_warmup_without_a_number_is_a_twentieth_of_the_run():
    config = brief("images")
    config.warmup_steps = None
    assert training.warmup_steps(config, 200) == 10
