"""Label sets of other images with ImageNet's classes: ImageNet-V2, -A, -R, -Sketch and ObjectNet.

The class of such an image is its folder: a class index in ImageNet-V2, a wnid in -A, -R and -Sketch. So these label sets are
made for the ids of predictions or of a dataset. The labels of a dataset replace those in the ids.
"""

import dataclasses
import re
from collections.abc import Mapping
from typing import Annotated

import numpy as np
from etils import epath

from imagenet_real.errors import InputError
from imagenet_real.io import readers, storage
from imagenet_real.io.readers import FileError, Length
from imagenet_real.labels import imagenet, objectnet
from imagenet_real.labels.image_ids import match
from imagenet_real.labels.label_set import LabelSet, pad_labels
from imagenet_real.labels.published_files import origin
from imagenet_real.labels.store import LabelStore, MissingFile

V2 = ("imagenet_v2", "imagenet_v2_threshold", "imagenet_v2_top_images")  # matched frequency, threshold 0.7, top images
REFINED = "imagenet_v2_refined"
REFINED_FILE = "imagenetv2_refined_labels.json"  # Anzaku et al. 2024, arXiv 2401.17736; images of matched frequency
CLASS_FILES = {"imagenet_a": "imagenet_a_wnids.txt", "imagenet_r": "imagenet_r_wnids.txt"}  # a wnid a line
FEW_CLASSES = 200  # of ImageNet-A and -R
NAMES = (*V2, REFINED, "imagenet_a", "imagenet_r", "imagenet_sketch", "objectnet")
# The validation images of the same classes: what a model loses on the other images, it loses beside these.
TWINS = dict.fromkeys((*V2, "imagenet_sketch"), "original")
TWINS |= {"imagenet_a": "imagenet_a_clean", "imagenet_r": "imagenet_r_clean", "objectnet": "objectnet_clean"}
CLEAN = tuple(twin for twin in TWINS.values() if twin != "original")
# Models of ImageNet are right on so few of these images that another order of the classes may seem to fit better.
SHIFTED = ("imagenet_a", "imagenet_r", "imagenet_sketch", "objectnet")
_TFDS = {"imagenet_v2/threshold-0.7": V2[1], "imagenet_v2/topimages": V2[2], "imagenet_v2": V2[0]}
_TFDS |= {name: name for name in ("imagenet_a", "imagenet_r", "imagenet_sketch")}
_HASH = re.compile(
    r"(?:(?:.*/)?(\d{1,3})/|.*/)?[0-9a-f]{40}"
)  # ImageNet-V2: 35/25949dd0704552263197b05a8359771a4192ff45
_WNID = re.compile(r"(?:.*/)?(n\d{8})/[^/]+")


@dataclasses.dataclass(frozen=True, eq=False)
class OtherImages:
    """Images and the labels that their dataset has, if it has any."""

    image_ids: np.ndarray  # [N] str
    labels: np.ndarray | None = None  # [N] int


def outside_validation(images: OtherImages | None) -> OtherImages:
    """The images that are not of ImageNet's validation set; none if `images` is None."""
    if images is None:
        return OtherImages(np.zeros(0, dtype=str))
    rows = ~imagenet.are_validation_ids(images.image_ids)
    return OtherImages(images.image_ids[rows], None if images.labels is None else images.labels[rows])


def names_for(image_ids: np.ndarray, store: LabelStore, source: str = "") -> list[str]:
    """The label sets that images have by their ids, or by the name of their dataset; none for images of no known set.

    Args:
      image_ids: [N] str.
      store: where the lists of classes are.
      source: of the images, such as `tfds:imagenet_a`; may be empty.
    """
    dataset = re.sub(r":[\d.]+$", "", source.removeprefix("tfds:")) if source.startswith("tfds:") else ""
    name = next((_TFDS[start] for start in _TFDS if f"{dataset}/".startswith(f"{start}/")), "")
    ids = image_ids.tolist()
    if name in V2 or (ids and all(_HASH.fullmatch(image) for image in ids)):
        has_classes = name in V2 or any((found := _HASH.fullmatch(image)) and found[1] for image in ids)
        return [*([name or V2[0]] if has_classes else []), *([REFINED] if _are_refined(image_ids, store) else [])]
    if name:
        return [name]
    wnids = [found[1] for image in ids if (found := _WNID.fullmatch(image))]
    if not wnids or len(wnids) < len(ids):
        return ["objectnet"] if objectnet.are_images(image_ids, store) else []
    classes = set(wnids)
    if any(image.rpartition("/")[2].startswith("sketch_") for image in ids):
        return ["imagenet_sketch"]
    for other, file in CLASS_FILES.items():
        path = store.look_for(file)
        if path is not None and classes == set(_wnids_in(path)):
            return [other]
    return []


def _are_refined(image_ids: np.ndarray, store: LabelStore) -> bool:
    path = store.look_for(REFINED_FILE)
    return path is not None and set(map(_file_name, image_ids.tolist())) <= _refined(path).keys()


def make(name: str, images: OtherImages, store: LabelStore) -> LabelSet:
    """The label set `name` of `NAMES` or `CLEAN`. Raises InputError if the images or a file do not fit it."""
    if name in CLEAN:
        return _clean(name, images, store)
    if not len(images.image_ids):
        raise InputError(f"{name}: there is no prediction for any of its images. Predict them, or leave {name} out.")
    if name == REFINED:
        return _refined_labels(images, store)
    if name == "objectnet":
        return objectnet.labels(images.image_ids, store)
    if name in V2:
        return _one_label(name, images, _indices(name, images), {})
    known, record = (None, {}) if name == "imagenet_sketch" else _known_classes(name, images, store)
    label_set = _one_label(name, images, _wnid_indices(name, images), record)
    if known is None:
        return label_set
    strange = label_set.is_scored & ~np.isin(label_set.original, known)
    if strange.any():
        raise InputError(
            f"{name}: {strange.sum()} of {len(label_set)} images are of classes that it does not have, such as "
            f"{label_set.image_ids[strange][0]}. Give the label set of these images, or none for a choice by their ids."
        )
    return dataclasses.replace(label_set, known_classes=known)


def _one_label(name: str, images: OtherImages, labels: np.ndarray, record: Mapping[str, str]) -> LabelSet:
    return LabelSet(
        name=name,
        image_ids=images.image_ids,
        labels=labels[:, None],
        weight=(labels >= 0).astype(np.float64),
        original=labels,
        num_classes=imagenet.NUM_CLASSES,
        origin={"file": "labels of the dataset" if images.labels is not None else "folders in the image ids", **record},
        class_names=imagenet.imagenet_wnids(),
    )


def _indices(name: str, images: OtherImages) -> np.ndarray:
    """[N] int: the class indices in the folders of ImageNet-V2; a dataset may have sorted them as text."""
    folders = [image.rpartition("/")[0].rpartition("/")[2] for image in images.image_ids.tolist()]
    wrong = next((at for at, folder in enumerate(folders) if not folder.isdecimal() or int(folder) > 999), None)
    if wrong is not None and images.labels is not None:
        return images.labels
    if wrong is not None:
        raise InputError(
            f"{name}: the id {images.image_ids[wrong]!r} does not begin with a class from 0 to 999. Give ids such as "
            f"'35/25949dd0...', or score {REFINED} alone, which needs no class."
        )
    return np.array([int(folder) for folder in folders], dtype=np.int32)


def _wnid_indices(name: str, images: OtherImages) -> np.ndarray:
    """[N] int: the classes of the wnids in the folders."""
    if images.labels is not None:
        return images.labels
    index = imagenet.class_index()
    wnids = [
        next((part for part in image.split("/")[:-1] if part in index), None) for image in images.image_ids.tolist()
    ]
    if None in wnids:
        raise InputError(
            f"{name}: the id {images.image_ids[wnids.index(None)]!r} has no wnid of ImageNet's 1,000 classes. Give ids such as "
            "'n01498041/NAME'."
        )
    return np.array([index[wnid] for wnid in wnids], dtype=np.int32)


def _known_classes(name: str, images: OtherImages, store: LabelStore) -> tuple[np.ndarray, dict[str, str]]:
    """The classes of ImageNet-A or -R, from the list of wnids or, if the images have all of them, from the images."""
    path = store.look_for(CLASS_FILES[name])
    if path is not None:
        index = imagenet.class_index()
        return np.array(sorted(index[wnid] for wnid in _wnids_in(path))), {"classes": path.name, **_checksum(path)}
    known = np.unique(_wnid_indices(name, images))
    if len(known) != FEW_CLASSES:
        raise MissingFile(
            f"{CLASS_FILES[name]} is missing, and the images have {len(known)} of its {FEW_CLASSES} classes. Put the file, with a "
            "wnid a line, into labels_dir"
        )
    return known, {"classes": "those of the images"}


def _checksum(path: epath.Path) -> dict[str, str]:
    return {"classes_sha256": storage.sha256(path)}


def _wnids_in(path: epath.Path) -> list[str]:
    """Reads a wnid a line."""
    wnids = readers.read_lines(path, "Give a wnid a line.")
    unknown = next((wnid for wnid in wnids if wnid not in imagenet.class_index()), None)
    if unknown is not None or not wnids:
        problem = "it is empty" if unknown is None else f"{unknown} is no wnid of ImageNet's classes"
        raise FileError(path, problem, "Give a wnid a line.")
    return wnids


def _clean(name: str, images: OtherImages, store: LabelStore) -> LabelSet:
    """The original labels of the validation images of the classes that another set has, compared among these."""
    other = name.removesuffix("_clean")
    if other == "objectnet":
        known, record = objectnet.known_classes(store)
    else:
        among = OtherImages(images.image_ids[[bool(_WNID.fullmatch(image)) for image in images.image_ids.tolist()]])
        known, record = _known_classes(other, among, store)
    labels = imagenet.validation_labels()
    rows = np.isin(labels, known)
    validation = OtherImages(imagenet.validation_ids()[rows], labels[rows])
    label_set = _one_label(name, validation, labels[rows], record)
    return dataclasses.replace(label_set, known_classes=known, origin={**imagenet.VALIDATION_ORIGIN, **record})


def _refined_labels(images: OtherImages, store: LabelStore) -> LabelSet:
    """ImageNet-V2 with every right label of an image. An image without one has weight 0."""
    path = store.look_for(REFINED_FILE)
    if path is None:
        raise MissingFile(
            f"its {REFINED_FILE} is missing. Download it from github.com/esla/Multilabelfy (Apache-2.0) into labels_dir"
        )
    refined = _refined(path)
    names = np.array(list(map(_file_name, images.image_ids.tolist())), dtype=str)
    strange = [name for name in names.tolist() if name not in refined]
    if len(strange) == len(names):
        raise InputError(
            f"{REFINED}: none of the {len(names)} images is in {path}, such as {images.image_ids[0]}. Give images of "
            "ImageNet-V2's variant matched-frequency."
        )
    known = match(names, np.array(list(refined), dtype=str)) >= 0
    absent = sorted(refined.keys() - set(names.tolist()))  # so that a missing prediction is noticed
    ids = np.concatenate([images.image_ids[known], np.array(absent, dtype=str)])
    labels = pad_labels([refined[name] for name in (*names[known].tolist(), *absent)])
    folders = [found[1] if (found := _HASH.fullmatch(image)) else None for image in ids.tolist()]
    original = np.array([-1 if folder is None else int(folder) for folder in folders], dtype=np.int32)
    if images.labels is not None:
        original[: known.sum()] = images.labels[known]
    return LabelSet(
        name=REFINED,
        image_ids=ids,
        labels=labels,
        weight=(labels[:, 0] >= 0).astype(np.float64),
        original=original,
        num_classes=imagenet.NUM_CLASSES,
        origin=origin(path),
        class_names=imagenet.imagenet_wnids(),
    )


def _file_name(image: str) -> str:
    return image.rpartition("/")[2]


def _refined(path: epath.Path) -> dict[str, list[int]]:
    """The classes of each image by its hash."""
    remedy = f'Give {REFINED_FILE}, {{"HASH.jpeg": ["370", ...], ...}}.'
    content = readers.read_json(path, Annotated[dict[str, list[str]], Length(1)], remedy)
    for image, labels in content.items():
        wrong = next((label for label in labels if not label.isdecimal() or int(label) >= imagenet.NUM_CLASSES), None)
        if wrong is not None:
            raise FileError(
                path, f"{image} has the label {readers.shown(wrong)}, expected a class from 0 to 999", remedy
            )
    return {image.rpartition(".")[0] or image: sorted(set(map(int, labels))) for image, labels in content.items()}
