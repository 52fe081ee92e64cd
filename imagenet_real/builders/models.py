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
from imagenet_real.models.functional import Apply, functional
from imagenet_real.models.user_model import user_model, user_model_checksum
from imagenet_real.runtime import distributed
from imagenet_real.training.trained import CHECKPOINTS, TrainedModel, trained_model

DTYPES = ("float32", "bfloat16")
PREPROCESSING = tuple(field.name for field in dataclasses.fields(Preprocessing))


def load_run(config: ConfigDict, dtype: str = DTYPES[0]) -> TrainedModel | None:
    """Returns the model of the training run whose workdir is `weights`, from the checkpoint `report_checkpoint`.

    Returns None if `weights` is a file, or a folder that the user's own model reads itself.
    """
    for name, value, known in (("dtype", dtype, DTYPES), ("report_checkpoint", config.report_checkpoint, CHECKPOINTS)):
        if value not in known:
            raise InputError(f"unknown {name} {value!r}: {nearest(str(value), list(known))}")
    if not config.weights or not storage.to_path(config.weights).is_dir():
        return None
    if is_user_model(config.model) and not (storage.to_path(config.weights) / "checkpoints").is_dir():
        return None  # a folder that the user's function reads
    return trained_model(config.model, config.weights, config.report_checkpoint, dtype)


def load_model(config: ConfigDict, run: TrainedModel | None) -> tuple[Apply, Any]:
    """Returns `(apply, params)` of a run, of a model of the catalog, or of the user's own, `package.module:function`."""
    if run is not None:
        return functional(run.graph), run.params
    if is_user_model(config.model):
        if config.dtype != DTYPES[0]:
            raise InputError(
                f"dtype={config.dtype} is for models of the catalog. Choose the dtype of {config.model} in its function."
            )
        return user_model(config.model, weights_file(config))
    spec = catalog.find(config.model)
    if not config.weights:
        raise InputError(f"weights is empty. Give --weights=FILE, the weights of {config.model}.")
    if len(spec.weights) > 1:
        log(
            f"{config.model} means the weights {catalog.full_name(config.model)}. The other {len(spec.weights) - 1} known "
            f"sets of weights may need another preprocessing (--model=NAME.TAG)."
        )
    image_size = preprocessing_of(config, run).crop
    return catalog.load(config.model, weights_file(config), image_size=image_size, dtype=config.dtype, log=log)


def preprocessing_of(config: ConfigDict, run: TrainedModel | None) -> Preprocessing:
    """Returns the preprocessing of the run, else the model's published one, with the fields that the config sets."""
    fields = {name: config[name] for name in PREPROCESSING if config[name] is not None}
    if run is not None:
        return Preprocessing(**{**run.preprocessing, **fields})
    if not is_user_model(config.model):
        return Preprocessing(**{**catalog.find(config.model).preprocessing, **fields})
    missing = [name for name in PREPROCESSING if name not in fields and name != "exif"]
    if missing:
        raise InputError(
            f"the preprocessing of {config.model} is unknown, and a wrong one costs accuracy silently. "
            f"Add {' '.join(f'--{name}=...' for name in missing)}."
        )
    return Preprocessing(**fields)


def describe(preprocessing: Preprocessing) -> str:
    """Returns the preprocessing as a line for people."""
    resize = f"short side to {preprocessing.resize}, {preprocessing.interpolation}, " if preprocessing.resize else ""
    exif = ", turned by EXIF" if preprocessing.exif == "apply" else ""
    return f"{resize}center crop {preprocessing.crop}, mean {preprocessing.mean}, std {preprocessing.std}{exif}"


def weights_file(config: ConfigDict) -> str:
    """Returns the path of the weights; a file in a bucket is copied to the disk first, to be mapped."""
    path = config.weights
    return os.fspath(storage.on_disk(path)) if storage.in_bucket(path) else os.path.expanduser(path)


def weights_provenance(config: ConfigDict, run: TrainedModel | None) -> dict[str, Any]:
    """Returns the run and its step, or the file, and the SHA-256; None if the user's own model reads no file."""
    if run is not None:
        return {"run": config.weights, "step": run.step, "sha256": run.checksum}
    path = weights_file(config)
    checksum = storage.sha256(path) if os.path.isfile(path) else None
    return {"file": os.path.basename(config.weights), "sha256": checksum}


def code_checksum(config: ConfigDict) -> str | None:
    """Returns the SHA-256 of the code of the user's own model; None for a model of the catalog."""
    return user_model_checksum(config.model) if is_user_model(config.model) else None


def full_name(config: ConfigDict, run: TrainedModel | None) -> str:
    """Returns the model's name, with the tag of its weights if they are published ones."""
    return config.model if run is not None or is_user_model(config.model) else catalog.full_name(config.model)


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
