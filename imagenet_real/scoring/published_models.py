"""The published accuracies of some 1,500 models on six test sets, to place other models among them.

`published_accuracies.csv` joins the tables in `results/` of github.com/huggingface/pytorch-image-models (Apache-2.0; Ross
Wightman). It has the top-1 accuracies in percent, with the digits that are published. A folder with newer tables replaces it.
"""

import csv
import dataclasses
import functools
import io
import os
import pathlib
from collections.abc import Mapping
from typing import Annotated, TypedDict

import numpy as np

from imagenet_real.errors import InputError
from imagenet_real.io import readers, storage
from imagenet_real.io.readers import Between, Name

_FILE = pathlib.Path(__file__).with_name("published_accuracies.csv")
SOURCE = "github.com/huggingface/pytorch-image-models, results/"
# The test set or label set of each of timm's tables; ImageNet-A and -R have 200 classes, and the "clean" validation images
# of the same classes beside them.
TABLES = {
    "original": "results-imagenet.csv",
    "real": "results-imagenet-real.csv",
    "imagenet_v2": "results-imagenetv2-matched-frequency.csv",
    "imagenet_a": "results-imagenet-a.csv",
    "imagenet_a_clean": "results-imagenet-a-clean.csv",
    "imagenet_r": "results-imagenet-r.csv",
    "imagenet_r_clean": "results-imagenet-r-clean.csv",
    "imagenet_sketch": "results-sketch.csv",
}
# Images behind each accuracy. An accuracy on fewer of them cannot be compared with the published one.
IMAGES = {"original": 50_000, "real": 46_837, "imagenet_v2": 10_000, "imagenet_a": 7_500, "imagenet_r": 30_000}
IMAGES |= {"imagenet_sketch": 50_889}


@dataclasses.dataclass(frozen=True, eq=False)
class PublishedModels:
    """M published models and their top-1 accuracies, as fractions."""

    models: tuple[str, ...]  # [M], such as resnet50.tv_in1k
    pixels: tuple[int, ...]  # [M], the side of the image; some models are published at two sizes
    accuracy: Mapping[str, np.ndarray]  # test set or label set -> [M] float, NaN if unpublished
    source: str = SOURCE

    def __len__(self) -> int:
        return len(self.models)


class _Row(TypedDict):
    """A row of timm's tables."""

    model: Name
    img_size: Annotated[int, Between(1, 100_000)]
    top1: Annotated[float, Between(0, 100)]


@functools.cache
def load() -> PublishedModels:
    """The models in the package's table."""
    rows = list(csv.DictReader(io.StringIO(_FILE.read_text(encoding="utf-8"))))
    return _models_of({(row["model"], row["pixels"]): row for row in rows}, SOURCE)


def load_folder(folder: str | os.PathLike) -> PublishedModels:
    """The models in a folder with timm's tables; any prefix of their names, such as `timm_`, is accepted.

    Raises InputError if the folder lacks the table of the original labels, or if a table lacks its columns.
    """
    folder = storage.to_path(folder)
    names = storage.names_in(folder) if folder.is_dir() else []
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for name, file in TABLES.items():
        path = next((folder / other for other in sorted(names) if other.removeprefix("timm_") == file), None)
        if path is None and name == "original":
            raise InputError(f"{folder} has no {file}. Give the folder with timm's tables, {SOURCE}.")
        for row in readers.read_csv(path, _Row, "Download the tables again.") if path else ():
            rows.setdefault((row["model"], str(row["img_size"])), {})[name] = str(row["top1"])
    return _models_of(rows, os.fspath(folder))


def _models_of(rows: Mapping[tuple[str, str], Mapping[str, str]], source: str) -> PublishedModels:
    try:
        accuracy = {
            name: np.array([float(row.get(name) or "nan") for row in rows.values()]) / 100
            for name in TABLES
            if any(row.get(name) for row in rows.values())
        }
        pixels = tuple(int(size) for _, size in rows)
    except ValueError as error:
        raise InputError(f"{source} has a value that is no number ({error}). Download the tables again.") from None
    return PublishedModels(tuple(model for model, _ in rows), pixels, accuracy, source)
