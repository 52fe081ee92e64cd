"""Lists the models of the catalog: what they cost, and how good their published weights are."""

import csv
import fnmatch
import io
from collections.abc import Iterator

import jax
import jax.numpy as jnp
from etils import epath
from flax import nnx
from ml_collections import ConfigDict

from imagenet_real.errors import InputError, nearest
from imagenet_real.io import storage
from imagenet_real.models import catalog
from imagenet_real.models.functional import functional
from imagenet_real.models.operations import multiply_adds
from imagenet_real.report.printing import show
from imagenet_real.report.table import aligned
from imagenet_real.runtime.progress import track
from imagenet_real.runtime.workdir import locks_workdir

NEEDS_WORKDIR = False
COLUMNS = ("weights", "parameters", "multiply_adds", "resize", "crop", "interpolation", "top1", "real", "publisher")


@locks_workdir
def run(config: ConfigDict, workdir: epath.Path | None) -> None:
    """Prints a line for every set of weights, and writes models.csv where there is a `workdir`."""
    names = chosen(config.models)
    total = sum(len(catalog.find(name).weights) for name in names)
    rows = list(track(listed(names, config.operations), total, "sets of weights", "listing", delay=2.0))
    if workdir:
        with storage.open_atomically(workdir / "models.csv") as file:
            file.write(as_csv(rows))
    show(config.format, rows, as_text(rows))


def chosen(patterns: str) -> list[str]:
    """The models that comma-separated names or patterns such as `resnet*` mean; all for none."""
    names = [pattern.strip() for pattern in patterns.split(",") if pattern.strip()] or ["*"]
    found = dict.fromkeys(model for name in names for model in fnmatch.filter(catalog.models(), name))
    for name in names:
        if not fnmatch.filter(catalog.models(), name):
            raise InputError(f"no model is called {name!r}: {nearest(name, list(catalog.models()))}")
    return list(found)


def listed(names: list[str], operations: bool) -> Iterator[dict]:
    """A row for every set of weights of the models; `multiply_adds` of one image of its size, None unless asked for."""
    counts: dict[tuple, int] = {}
    for name in names:
        spec = catalog.find(name)
        for tag, weights in spec.weights.items():
            size = weights.preprocessing["crop"]
            same = (spec.module, str(sorted(spec.architecture.items())), size)  # under whatever name
            if operations and same not in counts:
                counts[same] = operations_of(name, size)
            yield {
                "weights": catalog.full_name(name, tag),
                "parameters": spec.parameters,
                "multiply_adds": counts.get(same),
                **{field: weights.preprocessing[field] for field in ("resize", "crop", "interpolation")},
                "top1": weights.top1,
                "real": weights.real,
                "publisher": weights.publisher,
            }


def operations_of(name: str, size: int) -> int:
    """The multiply-adds of one image of `size` x `size` pixels; nothing is computed."""
    sized = {"image_size": size} if "image_size" in catalog.find(name).architecture else {}
    model = catalog.build_abstract(name, **sized)
    model.eval()
    graph, params = nnx.split(model)
    image = jax.ShapeDtypeStruct((1, size, size, 3), jnp.float32)
    return multiply_adds(functional(graph), params, image)


def as_text(rows: list[dict]) -> str:
    """The table for the terminal: parameters in millions, multiply-adds in billions, accuracies in percent."""
    head = ["weights", "parameters", "GFLOPs", "input", "of", "", "top-1", "ReaL", "published by"]
    cells = [
        [
            row["weights"],
            f"{row['parameters'] / 1e6:.2f} M",
            "" if row["multiply_adds"] is None else f"{row['multiply_adds'] / 1e9:.2f}",
            str(row["crop"]),
            str(row["resize"] or row["crop"]),
            row["interpolation"],
            _percent(row["top1"]),
            _percent(row["real"]),
            row["publisher"],
        ]
        for row in rows
    ]
    notes = [
        "The first weights of a model are those that its bare name stands for. GFLOPs are billions of multiplications, each",
        "with an addition, of one image. Input: the central pixels, of an image whose short side was resized to so many.",
    ]
    return "\n".join([aligned(head, cells), "", *notes])


def as_csv(rows: list[dict]) -> str:
    """The rows unrounded."""
    table = io.StringIO()
    writer = csv.DictWriter(table, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return table.getvalue()


def _percent(accuracy: float | None) -> str:
    return "" if accuracy is None else f"{accuracy:.2f}"
