"""The models by name: their architecture, their published weights, preprocessing and accuracy; how to build and load them."""

import dataclasses
import math
import os
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from imagenet_real.errors import InputError, nearest
from imagenet_real.models.checkpoints import weights
from imagenet_real.models.checkpoints.tensors import open_tensors
from imagenet_real.models.entries import bit, convnext, efficientnet, regnet, resnet, vit
from imagenet_real.models.entry import Entry
from imagenet_real.models.layers import untraced_rngs

Apply = Callable[[Any, jax.Array], jax.Array]
"""`apply(params, images) -> logits`: pure; normalised [B, H, W, 3] float32 -> [B, K]."""

CATALOG: dict[str, Entry] = {
    **vit.ENTRIES,
    **resnet.ENTRIES,
    **bit.ENTRIES,
    **convnext.ENTRIES,
    **efficientnet.ENTRIES,
    **regnet.ENTRIES,
}


def find(name: str) -> Entry:
    """The catalog's entry of a model, `resnet50`, or of certain weights of it, `resnet50.tv2_in1k`.

    The bare name stands for the first of the entry's `sources`; the name of weights gives an entry with those alone.
    Raises InputError, with the nearest names, for what is not in the catalog.
    """
    model, _, tag = name.partition(".")
    if model not in CATALOG:
        close = nearest(name, list(CATALOG))
        raise InputError(
            f"no model is called {name!r}: {close} (a model of your own is written package.module:function)"
        )
    entry = CATALOG[model]
    if tag and tag not in entry.sources:
        close = nearest(name, [full_name(model, known) for known in entry.sources])
        raise InputError(f"{model} has no published weights {tag!r}: {close}")
    return dataclasses.replace(entry, sources={tag: entry.sources[tag]}) if tag else entry


def full_name(name: str, tag: str | None = None) -> str:
    """With the tag of weights, by default those that the name stands for: `resnet50` -> `resnet50.tv_in1k`."""
    tag = find(name).tag if tag is None else tag
    model = name.partition(".")[0]
    return f"{model}.{tag}" if tag else model


def build(
    name: str,
    *,
    num_classes: int | None = None,
    dtype: jnp.dtype = jnp.float32,
    rngs: nnx.Rngs | None = None,
    **architecture: Any,
) -> nnx.Module:
    """The model with random parameters; for the entry's number of classes where none is given.

    `architecture` changes the entry's, or adds to it, as `head_bias=-6.9` does for a ResNet.
    """
    entry = find(name)
    return entry.module(
        **{**entry.architecture, **architecture},
        num_classes=entry.num_classes if num_classes is None else num_classes,
        dtype=dtype,
        rngs=untraced_rngs(0) if rngs is None else rngs,
    )


def build_abstract(
    name: str, *, num_classes: int | None = None, dtype: jnp.dtype = jnp.float32, **architecture: Any
) -> nnx.Module:
    """The model with the shapes of its parameters only: takes no memory and no time."""
    return nnx.eval_shape(lambda: build(name, num_classes=num_classes, dtype=dtype, **architecture))


def load(
    name: str,
    file: str | os.PathLike,
    *,
    image_size: int | None = None,
    dtype: jnp.dtype = jnp.float32,
    say: Callable[[str], None] = lambda line: None,
) -> tuple[Apply, nnx.State]:
    """The model with the weights of a file, as many classes as that has: `(apply, params)`.

    Files are `.safetensors`, PyTorch's `.pth`, `.pt` and `.bin`, and `.npz`, under any of the tensor names that the entry
    knows; `say` is told which. A model that depends on the size of its images is made for `image_size`, by default the
    crop of its weights. Computes in `dtype`. Raises InputError for an unknown name and for a file that does not hold the
    weights of this model.
    """
    graph, params = _loaded(name, file, image_size, dtype, say)
    return functional(graph), params


def load_dense(
    name: str,
    file: str | os.PathLike,
    *,
    image_size: int | None = None,
    dtype: jnp.dtype = jnp.float32,
    say: Callable[[str], None] = lambda line: None,
) -> tuple[Apply, nnx.State]:
    """As `load`, without the pooling: images [B, H, W, 3] -> logits [B, h, w, K] of each place of the last features."""
    graph, params = _loaded(name, file, image_size, dtype, say)
    return functional_dense(graph), params


def _loaded(
    name: str, file: str | os.PathLike, image_size: int | None, dtype: jnp.dtype, say: Callable[[str], None]
) -> tuple[nnx.GraphDef, nnx.State]:
    entry = find(name)
    tensors = open_tensors(file)
    sized = "image_size" in entry.architecture
    size = {"image_size": image_size or entry.preprocessing["crop"]} if sized else {}
    model = build_abstract(name, dtype=dtype, **size)
    whose = weights.recognise(tensors, weights.names_of(nnx.state(model)), entry.naming)
    (bias,) = weights.naming_of(whose, entry.naming)(f"{entry.head}.bias")
    classes = math.prod(tensors.shapes.get(bias, (entry.num_classes,)))
    if classes != entry.num_classes:
        model = build_abstract(name, num_classes=classes, dtype=dtype, **size)
    model.eval()  # batch norm by its stored statistics
    graph, state = nnx.split(model)
    params = weights.fill(
        state, tensors, whose, file=file, model=name, naming=entry.naming, fitted=entry.fitted, say=say
    )
    say(f"{os.path.basename(file)}: {tensors.format}, under the names of {whose}")
    return graph, params


def functional_dense(graph: nnx.GraphDef) -> Apply:
    """As `functional`, without the pooling: images [B, H, W, 3] -> logits [B, h, w, K] of each place."""
    return lambda params, images: nnx.merge(graph, params).dense_logits(images)


def functional(graph: nnx.GraphDef) -> Apply:
    """The pure `apply(params, images)` of a module that was split into graph and params."""
    return lambda params, images: nnx.merge(graph, params)(images)
