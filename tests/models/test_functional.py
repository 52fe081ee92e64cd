import jax.numpy as jnp
import numpy as np
import pytest

from imagenet_real.models.functional import normalized

pytestmark = pytest.mark.slow


def test_normalized_takes_bytes():
    images = np.arange(2 * 2 * 2 * 3, dtype=np.uint8).reshape(2, 2, 2, 3) * 10
    apply = normalized(lambda params, pixels: params * pixels, (0.25, 0.5, 0.75), (0.5, 0.25, 1.0))
    pixels = apply(jnp.float32(2), jnp.asarray(images))
    assert pixels.dtype == jnp.float32
    for channel, (mean, std) in enumerate([(0.25, 0.5), (0.5, 0.25), (0.75, 1.0)]):
        np.testing.assert_allclose(pixels[..., channel], 2 * (images[..., channel] / 255 - mean) / std, rtol=1e-5)
