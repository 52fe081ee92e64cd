"""The user's own model, named `package.module:function`."""

import importlib
import importlib.machinery
import importlib.util
import inspect
import os
import sys
from collections.abc import Callable
from typing import Any

from flax import nnx

from imagenet_real.errors import InputError, nearest
from imagenet_real.io.storage import sha256
from imagenet_real.models.functional import Apply, functional


def user_model(name: str, weights: str | os.PathLike | None = None) -> tuple[Apply, Any]:
    """Calls the function `name` and returns its model as `(apply, params)`, in evaluation mode.

    The function returns an `nnx.Module`, called as `module(images) -> logits`, or a pair `(apply, params)`, called as
    `apply(params, images) -> logits`. Images are [B, H, W, 3] float32, normalized; logits are [B, K].

    The function has no required parameter, except `weights`: the path that the user gave. Its module may lie in the
    current folder. Raises InputError if the function cannot be found or called. An exception inside it reaches the user.
    """
    function = find_function(name)
    return as_function(function(**_arguments(function, name, weights)), f"the result of {name}")


def as_function(model: nnx.Module | tuple[Apply, Any], description: str = "the model") -> tuple[Apply, Any]:
    """Turns a module into `(apply, params)`, in evaluation mode; returns a pair unchanged.

    Raises InputError for anything else, which the message calls `description`.
    """
    if isinstance(model, nnx.Module):
        model.eval()  # dropout off, running statistics on
        graph, params = nnx.split(model)
        return functional(graph), params
    if isinstance(model, tuple) and len(model) == 2 and callable(model[0]):
        return model
    raise InputError(
        f"{description} is {type(model).__name__}. Return a flax.nnx.Module, or a pair (apply, params) with "
        f"apply(params, images) -> logits."
    )


def user_model_checksum(name: str) -> str | None:
    """Returns the SHA-256 of the function's file, so that a run of an edited model counts as a different run."""
    find_function(name)
    file = getattr(sys.modules[name.partition(":")[0]], "__file__", None)
    return sha256(file) if file else None


def find_function(name: str) -> Callable:
    """Returns the function `package.module:function`. Its module may lie in the current folder. Raises InputError."""
    module_name, _, function_name = name.partition(":")
    if not module_name or not function_name:
        raise InputError(f"{name!r} is not the name of a function. Write package.module:function.")
    try:
        _import_from_current_folder(module_name.partition(".")[0])
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise  # the module exists; one of its own imports does not
        raise InputError(
            f"there is no module {error.name!r} for the model {name!r} in {os.getcwd()} or among the installed packages. "
            f"Check the name, or change to the folder of the module."
        ) from None
    function = getattr(module, function_name, None)
    if not callable(function):
        functions = [known for known, value in vars(module).items() if callable(value) and not known.startswith("_")]
        raise InputError(f"{module_name} has no function {function_name!r}: {nearest(function_name, functions)}")
    return function


def _import_from_current_folder(name: str) -> None:
    """Imports the top module of the user's model from the current folder, if it is there.

    The folder itself goes to the end of the import path, for what that module imports: otherwise a file there that has
    the name of a library would be imported instead of it.
    """
    folder = os.getcwd()
    if folder not in sys.path and "" not in sys.path:
        sys.path.append(folder)
    if name in sys.modules or name in sys.stdlib_module_names:
        return
    spec = importlib.machinery.PathFinder.find_spec(name, [folder])
    if spec is None or spec.loader is None:
        return
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise


def _arguments(function: Callable, name: str, weights: str | os.PathLike | None) -> dict[str, Any]:
    parameters = inspect.signature(function).parameters
    required = [
        parameter.name
        for parameter in parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    if weights:
        if "weights" not in parameters:
            raise InputError(f"{name} takes no weights. Add a parameter `weights` to it, or give no file.")
        required = [parameter for parameter in required if parameter != "weights"]
    if required:
        raise InputError(
            f"{name} needs {', '.join(required)}. Only `weights`, the file that the user names, is passed to it: give the "
            f"other parameters default values."
        )
    return {"weights": weights} if weights else {}
