"""The model of a config: its parameters, its preprocessing, and what identifies it in run keys and results."""

import dataclasses
import os
import sys
from typing import Any

from ml_collections import ConfigDict

from imagenet_real.data.preprocess import Preprocessing
from imagenet_real.errors import InputError, nearest
from imagenet_real.io import storage
from imagenet_real.models import catalog
from imagenet_real.models.functional import Apply
from imagenet_real.models.user_model import user_model, user_model_checksum
from imagenet_real.runtime import distributed

DTYPES = ("float32", "bfloat16")
PREPROCESSING = tuple(field.name for field in dataclasses.fields(Preprocessing))


def load_model(config: ConfigDict) -> tuple[Apply, Any]:
    """Returns `(apply, params)` of a model of the catalog, or of the user's own, `package.module:function`."""
    if config.dtype not in DTYPES:
        raise InputError(f"unknown dtype {config.dtype!r}: {nearest(str(config.dtype), list(DTYPES))}")
    if is_user_model(config.model):
        if config.dtype != DTYPES[0]:
            raise InputError(
                f"dtype={config.dtype} is for models of the catalog. Choose the dtype of {config.model} in its function."
            )
        return user_model(config.model, weights_file(config))
    spec = catalog.find(config.model)
    if not config.weights:
        raise InputError(f"weights is empty. Give --config.weights=FILE, the weights of {config.model}.")
    if len(spec.weights) > 1:
        log(
            f"{config.model} means the weights {catalog.full_name(config.model)}. The other {len(spec.weights) - 1} known "
            f"sets of weights may need another preprocessing (--config.model=NAME.TAG)."
        )
    image_size = preprocessing_of(config).crop
    return catalog.load(config.model, weights_file(config), image_size=image_size, dtype=config.dtype, log=log)


def preprocessing_of(config: ConfigDict) -> Preprocessing:
    """Returns the model's published preprocessing, with the fields that the config sets."""
    fields = {name: config[name] for name in PREPROCESSING if config[name] is not None}
    if not is_user_model(config.model):
        return Preprocessing(**{**catalog.find(config.model).preprocessing, **fields})
    missing = [name for name in PREPROCESSING if name not in fields]
    if missing:
        raise InputError(
            f"the preprocessing of {config.model} is unknown, and a wrong one costs accuracy silently. "
            f"Add {' '.join(f'--config.{name}=...' for name in missing)}."
        )
    return Preprocessing(**fields)


def describe(preprocessing: Preprocessing) -> str:
    """Returns the preprocessing as a line for people."""
    resize = f"short side to {preprocessing.resize}, {preprocessing.interpolation}, " if preprocessing.resize else ""
    return f"{resize}center crop {preprocessing.crop}, mean {preprocessing.mean}, std {preprocessing.std}"


def weights_file(config: ConfigDict) -> str:
    """Returns the path of the weights; a file in a bucket is copied to the disk first, to be mapped."""
    path = config.weights
    return os.fspath(storage.on_disk(path)) if storage.in_bucket(path) else os.path.expanduser(path)


def weights_checksum(config: ConfigDict) -> str | None:
    """Returns the SHA-256 of the weights; None if they are not a file, as the user's own model may have it."""
    path = weights_file(config)
    return storage.sha256(path) if os.path.isfile(path) else None


def code_checksum(config: ConfigDict) -> str | None:
    """Returns the SHA-256 of the code of the user's own model; None for a model of the catalog."""
    return user_model_checksum(config.model) if is_user_model(config.model) else None


def full_name(config: ConfigDict) -> str:
    """Returns the model's name with the tag of its weights."""
    return config.model if is_user_model(config.model) else catalog.full_name(config.model)


def timm_columns(config: ConfigDict, preprocessing: Preprocessing) -> dict[str, Any]:
    """Returns the columns of timm's tables that describe a model; the user's own has no number of parameters."""
    counts = {} if is_user_model(config.model) else {"param_count": catalog.find(config.model).parameters / 1e6}
    crop_pct = preprocessing.crop / preprocessing.resize if preprocessing.resize else 1.0
    return {
        **counts,
        "img_size": preprocessing.crop,
        "crop_pct": crop_pct,
        "interpolation": preprocessing.interpolation,
    }


def is_user_model(name: str) -> bool:
    """Returns whether a name means the user's own model, `package.module:function`."""
    return ":" in name


def log(line: str) -> None:
    """Prints a line on stderr, on the primary process alone."""
    if distributed.is_primary():
        print(line, file=sys.stderr)
