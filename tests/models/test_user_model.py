import sys

import jax.numpy as jnp
import numpy as np
import pytest

from imagenet_real.errors import InputError
from imagenet_real.models.user_model import user_model

pytestmark = pytest.mark.slow

SOURCE = '''
import jax.numpy as jnp
from flax import nnx

class Mean(nnx.Module):
    """Logits are the mean color; with a dropout and a batch norm that must both stand still."""
    def __init__(self, rngs):
        self.norm = nnx.BatchNorm(3, rngs=rngs)
        self.norm.mean[...] = jnp.array([1.0, 2.0, 3.0])
        self.dropout = nnx.Dropout(0.5, rngs=rngs)

    def __call__(self, images):
        return self.dropout(self.norm(images.mean((1, 2))))

def module():
    return Mean(nnx.Rngs(0))

def pair(weights=""):
    return (lambda params, images: images.mean((1, 2)) * params["scale"]), {"scale": jnp.float32(len(weights))}

def number():
    return 3

def needs_size(size, weights):
    return module()

def broken():
    return {}["missing"]

VALUE = 3
'''


@pytest.fixture
def in_folder(tmp_path, monkeypatch):
    (tmp_path / "their_models.py").write_text(SOURCE)
    (tmp_path / "half_written.py").write_text("import a_package_nobody_has")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    yield
    sys.modules.pop("their_models", None)


IMAGES = jnp.asarray(np.random.default_rng(0).normal(size=(2, 4, 4, 3)), jnp.float32)


@pytest.mark.usefixtures("in_folder")
class TestUserModel:
    def test_a_module_comes_in_evaluation_mode(self):
        apply, params = user_model("their_models:module")
        expected = (IMAGES.mean((1, 2)) - jnp.array([1.0, 2.0, 3.0])) / np.sqrt(1 + 1e-5)
        np.testing.assert_allclose(apply(params, IMAGES), expected, atol=1e-5)

    def test_a_pair_gets_the_weights(self):
        apply, params = user_model("their_models:pair", "four")
        np.testing.assert_allclose(apply(params, IMAGES), 4 * IMAGES.mean((1, 2)), atol=1e-5)
        assert user_model("their_models:pair")[1]["scale"] == 0

    @pytest.mark.parametrize(
        ("spec", "weights", "message"),
        [
            ("their_models", "", "'their_models' is not the name of a function. Write package.module:function."),
            ("their_modelz:module", "", "no module 'their_modelz'"),
            ("their_models.deeper:module", "", "no module 'their_models.deeper'"),
            ("their_models:modul", "", "has no function 'modul': did you mean module?"),
            ("their_models:VALUE", "", "has no function 'VALUE'"),
            (
                "their_models:number",
                "",
                "the result of their_models:number is int. Return a flax.nnx.Module, or a pair",
            ),
            ("their_models:module", "w.npz", "takes no weights"),
            ("their_models:needs_size", "w.npz", "needs size."),
            ("their_models:needs_size", "", "needs size, weights."),
        ],
    )
    def test_mistakes_are_one_line(self, spec, weights, message):
        with pytest.raises(InputError) as caught:
            user_model(spec, weights)
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_the_users_own_exceptions_pass(self):
        with pytest.raises(KeyError, match="missing"):
            user_model("their_models:broken")
        with pytest.raises(ModuleNotFoundError, match="a_package_nobody_has"):
            user_model("half_written:module")
