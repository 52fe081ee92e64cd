"""Blocks whose activations are computed again in the backward pass. What they compute is JAX's; ours is that they do."""

import functools

import jax
import pytest
from flax import nnx

from imagenet_real.models.bit import BiT
from imagenet_real.models.convnext import ConvNeXt
from imagenet_real.models.efficientnet import EfficientNet
from imagenet_real.models.initial import shapes_of
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
    model = shapes_of(lambda rngs: build(num_classes=3, rngs=rngs))
    model.train()
    images = jax.ShapeDtypeStruct((2, 32, 32, 3), "float32")

    def traced(transform, *, remat):
        model.remat = remat
        graph, params, rest = nnx.split(model, nnx.Param, ...)

        def loss(params, rest, images):
            called = nnx.merge(graph, params, rest, copy=True)
            return (called(images) ** 2).mean(), nnx.state(called, nnx.BatchStat)

        return jax.jit(transform(loss)).trace(params, rest, images)

    # Without blocks to compute again, the loss has none, and so has its gradient, which takes long to trace.
    default, remat = (
        traced(lambda loss: loss, remat=False),
        traced(functools.partial(jax.grad, has_aux=True), remat=True),
    )
    assert repeated(default.jaxpr.jaxpr) == 0
    assert repeated(remat.jaxpr.jaxpr) >= blocks
    (_, statistics), (_, other) = default.out_info, remat.out_info
    assert jax.tree.structure(other) == jax.tree.structure(statistics)  # batch statistics come back as well


def repeated(jaxpr):
    """The number of parts that are computed again, at any depth."""
    values = [value for equation in jaxpr.eqns for value in equation.params.values()]
    inner = jax.tree.leaves(values, is_leaf=lambda value: hasattr(value, "eqns"))
    own = sum(equation.primitive.name == REMAT for equation in jaxpr.eqns)
    return own + sum(repeated(part) for part in inner if hasattr(part, "eqns"))
