"""Heads in files of their own: linear ones, class embeddings, and what is neither."""

import numpy as np
import pytest
import safetensors.numpy

from imagenet_real.errors import InputError
from imagenet_real.models.heads import ClassEmbeddings, LinearHead, load_head
from tests.models.checkpoints import torch_writer

RANDOM = np.random.default_rng(0)
WEIGHT, BIAS = RANDOM.normal(size=(5, 8)).astype(np.float32), RANDOM.normal(size=5).astype(np.float32)
FEATURES = RANDOM.normal(size=(3, 8)).astype(np.float32)


def logits_of(head, features=FEATURES):
    apply, params = head(lambda params, images: images)
    return np.asarray(apply({"model": None, "head": params}, features))


@pytest.mark.parametrize("prefix", ["", "linear.", "module.linear_head."])
def test_a_linear_head_of_pytorch(tmp_path, prefix):
    torch_writer.save(tmp_path / "head.pth", {f"{prefix}weight": WEIGHT, f"{prefix}bias": BIAS})
    head = load_head(tmp_path / "head.pth")
    assert isinstance(head, LinearHead)
    np.testing.assert_allclose(logits_of(head), FEATURES @ WEIGHT.T + BIAS, rtol=1e-5, atol=1e-5)


def test_class_embeddings_are_compared_by_their_angle(tmp_path):
    np.savez(tmp_path / "classes.npz", embeddings=3 * WEIGHT, scale=100.0, bias=-10.0)
    head = load_head(tmp_path / "classes.npz")
    assert isinstance(head, ClassEmbeddings)
    cosines = FEATURES @ WEIGHT.T / np.linalg.norm(FEATURES, axis=1)[:, None] / np.linalg.norm(WEIGHT, axis=1)
    np.testing.assert_allclose(logits_of(head), 100 * cosines - 10, rtol=1e-4, atol=1e-4)


def test_a_head_of_another_width_is_one_line(tmp_path):
    safetensors.numpy.save_file({"weight": WEIGHT, "bias": BIAS}, tmp_path / "head.safetensors")
    with pytest.raises(InputError, match=r"the head is for 8 features, the model has 6\. Give"):
        logits_of(load_head(tmp_path / "head.safetensors"), FEATURES[:, :6])


def test_another_file_is_no_head(tmp_path):
    safetensors.numpy.save_file({"weight": WEIGHT, "other": BIAS, "bias": BIAS[:3]}, tmp_path / "head.safetensors")
    with pytest.raises(InputError, match=r"is not a head: it has .*weight \[5, 8\]"):
        load_head(tmp_path / "head.safetensors")
