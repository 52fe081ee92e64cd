"""The cost and the published accuracies of the catalog's models, as rows."""

import dataclasses
import fnmatch
from collections.abc import Iterator, Sequence

import jax
import jax.numpy as jnp
from flax import nnx

from imagenet_real.errors import InputError, nearest
from imagenet_real.models import catalog
from imagenet_real.models.functional import functional
from imagenet_real.models.operations import multiply_adds


@dataclasses.dataclass(frozen=True)
class WeightsRow:
    """One set of published weights, and the cost of its model."""

    weights: str
    parameters: int
    multiply_adds: int | None  # of one image of its size; None if not counted
    resize: int
    crop: int
    interpolation: str
    top1: float | None  # percent
    real: float | None  # percent
    publisher: str


def match(patterns: str) -> list[str]:
    """Returns the models that comma-separated names or patterns such as `resnet*` match; all if there are none."""
    names = [pattern.strip() for pattern in patterns.split(",") if pattern.strip()] or ["*"]
    matches = {name: fnmatch.filter(catalog.models(), name) for name in names}
    for name, models in matches.items():
        if not models:
            raise InputError(f"no model is called {name!r}: {nearest(name, list(catalog.models()))}")
    return list(dict.fromkeys(model for models in matches.values() for model in models))


def rows(models: Sequence[str], *, operations: bool) -> Iterator[WeightsRow]:
    """Yields a row for every set of weights of the models. `operations` counts multiply-adds, which takes time."""
    counts: dict[tuple, int] = {}
    for model in models:
        spec = catalog.find(model)
        for tag, weights in spec.weights.items():
            size = weights.preprocessing["crop"]
            architecture = (spec.module, str(sorted(spec.architecture.items())), size)  # several names may share it
            if operations and architecture not in counts:
                counts[architecture] = operations_of(model, size)
            yield WeightsRow(
                catalog.full_name(model, tag),
                spec.parameters,
                counts.get(architecture),
                *(weights.preprocessing[field] for field in ("resize", "crop", "interpolation")),
                weights.top1,
                weights.real,
                weights.publisher,
            )


def operations_of(name: str, size: int) -> int:
    """Counts the multiply-adds of a model for one image of `size` x `size` pixels, without computing."""
    image_size = {"image_size": size} if "image_size" in catalog.find(name).architecture else {}
    model = catalog.build_abstract(name, **image_size)
    model.eval()
    graph, params = nnx.split(model)
    image = jax.ShapeDtypeStruct((1, size, size, 3), jnp.float32)
    return multiply_adds(functional(graph), params, image)
