"""What the program `duplicates` prints."""

import os


def candidates_text(pairs: int, images: int, total: int, others: int, path: str | os.PathLike) -> str:
    """Renders the number of candidates.

    Args:
      pairs: number of candidates.
      images: number of images with a candidate.
      total: number of images.
      others: number of images of the other set.
      path: of duplicates.json.
    """
    return (
        f"{pairs:,} candidates for {images:,} of {total:,} images among {others:,} others. Look at them with "
        f"imagenet-real review --pairs={path}"
    )


def exclusion_text(excluded: int, images: int, label_set: str, path: str | os.PathLike) -> str:
    """Renders how many images of a label set are excluded, and where the rest is written."""
    return f"{excluded} of {images:,} images are excluded. Score with --label_sets={label_set},{os.fspath(path)}"
