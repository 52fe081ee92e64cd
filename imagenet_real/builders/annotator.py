"""The model that makes label maps, from a config."""

import dataclasses
from typing import Any

from ml_collections import ConfigDict

from imagenet_real.builders import models
from imagenet_real.data.decoding import EXIF
from imagenet_real.data.preprocess import Preprocessing, WholeImage
from imagenet_real.errors import InputError
from imagenet_real.io import storage
from imagenet_real.models import catalog
from imagenet_real.models.functional import Apply, functional_dense, normalized
from imagenet_real.models.user_model import user_model
from imagenet_real.relabel.annotate import dense_shape, image_size_of
from imagenet_real.training.trained import TrainedModel, checksum

PREPROCESSING = ("interpolation", "mean", "std", "exif")


@dataclasses.dataclass(frozen=True, eq=False)
class Annotator:
    """A model that returns the logits of each place of [B, H, W, 3] uint8 images."""

    apply: Apply
    params: Any
    preprocessing: WholeImage
    run_key: dict[str, Any]  # what the logits depend on


def load_annotator(config: ConfigDict) -> Annotator:
    """Loads the model of a config. Raises InputError if its maps have another number of places than the config says."""
    config = models.with_published_model(config) if config.weights else models.with_model_of_run(config)
    run = models.load_run(config)
    preprocessing = _preprocessing(config, run)
    size = preprocessing["image_size"]
    apply, params = _load_model(config, run, size)
    apply = normalized(apply, preprocessing["mean"], preprocessing["std"])
    height, width, _ = dense_shape(apply, params, 1, size)
    if config.places and (height, width) != (config.places, config.places):
        raise InputError(
            f"{config.model} has {height} x {width} places in images of {size} pixels, and places={config.places}. Give "
            "another --image_size, or --places=0 for the places that it has."
        )
    run_key = {
        "model": config.model,
        "code": models.code_checksum(config),
        "weights": _checksum(config, params),
        **preprocessing,
    }
    return Annotator(apply, params, WholeImage(size, preprocessing["interpolation"], preprocessing["exif"]), run_key)


def _preprocessing(config: ConfigDict, run: TrainedModel | None) -> dict[str, Any]:
    """Returns `image_size`, `interpolation`, `mean`, `std` and `exif`: those of the config, else of the run or published ones."""
    if run is not None:
        default = run.preprocessing
    else:
        default = {} if models.is_user_model(config.model) else dict(catalog.find(config.model).preprocessing)
    chosen = {"exif": EXIF[0]} | default | {name: config[name] for name in PREPROCESSING if config[name] is not None}
    size = config.image_size
    if not size and not models.is_user_model(config.model):
        size = image_size_of(config.model, config.places)
    if size is None or not chosen.keys() >= {*PREPROCESSING}:
        raise InputError(
            f"the preprocessing of {config.model} is not known. Give --image_size, interpolation, mean and std."
        )
    values = {name: chosen[name] for name in PREPROCESSING}
    Preprocessing(resize=size, crop=size, **values)  # checks them
    return {"image_size": size, **values}


def _load_model(config: ConfigDict, run: TrainedModel | None, image_size: int) -> tuple[Apply, Any]:
    if run is not None:
        return functional_dense(run.graph), run.params
    if models.is_user_model(config.model):
        return user_model(config.model, models.weights_file(config) or None)
    if not config.weights:
        raise InputError(f"weights is empty. Give --weights=FILE, the weights of {config.model}.")
    return catalog.load_dense(config.model, models.weights_file(config), image_size=image_size)


def _checksum(config: ConfigDict, params: Any) -> str | None:
    """Returns the checksum of the file of weights; for a run of `train` that of the parameters."""
    if not config.weights:
        return None
    if not storage.to_path(config.weights).is_dir():
        return storage.sha256(models.weights_file(config))
    return checksum(params)
