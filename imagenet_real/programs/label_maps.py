"""Looks at label maps: how often they agree with predictions and with what crops show, and pictures of some."""

import json
from typing import Any

import numpy as np
from etils import epath
from ml_collections import ConfigDict

from imagenet_real.builders import class_sets, config_groups
from imagenet_real.data import crop_statistics
from imagenet_real.data.crop_statistics import Objects
from imagenet_real.data.digit_scenes import digits
from imagenet_real.data.digit_scenes.drawing import SIDE
from imagenet_real.data.preprocess import decode
from imagenet_real.data.sources.open import open_source
from imagenet_real.data.sources.records import Source
from imagenet_real.data.targets import label_sets
from imagenet_real.errors import InputError
from imagenet_real.io.storage import open_atomically
from imagenet_real.labels import dataset
from imagenet_real.labels.classes import identify
from imagenet_real.predictions.predictions import load_predictions
from imagenet_real.relabel.label_maps import LabelMaps, load_label_maps
from imagenet_real.relabel.pooling import Pooling, softmax
from imagenet_real.report.plots import label_maps
from imagenet_real.report.printing import show, tagged
from imagenet_real.runtime.workdir import claims_workdir

PART = 1024  # maps that are pooled at once


@claims_workdir
def run(config: ConfigDict, workdir: epath.Path) -> dict[str, Any]:
    """Writes label_maps.json and pictures into `workdir`, and prints what was counted."""
    maps = load_label_maps(config.label_maps) if config.label_maps else None
    pooling = config_groups.build(Pooling, config, "label_pooling")
    results: dict[str, Any] = {}
    if config.predictions:
        results["predictions"] = _with_predictions(config, _needed(maps, "predictions"), pooling)
    of_digits = config.images.startswith("tfds:digit_scenes")
    if config.boxes or of_digits:
        objects = crop_statistics.read_boxes(config.boxes) if config.boxes else _digits(config)
        crops = crop_statistics.random_crops(objects.sizes, config.crops, min_area=config.min_area, seed=config.seed)
        results["crops"] = crop_statistics.overlap_statistics(objects, crops)
        if objects.labels is not None:
            results["agreement"] = _agreements(config, objects, crops, maps, pooling)
    if config.pictures:
        source = open_source(config.images, split=config.split, tfds_dir=config.tfds_dir)
        _write_pictures(config, workdir, source, _needed(maps, "pictures"), pooling)
    if not results and not config.pictures:
        raise InputError("there is nothing to look at: give predictions, boxes, images=tfds:digit_scenes, or pictures.")
    with open_atomically(workdir / "label_maps.json") as file:
        json.dump(results, file, indent=1)
    text = "\n".join(f"{what}: {json.dumps(numbers)}" for what, numbers in results.items())
    agreement = [{"of": name, **numbers} for name, numbers in results.get("agreement", {}).items()]
    wholes = {what: [numbers] for what, numbers in results.items() if what != "agreement"}
    show(config.format, tagged(**wholes, agreement=agreement), text)
    return results


def _needed(maps: LabelMaps | None, what: str) -> LabelMaps:
    if maps is None:
        raise InputError(f"{what} need --config.label_maps=FOLDER, which configs/relabel.py makes.")
    return maps


def _with_predictions(config: ConfigDict, maps: LabelMaps, pooling: Pooling) -> dict[str, float]:
    """How often the label of the whole image, and the class of the most places, is what a model predicts."""
    predictions = load_predictions(config.predictions)
    own = maps.of(predictions.image_ids)
    pooled, frequent = [], []
    for begin in range(0, len(own), PART):
        classes, scores = own.read(range(begin, min(begin + PART, len(own))))
        boxes = np.tile([0.0, 0.0, 1.0, 1.0], (len(classes), 1))
        pooled.append(pooling.targets(classes, scores, boxes, maps.num_classes).argmax(axis=1))
        first = classes[..., 0].reshape(len(classes), -1)
        frequent += [np.bincount(one).argmax() for one in first]
    predicted = predictions.top[:, 0]
    return {
        "images": len(own),
        "pooled_agrees": float((np.concatenate(pooled) == predicted).mean()),
        "most_places_agree": float((np.array(frequent) == predicted).mean()),
    }


def _digits(config: ConfigDict) -> Objects:
    folder = digits.folder_of(config.images, config.tfds_dir)
    known = digits.annotations(folder, config.split)
    return Objects(known.image_ids, np.full((len(known.image_ids), 2), SIDE), known.boxes, known.box_labels)


def _agreements(
    config: ConfigDict, objects: Objects, crops: np.ndarray, maps: LabelMaps | None, pooling: Pooling
) -> dict[str, dict[str, float]]:
    """How often each kind of label names a digit that the crop shows."""
    source = open_source(config.images, split=config.split, tfds_dir=config.tfds_dir)
    fields = source.label_fields()
    brought = dataset.from_fields(fields.image_ids, fields.fields, fields.num_classes, source.name)
    images, count = crops.shape[:2]
    whole = [np.ones((1, 4)) * [0, 0, 1, 1]] * images
    sets = {"single label": brought["original"].labels, "labels of the image": brought["real"].labels}
    found = {}
    for name, answers in sets.items():
        target = label_sets(answers, fields.num_classes, divide=True)
        named = target.sum(axis=1) > 0
        some = Objects(
            objects.image_ids[named],
            objects.sizes[named],
            [boxes for boxes, one in zip(objects.boxes, named, strict=True) if one],
            [labels for labels, one in zip(objects.labels, named, strict=True) if one],
        )
        in_image = crop_statistics.agreement(some, np.stack(whole)[named], target[named][:, None])
        of_crops = np.repeat(target[named][:, None], count, axis=1)
        found[name] = {
            **crop_statistics.agreement(some, crops[named], of_crops),
            "top_in_whole_image": in_image["top"],
        }
    if maps is not None:
        own = maps.of(objects.image_ids)
        pooled = np.empty((images, count, maps.num_classes), np.float32)
        for begin in range(0, images, PART):
            rows = np.arange(begin, min(begin + PART, images))
            classes, scores = own.read(rows)
            for one in range(count):
                pooled[rows, one] = pooling.targets(classes, scores, crops[rows, one], maps.num_classes)
        found["pooled label"] = crop_statistics.agreement(objects, crops, pooled)
    return found


def _write_pictures(config: ConfigDict, workdir: epath.Path, source: Source, maps: LabelMaps, pooling: Pooling) -> None:
    identified = identify(maps.num_classes, maps.image_ids, source.class_names)
    names = class_sets.with_names(identified, config.class_names).names
    rng = np.random.default_rng(config.seed)
    numbers = np.sort(rng.choice(len(source), min(config.pictures, len(source)), replace=False))
    for number in numbers.tolist():
        record = source[number]
        image = decode(record["image"])
        classes, scores = maps.of(np.array([record["image_id"]])).read([0])
        crops = crop_statistics.random_crops(
            np.array([image.shape[:2]]), 3, min_area=config.min_area, seed=config.seed + number
        )[0]
        targets = pooling.targets(
            np.repeat(classes, len(crops), axis=0), np.repeat(scores, len(crops), axis=0), crops, maps.num_classes
        )
        shares = softmax(scores[0].astype(np.float32))[..., 0]
        drawing = label_maps.figure(record["image_id"], image, classes[0, ..., 0], shares, crops, targets, names)
        with open_atomically(workdir / f"{record['image_id'].replace('/', '_')}.png", "wb") as file:
            drawing.savefig(file, format="png", dpi=80)
