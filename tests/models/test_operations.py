import jax
import jax.numpy as jnp
from flax import nnx

from imagenet_real.models.operations import multiply_adds


def shape(*sizes):
    return jax.ShapeDtypeStruct(sizes, jnp.float32)


def test_matrix_products():
    """[3, 5] x [5, 7], and the result with [7, 5]: 3 x 5 x 7 twice; element by element nothing counts."""
    assert multiply_adds(lambda a, b: jnp.tanh(a @ b) @ b.T + 1, shape(3, 5), shape(5, 7)) == 2 * 3 * 5 * 7
    assert multiply_adds(lambda a, b: jnp.einsum("bhqd,bhkd->bhqk", a, b), shape(2, 3, 4, 5), shape(2, 3, 6, 5)) == 720


def test_convolutions():
    """Of 8 x 8 pixels with stride 2 there are 4 x 4 results, each of 3 x 3 places and the channels of its group."""
    for groups in (1, 2, 4):
        convolution = nnx.eval_shape(
            lambda groups=groups: nnx.Conv(4, 12, (3, 3), strides=2, feature_group_count=groups, rngs=nnx.Rngs(0))
        )
        graph, state = nnx.split(convolution)
        count = multiply_adds(lambda params, x, graph=graph: nnx.merge(graph, params)(x), state, shape(2, 8, 8, 4))
        assert count == 2 * 4 * 4 * 12 * 9 * 4 // groups


def test_loops_and_alternatives():
    def repeated(a):
        return jax.lax.scan(lambda carry, _: (carry @ a, None), a, None, length=6)[0]

    def either(a):
        return jax.lax.platform_dependent(a, cpu=lambda x: x + 1, default=lambda x: x @ x)

    assert multiply_adds(repeated, shape(4, 4)) == 6 * 64
    assert multiply_adds(jax.jit(either), shape(4, 4)) == 64
