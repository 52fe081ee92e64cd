"""Multi-label and ImageNet-M labels from a prepared TFDS dataset, where no label file has them."""

import pathlib
from collections.abc import Sequence

from imagenet_real.labels import dataset, files, published
from imagenet_real.labels.label_set import LabelSet

MULTILABEL_DATASET = "imagenet2012_multilabel:3.0.0"


def supplied_by_tfds(names: Sequence[str], labels_dir: str, tfds_dir: str) -> dict[str, LabelSet]:
    """Those of `multilabel` and `imagenet_m` that are wanted and stand in `tfds_dir` alone."""
    folder = pathlib.Path(tfds_dir or pathlib.Path.home() / "tensorflow_datasets") / "imagenet2012_multilabel" / "3.0.0"
    wanted = [name for name in ("multilabel", "imagenet_m") if name in names]
    if files.look_for(published.HUMAN_ACCURACY, labels_dir) or not wanted or not folder.is_dir():
        return {}
    multi = _multilabel(tfds_dir, "validation")
    found = {"multilabel": multi}
    if "imagenet_m" in wanted:
        found["imagenet_m"] = published.imagenet_m_of(multi, set(_multilabel(tfds_dir, "imagenet_m").image_ids))
    return {name: found[name] for name in wanted}


def _multilabel(tfds_dir: str, split: str) -> LabelSet:
    from imagenet_real.data.sources import open_source

    labels = open_source(f"tfds:{MULTILABEL_DATASET}", split=split, tfds_dir=tfds_dir).label_fields()
    found = dataset.from_fields(labels.image_ids, labels.fields, labels.num_classes, MULTILABEL_DATASET)
    return found["multilabel"]
