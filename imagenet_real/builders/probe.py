"""What a probe needs: the features of two sources, the labels of the training images, and the recipes of the heads."""

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from etils import epath
from ml_collections import ConfigDict

import imagenet_real
from imagenet_real.builders import config_groups, evaluation, models
from imagenet_real.builders.images import open_images, with_classes_of
from imagenet_real.data.preprocess import Preprocessing
from imagenet_real.data.sources.records import Source, label_sets_of
from imagenet_real.errors import InputError, nearest
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.probes.features import Features, write_features
from imagenet_real.probes.linear import Recipe
from imagenet_real.runtime import devices
from imagenet_real.training.losses import LOSSES


@dataclasses.dataclass(frozen=True)
class Probe:
    """A model whose features are probed, its images, and their labels."""

    config: ConfigDict
    model: tuple[Any, Any]
    preprocessing: Preprocessing
    weights: Mapping[str, Any]
    training: Source
    validation: Source
    num_classes: int
    label_sets: list[LabelSet]
    unavailable: list[dict[str, str]]
    notes: list[str]

    @property
    def features_dir(self) -> str:
        """The folder of the features; empty for the workdir."""
        return self.config.features_dir


def prepare(config: ConfigDict) -> Probe:
    """Loads the model and checks the config. Raises InputError for images without labels, and for a wrong option."""
    for name, value in (("train_images", config.train_images), ("images", config.images)):
        if not value:
            raise InputError(f"{name} is empty. Give --{name}=FOLDER, a .tar file, or tfds:NAME.")
    _check(config)
    config = models.with_published_model(config)
    run = models.load_run(config, config.dtype)
    training = open_images(config.train_images, split=config.train_split, tfds_dir=config.tfds_dir, log=models.log)
    num_classes = training.num_classes
    if num_classes:
        validation = with_classes_of(evaluation.open_labeled(config), training, num_classes, models.log)
    else:
        raise InputError(f"{training.name} brings no labels. Give images with one subfolder per class, or tfds:NAME.")
    label_sets, unavailable, notes = evaluation.label_sets_of_images(config, validation, num_classes)
    return Probe(
        config=config,
        model=models.load_features(config, run),
        preprocessing=models.preprocessing_of(config, run),
        weights=models.weights_provenance(config, run),
        training=training,
        validation=validation,
        num_classes=num_classes,
        label_sets=label_sets,
        unavailable=unavailable,
        notes=notes,
    )


def features(probe: Probe, source: Source, folder: epath.Path) -> Features | None:
    """Writes the features of a source, or reads them if they are there; the primary process returns them."""
    config = probe.config
    return write_features(
        probe.model,
        source,
        probe.preprocessing,
        pathlib.Path(folder),
        run_key=model_key(probe) | {"source": source.fingerprint},
        batch_size=config.batch_size,
        workers=config.workers,
        mesh=devices.make_mesh(model=config.model_devices),
        max_unreadable=config_groups.max_unreadable(config),
    )


def model_key(probe: Probe) -> dict[str, Any]:
    """Returns what the features of a model depend on."""
    config = probe.config
    return {
        "imagenet_real": imagenet_real.__version__,
        "model": config.model,
        "code": models.code_checksum(config),
        "weights": probe.weights["sha256"] or config.weights,
        "dtype": config.dtype,
    }


def training_labels(probe: Probe, extracted: Features) -> np.ndarray:
    """Returns the original label of each training image, [N] int; -1 for images without one and unreadable ones."""
    original = label_sets_of(probe.training).get("original")
    if original is None or not np.array_equal(original.image_ids, extracted.image_ids):
        raise InputError(f"{probe.training.name} has no original labels. Give images with one label each.")
    return np.where(extracted.valid, original.original, -1)


def recipes(config: ConfigDict) -> list[Recipe]:
    """Returns how to train the head of each loss."""
    return [
        Recipe(loss, config.epochs, config.probe_batch_size, config.weight_decay, config.seed) for loss in config.losses
    ]


def _check(config: ConfigDict) -> None:
    for loss in config.losses:
        if loss not in LOSSES:
            raise InputError(f"unknown loss {loss!r}: {nearest(str(loss), list(LOSSES))}")
    if not config.losses and not config.knn_ks:
        raise InputError("losses and knn_ks are both empty. Give at least one loss or number of neighbors.")
    numbers = {"epochs": config.epochs, "probe_batch_size": config.probe_batch_size, "batch_size": config.batch_size}
    numbers |= {f"knn_ks[{index}]": k for index, k in enumerate(config.knn_ks)}
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InputError(f"{name}={value!r} is not a number of at least 1. Give a whole number.")
    if config.losses and (not config.learning_rates or min(config.learning_rates) <= 0):
        raise InputError(f"learning_rates={config.learning_rates} are not positive. Give for example (0.1, 1.0).")
    if not 0 < config.holdout < 1:
        raise InputError(f"holdout={config.holdout} is not a share between 0 and 1. Give for example 0.1.")
    if not config.temperature > 0:
        raise InputError(f"temperature={config.temperature} is not positive. Give for example 0.07.")
