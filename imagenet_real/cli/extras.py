"""Packages that the base does not bring: a program that misses one of them names the extra to install."""

import contextlib
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
        "simplejpeg",
        "sklearn",
        "tensorboardX",
        "tensorflow_datasets",
    ),
    "review": ("markdown_it", "starlette", "uvicorn"),
    "gcs": ("gcsfs",),
    "parquet": ("pyarrow",),
    "raters": ("crowdkit",),
}


@contextlib.contextmanager
def named_for(program: str) -> Iterator[None]:
    """Turns a missing package of an extra into an InputError that names the extra."""
    try:
        yield
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        for extra, modules in MODULES.items():
            if module in modules:
                raise InputError(
                    f"{program} needs the extra {extra}: the package {module} is missing. "
                    f"Install it: pip install 'imagenet_real[{extra}]'."
                ) from None
        raise
