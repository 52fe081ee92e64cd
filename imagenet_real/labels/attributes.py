"""Attributes of images, such as the weather or the size of the object: what slices are made of."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from imagenet_real.labels.image_ids import match

MAX_WHOLE_NUMBERS = 10  # different numbers; a column with more is binned
BINS = 5  # of a column of numbers, with as many images each


@dataclasses.dataclass(frozen=True, eq=False)
class Attribute:
    """One column of attributes. An image may have none of its values, one, or several.

    The images are those that the attribute is known for. "The rest" of a slice are its images without the value.
    """

    column: str
    image_ids: np.ndarray  # [N] str
    values: tuple[str, ...]  # V different values, in the order for tables
    row: np.ndarray  # [P] int, of each pair of an image and a value the row in `image_ids`
    value: np.ndarray  # [P] int, of each pair the place in `values`
    origin: Mapping[str, str] = dataclasses.field(default_factory=dict)  # the file and its checksum

    @classmethod
    def of_values(
        cls,
        column: str,
        image_ids: np.ndarray,
        values: Sequence[str | Iterable[str]],
        order: Sequence[str] | None = None,
        origin: Mapping[str, str] | None = None,
    ) -> "Attribute":
        """Makes an attribute of one value, or several, for each image.

        Args:
          column: the name of the attribute.
          image_ids: [N] str, each image once.
          values: of each image a text, or several texts.
          order: the order of all values; by default the alphabet.
          origin: the file and its checksum.
        """
        lists = [{value} if isinstance(value, str) else dict.fromkeys(value) for value in values]
        names = tuple(order or sorted({value for several in lists for value in several}))
        place = {name: index for index, name in enumerate(names)}
        row = np.repeat(np.arange(len(lists)), [len(several) for several in lists])
        value = np.array([place[name] for several in lists for name in several], dtype=np.int64)
        return cls(column, image_ids, names, row, value, dict(origin or {}))

    def members(self, image_ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Which of other images the attribute is known for, [n] bool, and which have each value, [n, V] bool."""
        rows = match(image_ids, self.image_ids)
        return rows >= 0, self.members_at(rows)

    def members_at(self, rows: np.ndarray) -> np.ndarray:
        """Which values the images at `rows`, [n] int, have; -1 for an unknown image: [n, V] bool."""
        table = np.zeros((len(self.image_ids) + 1, len(self.values)), bool)  # the last row is for unknown images
        table[self.row, self.value] = True
        return table[rows]


def numbers(
    column: str, image_ids: np.ndarray, values: np.ndarray, origin: Mapping[str, str] | None = None
) -> Attribute:
    """An attribute of numbers, [N] float: each different number is a value, or bins of equally many images are.

    A bin is named by its smallest and largest number.
    """
    distinct = np.unique(values)
    if len(distinct) <= MAX_WHOLE_NUMBERS:
        names = tuple(f"{number:.12g}" for number in distinct)
        place = np.searchsorted(distinct, values)
    else:
        edges = np.unique(np.quantile(values, np.arange(1, BINS) / BINS))
        _, place = np.unique(np.searchsorted(edges, values, side="left"), return_inverse=True)
        inside = [values[place == number] for number in range(place.max() + 1)]
        names = tuple(f"{bin_values.min():.6g} to {bin_values.max():.6g}" for bin_values in inside)
    return Attribute(column, image_ids, names, np.arange(len(values)), place, dict(origin or {}))


def cross(a: Attribute, b: Attribute) -> Attribute:
    """The combinations of the values of two attributes that occur, on the images that both are known for.

    For `a` itself, the combinations of two different values of an image.
    """
    both = np.intersect1d(a.image_ids, b.image_ids, assume_unique=True)
    (_, has_a), (_, has_b) = a.members(both), b.members(both)
    names, rows, values = [], [], []
    for first, name_a in enumerate(a.values):
        for second, name_b in enumerate(b.values):
            images = np.flatnonzero(has_a[:, first] & has_b[:, second])
            if len(images) and (a is not b or first < second):
                rows.append(images)
                values.append(np.full(len(images), len(names)))
                names.append(f"{name_a} x {name_b}")
    empty = np.zeros(0, np.int64)
    return Attribute(
        column=f"{a.column} x {b.column}",
        image_ids=both,
        values=tuple(names),
        row=np.concatenate([empty, *rows]),
        value=np.concatenate([empty, *values]),
        origin={**a.origin, **b.origin},
    )
