"""The parts of a training run, from its config."""

import jax
import numpy as np
import pytest
from flax import nnx
from ml_collections import ConfigDict

from configs import train_resnet50
from imagenet_real.builders import training
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
