"""LabelPooling (Yun et al. 2021, arXiv 2101.05022): the label of a crop, from the label map of its image. NumPy alone.

A map has the k likeliest classes at each of H x W places of an image, and their scores.
"""

import dataclasses

import numpy as np

from imagenet_real.errors import InputError, nearest
from imagenet_real.relabel.label_maps import LabelMaps

UNLISTED = ("zero", "lowest", "never")
ACTIVATIONS = ("softmax", "sigmoid")


@dataclasses.dataclass(frozen=True)
class Pooling:
    """How scores at places become the target of a crop.

    `unlisted` is the score of a class that is not among the k of a place. "zero": 0, as in the paper. It suits annotators
    with listed scores well above 0, such as ImageNet models with a softmax loss. "lowest": the lowest score in the list
    of that place, which is an upper bound. "never": no share; shares are computed at each place from the listed classes
    alone, and then pooled.

    `activation` turns scores into shares: "softmax", as in the paper, or "sigmoid" for annotators with a sigmoid loss,
    which score each class by itself.
    """

    unlisted: str = "zero"
    activation: str = "softmax"

    def __post_init__(self):
        for name, choices in (("unlisted", UNLISTED), ("activation", ACTIVATIONS)):
            if (value := getattr(self, name)) not in choices:
                raise InputError(f"unknown {name} {value!r} of label maps: {nearest(str(value), list(choices))}")
        if (self.unlisted, self.activation) == ("zero", "sigmoid"):
            raise InputError(
                "unlisted='zero' of label maps makes every class half right under activation='sigmoid'. Give "
                "unlisted='lowest' or 'never'."
            )

    def targets(self, classes: np.ndarray, scores: np.ndarray, boxes: np.ndarray, num_classes: int) -> np.ndarray:
        """Returns the targets of B crops: [B, K] float32 shares in [0, 1]; those of softmax sum to 1.

        Args:
          classes: [B, H, W, k] int, each once at a place.
          scores: [B, H, W, k].
          boxes: [B, 4], y0, x0, y1, x1 of the crops as fractions of the image. Parts outside the image repeat its edge
            and are cut off.
          num_classes: K.
        """
        scores = scores.astype(np.float32)
        rows, columns = align_weights(np.clip(boxes, 0, 1), *classes.shape[1:3])
        weights = rows[:, :, None, None] * columns[:, None, :, None]  # [B, H, W, 1]
        if self.unlisted == "never":
            shares = softmax(scores) if self.activation == "softmax" else sigmoid(scores)
            pooled = _sum_by_class(classes, weights * shares, num_classes)
            total = pooled.sum(axis=1, keepdims=True)  # 1 but for rounding
            return (pooled / total if self.activation == "softmax" else pooled).astype(np.float32)
        if self.unlisted == "lowest":
            lowest = scores.min(axis=-1, keepdims=True)
            pooled = _sum_by_class(classes, weights * (scores - lowest), num_classes)
            pooled += (weights * lowest).sum(axis=(1, 2))
        else:
            pooled = _sum_by_class(classes, weights * scores, num_classes)
        return (softmax(pooled) if self.activation == "softmax" else sigmoid(pooled)).astype(np.float32)


@dataclasses.dataclass(frozen=True, eq=False)
class PooledCropLabels:
    """The label maps of n images, and how they become targets of crops. Satisfies `data.crop_labels.CropLabels`."""

    maps: LabelMaps  # of n images
    pooling: Pooling

    def at(self, rows: np.ndarray) -> "PooledCropLabels":
        """Returns the labels of the images at `rows`, in that order."""
        return PooledCropLabels(self.maps.at(rows), self.pooling)

    @property
    def fingerprint(self) -> str:
        """A digest of everything that the targets depend on."""
        return f"{self.maps.fingerprint} {self.pooling}"

    def targets(self, images: list[int], boxes: np.ndarray) -> np.ndarray:
        """Returns the targets of B crops: [B] rows and [B, 4] boxes as fractions of the image -> [B, K] float32."""
        classes, scores = self.maps.read(images)
        return self.pooling.targets(classes, scores, boxes, self.maps.num_classes)


def align_weights(boxes: np.ndarray, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the weights of rows and columns of a map in a box: [B, H] and [B, W]; their products sum to 1.

    This is RoIAlign (He et al. 2017, arXiv 1703.06870). It equals `torchvision.ops.roi_align(map, box * size - 0.5,
    output_size=1)`, which the paper's code calls: `aligned=False` and an adaptive number of points. A box, [B, 4] in
    fractions of the image, moves by half a cell and is at least one cell long. It is sampled at equally spaced points,
    one per started cell, each interpolated between the centers of the four nearest cells. Points and interpolation are
    products of rows and columns, and so are their weights.
    """
    # float32, as in torchvision: the number of points can depend on the last bit.
    boxes = boxes.astype(np.float32)
    half = np.float32(0.5)
    return (
        _weights_along(boxes[:, 0] * np.float32(height) - half, boxes[:, 2] * np.float32(height) - half, height),
        _weights_along(boxes[:, 1] * np.float32(width) - half, boxes[:, 3] * np.float32(width) - half, width),
    )


def _weights_along(begin: np.ndarray, end: np.ndarray, cells: int) -> np.ndarray:  # [B], [B] -> [B, cells]
    length = np.maximum(end - begin, np.float32(1))
    points = np.ceil(length)[:, None]
    number = np.arange(points.max())[None]
    at = begin[:, None] + (number + 0.5) * (length[:, None] / points)  # [B, P]
    is_inside = (number < points) & (at >= -1) & (at <= cells)
    at = np.clip(at, 0, cells - 1)
    low = np.floor(at).astype(int)
    above = at - low
    weights = np.zeros((len(begin), cells + 1))
    rows = np.broadcast_to(np.arange(len(begin))[:, None], at.shape)
    np.add.at(weights, (rows, low), (1 - above) * is_inside)
    np.add.at(weights, (rows, low + 1), above * is_inside)
    return weights[:, :cells] / points


def _sum_by_class(classes: np.ndarray, values: np.ndarray, num_classes: int) -> np.ndarray:
    """Sums the values of each class over all places: [B, H, W, k] -> [B, K]."""
    images = len(classes)
    place = classes.reshape(images, -1).astype(np.intp) + np.arange(images)[:, None] * num_classes
    flat = np.bincount(place.ravel(), values.reshape(-1), minlength=images * num_classes)
    return flat.reshape(images, num_classes)


def softmax(scores: np.ndarray) -> np.ndarray:
    """Turns scores [..., K] into shares that sum to 1."""
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def sigmoid(scores: np.ndarray) -> np.ndarray:
    """Turns scores into shares in [0, 1]."""
    return 1 / (1 + np.exp(-scores))
