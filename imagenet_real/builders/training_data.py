"""Config -> the images of a training run with their labels, and the images that it reports on."""

import dataclasses
import sys
import zlib
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from imagenet_real.builders import config_groups, label_sets, models
from imagenet_real.builders.images import open_images, with_classes_of
from imagenet_real.data.crop_labels import CropLabels
from imagenet_real.data.digit_scenes import digits
from imagenet_real.data.digit_scenes.true_crops import TrueCropLabels
from imagenet_real.data.soft_targets import SoftTargets
from imagenet_real.data.sources.open import has_splits
from imagenet_real.data.sources.records import Source, label_sets_of
from imagenet_real.data.sources.subset import Subset
from imagenet_real.data.training_data import TrainingData
from imagenet_real.errors import InputError, nearest
from imagenet_real.labels import dataset, image_lists
from imagenet_real.labels.image_ids import are_in, match
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.labels.soft_label_files import load_soft_labels
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
    if not config.images:
        raise InputError("images is empty. Give --images=FOLDER with one folder per class, a .tar file, or tfds:NAME.")
    is_elsewhere = split == config.split and bool(config.validation_images)
    if split == config.split and not is_elsewhere and config.select_fraction:
        return selection_source(config)  # the only images that the training does not see
    images = config.validation_images if is_elsewhere else config.images
    if not is_elsewhere and split != config.train_split and not has_splits(images):
        raise InputError(
            f"{images} has no splits: train uses all its images. Give other images to report on with "
            "--validation_images, or --select_split= --select_fraction=0.1 to keep some of these out of the training."
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


def selection_source(config: ConfigDict, data: TrainingData | None = None) -> Source | None:
    """Returns the images for model selection and for curves, with the classes of the training images; None without any."""
    if config.select_split and config.select_fraction:
        raise InputError(
            f"select_split={config.select_split!r} and select_fraction={config.select_fraction} are alternatives. Give one."
        )
    if config.select_split:
        source = open_split(config, config.select_split)
        return source if data is None else with_classes_of(source, data.source, data.num_classes, models.log)
    if not config.select_fraction:
        return None
    source = open_split(config, config.train_split)
    return Subset(source, np.flatnonzero(_is_selected(config, source)))


def _is_selected(config: ConfigDict, source: Source) -> np.ndarray:
    """[N] bool: `select_fraction` of the images of each class, by a checksum of their ids, so that they stay the same."""
    if not 0 <= config.select_fraction < 1:
        raise InputError(f"select_fraction={config.select_fraction} is out of range. Give a share from 0 to below 1.")
    fields = source.label_fields()
    if not config.select_fraction:
        return np.zeros(len(source), bool)
    labels = np.asarray(fields.fields.get("label", fields.fields.get("original_label", np.zeros(len(source)))))
    order = np.array([zlib.crc32(name.encode()) for name in fields.image_ids.tolist()])
    selected = np.zeros(len(source), bool)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        count = min(max(1, round(config.select_fraction * len(rows))), len(rows) - 1)
        selected[rows[np.argsort(order[rows], kind="stable")][:count]] = True
    if not selected.any():
        raise InputError(f"{source.name} has one image per class, and none to select by. Give --select_fraction=0.")
    return selected


def training_data(config: ConfigDict) -> TrainingData:
    """Returns the images of `train_split` that have a label and, if there is a `clean_list`, are on it."""
    source = open_split(config, config.train_split)
    fields = source.label_fields()
    _check_damaged(config, fields.damaged)
    own_sets = dataset.from_fields(fields.image_ids, fields.fields, fields.num_classes, source.name)
    name = "original" if config.train_labels == TRUE_CROPS else config.train_labels
    if name not in own_sets and label_sets.names_file(name):
        labels = _labels_in_file(config, source)
    elif name in own_sets:
        labels = own_sets[name]
    else:
        hint = nearest(name, list(own_sets)) if own_sets else "put the images into one folder per class."
        raise InputError(f"{source.name} has no label set {name!r}: {hint}")
    is_used = labels.is_scored & _is_listed(config.clean_list, labels.image_ids) & ~_is_selected(config, source)
    if not is_used.any():
        raise InputError(f"none of the {len(source)} images of {source.name} can be trained on. Check the clean_list.")
    data = TrainingData(source, labels.image_ids, labels.labels, labels.num_classes).at(np.flatnonzero(is_used))
    return dataclasses.replace(data, crop_labels=_crop_labels(config, data))


def _labels_in_file(config: ConfigDict, source: Source) -> LabelSet:
    """Returns the labels of the file `train_labels` for the images of `source`, in their order.

    Images that the file does not have are not trained on. Raises InputError if it has none of them, or other classes.
    """
    path, fields = config.train_labels, source.label_fields()
    label_set = label_sets.load(path, label_sets_of(source), LabelStore(config.labels_dir, config.tfds_dir))
    if label_set.num_classes != fields.num_classes:
        raise InputError(
            f"{path} has {label_set.num_classes} classes, and {source.name} has {fields.num_classes}. Give labels of "
            "these images."
        )
    rows = match(fields.image_ids, label_set.image_ids)
    if (rows < 0).all():
        raise InputError(
            f"{path} has labels of none of the {len(source)} training images; expected ids such as "
            f"{fields.image_ids[0]}. Give labels of these images."
        )
    aligned = dataclasses.replace(
        label_set,
        image_ids=fields.image_ids,
        labels=label_set.labels[rows],
        weight=np.where(rows < 0, 0.0, label_set.weight[rows]),
        original=label_set.original[rows],
    )
    models.log(f"{path} has labels of {aligned.is_scored.sum():,} of the {len(source):,} training images")
    return aligned


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
    """Returns the labels that depend on the crop, or the soft ones; None if every crop has the labels of its image."""
    if config.soft_labels:
        return _soft_targets(config, data)
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


def _soft_targets(config: ConfigDict, data: TrainingData) -> SoftTargets:
    """Returns the targets of a file of soft labels. Raises InputError for a file of other images or other classes."""
    if config.label_maps or config.train_labels == TRUE_CROPS:
        raise InputError(
            f"soft_labels={config.soft_labels!r} are labels of whole images, and label_maps={config.label_maps!r} and "
            f"train_labels={config.train_labels!r} may be labels of crops. Give one of them."
        )
    soft = load_soft_labels(config.soft_labels)
    rows = soft.rows_of(data.image_ids)
    is_there = rows >= 0
    if is_there.mean() < 0.5:
        raise InputError(
            f"{config.soft_labels} has soft labels of {len(soft):,} images, and {is_there.sum():,} of the {len(data):,} training "
            f"images are among them; expected ids such as {data.image_ids[0]}. Give the file of these images."
        )
    probabilities = soft.probabilities.at(rows)
    if len(probabilities.classes) and probabilities.classes.max() >= data.num_classes:
        image = np.searchsorted(probabilities.starts, probabilities.classes.argmax(), side="right") - 1
        raise InputError(
            f"{config.soft_labels}: image {data.image_ids[image]} has the class {probabilities.classes.max()}, and the "
            f"training images have the classes 0 to {data.num_classes - 1}. Give soft labels with their class indices."
        )
    original = np.where(is_there, soft.original[rows], -1)
    differs = (original >= 0) & ~(data.labels == original[:, None]).any(axis=1)
    if differs.sum() > is_there.sum() / 2:
        image = int(differs.argmax())
        raise InputError(
            f"{config.soft_labels}: image {data.image_ids[image]} has the original class {original[image]}, and its folder or "
            f"label is {data.labels[image, 0]}, as with {differs.sum():,} others. Give a file with the same order of classes."
        )
    if distributed.is_primary():
        counts = f"{is_there.sum():,} of {len(data):,} training images have soft labels in {config.soft_labels}"
        several = int((np.diff(probabilities.starts) > 1).sum())
        print(f"{counts}, {several:,} of them of several classes; the others have their label alone.", file=sys.stderr)
    return SoftTargets(probabilities, data.labels, data.num_classes, divide=LOSSES[config.loss].targets_sum_to_one)


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
    unknown = listed[~are_in(listed, image_ids)]
    if len(unknown) >= len(listed) / 2:
        raise InputError(
            f"{path} lists {len(listed)} images, and {len(unknown)} of them are not among the {len(image_ids)} training "
            f"images, such as {unknown[0]}; expected ids such as {image_ids[0]}. Give a list of these images."
        )
    is_listed = are_in(image_ids, listed)
    if distributed.is_primary():
        counts = f"{is_listed.sum():,} of {len(is_listed):,} training images are on {path}"
        print(f"{counts}, which also lists {len(unknown):,} other images.", file=sys.stderr)
    return is_listed
