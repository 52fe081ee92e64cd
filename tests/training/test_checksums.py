"""Checksums of a state: the same for every sharding and in NumPy, and changed by every bit."""

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

from imagenet_real.errors import InputError
from imagenet_real.training.checkpoint import Checkpoints
from imagenet_real.training.checksums import checksum_of, checksums, damaged
from tests.training import small
from tests.training.small import template
from tests.training.test_checkpoint import RUN_KEY, saved_run

ARRAYS = {
    "kernel": np.random.default_rng(0).normal(size=(3, 4, 5, 6)).astype(np.float32),
    "half": np.random.default_rng(1).normal(size=(7, 3)).astype(ml_dtypes.bfloat16),
    "step": np.array(12, np.int32),
    "key": np.arange(5, dtype=np.uint32) * 0x9E3779B9,
    "mask": np.array([[True, False], [False, True]]),
    "bytes": np.arange(250, dtype=np.uint8),
    "empty": np.zeros((0, 3), np.float32),
}


def test_jax_and_numpy_agree():
    ours = {name: int(value) for name, value in checksums(jax.tree.map(jnp.asarray, ARRAYS)).items()}
    assert ours == {name: checksum_of(array) for name, array in ARRAYS.items()}
    assert checksum_of(np.array([[1, 2], [3, 4]], np.uint8)) == 1 * 1 + 2 * 3 + 3 * 5 + 4 * 7


def test_every_bit_changes_a_checksum():
    array = ARRAYS["half"]
    expected = checksum_of(array)
    for place in range(array.nbytes):
        for bit in range(8):
            content = bytearray(array.tobytes())
            content[place] ^= 1 << bit
            assert checksum_of(np.frombuffer(content, array.dtype).reshape(array.shape)) != expected


def test_arrays_without_a_checksum_pass():
    assert damaged(ARRAYS, {}) == []
    assert damaged(ARRAYS, {"step": checksum_of(ARRAYS["step"])}) == []
    assert damaged(ARRAYS, {"step": 1, "kernel": checksum_of(ARRAYS["kernel"])}) == ["step"]


@pytest.mark.slow
def test_a_changed_bit_of_a_checkpoint_is_refused_or_changes_nothing(tmp_path):
    expected = saved_run(tmp_path / "run", 1)[-1]
    files = [file for file in (tmp_path / "run" / "1" / "state").rglob("*") if file.is_file() and "/d/" in str(file)]
    assert files
    random, refused = np.random.default_rng(0), 0
    for file in files:
        whole = file.read_bytes()
        for _ in range(6):
            content = bytearray(whole)
            content[random.integers(len(content))] ^= 1 << int(random.integers(8))
            file.write_bytes(content)
            try:
                with Checkpoints(tmp_path / "run", RUN_KEY) as checkpoints:
                    restored, _ = checkpoints.restore(template(small.one_device()))
                small.assert_equal(jax.device_get(restored), expected)
            except InputError:
                refused += 1
        file.write_bytes(whole)
    assert refused
