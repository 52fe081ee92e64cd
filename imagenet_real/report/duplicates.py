"""What the program `duplicates` prints."""

from imagenet_real.report.names import count_of


def candidates_text(pairs: int, images: int, total: int, others: int) -> str:
    """Renders the number of candidates.

    Args:
      pairs: number of candidates.
      images: number of images with a candidate.
      total: number of images.
      others: number of images of the other set.
    """
    return f"{count_of(pairs, 'candidate')} for {images:,} of {count_of(total, 'image')} among {count_of(others, 'other')}."


def exclusion_text(excluded: int, images: int) -> str:
    """Renders how many images of a label set are excluded."""
    return f"{excluded:,} of {count_of(images, 'image')} {'is' if excluded == 1 else 'are'} excluded."
