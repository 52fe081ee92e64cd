"""LabelPooling (Yun et al. 2021, arXiv 2101.05022): what a crop shows, from the label map of its image. NumPy alone.

A map says for each of H x W places of an image which k classes are likeliest there, and their scores.
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

    `unlisted` is what a class counts that is not among the k of a place. "zero": a score of 0, as in the paper, which
    suits an annotator whose listed scores are well above 0, as ImageNet models' with a softmax loss are. "lowest": the
    lowest score that is listed there, which is the most it can have had. "never": no share; shares are made at each
    place, of the listed classes alone, and then pooled.

    `activation` makes shares of scores: "softmax", as in the paper; "sigmoid" for annotators that were trained with a
    sigmoid loss, which tell of each class by itself.
    """

    unlisted: str = "zero"
    activation: str = "softmax"

    def __post_init__(self):
        for name, known in (("unlisted", UNLISTED), ("activation", ACTIVATIONS)):
            if (value := getattr(self, name)) not in known:
                raise InputError(f"unknown {name} {value!r} of label maps: {nearest(str(value), list(known))}")
        if (self.unlisted, self.activation) == ("zero", "sigmoid"):
            raise InputError(
                "unlisted='zero' of label maps makes every class half right under activation='sigmoid': give "
                "unlisted='lowest' or 'never'."
            )

    def targets(self, classes: np.ndarray, scores: np.ndarray, boxes: np.ndarray, num_classes: int) -> np.ndarray:
        """What each crop shows: [B, K] float32 shares in [0, 1], which sum to 1 by softmax.

        Args:
          classes: [B, H, W, k] int, each once at a place.
          scores: [B, H, W, k].
          boxes: [B, 4], y0, x0, y1, x1 of the crops as fractions of the image; what lies outside of it shows nothing
            new (its edge was repeated), and is cut off.
          num_classes: K.
        """
        scores = scores.astype(np.float32)
        rows, columns = align_weights(np.clip(boxes, 0, 1), *classes.shape[1:3])
        weights = rows[:, :, None, None] * columns[:, None, :, None]  # [B, H, W, 1]
        if self.unlisted == "never":
            shares = softmax(scores) if self.activation == "softmax" else sigmoid(scores)
            pooled = _summed(classes, weights * shares, num_classes)
            total = pooled.sum(axis=1, keepdims=True)  # 1 but for rounding
            return (pooled / total if self.activation == "softmax" else pooled).astype(np.float32)
        if self.unlisted == "lowest":
            lowest = scores.min(axis=-1, keepdims=True)
            pooled = _summed(classes, weights * (scores - lowest), num_classes)
            pooled += (weights * lowest).sum(axis=(1, 2))
        else:
            pooled = _summed(classes, weights * scores, num_classes)
        return (softmax(pooled) if self.activation == "softmax" else sigmoid(pooled)).astype(np.float32)


@dataclasses.dataclass(frozen=True, eq=False)
class PooledCropLabels:
    """The label maps of n images, and how crops take their targets from them."""

    maps: LabelMaps  # of n images
    pooling: Pooling

    def at(self, rows: np.ndarray) -> "PooledCropLabels":
        """Those of the images at `rows`, in that order."""
        return PooledCropLabels(self.maps.at(rows), self.pooling)

    @property
    def fingerprint(self) -> str:
        """What the targets depend on."""
        return f"{self.maps.fingerprint} {self.pooling}"

    def targets(self, images: list[int], boxes: np.ndarray) -> np.ndarray:
        """[B] rows and [B, 4] boxes as fractions of the image -> [B, K] float32."""
        classes, scores = self.maps.read(images)
        return self.pooling.targets(classes, scores, boxes, self.maps.num_classes)


def align_weights(boxes: np.ndarray, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """How much each row and each column of a map counts in a box: [B, H] and [B, W], of which the products sum to 1.

    RoIAlign (He et al. 2017, arXiv 1703.06870) as `torchvision.ops.roi_align(map, box * size - 0.5, output_size=1)`
    computes it, which the paper's code calls: with `aligned=False` and an adaptive number of points. A box, [B, 4] in
    fractions of the image, is moved by half a cell, is at least one cell long, and is sampled at as many equally
    spaced points as it has begun cells, each interpolated between the centres of the four nearest. Points and
    interpolation are products of rows and columns, and so are their weights.
    """
    # float32, as there: whether one point more is taken may hang on the last bit.
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
    counted = (number < points) & (at >= -1) & (at <= cells)
    at = np.clip(at, 0, cells - 1)
    low = np.floor(at).astype(int)
    above = at - low
    weights = np.zeros((len(begin), cells + 1))
    rows = np.broadcast_to(np.arange(len(begin))[:, None], at.shape)
    np.add.at(weights, (rows, low), (1 - above) * counted)
    np.add.at(weights, (rows, low + 1), above * counted)
    return weights[:, :cells] / points


def _summed(classes: np.ndarray, values: np.ndarray, num_classes: int) -> np.ndarray:
    """[B, H, W, k] values of classes, added up over the places: [B, K]."""
    images = len(classes)
    place = classes.reshape(images, -1).astype(np.intp) + np.arange(images)[:, None] * num_classes
    flat = np.bincount(place.ravel(), values.reshape(-1), minlength=images * num_classes)
    return flat.reshape(images, num_classes)


def softmax(scores: np.ndarray) -> np.ndarray:
    """[..., K] scores -> shares that sum to 1."""
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def sigmoid(scores: np.ndarray) -> np.ndarray:
    """Scores -> shares in [0, 1]."""
    return 1 / (1 + np.exp(-scores))
