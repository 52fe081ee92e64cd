"""Which label sets a program scores: published ones, a dataset's own, and those of a prepared TFDS multi-label dataset."""

import sys
from collections.abc import Sequence

import numpy as np

from imagenet_real.data.sources.tfds_folders import tfds_root
from imagenet_real.errors import InputError
from imagenet_real.labels import published, readers
from imagenet_real.labels.imagenet import validation_ids
from imagenet_real.labels.label_set import LabelSet

MULTILABEL_DATASET = "imagenet2012_multilabel:3.0.0"


def named(names: str, labels_dir: str, tfds_dir: str) -> list[str | LabelSet]:
    """The label sets of a comma-separated list, all published ones by default; for `report.results.score`."""
    wanted = _split(names) or list(published.NAMES)
    prepared = _prepared_multilabel(wanted, labels_dir, tfds_dir)
    return [prepared.get(name, name) for name in wanted]


def of_source(
    names: str, image_ids: np.ndarray, brought: dict[str, LabelSet], num_classes: int, labels_dir: str, tfds_dir: str
) -> tuple[list[str | LabelSet], list[str]]:
    """The label sets for images of a source, and notes about them.

    Images of ImageNet's validation set have the published label sets, and those that their dataset brings take the place
    of published files that are not here. Other images have what their dataset brings.

    Args:
      names: a comma-separated list, or empty for all.
      image_ids: [N] str, of the source.
      brought: the label sets that the source brings, by name.
      num_classes: of the model.
    """
    imagenets = np.isin(image_ids, validation_ids())
    # A few of ImageNet's images among others with labels of their own do not make them ImageNet's.
    labeled = brought["original"].is_scored if "original" in brought else imagenets  # a damaged record has no label
    if num_classes != 1000 or not imagenets.any() or not imagenets[labeled].all():
        wanted = _split(names) or list(brought)
        return [brought.get(name, name) for name in wanted], []
    chosen = named(names, labels_dir, tfds_dir)
    absent = {name for name in brought if not published.is_local(name, labels_dir)}
    notes = [_difference(brought["original"])] if "original" in brought else []
    return [brought[one] if one in absent else one for one in chosen], [note for note in notes if note]


def _split(names: str) -> list[str]:
    return [name.strip() for name in names.split(",") if name.strip()]


def _difference(brought: LabelSet) -> str:
    order = np.searchsorted(validation_ids(), brought.image_ids)
    here = np.isin(brought.image_ids, validation_ids()) & brought.is_scored
    differ = brought.original[here] != readers.original().original[order[here]]
    if not differ.any():
        return ""
    return (
        f"the dataset's own labels differ from ImageNet's on {differ.sum()} of {here.sum()} images, such as "
        f"{brought.image_ids[here][differ][0]}; ImageNet's are used."
    )


def _prepared_multilabel(wanted: Sequence[str], labels_dir: str, tfds_dir: str) -> dict[str, LabelSet]:
    """Those of `multilabel` and `imagenet_m` that stand in a prepared TFDS dataset alone."""
    folder = tfds_root(tfds_dir) / "imagenet2012_multilabel" / "3.0.0"
    wanted = [name for name in ("multilabel", "imagenet_m") if name in wanted]
    wanted = [name for name in wanted if not published.is_local(name, labels_dir)]
    if not wanted or not folder.is_dir():
        return {}
    try:
        multi = _multilabel(tfds_dir, "validation")
        found = {"multilabel": multi}
        if "imagenet_m" in wanted:
            found["imagenet_m"] = readers.imagenet_m_of(multi, set(_multilabel(tfds_dir, "imagenet_m").image_ids))
    except (InputError, OSError) as error:  # what is not there must not keep the other label sets from being scored
        print(f"{folder} is left aside: {' '.join(str(error).split())}", file=sys.stderr)
        return {}
    return {name: found[name] for name in wanted}


def _multilabel(tfds_dir: str, split: str) -> LabelSet:
    return brought_by(f"tfds:{MULTILABEL_DATASET}", split, tfds_dir)["multilabel"]


def brought_by(images: str, split: str, tfds_dir: str) -> dict[str, LabelSet]:
    """The label sets that a dataset brings, by name; none where `images` is empty."""
    if not images:
        return {}
    from imagenet_real.data.sources.open import open_source
    from imagenet_real.data.sources.records import label_sets_of

    return label_sets_of(open_source(images, split=split, tfds_dir=tfds_dir))


def one(name: str, brought: dict[str, LabelSet], labels_dir: str) -> LabelSet:
    """A label set that a dataset brings, a published one, or one from a JSON file."""
    found, unavailable = published.load([name], labels_dir, supplied=brought)
    if unavailable:
        raise InputError(f"the label set {name} is unavailable: {unavailable[0]['reason']}")
    return found[0]
