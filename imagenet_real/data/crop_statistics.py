"""What random crops show of the objects in an image, from the boxes of the objects. NumPy alone.

Boxes are [..., 4], y0, x0, y1, x1 as fractions of the image.
"""

import dataclasses

import numpy as np

from imagenet_real.data.crops import TRIES, inception_box
from imagenet_real.data.objects import Objects
from imagenet_real.errors import InputError

VISIBLE_SHARE = 0.5  # of the area of a box: a crop with that much of it shows the object


@dataclasses.dataclass(frozen=True)
class Overlap:
    """How crops overlap objects, as shares of the crops."""

    crops: int  # of images with objects
    no_overlap: float
    iou_above_half: float


@dataclasses.dataclass(frozen=True)
class Agreement:
    """How well targets name what crops show."""

    crops: int  # that show an object
    top: float  # share of crops whose likeliest class is visible; classes of equal likelihood count in part
    mass: float  # mean share of the target on visible classes
    top_in_whole_image: float | None = None  # `top` where the crop is the whole image, for labels of whole images


def random_crops(sizes: np.ndarray, count: int, *, min_area: float, seed: int) -> np.ndarray:
    """Returns the boxes of `count` Inception crops of each of N images of [N, 2] height and width: [N, count, 4]."""
    rng = np.random.default_rng(seed)
    crops = np.empty((len(sizes), count, 4))
    for image, (height, width) in enumerate(np.asarray(sizes).tolist()):
        for crop in range(count):
            box = inception_box(height, width, rng.random((TRIES, 4)), min_area=min_area)
            crops[image, crop] = np.array(box) / [height, width, height, width]
    return crops


def intersections(crops: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Returns the area that each crop has in common with each box: [C, 4] and [D, 4] -> [C, D]."""
    begin = np.maximum(crops[:, None, :2], boxes[None, :, :2])
    end = np.minimum(crops[:, None, 2:], boxes[None, :, 2:])
    return np.maximum(end - begin, 0).prod(axis=-1)


def overlaps(crops: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Returns intersection over union: [C, 4] and [D, 4] -> [C, D]."""
    common = intersections(crops, boxes)
    return common / (_areas(crops)[:, None] + _areas(boxes) - common)


def visible_objects(crops: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Says which objects a crop shows, at least half of their box: [C, 4] and [D, 4] -> [C, D] bool."""
    return intersections(crops, boxes) >= VISIBLE_SHARE * _areas(boxes)


def _areas(boxes: np.ndarray) -> np.ndarray:
    return (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)


def overlap_statistics(objects: Objects, crops: np.ndarray) -> Overlap:
    """Counts how the crops [N, C, 4] of N images overlap the objects in them.

    Each crop counts with the object that it overlaps best. The article on ReLabel has 8 % and 23.5 % for ImageNet's
    training images and crops from 8 % of the area.
    """
    pairs = zip(crops, objects.boxes, strict=True)
    best = [overlaps(image_crops, boxes).max(axis=1) for image_crops, boxes in pairs if len(boxes)]
    if not best:
        raise InputError("none of the images has an object. Give boxes of some of them.")
    iou = np.concatenate(best)
    return Overlap(int(iou.size), no_overlap=float((iou == 0).mean()), iou_above_half=float((iou > 0.5).mean()))


def agreement(objects: Objects, crops: np.ndarray, targets: np.ndarray) -> Agreement:
    """Compares targets [N, C, K] with what the crops [N, C, 4] show, over the crops that show an object."""
    top, mass = [], []
    for image_crops, boxes, labels, target in zip(crops, objects.boxes, objects.labels, targets, strict=True):
        visible = visible_objects(image_crops, boxes)
        correct = np.zeros(target.shape, bool)
        for box, label in enumerate(labels):
            correct[:, label] |= visible[:, box]
        shows_object = visible.any(axis=1)
        likeliest = target == target.max(axis=1, keepdims=True)
        top += ((likeliest & correct).sum(axis=1) / likeliest.sum(axis=1))[shows_object].tolist()
        mass += ((target * correct).sum(axis=1) / target.sum(axis=1))[shows_object].tolist()
    return Agreement(len(top), float(np.mean(top)), float(np.mean(mass)))
