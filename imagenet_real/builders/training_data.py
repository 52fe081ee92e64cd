"""The images that a run trains on and what is right for them, and those that it reports on."""

import dataclasses
import sys
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from imagenet_real.builders import config_groups
from imagenet_real.data.digit_scenes import digits
from imagenet_real.data.digit_scenes.true_crops import TrueCropLabels
from imagenet_real.data.sources.open import open_source
from imagenet_real.data.sources.records import Source
from imagenet_real.data.training_batches import TrainingData
from imagenet_real.errors import InputError, nearest
from imagenet_real.labels import dataset, image_lists
from imagenet_real.labels.image_ids import match
from imagenet_real.relabel.label_maps import load_label_maps
from imagenet_real.relabel.pooling import PooledCropLabels, Pooling
from imagenet_real.runtime import distributed
from imagenet_real.training.losses import LOSSES

SHOWN = "shown"  # as `train_labels`: what each crop shows


def open_split(config: ConfigDict, split: str) -> Source:
    """The images of a split. Those of `config.split` may lie elsewhere; a folder or a tar is one split as a whole."""
    elsewhere = split == config.split and bool(config.validation_images)
    images = config.validation_images if elsewhere else config.images
    if not elsewhere and not images.startswith("tfds:") and split != config.train_split:
        raise InputError(
            f"{images} has no splits, all its images are trained on: give --config.select_split= and other images to "
            "report on with --config.validation_images, or prepare a TFDS dataset of it (configs/prepare.py)."
        )
    return open_source(images, split=split, tfds_dir=config.tfds_dir)


def training_data(config: ConfigDict) -> TrainingData:
    """The images of `train_split` that have a right class, and are on `clean_list` where one is given."""
    source = open_split(config, config.train_split)
    fields = source.label_fields()
    if fields.damaged and not config.clean_list:
        raise InputError(
            f"training image {min(fields.damaged)} is unreadable ({fields.damaged[min(fields.damaged)]}): mend it, or leave "
            "it out with a clean_list."
        )
    brought = dataset.from_fields(fields.image_ids, fields.fields, fields.num_classes, source.name)
    name = "original" if config.train_labels == SHOWN else config.train_labels
    if name not in brought:
        known = nearest(name, list(brought)) if brought else "none: put images in one folder a class"
        raise InputError(f"{source.name} brings no label set {name!r}: {known}.")
    labels = brought[name]
    keep = labels.is_scored & _on_list(config.clean_list, labels.image_ids)
    if not keep.any():
        raise InputError(f"none of the {len(source)} images of {source.name} is left to train on: see clean_list.")
    everything = TrainingData(source, labels.image_ids, labels.labels, labels.num_classes)
    kept = everything.at(np.flatnonzero(keep))
    return dataclasses.replace(kept, local=_pooled_labels(config, kept))


def _pooled_labels(config: ConfigDict, data: TrainingData) -> PooledCropLabels | TrueCropLabels | None:
    if config.train_labels == SHOWN:
        return _shown_labels(config, data)
    if not config.label_maps:
        return None
    pooling, maps = config_groups.build(Pooling, config, "label_pooling"), load_label_maps(config.label_maps)
    if maps.num_classes != data.num_classes:
        raise InputError(
            f"{config.label_maps} tells {maps.num_classes} classes apart, and {data.source.name} {data.num_classes}: give "
            "label maps of a model for these images."
        )
    return PooledCropLabels(maps.of(data.image_ids), pooling)


def _shown_labels(config: ConfigDict, data: TrainingData) -> TrueCropLabels:
    folder = digits.folder_of(config.images, config.tfds_dir)
    if folder is None or config.label_maps:
        raise InputError(
            f"train_labels={SHOWN!r} takes the true boxes of tfds:digit_scenes, and no label maps: got images={config.images} "
            f"and label_maps={config.label_maps!r}."
        )
    known = digits.annotations(folder, config.train_split)
    rows = match(data.image_ids, known.image_ids)
    every = TrueCropLabels(
        known.boxes, known.box_labels, data.num_classes, divide=LOSSES[config.loss].targets_sum_to_one
    )
    return every.at(rows)


def _on_list(path: str, image_ids: np.ndarray) -> np.ndarray:  # [N] str -> [N] bool
    if not path:
        return np.ones(len(image_ids), bool)
    listed = image_lists.load(path)
    absent = listed[~np.isin(listed, image_ids)]
    if len(absent) >= len(listed) / 2:
        raise InputError(
            f"{path} lists {len(listed)} images, and {len(absent)} of them are not among the {len(image_ids)} to train "
            f"on, such as {absent[0]}; expected ids such as {image_ids[0]}. Give a list that was made of these images."
        )
    kept = np.isin(image_ids, listed)
    if distributed.is_primary():
        print(f"{kept.sum():,} of {len(kept):,} images are on {path}; {len(absent):,} others are too.", file=sys.stderr)
    return kept


def trained_on(data: TrainingData) -> dict[str, Any]:
    """What the results say of the training images."""
    return {"count": len(data), "fingerprint": data.fingerprint}
