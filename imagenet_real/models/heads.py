"""Heads in files of their own: a linear layer on a model's features, or the embeddings of classes (zero-shot)."""

import dataclasses
import os
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from imagenet_real.errors import InputError
from imagenet_real.models.checkpoints.tensors import Tensors, open_tensors
from imagenet_real.models.functional import Apply

PREFIXES = ("linear.", "head.", "classifier.", "fc.", "linear_head.")


@dataclasses.dataclass(frozen=True)
class LinearHead:
    """logits = features @ weight.T + bias. It reads the features of a model, not its logits."""

    weight: np.ndarray  # [K, D]
    bias: np.ndarray  # [K]

    def __call__(self, apply: Apply) -> tuple[Apply, dict[str, np.ndarray]]:
        """Returns `apply` with the head, and the head's parameters: `apply({"model": ..., "head": ...}, images)`."""

        def with_head(params: Any, images: jax.Array) -> jax.Array:
            features = apply(params["model"], images)
            _check_width(features.shape[-1], self.weight.shape[1], "features")
            with jax.default_matmul_precision("highest"):
                return features @ params["head"]["weight"].T + params["head"]["bias"]

        return with_head, {"weight": self.weight, "bias": self.bias}


@dataclasses.dataclass(frozen=True)
class ClassEmbeddings:
    """logits = scale * cosine(image, class) + bias. It reads the output of an image tower, CLIP's projection included."""

    embeddings: np.ndarray  # [K, D]
    scale: float
    bias: float

    def __call__(self, apply: Apply) -> tuple[Apply, dict[str, Any]]:
        """Like `LinearHead`, for the output of the model."""

        def with_head(params: Any, images: jax.Array) -> jax.Array:
            output = apply(params["model"], images)
            head = params["head"]
            _check_width(output.shape[-1], self.embeddings.shape[1], "outputs")
            with jax.default_matmul_precision("highest"):
                return unit(output) @ head["embeddings"].T * head["scale"] + head["bias"]

        head = {
            "embeddings": np.asarray(unit(jnp.asarray(self.embeddings, jnp.float32))),
            "scale": np.float32(self.scale),
            "bias": np.float32(self.bias),
        }
        return with_head, head


def unit(vectors: jax.Array) -> jax.Array:
    """[..., D] -> [..., D]: divides each vector by its length."""
    return vectors / jnp.maximum(jnp.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


def load_head(file: str | os.PathLike) -> LinearHead | ClassEmbeddings:
    """Reads a head: `weight` [K, D] and `bias` [K], or `embeddings` [K, D] with `scale` and `bias`, numbers.

    Formats are those of weights; DINOv2's published heads are read as they are. Raises InputError for other tensors.
    """
    tensors = _without_prefix(open_tensors(file))
    shapes = tensors.shapes
    if len(shapes.get("embeddings", ())) == 2:
        scale, bias = (
            float(np.asarray(tensors.read(name)).reshape(-1)[0]) if name in shapes else default
            for name, default in (("scale", 1.0), ("bias", 0.0))
        )
        return ClassEmbeddings(_numbers(tensors, "embeddings"), scale, bias)
    if len(shapes.get("weight", ())) == 2 and shapes.get("bias", shapes["weight"][:1]) == shapes["weight"][:1]:
        weight = _numbers(tensors, "weight")
        return LinearHead(weight, _numbers(tensors, "bias") if "bias" in shapes else np.zeros(len(weight), np.float32))
    listed = ", ".join(f"{name} {list(shape)}" for name, shape in list(shapes.items())[:4])
    raise InputError(
        f"{file} is not a head: it has {listed or 'no tensors'}. Give weight [K, D] and bias [K], or embeddings [K, D], "
        f"scale and bias."
    )


def _numbers(tensors: Tensors, name: str) -> np.ndarray:
    return np.array(tensors.read(name), np.float32)


def _without_prefix(tensors: Tensors) -> Tensors:
    prefix = next((p for p in PREFIXES if tensors.shapes and all(name.startswith(p) for name in tensors.shapes)), "")
    return tensors.select({name.removeprefix(prefix): name for name in tensors.shapes})


def _check_width(width: int, expected: int, what: str) -> None:
    if width != expected:
        raise InputError(
            f"the head is for {expected} {what}, the model has {width}. Give the head of this model, or another model."
        )
