"""Config -> the images that it names, with a word about what is left out of them."""

import sys
from collections.abc import Callable

from imagenet_real.data.sources.open import open_source
from imagenet_real.data.sources.records import Source


def print_line(line: str) -> None:
    """Prints a line on stderr."""
    print(line, file=sys.stderr)


def open_images(
    images: str, *, split: str = "validation", tfds_dir: str = "", log: Callable[[str], None] = print_line
) -> Source:
    """Opens images, and logs what is left out of them and how the names of their classes are read.

    Args:
      images: as `data.sources.open.open_source` takes it.
      split: of a dataset with splits.
      tfds_dir: where TFDS datasets are prepared.
      log: takes a line.

    Raises InputError.
    """
    source = open_source(images, split=split, tfds_dir=tfds_dir)
    for note in source.notes:
        log(note)
    return source
