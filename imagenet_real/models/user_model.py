"""A model of the user's own, named `package.module:function`."""

import importlib
import inspect
import os
import sys
from collections.abc import Callable
from typing import Any

from flax import nnx

from imagenet_real.errors import InputError, nearest
from imagenet_real.io.storage import sha256
from imagenet_real.models.catalog import Apply, functional


def user_model(spec: str, weights: str | os.PathLike | None = None) -> tuple[Apply, Any]:
    """Calls the function that `spec` names and gives its model as `(apply, params)`, in evaluation mode.

    The function returns an `nnx.Module`, called as `module(images) -> logits`, or a pair `(apply, params)`, called as
    `apply(params, images) -> logits`: images [B, H, W, 3] float32, normalised; logits [B, K]. It is called without arguments,
    or with `weights`, the path the user gave, where it has a parameter of that name. Modules of the current folder are found.
    Raises InputError for what cannot be found or called so; an exception inside the user's code is the user's to see.
    """
    function = _find_function(spec)
    return as_function(function(**_arguments(function, spec, weights)), f"what {spec} returned")


def as_function(model: nnx.Module | tuple[Apply, Any], what: str = "the model") -> tuple[Apply, Any]:
    """A module as `(apply, params)`, in evaluation mode; a pair stays as it is. Raises InputError for anything else."""
    if isinstance(model, nnx.Module):
        model.eval()  # dropout off, running statistics on
        graph, params = nnx.split(model)
        return functional(graph), params
    if isinstance(model, tuple) and len(model) == 2 and callable(model[0]):
        return model
    raise InputError(
        f"{what} is {type(model).__name__}; expected a flax.nnx.Module, or a pair (apply, params) with "
        f"apply(params, images) -> logits"
    )


def user_model_checksum(spec: str) -> str | None:
    """The SHA-256 of the file that holds the function of `spec`: predictions of an edited model are not continued."""
    _find_function(spec)
    file = getattr(sys.modules[spec.partition(":")[0]], "__file__", None)
    return sha256(file) if file else None


def _find_function(spec: str) -> Callable:
    module_name, _, function_name = spec.partition(":")
    if not module_name or not function_name:
        raise InputError(f"{spec!r} names no function; write package.module:function")
    if "" not in sys.path and os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise  # the module is there; something that it imports is not
        raise InputError(
            f"no module {error.name!r} for the model {spec!r}; it is looked for in {os.getcwd()} and among the "
            f"installed packages"
        ) from None
    function = getattr(module, function_name, None)
    if not callable(function):
        functions = [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]
        raise InputError(f"{module_name} has no function {function_name!r}: {nearest(function_name, functions)}")
    return function


def _arguments(function: Callable, spec: str, weights: str | os.PathLike | None) -> dict[str, Any]:
    parameters = inspect.signature(function).parameters
    required = [
        parameter.name
        for parameter in parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    if weights:
        if "weights" not in parameters:
            raise InputError(f"{spec} takes no weights: give its function a parameter `weights`, or leave the file out")
        required = [name for name in required if name != "weights"]
    if required:
        raise InputError(
            f"{spec} needs {', '.join(required)}; only `weights`, the file the user names, is passed to it"
        )
    return {"weights": weights} if weights else {}
