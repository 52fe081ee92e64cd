"""Packages that the base does not bring: what misses one of them names the extra to install."""

import contextlib
import importlib.util
from collections.abc import Iterator

from imagenet_real.errors import InputError

MODULES = {  # of each extra in pyproject.toml: what its packages are imported as
    "jax": (
        "array_record",
        "flax",
        "google",  # protobuf, which tensorflow_datasets brings
        "grain",
        "jax",
        "jaxlib",
        "ml_dtypes",
        "numba",
        "optax",
        "orbax",
        "safetensors",
        "sklearn",
        "tensorboardX",
        "tensorflow_datasets",
    ),
    "review": ("markdown_it", "starlette", "uvicorn"),
    "gcs": ("gcsfs",),
    "parquet": ("pyarrow",),
    "raters": ("crowdkit",),
    "hub": ("huggingface_hub",),
    "text": ("sentencepiece", "tokenizers"),
}


class MissingPackage(InputError):
    """A package of an extra is not installed."""

    def __init__(self, user: str, module: str):
        extra = extra_of(module)
        super().__init__(
            f"{user} needs the extra {extra}: the package {module} is missing. "
            f"Install it: pip install 'imagenet_real[{extra}]'."
        )


def extra_of(module: str) -> str | None:
    """Returns the extra that brings a module; None if no extra does."""
    return next((extra for extra, modules in MODULES.items() if module.partition(".")[0] in modules), None)


def check(user: str, *modules: str) -> None:
    """Raises MissingPackage if a module is not installed, without importing it. `user` names what needs it."""
    for module in modules:
        if importlib.util.find_spec(module) is None:
            raise MissingPackage(user, module)


@contextlib.contextmanager
def needed_by(user: str) -> Iterator[None]:
    """Turns a package of an extra that is missing into a MissingPackage. `user` names what needs it."""
    try:
        yield
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        if extra_of(module) is None:
            raise
        raise MissingPackage(user, module) from None
