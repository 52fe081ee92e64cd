"""The label sets in the label fields of a dataset."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from imagenet_real.errors import InputError
from imagenet_real.io.readers import shorten
from imagenet_real.labels.image_ids import first_repeated
from imagenet_real.labels.label_set import LabelSet, class_weights, pad_labels

ORIGINAL_FIELDS = ("original_label", "label")


def from_fields(
    image_ids: np.ndarray,
    fields: Mapping[str, Sequence],
    num_classes: int | None,
    source: str,
    class_names: Sequence[str] | None = None,
) -> dict[str, LabelSet]:
    """Makes label sets, by name, from label fields with TFDS's names.

    `label` or `original_label` [N] become `original`; `real_label` (N lists) becomes `real`; `correct_multi_labels`
    with `unclear_multi_labels` (N lists) and `is_problematic` [N] become `multilabel`. A negative label is no label. A
    `label` of N lists has several right classes; results per class are by the lowest.

    Args:
      image_ids: [N] str.
      fields: those of these fields that the dataset has.
      num_classes: of the dataset; None if its records have no labels.
      source: the name of the dataset, for the provenance.
      class_names: [K], of the dataset; None if it has none.

    Raises InputError if two records have one image id.
    """
    if num_classes is None:
        return {}
    if repeated := first_repeated(image_ids):
        raise InputError(
            f"{shorten(source, 100)}: duplicate image id: {shorten(repeated, 60)}. Give each image an id of its own."
        )
    label_field = next((name for name in ORIGINAL_FIELDS if name in fields), None)
    labels = _as_rows(fields[label_field]) if label_field else np.full((len(image_ids), 1), -1, dtype=np.int32)
    original = labels[:, 0]
    shared: dict[str, Any] = {
        "image_ids": image_ids,
        "original": original,
        "num_classes": num_classes,
        "origin": {"file": source},
        "class_names": None if class_names is None else tuple(class_names),
    }
    label_sets = {}
    if label_field:
        label_sets["original"] = LabelSet("original", labels=labels, weight=(original >= 0) * 1.0, **shared)
    if "real_label" in fields:
        labels = pad_labels(fields["real_label"])
        label_sets["real"] = LabelSet("real", labels=labels, weight=(labels[:, 0] >= 0) * 1.0, **shared)
    if "correct_multi_labels" in fields:
        unclear = fields.get("unclear_multi_labels", [[]] * len(image_ids))
        labels = pad_labels(
            [sorted({*correct, *maybe}) for correct, maybe in zip(fields["correct_multi_labels"], unclear, strict=True)]
        )
        problematic = np.asarray(fields.get("is_problematic", np.zeros(len(image_ids))), dtype=bool)
        is_scored = ~problematic & (labels >= 0).any(axis=1) & (original >= 0)
        label_sets["multilabel"] = LabelSet(
            "multilabel", labels=labels, weight=class_weights(is_scored, original), average="classes", **shared
        )
    return label_sets


def _as_rows(labels: Sequence) -> np.ndarray:
    """[N] labels or N lists of labels -> [N, A] int32."""
    if isinstance(labels, list) and any(isinstance(row, list) for row in labels):
        return pad_labels(labels)
    return np.asarray(labels, dtype=np.int32)[:, None]
