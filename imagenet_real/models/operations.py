"""How much a model computes, counted in its traced program."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn


def multiply_adds(function: Callable, *arguments: Any) -> int:
    """Counts the multiply-adds of all matrix products and convolutions in `function(*arguments)`.

    Publications call them the FLOPs of an image classifier. Computes nothing: arguments may be
    `jax.ShapeDtypeStruct`s. Of implementations for several devices, that for all other devices counts; of other
    alternatives, the most expensive one.
    """
    return _of_jaxpr(jax.make_jaxpr(function)(*arguments).jaxpr)


def _of_jaxpr(jaxpr: Jaxpr) -> int:
    return sum(map(_of_equation, jaxpr.eqns))


def _of_equation(equation: JaxprEqn) -> int:
    name, outputs = equation.primitive.name, math.prod(equation.outvars[0].aval.shape) if equation.outvars else 0
    if name == "dot_general":
        (contracted, _), _ = equation.params["dimension_numbers"]
        return outputs * math.prod(equation.invars[0].aval.shape[axis] for axis in contracted)
    if name == "conv_general_dilated":
        kernel = equation.invars[1].aval.shape
        return outputs * math.prod(kernel) // kernel[equation.params["dimension_numbers"].rhs_spec[0]]
    inner = [_of_jaxpr(jaxpr) for jaxpr in _inner_jaxprs(equation)]
    if name == "cond":
        return inner[-1] if equation.params.get("branches_platforms") else max(inner)
    return sum(inner) * (equation.params["length"] if name == "scan" else 1)


def _inner_jaxprs(equation: JaxprEqn) -> Iterator[Jaxpr]:
    for value in equation.params.values():
        for item in value if isinstance(value, tuple | list) else (value,):
            if isinstance(item, ClosedJaxpr):
                yield item.jaxpr
            elif isinstance(item, Jaxpr):
                yield item
