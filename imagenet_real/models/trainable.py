"""Models that `train` builds: those of the catalog, and the user's own, named `package.module:function`."""

import inspect
import operator
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from imagenet_real.errors import InputError
from imagenet_real.models import catalog
from imagenet_real.models.initial import shapes_of
from imagenet_real.models.user_model import find_function

ARGUMENTS = ("num_classes", "rngs", "dtype")  # of a function of the user's own, of which it takes some


def is_own(name: str) -> bool:
    """Whether a name means the user's own model."""
    return ":" in name


def check(name: str, *, drop_path: float = 0.0, uniform_drop_path: bool = False) -> None:
    """Raises InputError for a model that is not in the catalog, and for a function that cannot be called.

    Also for a probability `drop_path` that the model cannot have.
    """
    if not 0 <= drop_path < 1:
        raise InputError(
            f"drop_path={drop_path} is no probability of leaving blocks out. Give 0 or more, and less than 1."
        )
    if not is_own(name):
        parameters = inspect.signature(catalog.find(name).module.__init__).parameters
        if uniform_drop_path and "uniform_drop_path" not in parameters:
            raise InputError(f"drop_path_uniform=True is for Vision Transformers, and {name} is none. Leave it out.")
        return
    if drop_path:
        raise InputError(
            f"drop_path={drop_path} is for models of the catalog. Choose the stochastic depth of {name} in its function."
        )
    _arguments(name, find_function(name))


def build(
    name: str,
    *,
    num_classes: int,
    image_size: int,
    dtype: Any,
    drop_path: float = 0.0,
    uniform_drop_path: bool = False,
    rngs: nnx.Rngs,
) -> nnx.Module:
    """Builds a model with random parameters, and with the stochastic depth `drop_path` in training mode.

    A model that depends on the size of its images is built for `image_size` pixels.

    A function of the user's own is called with those of `ARGUMENTS` that it takes. It returns an `nnx.Module`, called as
    `module(images) -> logits` with normalized images [B, H, W, 3]. Raises InputError for another result.
    """
    if not is_own(name):
        depth: dict[str, Any] = {"drop_path": drop_path} if drop_path else {}
        if uniform_drop_path:
            depth["uniform_drop_path"] = True
        size = {"image_size": image_size} if "image_size" in catalog.find(name).architecture else {}
        return catalog.build(name, num_classes=num_classes, dtype=dtype, **size, **depth, rngs=rngs)
    function = find_function(name)
    values = {"num_classes": num_classes, "rngs": rngs, "dtype": dtype}
    arguments = _arguments(name, function)
    if "dtype" not in arguments and jnp.dtype(dtype) != jnp.float32:
        raise InputError(f"dtype={dtype}: {name} has no parameter dtype. Add one, or give --dtype=float32.")
    model = function(**{argument: values[argument] for argument in arguments})
    if not isinstance(model, nnx.Module):
        raise InputError(f"{name} returns {type(model).__name__}. Return a flax.nnx.Module, which train can update.")
    return model


def build_abstract(name: str, *, num_classes: int, image_size: int, dtype: Any) -> nnx.Module:
    """Builds a model with the shapes of its parameters only."""
    options = {"num_classes": num_classes, "image_size": image_size, "dtype": dtype}
    return shapes_of(lambda rngs: build(name, rngs=rngs, **options))


def head_of(name: str, model: nnx.Module, num_classes: int) -> str:
    """Returns the path of the layer that returns the logits, `head.fc`; "" if the user's own model has no single one."""
    if not is_own(name):
        return catalog.find(name).head
    heads = [
        ".".join(map(str, path))
        for path, module in nnx.iter_graph(model)
        if isinstance(module, nnx.Linear) and module.out_features == num_classes and module.bias is not None
    ]
    return heads[0] if len(heads) == 1 else ""


def head_bias(name: str, model: nnx.Module, num_classes: int) -> nnx.Param | None:
    """Returns the bias of the layer that returns the logits; None if the user's own model has no single one."""
    if is_own(name):
        heads = {".".join(map(str, path)): module for path, module in nnx.iter_graph(model)}
        head = head_of(name, model, num_classes)
        return heads[head].bias if head else None
    return operator.attrgetter(catalog.find(name).head)(model).bias


def check_outputs(name: str, model: nnx.Module, crop: int, num_classes: int) -> None:
    """Raises InputError if the user's own model returns logits of another number of classes."""
    images = jax.ShapeDtypeStruct((2, crop, crop, 3), jnp.float32)
    graph, state = nnx.split(model)
    shape = jax.eval_shape(lambda state, images: nnx.merge(graph, state)(images), state, images).shape
    if shape != (2, num_classes):
        raise InputError(
            f"{name} returns logits of shape {shape} for 2 images, expected (2, {num_classes}): the images have "
            f"{num_classes} classes. Give its function the parameter num_classes."
        )


def _arguments(name: str, function: Callable) -> list[str]:
    """Returns those of `ARGUMENTS` that a function takes. Raises InputError if it requires another."""
    parameters = inspect.signature(function).parameters
    required = [
        parameter.name
        for parameter in parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    if unknown := [parameter for parameter in required if parameter not in ARGUMENTS]:
        raise InputError(
            f"{name} needs {', '.join(unknown)}. Train calls it with {', '.join(ARGUMENTS)}: give the other parameters "
            "default values."
        )
    return [argument for argument in ARGUMENTS if argument in parameters]
