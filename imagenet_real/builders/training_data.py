"""Config -> the images of a training run with their labels, and the images that it reports on."""

import dataclasses
import sys
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from imagenet_real.builders import config_groups, models
from imagenet_real.builders.images import open_images, with_classes_of
from imagenet_real.data.crop_labels import CropLabels
from imagenet_real.data.digit_scenes import digits
from imagenet_real.data.digit_scenes.true_crops import TrueCropLabels
from imagenet_real.data.sources.open import has_splits
from imagenet_real.data.sources.records import Source
from imagenet_real.data.training_data import TrainingData
from imagenet_real.errors import InputError, nearest
from imagenet_real.labels import dataset, image_lists
from imagenet_real.labels.image_ids import match
from imagenet_real.labels.store import LabelStore
from imagenet_real.relabel.label_maps import load_label_maps
from imagenet_real.relabel.pooling import PooledCropLabels, Pooling
from imagenet_real.runtime import distributed
from imagenet_real.training.losses import LOSSES

TRUE_CROPS = "shown"  # as `train_labels`: the true labels of each crop


def open_split(config: ConfigDict, split: str) -> Source:
    """Opens the images of a split. `validation_images` may hold those of `config.split`.

    A folder or a tar of images is a single split.
    """
    is_elsewhere = split == config.split and bool(config.validation_images)
    images = config.validation_images if is_elsewhere else config.images
    if not is_elsewhere and split != config.train_split and not has_splits(images):
        raise InputError(
            f"{images} has no splits: train uses all its images. Give --select_split= and other images to report "
            "on with --validation_images, or make a TFDS dataset with configs/prepare.py."
        )
    return open_images(
        images,
        split=split,
        tfds_dir=config.tfds_dir,
        class_map=config.class_map,
        class_names=config.class_names,
        store=LabelStore(config.labels_dir, config.tfds_dir),
        log=models.log,
    )


def open_reported(config: ConfigDict, split: str, data: TrainingData) -> Source:
    """Opens the images of a split to report on, with the class indices of the training images, by the names of the classes.

    Raises InputError if they have a class that no training image has.
    """
    return with_classes_of(open_split(config, split), data.source, data.num_classes, models.log)


def training_data(config: ConfigDict) -> TrainingData:
    """Returns the images of `train_split` that have a label and, if there is a `clean_list`, are on it."""
    source = open_split(config, config.train_split)
    fields = source.label_fields()
    _check_damaged(config, fields.damaged)
    label_sets = dataset.from_fields(fields.image_ids, fields.fields, fields.num_classes, source.name)
    name = "original" if config.train_labels == TRUE_CROPS else config.train_labels
    if name not in label_sets:
        hint = nearest(name, list(label_sets)) if label_sets else "put the images into one folder a class."
        raise InputError(f"{source.name} has no label set {name!r}: {hint}")
    labels = label_sets[name]
    is_used = labels.is_scored & _is_listed(config.clean_list, labels.image_ids)
    if not is_used.any():
        raise InputError(f"none of the {len(source)} images of {source.name} can be trained on. Check the clean_list.")
    data = TrainingData(source, labels.image_ids, labels.labels, labels.num_classes).at(np.flatnonzero(is_used))
    return dataclasses.replace(data, crop_labels=_crop_labels(config, data))


def _check_damaged(config: ConfigDict, damaged: dict[str, str]) -> None:
    """Logs the images whose labels cannot be read, which are not used. Raises InputError if there are too many."""
    if len(damaged) > config.max_unreadable and not config.clean_list:
        image_id = min(damaged)
        raise InputError(
            f"training image {image_id} is unreadable ({damaged[image_id]}). Repair it, give a clean_list without it, or "
            "allow some with --max_unreadable=N."
        )
    for image_id, reason in damaged.items():
        models.log(f"training image {image_id} is unreadable ({reason}) and left out")


def describe_training_images(data: TrainingData) -> dict[str, Any]:
    """Returns the provenance of the training images."""
    return {"count": len(data), "fingerprint": data.fingerprint}


def _crop_labels(config: ConfigDict, data: TrainingData) -> CropLabels | None:
    """Returns the labels that depend on the crop; None if every crop has the labels of its image."""
    if config.train_labels == TRUE_CROPS:
        return _true_crop_labels(config, data)
    if not config.label_maps:
        return None
    pooling, maps = config_groups.build(Pooling, config, "label_pooling"), load_label_maps(config.label_maps)
    if maps.exif != config.exif:
        raise InputError(
            f"{config.label_maps} was made with exif={maps.exif}, and exif={config.exif} turns its places. Give "
            f"--exif={maps.exif}."
        )
    if maps.num_classes != data.num_classes:
        raise InputError(
            f"{config.label_maps} has {maps.num_classes} classes, and {data.source.name} has {data.num_classes}. Give "
            "label maps of a model for these images."
        )
    return PooledCropLabels(maps.of(data.image_ids), pooling)


def _true_crop_labels(config: ConfigDict, data: TrainingData) -> TrueCropLabels:
    folder = digits.folder_of(config.images, config.tfds_dir)
    if folder is None or config.label_maps:
        raise InputError(
            f"train_labels={TRUE_CROPS!r} needs the true boxes of tfds:digit_scenes and no label maps; images are "
            f"{config.images} and label_maps {config.label_maps!r}. Change one of the three."
        )
    boxes = digits.annotations(folder, config.train_split)
    divide = LOSSES[config.loss].targets_sum_to_one
    labels = TrueCropLabels(boxes.boxes, boxes.box_labels, data.num_classes, divide=divide)
    return labels.at(match(data.image_ids, boxes.image_ids))


def _is_listed(path: str, image_ids: np.ndarray) -> np.ndarray:  # [N] str -> [N] bool
    if not path:
        return np.ones(len(image_ids), bool)
    listed = image_lists.load(path)
    unknown = listed[~np.isin(listed, image_ids)]
    if len(unknown) >= len(listed) / 2:
        raise InputError(
            f"{path} lists {len(listed)} images, and {len(unknown)} of them are not among the {len(image_ids)} training "
            f"images, such as {unknown[0]}; expected ids such as {image_ids[0]}. Give a list of these images."
        )
    is_listed = np.isin(image_ids, listed)
    if distributed.is_primary():
        counts = f"{is_listed.sum():,} of {len(is_listed):,} training images are on {path}"
        print(f"{counts}, which also lists {len(unknown):,} other images.", file=sys.stderr)
    return is_listed
