"""Blocks whose activations are computed again in the backward pass. What they compute is JAX's; ours is that they do."""

import functools

import jax
import pytest
from flax import nnx

from imagenet_real.models.bit import BiT
from imagenet_real.models.convnext import ConvNeXt
from imagenet_real.models.efficientnet import EfficientNet
from imagenet_real.models.regnet import RegNet

pytestmark = pytest.mark.slow

REMAT = "remat2"  # as JAX calls it in what it traced


@pytest.mark.parametrize(
    ("build", "blocks"),
    [
        (functools.partial(BiT, depths=(1, 1), width=1), 2),
        (functools.partial(ConvNeXt, depths=(1, 2), widths=(4, 8), drop_path=0.5), 3),
        (functools.partial(EfficientNet, depth=0.1, width=0.1, drop_path=0.5), 7),
        (functools.partial(RegNet, depths=(1, 2), widths=(8, 16), group_width=8, squeeze_excite=True), 3),
    ],
)
def test_every_block_is_computed_again_where_that_is_asked_for(build, blocks):
    model = nnx.eval_shape(lambda: build(num_classes=3, rngs=nnx.Rngs(0)))
    model.train()
    images = jax.ShapeDtypeStruct((2, 32, 32, 3), "float32")

    def traced(*, remat):
        model.remat = remat
        graph, params, rest = nnx.split(model, nnx.Param, ...)

        def loss(params, rest, images):
            called = nnx.merge(graph, params, rest, copy=True)
            return (called(images) ** 2).mean(), nnx.state(called, nnx.BatchStat)

        return jax.jit(jax.grad(loss, has_aux=True)).trace(params, rest, images)

    default, remat = traced(remat=False), traced(remat=True)
    assert f"{REMAT}[" not in str(default.jaxpr)
    assert str(remat.jaxpr).count(f"{REMAT}[") >= blocks
    assert jax.tree.structure(remat.out_info) == jax.tree.structure(
        default.out_info
    )  # batch statistics come back as well
