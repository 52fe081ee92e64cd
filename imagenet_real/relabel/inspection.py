"""How label maps compare with predictions and with what crops show, and examples to look at. NumPy alone."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from imagenet_real.data.crop_statistics import Agreement, Overlap, agreement, random_crops
from imagenet_real.data.decoding import decode
from imagenet_real.data.objects import Objects
from imagenet_real.data.sources.records import Source
from imagenet_real.data.targets import label_sets
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.relabel.label_maps import LabelMaps
from imagenet_real.relabel.pooling import Pooling, softmax

MAPS_PER_BLOCK = 1024  # that are pooled at once
CROPS_PER_EXAMPLE = 3
LABELS_OF_IMAGES = {"single label": "original", "labels of the image": "real"}  # name in the summary -> label set
WHOLE_IMAGE = (0.0, 0.0, 1.0, 1.0)


@dataclasses.dataclass(frozen=True)
class PredictionAgreement:
    """How often label maps of whole images agree with predictions."""

    images: int
    pooled_agrees: float  # share whose pooled label is the prediction
    most_places_agree: float  # share whose most frequent class is the prediction


@dataclasses.dataclass(frozen=True)
class Inspection:
    """All comparisons of a run; what it did not compare is None or empty."""

    predictions: PredictionAgreement | None
    crops: Overlap | None
    agreement: Mapping[str, Agreement]  # kind of label -> how well it names what crops show

    def as_json(self) -> dict[str, Any]:
        """Returns the content of label_maps.json."""
        tables = {"predictions": self.predictions, "crops": self.crops}
        content: dict[str, Any] = {name: dataclasses.asdict(table) for name, table in tables.items() if table}
        if self.agreement:
            content["agreement"] = {name: _without_none(table) for name, table in self.agreement.items()}
        return content


def _without_none(table: Agreement) -> dict[str, Any]:
    return {name: value for name, value in dataclasses.asdict(table).items() if value is not None}


@dataclasses.dataclass(frozen=True, eq=False)
class Example:
    """An image with its label map, some crops, and their pooled labels."""

    image_id: str
    image: np.ndarray  # [height, width, 3] uint8
    classes: np.ndarray  # [H, W] int, the likeliest at each place
    shares: np.ndarray  # [H, W] in [0, 1], of that class
    crops: np.ndarray  # [C, 4], y0, x0, y1, x1 as fractions of the image
    targets: np.ndarray  # [C, K]


def compare_with_predictions(
    image_ids: np.ndarray, predicted: np.ndarray, maps: LabelMaps, pooling: Pooling
) -> PredictionAgreement:
    """Compares the label maps of images, [N] str, with the predicted classes, [N] int."""
    maps = maps.of(image_ids)
    pooled, frequent = [], []
    for begin in range(0, len(maps), MAPS_PER_BLOCK):
        classes, scores = maps.read(range(begin, min(begin + MAPS_PER_BLOCK, len(maps))))
        boxes = np.tile(WHOLE_IMAGE, (len(classes), 1))
        pooled.append(pooling.targets(classes, scores, boxes, maps.num_classes).argmax(axis=1))
        likeliest = classes[..., 0].reshape(len(classes), -1)
        frequent += [np.bincount(places).argmax() for places in likeliest]
    return PredictionAgreement(
        images=len(maps),
        pooled_agrees=float((np.concatenate(pooled) == predicted).mean()),
        most_places_agree=float((np.array(frequent) == predicted).mean()),
    )


def compare_labels_with_crops(
    label_sets: Mapping[str, LabelSet], objects: Objects, crops: np.ndarray
) -> dict[str, Agreement]:
    """Compares labels of whole images with what the crops [N, C, 4] show.

    Args:
      label_sets: `original` and `real`, row for row as `objects`.
      objects: in N images, with their labels.
      crops: [N, C, 4].
    """
    return {
        name: _agreement_of_images(label_sets[label_set], objects, crops)
        for name, label_set in LABELS_OF_IMAGES.items()
    }


def _agreement_of_images(labels: LabelSet, objects: Objects, crops: np.ndarray) -> Agreement:
    target = label_sets(labels.labels, labels.num_classes, divide=True)
    is_labeled = target.sum(axis=1) > 0
    objects, target = objects.where(is_labeled), target[is_labeled][:, None]
    whole = agreement(objects, np.tile(WHOLE_IMAGE, (len(target), 1, 1)), target)
    of_crops = agreement(objects, crops[is_labeled], np.repeat(target, crops.shape[1], axis=1))
    return dataclasses.replace(of_crops, top_in_whole_image=whole.top)


def compare_maps_with_crops(maps: LabelMaps, pooling: Pooling, objects: Objects, crops: np.ndarray) -> Agreement:
    """Compares pooled labels of the crops [N, C, 4] with what the crops show."""
    maps = maps.of(objects.image_ids)
    images, count = crops.shape[:2]
    pooled = np.empty((images, count, maps.num_classes), np.float32)
    for begin in range(0, images, MAPS_PER_BLOCK):
        rows = np.arange(begin, min(begin + MAPS_PER_BLOCK, images))
        classes, scores = maps.read(rows)
        for crop in range(count):
            pooled[rows, crop] = pooling.targets(classes, scores, crops[rows, crop], maps.num_classes)
    return agreement(objects, crops, pooled)


def examples(
    source: Source, maps: LabelMaps, pooling: Pooling, *, count: int, min_area: float, seed: int
) -> Iterator[Example]:
    """Yields `count` random images, or all where there are fewer, with random crops."""
    rng = np.random.default_rng(seed)
    for number in np.sort(rng.choice(len(source), min(count, len(source)), replace=False)).tolist():
        record = source[number]
        image = decode(record["image"], maps.exif)
        classes, scores = maps.of(np.array([record["image_id"]])).read([0])
        sizes = np.array([image.shape[:2]])
        crops = random_crops(sizes, CROPS_PER_EXAMPLE, min_area=min_area, seed=seed + number)[0]
        classes_of_crops, scores_of_crops = (np.repeat(array, len(crops), axis=0) for array in (classes, scores))
        yield Example(
            record["image_id"],
            image,
            classes=classes[0, ..., 0],
            shares=softmax(scores[0].astype(np.float32))[..., 0],
            crops=crops,
            targets=pooling.targets(classes_of_crops, scores_of_crops, crops, maps.num_classes),
        )
