"""ImageNet's published validation labels, read from their files: one function a label set."""

import csv
import dataclasses
import io
import json
import zipfile

import numpy as np
from etils import epath

from imagenet_real.errors import InputError
from imagenet_real.io import storage
from imagenet_real.labels import imagenet
from imagenet_real.labels.image_ids import image_id
from imagenet_real.labels.label_set import LabelSet, class_weights, pad_labels
from imagenet_real.labels.published_files import origin


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
    try:
        return real_from_lists(json.loads(storage.read_bytes(path)), name="real", origin=origin(path))
    except InputError:
        raise
    except (ValueError, TypeError) as error:
        raise InputError(f"{path} is damaged ({error}). Delete it, and it is downloaded again.") from None


def real_from_lists(lists: list[list[int]], name: str, origin: dict[str, str]) -> LabelSet:
    """Makes a label set of 50,000 lists of right classes, in the order of the image numbers; an empty list has weight 0."""
    if len(lists) != 50_000 or not all(isinstance(row, list) for row in lists):
        raise InputError(
            f"{origin['file']} has {len(lists)} entries. ReaL's format is a list of 50,000 lists of class indices."
        )
    labels = pad_labels(lists)
    return LabelSet(
        name=name,
        image_ids=imagenet.validation_ids(),
        labels=labels,
        weight=(labels[:, 0] >= 0).astype(np.float64),
        original=imagenet.validation_labels(),
        num_classes=imagenet.NUM_CLASSES,
        origin=origin,
    )


def real_at(path: epath.Path, threshold: float) -> LabelSet:
    """ReaL with another threshold on the scores of its raters (`scores.npz`); the published one is 0.8.

    All models agreed with the original label of an image without ratings; this label is right.
    """
    try:
        with storage.open_to_read(path) as file, np.load(file, allow_pickle=False) as archive:
            scores, pairs = archive["tensor"], archive["info"]
        image = np.array([int(name[15:23]) - 1 for name in pairs[:, 0]])
        label = pairs[:, 1].astype(np.int32)
        lists = [[] for _ in range(50_000)]
        for unrated in np.setdiff1d(np.arange(50_000), image):
            lists[unrated].append(int(imagenet.validation_labels()[unrated]))
        for row in np.flatnonzero(scores >= threshold):
            lists[image[row]].append(int(label[row]))
        return real_from_lists(lists, name=f"real@{threshold:g}", origin=origin(path))
    except InputError:
        raise
    except (OSError, ValueError, KeyError, IndexError, TypeError, zipfile.BadZipFile) as error:
        reason = str(error).partition(". ")[0]
        raise InputError(
            f"{path} is not ReaL's scores.npz ({reason}). Delete it, and it is downloaded again."
        ) from None


def multilabel(path: epath.Path) -> LabelSet:
    """Multi-label accuracy (Vasudevan et al. 2022), from either of its files: correct or unclear, a mean over classes."""
    return multilabel_from_json(path) if path.suffix == ".json" else _multilabel_from_csv(path)


def _multilabel_from_csv(path: epath.Path) -> LabelSet:
    try:
        rows = list(csv.DictReader(io.StringIO(storage.read_text(path), newline="")))
        return _multilabel(
            ids=[image_id(row["id"]) for row in rows],
            labels=[_numbers(row["proposed_labels"]) + _numbers(row["unclear_multi_labels"]) for row in rows],
            problematic=[row["is_problematic"] == "True" for row in rows],
            original=[int(row["original_label"]) for row in rows],
            origin=origin(path),
        )
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        raise InputError(
            f"{path} is not the published multilabel.csv ({error}). Delete it, and it is downloaded again."
        ) from None


def _numbers(cell: str) -> list[int]:
    return [int(number) for number in cell.split(",") if number.strip()]


def _multilabel(ids, labels, problematic, original, origin) -> LabelSet:
    order = np.argsort(ids)
    original = np.array(original, dtype=np.int32)[order]
    # Without a right class all models are wrong, so the image is not scored; published version 3 has no such image.
    is_scored = np.array([bool(labels[row]) and not problematic[row] for row in order])
    return LabelSet(
        name="multilabel",
        image_ids=np.array(ids, dtype=str)[order],
        labels=pad_labels([sorted(set(labels[row])) for row in order]),
        weight=class_weights(is_scored, original),
        original=original,
        num_classes=imagenet.NUM_CLASSES,
        average="classes",
        origin=origin,
    )


def multilabel_from_json(path: epath.Path) -> LabelSet:
    """Multi-label accuracy from `human_accuracy_v3.0.0.json`, without its images of ImageNet-V2."""
    content = _human_accuracy(path)
    index = imagenet.class_index()
    originals = dict(zip(imagenet.validation_ids(), imagenet.validation_labels(), strict=True))
    try:
        annotated = {
            image_id(name): [index[wnid] for kind in ("correct", "unclear") for wnid in entry.get(kind, [])]
            for name, entry in content["initial_annots"].items()
            if name.startswith("ILSVRC2012_val_")
        }
        problematic = {image_id(name) for name in content["problematic_images"]}
        return _multilabel(
            ids=list(annotated),
            labels=list(annotated.values()),
            problematic=[name in problematic for name in annotated],
            original=[originals[name] for name in annotated],
            origin=origin(path),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(f"{path} has an annotation that cannot be read ({error!r}). Download it again.") from None


def imagenet_m(path: epath.Path) -> LabelSet:
    """ImageNet-M (Vasudevan et al. 2022): 68 images that a model should not miss, from `human_accuracy_v3.0.0.json`."""
    names = {image_id(name) for name in _human_accuracy(path)["imagenet_m"]}
    return imagenet_m_of(multilabel_from_json(path), names)


def imagenet_m_of(multi: LabelSet, names: set[str]) -> LabelSet:
    """ImageNet-M from multi-label labels and the ids of its images; all images have the same weight."""
    unknown = names - set(multi.image_ids)
    if unknown or not names:
        raise InputError(
            f"ImageNet-M has {len(names)} images, {len(unknown)} of them without multi-label annotations. Download its file again."
        )
    subset = multi.take(np.isin(multi.image_ids, sorted(names)))
    return dataclasses.replace(subset, name="imagenet_m", average="images", weight=np.ones(len(subset)))


def _human_accuracy(path: epath.Path) -> dict:
    """The content of the file, which is checked by its keys: its publisher is gone, and left no checksum."""
    keys = ("initial_annots", "problematic_images", "imagenet_m")
    try:
        content = json.loads(storage.read_bytes(path))
    except ValueError as error:
        raise InputError(f"{path} is not JSON ({error}). Download it again.") from None
    missing = [key for key in keys if not isinstance(content, dict) or key not in content]
    if missing:
        raise InputError(f"{path} lacks the keys {', '.join(missing)}. Give the file with {', '.join(keys)}.")
    return content


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
