"""The models in many files, which are read again when they are needed: few fit into memory, if each has 50,000 images."""

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from etils import epath

from imagenet_real.predictions.predictions import Predictions

MAX_BYTES = 2**28  # of predictions that stay in memory
READ_AHEAD = 2  # files that threads read while others are scored


@dataclasses.dataclass(frozen=True, eq=False)
class Heading:
    """What is known of a model while its predictions are not in memory; a `Predictions` has the same fields."""

    name: str
    image_ids: np.ndarray  # [N] str; models of the same images share it
    num_classes: int | None
    origin: dict[str, str]
    person: bool
    has_scores: bool


class ModelFiles:
    """The models and people in files, in their order. Each iteration reads those that are not in memory.

    Args:
      paths: of the files.
      read: returns the models in a file.

    Raises the errors of `read`.
    """

    def __init__(self, paths: Sequence[epath.Path], read: Callable[[epath.Path], list[Predictions]]):
        self.headings: list[Heading] = []
        self.path_of: dict[str, epath.Path] = {}  # by the name of a model
        self.paths = list(paths)
        self._read = read
        self._in_memory: dict[epath.Path, list[Predictions]] = {}
        size, image_ids = 0, None
        for path, models in self._read_all():
            for model in models:
                image_ids = shared(model.image_ids, image_ids)
                fields = {field.name: getattr(model, field.name) for field in dataclasses.fields(Heading)}
                self.headings.append(Heading(**fields | {"image_ids": image_ids}))
                self.path_of[model.name] = path
                size += bytes_of(model) - (model.image_ids.nbytes if image_ids is model.image_ids else 0)
            if size <= MAX_BYTES:
                self._in_memory[path] = models

    def __len__(self) -> int:
        return len(self.headings)

    def __iter__(self) -> Iterator[Predictions]:
        for _, models in self._read_all():
            yield from models

    def _read_all(self) -> Iterator[tuple[epath.Path, list[Predictions]]]:
        """Yields each file with its models, while threads read the next ones."""
        paths = iter(self.paths)
        with ThreadPoolExecutor(READ_AHEAD) as threads:

            def start(path: epath.Path) -> tuple[epath.Path, list[Predictions] | Future]:
                return path, self._in_memory.get(path) or threads.submit(self._read, path)

            started = [start(path) for path in itertools.islice(paths, READ_AHEAD + 1)]
            while started:
                path, models = started.pop(0)
                yield path, models.result() if isinstance(models, Future) else models
                started += [start(path) for path in itertools.islice(paths, 1)]


def shared(array: np.ndarray, other: np.ndarray | None) -> np.ndarray:
    """Returns `other` if it has the same values, so that models of the same images share one array."""
    return other if other is not None and (array is other or np.array_equal(array, other)) else array


def bytes_of(model: Predictions) -> int:
    """Returns the memory of a model's arrays."""
    values = (getattr(model, field.name) for field in dataclasses.fields(model))
    return sum(value.nbytes for value in values if isinstance(value, np.ndarray))
