"""The models by name: `find` its spec, `build` it with random parameters, `load` it with published weights."""

import dataclasses
import functools
import math
import os
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from flax import nnx

from imagenet_real.errors import InputError, nearest
from imagenet_real.models import (
    bit,
    convnext,
    efficientnet,
    mobilenet_v3,
    mobilenet_v4,
    pretrained_weights,
    regnet,
    resnet,
    swin_v2,
    vit_specs,
)
from imagenet_real.models.checkpoints import weights
from imagenet_real.models.checkpoints.imagenet21k import rows_of_imagenet
from imagenet_real.models.checkpoints.naming import Names
from imagenet_real.models.checkpoints.tensors import Tensors, open_tensors
from imagenet_real.models.functional import Apply, functional, functional_dense, functional_features
from imagenet_real.models.initial import shapes_of, untraced_rngs
from imagenet_real.models.model_spec import ModelSpec

FAMILIES = (vit_specs, resnet, bit, convnext, efficientnet, regnet, swin_v2, mobilenet_v3, mobilenet_v4)
IMAGENET_CLASSES = 1000


@functools.cache
def models() -> dict[str, ModelSpec]:
    """Returns every model by name. The first call reads the table of published weights."""
    parameters, published = pretrained_weights.load_table()
    return {
        name: dataclasses.replace(spec, parameters=parameters[name], weights=published[name])
        for family in FAMILIES
        for name, spec in family.SPECS.items()
    }


def find(name: str) -> ModelSpec:
    """Returns the spec of a model, `resnet50`, or of one set of its weights, `resnet50.tv2_in1k`.

    The bare name means the first of the spec's `weights`; the name of a set gives a spec with this set alone. Raises
    InputError, with the nearest names, for a name that is not in the catalog.
    """
    model, _, tag = name.partition(".")
    if model not in models():
        close = nearest(name, list(models()))
        raise InputError(f"no model is called {name!r}: {close} (write your own model as package.module:function)")
    spec = models()[model]
    if tag and tag not in spec.weights:
        close = nearest(name, [full_name(model, known) for known in spec.weights])
        raise InputError(f"{model} has no published weights {tag!r}: {close}")
    return dataclasses.replace(spec, weights={tag: spec.weights[tag]}) if tag else spec


def full_name(name: str, tag: str | None = None) -> str:
    """Adds a tag of weights to the name, by default the one that the name means: `resnet50` -> `resnet50.tv_in1k`."""
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
    """Builds the model with random parameters, by default for the spec's number of classes.

    `architecture` replaces arguments of the spec, or adds some, such as `head_bias=-6.9` of a ResNet.
    """
    spec = find(name)
    return spec.module(
        **{**spec.architecture, **architecture},
        num_classes=spec.num_classes if num_classes is None else num_classes,
        dtype=dtype,
        rngs=untraced_rngs(0) if rngs is None else rngs,
    )


def build_abstract(
    name: str, *, num_classes: int | None = None, dtype: jnp.dtype = jnp.float32, **architecture: Any
) -> nnx.Module:
    """Builds the model with the shapes of its parameters only, which takes no memory and no time."""
    return shapes_of(lambda rngs: build(name, num_classes=num_classes, dtype=dtype, rngs=rngs, **architecture))


def load(
    name: str,
    file: str | os.PathLike,
    *,
    image_size: int | None = None,
    dtype: jnp.dtype = jnp.float32,
    log: Callable[[str], None] = lambda line: None,
) -> tuple[Apply, nnx.State]:
    """Loads the weights of a file into the model, with the file's number of classes: `(apply, params)`.

    Files are `.safetensors`, PyTorch's `.pth`, `.pt` and `.bin`, and `.npz`, under any tensor names that the spec
    knows; `log` receives which. A model that depends on the size of its images is built for `image_size`, by default
    the crop of its weights. Computes in `dtype`. Raises InputError for an unknown name, and for a file that does not
    hold the weights of this model, or have no head.
    """
    graph, params = _load(name, file, image_size, dtype, log)
    if not weights.has_module(params, find(name).head):
        raise InputError(
            f"{file} holds {name} without classes. Give a file with a head, or --head=FILE, such as `imagenet-real probe` "
            f"writes."
        )
    return functional(graph), params


def load_outputs(
    name: str,
    file: str | os.PathLike,
    *,
    image_size: int | None = None,
    dtype: jnp.dtype = jnp.float32,
    log: Callable[[str], None] = lambda line: None,
) -> tuple[Apply, nnx.State]:
    """Like `load`, for image towers: images [B, H, W, 3] -> the projection [B, E], or the features without one."""
    graph, params = _load(name, file, image_size, dtype, log)
    return functional(graph), params


def load_features(
    name: str,
    file: str | os.PathLike,
    *,
    image_size: int | None = None,
    dtype: jnp.dtype = jnp.float32,
    log: Callable[[str], None] = lambda line: None,
) -> tuple[Apply, nnx.State]:
    """Like `load`, without the head: images [B, H, W, 3] -> features [B, D], which the head reads."""
    graph, params = _load(name, file, image_size, dtype, log)
    return functional_features(graph), params


def load_parameters(
    name: str,
    file: str | os.PathLike,
    *,
    image_size: int | None = None,
    dtype: jnp.dtype = jnp.float32,
    log: Callable[[str], None] = lambda line: None,
) -> nnx.State:
    """Like `load`, for training: returns the parameters and statistics alone, with a head or without one."""
    return _load(name, file, image_size, dtype, log)[1]


def load_dense(
    name: str,
    file: str | os.PathLike,
    *,
    image_size: int | None = None,
    dtype: jnp.dtype = jnp.float32,
    log: Callable[[str], None] = lambda line: None,
) -> tuple[Apply, nnx.State]:
    """Like `load`, without the pooling: images [B, H, W, 3] -> logits [B, h, w, K] at each place of the features."""
    graph, params = _load(name, file, image_size, dtype, log)
    return functional_dense(graph), params


def _load(
    name: str, file: str | os.PathLike, image_size: int | None, dtype: jnp.dtype, log: Callable[[str], None]
) -> tuple[nnx.GraphDef, nnx.State]:
    spec = find(name)
    has_size = "image_size" in spec.architecture
    size = {"image_size": image_size or spec.preprocessing["crop"]} if has_size else {}
    model = build_abstract(name, dtype=dtype, **size)
    tensors = open_tensors(file)
    for adapt in spec.adapters:
        tensors = adapt(tensors, weights.names_of(nnx.state(model)))
    library = weights.recognize(tensors, weights.names_of(nnx.state(model)), spec.naming)
    classes = _num_classes(tensors, weights.names_in(library, spec.naming), spec.head)
    if classes != spec.num_classes:
        model = build_abstract(name, num_classes=classes, dtype=dtype, **size)
    model.eval()  # batch norm by its stored statistics
    graph, state = nnx.split(model)
    params = weights.fill(
        state, tensors, library, file=file, model=name, naming=spec.naming, resizers=spec.resizers, log=log
    )
    log(f"{os.path.basename(file)}: {tensors.format}, under the names of {library}")
    rows = rows_of_imagenet(classes) if spec.num_classes == IMAGENET_CLASSES else None
    if rows is None:
        return graph, params
    log(f"of its {classes:,} classes, the rows of ImageNet's {len(rows):,} are used")
    model = build_abstract(name, num_classes=len(rows), dtype=dtype, **size)
    model.eval()
    return nnx.graphdef(model), weights.select_classes(params, spec.head, rows)


def _num_classes(tensors: Tensors, names: Names, head: str) -> int:
    """Returns the number of classes of a file's head; 0 if it has none, as the file of a backbone."""
    weight, bias = (names(f"{head}.{leaf}")[0] for leaf in ("weight", "bias"))
    if bias in tensors.shapes:
        return math.prod(tensors.shapes[bias])
    return tensors.shapes[weight][0] if weight in tensors.shapes else 0
