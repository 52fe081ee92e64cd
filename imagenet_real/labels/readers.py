"""ImageNet's published validation labels, read from their files: one function a label set."""

import dataclasses
from collections.abc import Sequence
from typing import Annotated, Any, NotRequired, TypedDict

import numpy as np
from etils import epath

from imagenet_real.errors import InputError
from imagenet_real.io.readers import (
    NUMBERS,
    TEXT,
    Array,
    Between,
    FileError,
    Name,
    read_csv,
    read_json,
    read_npz,
    shown,
)
from imagenet_real.labels import imagenet
from imagenet_real.labels.image_ids import are_in, image_id, match
from imagenet_real.labels.label_set import LabelSet, class_weights, pad_labels
from imagenet_real.labels.label_set_cache import read_once
from imagenet_real.labels.published_files import DOWNLOAD_AGAIN, origin

ImageNetClass = Annotated[int, Between(0, imagenet.NUM_CLASSES - 1)]
ClassList = list[ImageNetClass]
REMEDY = "Download it again."
SCORES = {"tensor": Array(NUMBERS, ("P",)), "info": Array(TEXT, ("P", 2))}


class _MultilabelRow(TypedDict):
    id: Name
    original_label: ImageNetClass
    proposed_labels: ClassList
    unclear_multi_labels: ClassList
    is_problematic: bool


class _Annotations(TypedDict):
    correct: NotRequired[list[str]]
    unclear: NotRequired[list[str]]


class _HumanAccuracy(TypedDict):
    initial_annots: dict[Name, _Annotations]
    problematic_images: dict[Name, Any]
    imagenet_m: list[Name]


def original() -> LabelSet:
    """The labels that ImageNet was published with."""
    labels = imagenet.validation_labels()
    return LabelSet(
        name="original",
        image_ids=imagenet.validation_ids(),
        labels=labels[:, None],
        weight=np.ones(len(labels)),
        original=labels,
        num_classes=imagenet.NUM_CLASSES,
        origin=dict(imagenet.VALIDATION_ORIGIN),
    )


def real(path: epath.Path) -> LabelSet:
    """ReaL (Beyer et al. 2020) from `real.json`: a mean over the images that have any label."""
    return read_once(_real_from_json, path)


def _real_from_json(path: epath.Path) -> LabelSet:
    return real_from_lists(read_json(path, list[ClassList], DOWNLOAD_AGAIN), "real", path, DOWNLOAD_AGAIN)


def real_from_lists(lists: list[list[int]], name: str, path: epath.Path, remedy: str) -> LabelSet:
    """Makes a label set of 50,000 lists of right classes, in the order of the image numbers; an empty list has weight 0.

    Raises FileError, which says `remedy`, for another number of lists.
    """
    if len(lists) != imagenet.NUM_VALIDATION:
        beside = path.parent / "label_set.json"
        if beside.exists():  # `aggregate` writes both
            remedy = f"For images of your own, give {beside}"
        raise FileError(path, f"it has {len(lists)} lists of classes, expected {imagenet.NUM_VALIDATION}", remedy)
    try:
        labels = pad_labels(lists)
    except InputError as error:
        raise FileError(path, str(error).partition(". ")[0], remedy) from None
    return LabelSet(
        name=name,
        image_ids=imagenet.validation_ids(),
        labels=labels,
        weight=(labels[:, 0] >= 0).astype(np.float64),
        original=imagenet.validation_labels(),
        num_classes=imagenet.NUM_CLASSES,
        origin=origin(path),
    )


def real_at(path: epath.Path, threshold: float) -> LabelSet:
    """ReaL with another threshold on the scores of its raters (`scores.npz`); the published one is 0.8.

    All models agreed with the original label of an image without ratings; this label is right.
    """
    arrays = read_npz(path, SCORES, DOWNLOAD_AGAIN)
    try:
        rows = match(np.array([image_id(name) for name in arrays["info"][:, 0].tolist()]), imagenet.validation_ids())
        classes = arrays["info"][:, 1].astype(np.int64)
    except ValueError:
        raise FileError(path, "its array info has a class that is no integer", DOWNLOAD_AGAIN) from None
    if (rows < 0).any() or not ((classes >= 0) & (classes < imagenet.NUM_CLASSES)).all():
        raise FileError(path, "its array info has an image or class that is not ImageNet's", DOWNLOAD_AGAIN)
    lists: list[list[int]] = [[] for _ in range(imagenet.NUM_VALIDATION)]
    for unrated in np.setdiff1d(np.arange(imagenet.NUM_VALIDATION), rows):
        lists[unrated].append(int(imagenet.validation_labels()[unrated]))
    for row in np.flatnonzero(arrays["tensor"] >= threshold):
        lists[rows[row]].append(int(classes[row]))
    return real_from_lists(lists, f"real@{threshold:g}", path, DOWNLOAD_AGAIN)


def multilabel(path: epath.Path) -> LabelSet:
    """Multi-label accuracy (Vasudevan et al. 2022), from either of its files: correct or unclear, a mean over classes."""
    return multilabel_from_json(path) if path.suffix == ".json" else read_once(_multilabel_from_csv, path, "classes")


def _multilabel_from_csv(path: epath.Path) -> LabelSet:
    rows = read_csv(path, _MultilabelRow, DOWNLOAD_AGAIN)
    return _multilabel(
        path,
        DOWNLOAD_AGAIN,
        ids=[image_id(row["id"]) for row in rows],
        labels=[row["proposed_labels"] + row["unclear_multi_labels"] for row in rows],
        problematic=[row["is_problematic"] for row in rows],
        original=[row["original_label"] for row in rows],
    )


def _multilabel(
    path: epath.Path,
    remedy: str,
    *,
    ids: Sequence[str],
    labels: Sequence[Sequence[int]],
    problematic: Sequence[bool],
    original: Sequence[int],
) -> LabelSet:
    if not ids:
        raise FileError(path, "it has no image", remedy)
    order = np.argsort(ids)
    originals = np.array(original, dtype=np.int32)[order]
    # Without a right class all models are wrong, so the image is not scored; published version 3 has no such image.
    is_scored = np.array([bool(labels[row]) and not problematic[row] for row in order])
    try:
        return LabelSet(
            name="multilabel",
            image_ids=np.array(ids, dtype=str)[order],
            labels=pad_labels([sorted(set(labels[row])) for row in order]),
            weight=class_weights(is_scored, originals),
            original=originals,
            num_classes=imagenet.NUM_CLASSES,
            average="classes",
            origin=origin(path),
        )
    except ValueError as error:
        raise FileError(path, str(error).partition(". ")[0], remedy) from None


def multilabel_from_json(path: epath.Path) -> LabelSet:
    """Multi-label accuracy from `human_accuracy_v3.0.0.json`, without its images of ImageNet-V2."""
    return _multilabel_of(_human_accuracy(path), path)


def _multilabel_of(content: _HumanAccuracy, path: epath.Path) -> LabelSet:
    index = imagenet.class_index()
    originals = dict(zip(imagenet.validation_ids().tolist(), imagenet.validation_labels().tolist(), strict=True))
    annotated, unknown = {}, ""
    for name, entry in content["initial_annots"].items():
        if name.startswith("ILSVRC2012_val_"):
            wnids = entry.get("correct", []) + entry.get("unclear", [])
            unknown = next((wnid for wnid in wnids if wnid not in index), unknown)
            annotated[image_id(name)] = [index.get(wnid, 0) for wnid in wnids]
            unknown = unknown if image_id(name) in originals else name
    if unknown:
        raise FileError(path, f"{shown(unknown)} is no class or image of ImageNet", REMEDY)
    problematic = {image_id(name) for name in content["problematic_images"]}
    return _multilabel(
        path,
        REMEDY,
        ids=list(annotated),
        labels=list(annotated.values()),
        problematic=[name in problematic for name in annotated],
        original=[originals[name] for name in annotated],
    )


def imagenet_m(path: epath.Path) -> LabelSet:
    """ImageNet-M (Vasudevan et al. 2022): 68 images that a model should not miss, from `human_accuracy_v3.0.0.json`."""
    content = _human_accuracy(path)
    multi, names = _multilabel_of(content, path), {image_id(name) for name in content["imagenet_m"]}
    try:
        return imagenet_m_of(multi, names)
    except InputError as error:
        raise FileError(path, str(error).partition(". ")[0], REMEDY) from None


def imagenet_m_of(multi: LabelSet, names: set[str]) -> LabelSet:
    """ImageNet-M from multi-label labels and the ids of its images; all images have the same weight."""
    unknown = names - set(multi.image_ids)
    if unknown or not names:
        raise InputError(
            f"ImageNet-M has {len(names)} images, {len(unknown)} of them without multi-label annotations. Download its file again."
        )
    subset = multi.take(are_in(multi.image_ids, np.array(sorted(names))))
    return dataclasses.replace(subset, name="imagenet_m", average="images", weight=np.ones(len(subset)))


def _human_accuracy(path: epath.Path) -> _HumanAccuracy:
    """The content of the file, which is checked by its keys: its publisher is gone, and left no checksum."""
    return read_json(path, _HumanAccuracy, REMEDY)


def except_mislabeled(real_set: LabelSet) -> LabelSet:
    """Original labels without the images whose only ReaL label is another class (Adansons 2022, class 1)."""
    return _original_where(~mislabeled(real_set), "except_mislabeled", real_set)


def except_all_errors(real_set: LabelSet) -> LabelSet:
    """Original labels on the images whose only ReaL label is the original one (Adansons 2022, classes 1 to 3 left out)."""
    correct = (_labels_per_image(real_set) == 1) & (real_set.labels[:, 0] == real_set.original)
    return _original_where(correct, "except_all_errors", real_set)


def mislabeled(real_set: LabelSet) -> np.ndarray:
    """[N] bool: exactly one ReaL label, and it is not the original one."""
    return (_labels_per_image(real_set) == 1) & (real_set.labels[:, 0] != real_set.original)


def _labels_per_image(label_set: LabelSet) -> np.ndarray:
    return (label_set.labels >= 0).sum(axis=1)


def _original_where(is_scored: np.ndarray, name: str, real_set: LabelSet) -> LabelSet:
    weight = (is_scored & (real_set.original >= 0)).astype(np.float64)
    return dataclasses.replace(real_set, name=name, labels=real_set.original[:, None], weight=weight)
