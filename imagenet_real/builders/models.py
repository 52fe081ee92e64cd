"""The model of a config: its parameters, its preprocessing, and what identifies it in run keys and results."""

import dataclasses
import functools
import os
import sys
from typing import Any

from ml_collections import ConfigDict

from imagenet_real.data.preprocess import SQUASH, Preprocessing
from imagenet_real.errors import InputError, nearest
from imagenet_real.io import storage
from imagenet_real.models import catalog, hub, timm_config
from imagenet_real.models.functional import Apply, functional, functional_features
from imagenet_real.models.heads import LinearHead, load_head
from imagenet_real.models.hub import HubFile
from imagenet_real.models.user_model import user_model, user_model_checksum
from imagenet_real.runtime import distributed
from imagenet_real.training.trained import CHECKPOINTS, TrainedModel, saved_run_key, trained_model

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


def with_model_of_run(config: ConfigDict) -> ConfigDict:
    """Returns the config with the model of the training run in `weights`, if `model` is empty.

    Raises InputError if there is neither, unless `weights` is a repository on the Hub.
    """
    if config.model or config.weights.startswith(hub.PREFIX):
        return config
    run_key = saved_run_key(config.weights) if config.weights and storage.to_path(config.weights).is_dir() else None
    if run_key is None:
        raise InputError(
            "model is empty. Give --model=NAME, a name that imagenet-real models lists, or the workdir of a training run as "
            "--weights."
        )
    copy = ConfigDict(config.to_dict())
    copy.model = run_key["model"]
    return copy


def with_published_model(config: ConfigDict) -> ConfigDict:
    """Returns the config with the model that its weights name: a training run, or the config.json of `hf_hub:ORG/NAME`."""
    config = with_model_of_run(config)
    file = hub_file(config)
    name = timm_config.architecture(file.config, file.repository) if file else None
    if name is None:
        if not config.model:
            raise InputError(f"model is empty, and {file.repository} does not name its model. Give --model=NAME.")
        return config
    tag = file.repository.partition(".")[2]
    copy = ConfigDict(config.to_dict())
    copy.model = f"{name}.{tag}" if tag and tag in catalog.find(name).weights else name
    if copy.model.partition(".")[0] != config.model.partition(".")[0]:
        log(f"{file.repository} is a {copy.model}")
    return copy


def hub_file(config: ConfigDict) -> HubFile | None:
    """Returns the file on the Hub that `weights`, or without it the model's name, means; None if it is another file."""
    if is_user_model(config.model):
        return None
    if config.weights:
        return _fetched(config.weights) if config.weights.startswith(hub.PREFIX) else None
    file = published_file(config.model)
    if file is None:
        raise InputError(
            f"weights is empty, and the Hub has none of {catalog.full_name(config.model)}. Give --weights=FILE."
        )
    return file


def published_file(name: str) -> HubFile | None:
    """Returns the file on the Hub that `hf_hub:ORG/NAME`, or the name of a model, means; None if the Hub has none."""
    if name.startswith(hub.PREFIX):
        return _fetched(name)
    spec = catalog.find(name)
    repository = spec.weights[spec.tag].hub
    return _fetched(f"{hub.PREFIX}{repository}", is_pinned="@" in repository) if repository else None


@functools.cache
def _fetched(reference: str, is_pinned: bool = True) -> HubFile:
    file = hub.fetch(reference, log)
    if not is_pinned:
        log(
            f"The catalog names no commit of {file.repository}. To repeat this run: --weights={reference}@{file.commit}"
        )
    return file


def load_model(config: ConfigDict, run: TrainedModel | None) -> tuple[Apply, Any]:
    """Returns `(apply, params)` of a run, of a model of the catalog, or of the user's own, `package.module:function`.

    With `head`, the model's own head is replaced.
    """
    if not config.head:
        return _load(config, run, "logits")
    head = load_head(os.path.expanduser(config.head))
    kind = "features" if isinstance(head, LinearHead) else "outputs"
    apply, params = _load(config, run, kind)
    apply, head_params = head(apply)
    return apply, {"model": params, "head": head_params}


def load_features(config: ConfigDict, run: TrainedModel | None) -> tuple[Apply, Any]:
    """Like `load_model`, without a head: images [B, H, W, 3] -> features [B, D]. The user's own model returns them."""
    return _load(config, run, "features")


def _load(config: ConfigDict, run: TrainedModel | None, kind: str) -> tuple[Apply, Any]:
    if run is not None:
        return (functional_features if kind == "features" else functional)(run.graph), run.params
    if is_user_model(config.model):
        if config.dtype != DTYPES[0]:
            raise InputError(
                f"dtype={config.dtype} is for models of the catalog. Choose the dtype of {config.model} in its function."
            )
        return user_model(config.model, weights_file(config))
    file = hub_file(config)
    spec = catalog.find(config.model)
    if file is None and len(spec.weights) > 1:
        log(
            f"{config.model} means the weights {catalog.full_name(config.model)}. The other {len(spec.weights) - 1} known "
            f"sets of weights may need another preprocessing (--model=NAME.TAG)."
        )
    load = {"logits": catalog.load, "features": catalog.load_features, "outputs": catalog.load_outputs}[kind]
    image_size = preprocessing_of(config, run).crop
    return load(config.model, weights_file(config), image_size=image_size, dtype=config.dtype, log=log)


def preprocessing_of(config: ConfigDict, run: TrainedModel | None) -> Preprocessing:
    """Returns the preprocessing of the run, else the model's published one, with the fields that the config sets."""
    fields = {name: config[name] for name in PREPROCESSING if config[name] is not None}
    if run is not None:
        return Preprocessing(**{**run.preprocessing, **fields})
    if not is_user_model(config.model):
        file = hub_file(config)
        published = timm_config.preprocessing(file.config, file.repository) if file else {}
        return Preprocessing(**{**catalog.find(config.model).preprocessing, **published, **fields})
    missing = [name for name in PREPROCESSING if name not in fields and name != "exif"]
    if missing:
        raise InputError(
            f"the preprocessing of {config.model} is unknown, and a wrong one costs accuracy silently. "
            f"Add {' '.join(f'--{name}=...' for name in missing)}."
        )
    return Preprocessing(**fields)


def describe(preprocessing: Preprocessing) -> str:
    """Returns the preprocessing as a line for people."""
    crop, interpolation = preprocessing.crop, preprocessing.interpolation
    exif = ", turned by EXIF" if preprocessing.exif == "apply" else ""
    normalization = f"mean {preprocessing.mean}, std {preprocessing.std}{exif}"
    if preprocessing.resize == SQUASH:
        return f"squashed to {crop} x {crop}, {interpolation}, {normalization}"
    resize = f"short side to {preprocessing.resize}, {interpolation}, " if preprocessing.resize else ""
    return f"{resize}center crop {crop}, {normalization}"


def weights_file(config: ConfigDict) -> str:
    """Returns the path of the weights; a file in a bucket or on the Hub is copied to the disk first, to be mapped."""
    file = hub_file(config)
    if file is not None:
        return file.path
    path = config.weights
    return os.fspath(storage.on_disk(path)) if storage.in_bucket(path) else os.path.expanduser(path)


def weights_provenance(config: ConfigDict, run: TrainedModel | None) -> dict[str, Any]:
    """Returns where the weights come from, and the SHA-256; None if the user's own model reads no file.

    They come from a run and its step, a repository on the Hub and its commit, or a file.
    """
    if run is not None:
        return {"run": config.weights, "step": run.step, "sha256": run.checksum}
    file = hub_file(config)
    if file is not None:
        return hub_provenance(file)
    path = weights_file(config)
    checksum = storage.sha256(path) if os.path.isfile(path) else None
    return {"file": os.path.basename(config.weights), "sha256": checksum}


def hub_provenance(file: HubFile) -> dict[str, Any]:
    """Returns the repository, the commit, the name and the SHA-256 of a file on the Hub."""
    return {"hub": file.repository, "revision": file.commit, "file": file.name, "sha256": file.sha256}


def code_checksum(config: ConfigDict) -> str | None:
    """Returns the SHA-256 of the code of the user's own model; None for a model of the catalog."""
    return user_model_checksum(config.model) if is_user_model(config.model) else None


def full_name(config: ConfigDict, run: TrainedModel | None) -> str:
    """Returns the model's name, with the tag of its weights if they are published ones."""
    if run is not None or is_user_model(config.model):
        return config.model
    file = hub_file(config)
    tag = "" if file is None else file.repository.partition(".")[2]
    is_known = file is None or (tag != "" and tag in catalog.find(config.model).weights)
    return catalog.full_name(config.model) if is_known else file.repository


def timm_columns(config: ConfigDict, preprocessing: Preprocessing) -> dict[str, Any]:
    """Returns the columns of timm's tables that describe a model; the user's own has no number of parameters."""
    counts = {} if is_user_model(config.model) else {"param_count": catalog.find(config.model).parameters / 1e6}
    resize = 0 if preprocessing.resize == SQUASH else int(preprocessing.resize)
    crop_pct = preprocessing.crop / resize if resize else 1.0
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
