"""Images in a folder, a tar or a tar of tars -> a TFDS dataset in ArrayRecord, with the features of `imagenet2012`.

Shards are written several at a time, and each appears whole. A killed run continues with the missing shards, and ends in
the same bytes. `dataset_info.json`, which TFDS reads first, is written last.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NotRequired, TypedDict

import numpy as np
from etils import epath

from imagenet_real.data.sources.indexed import IndexedSource
from imagenet_real.data.sources.tfds_datasets import load_builder
from imagenet_real.data.sources.tfds_folders import tfds_root
from imagenet_real.data.writers.shards import ImageShard, check_on_disk, write_shards
from imagenet_real.data.writers.shrink import UNCHANGED, Shrinking, ShrunkPart
from imagenet_real.errors import InputError
from imagenet_real.io.readers import Between, FileError, read_json, shorten
from imagenet_real.io.storage import open_atomically
from imagenet_real.labels import imagenet

FORMATS = ("array_record", "tfrecord")


class _Plan(TypedDict):
    """The source of the shards of a split that is not finished."""

    images: NotRequired[str]
    fingerprint: str
    shards: Annotated[int, Between(1)]
    short_side: NotRequired[Annotated[int, Between(0)]]
    quality: NotRequired[Annotated[int, Between(1, 100)]]


def prepare(
    source: IndexedSource,
    tfds_dir: str,
    *,
    name: str,
    split: str,
    version: str,
    shards: int = 0,
    workers: int = 0,
    shuffle: bool = True,
    file_format: str = FORMATS[0],
    shrinking: Shrinking = UNCHANGED,
) -> tuple[epath.Path, bool]:
    """Writes the images of a folder or tar as the dataset `name` into `tfds_dir`.

    A split is added to an existing dataset with the same features. An existing split of the same images is not written
    again. A killed run leaves a folder `incomplete_*`, which is no dataset, or shards that no dataset lists; the next run
    continues with them. Only one run at a time may write a dataset.

    Args:
      source: the images. Images with one folder or tar per class are shuffled, see `order_of`.
      tfds_dir: folder of TFDS datasets; empty for TFDS's own default.
      name: of the dataset.
      split: of the dataset.
      version: of the dataset.
      shards: number of files; 0 for TFDS's own number, which is 1,024 for ImageNet's training set.
      workers: processes that write; 0 for one a core. A single shard needs no other process.
      shuffle: whether images with classes are shuffled, as for training; otherwise they keep the order of the source.
      file_format: of FORMATS. Random access is faster in the first.
      shrinking: of the images; by default their bytes do not change.

    Returns:
      The dataset's folder, and whether the split existed already.

    Raises InputError if the folder has a dataset of other images, or if an image or a shard fails.
    """
    folder = tfds_root(tfds_dir) / name / version
    check_on_disk(folder)
    labels, class_names = labels_of(source)
    info = _info(folder, source, _features(labels is not None, class_names), name, version, file_format)
    if split in (info.splits or {}):
        _check_same(folder, _images_of_splits(folder).get(split, {}), source, split, shrinking)
        return folder, True
    place = folder if folder.is_dir() else folder.with_name(f"incomplete_{version}")
    order = order_of(source) if shuffle else np.arange(len(source))
    files = _files(place, f"{name}-{split}.{file_format}", source, shards)
    plan = place / f".{split}.json"  # the source of the shards
    _check_plan(plan, source, len(files), shuffle, shrinking)
    bounds = [round(len(source) * number / len(files)) for number in range(len(files) + 1)]
    write_shards(
        [
            _shard(file, source, labels, order[begin:end], shrinking)
            for file, begin, end in zip(files, bounds[:-1], bounds[1:], strict=True)
        ],
        workers or os.cpu_count() or 1,
    )
    _write_metadata(info, place, source, split, files, np.diff(bounds).tolist(), shrinking)
    plan.unlink()
    if place != folder:
        os.rename(place, folder)
    return folder, False


def order_of(source: IndexedSource) -> np.ndarray:
    """Returns the order of the records in the dataset, [N] int.

    Images that come class by class are shuffled, as TFDS does it. A part of the dataset, such as `train[99%:]`, is then a
    sample of all classes. The order is that of the hashes of their ids, the same on every machine. Other images, such as
    ImageNet's validation images, keep the order of the source.
    """
    if source.num_classes is None:
        return np.arange(len(source))
    hashes = [hashlib.sha256(name.encode()).digest() for name in source.image_ids]
    return np.array(sorted(range(len(source)), key=hashes.__getitem__))


def labels_of(source: IndexedSource) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Returns [N] int labels, or None if the images have none, and the class names.

    Names give the labels of ImageNet's validation images. (TFDS's own builders pair the packaged labels with the sorted
    names in the archive, which gives wrong labels to any part of the 50,000.)
    """
    ids = np.array(source.image_ids)
    is_validation = imagenet.are_validation_ids(ids)
    if is_validation.all():
        return imagenet.validation_labels()[np.searchsorted(imagenet.validation_ids(), ids)], imagenet.imagenet_wnids()
    fields = source.label_fields()
    if isinstance(fields.fields.get("label"), list):
        raise InputError(
            f"{source.name} has images with several right classes, and a prepared dataset has one label per image. Give a "
            "class_map or image_labels with one class each, or score with a label set (docs/label_sets.md)."
        )
    return fields.fields.get("label"), fields.class_names or tuple(map(str, range(fields.num_classes or 0)))


def _features(labeled: bool, class_names: Sequence[str]) -> Any:
    import tensorflow_datasets as tfds

    features = {"image": tfds.features.Image(encoding_format="jpeg"), "file_name": tfds.features.Text()}
    if labeled:
        features["label"] = tfds.features.ClassLabel(names=list(class_names))
    return tfds.features.FeaturesDict(features)


def _info(folder: epath.Path, source: IndexedSource, features: Any, name: str, version: str, file_format: str) -> Any:
    """Returns TFDS's description of the dataset: that of `folder` if it exists, else a new one."""
    import tensorflow_datasets as tfds

    if not folder.is_dir():
        identity = tfds.core.dataset_info.DatasetIdentity(name, version, os.fspath(folder), module_name="")
        info = tfds.core.DatasetInfo(
            builder=identity,
            description=f"Images of {source.name}, with the features of imagenet2012.",
            features=features,
            disable_shuffling=source.num_classes is None,  # the order of the source is kept
        )
        info.set_file_format(file_format)
        return info
    info = load_builder(folder).info
    old, new = _outline(info.features), _outline(features)
    if info.file_format.value != file_format or old != new:
        raise InputError(
            f"{folder} has a dataset as {info.file_format.value} with the features {', '.join(old)}, to which "
            f"{source.name}, as {file_format} with {', '.join(new)}, cannot be added"
            f"{'' if old.keys() != new.keys() else ': the classes differ'}. Give another name or version."
        )
    return info


def _outline(features: Any) -> dict[str, Any]:
    """Returns what the records of two splits must have in common."""
    return {name: getattr(feature, "names", type(feature).__name__) for name, feature in sorted(features.items())}


def _images_of_splits(folder: epath.Path) -> dict[str, dict[str, str]]:
    """Returns the recorded images of each split."""
    file = folder / "metadata.json"
    if not file.exists():
        return {}
    metadata = read_json(file, dict[str, Any], "Delete it, and prepare the dataset again.")
    # Older versions recorded a single split.
    splits = {metadata["split"]: metadata} if isinstance(metadata.get("split"), str) else metadata
    return {name: value for name, value in splits.items() if isinstance(value, dict)}


def _check_same(
    place: epath.Path, images: Mapping[str, Any], source: IndexedSource, split: str, shrinking: Shrinking
) -> None:
    if images.get("fingerprint") != source.fingerprint:
        made_of = shorten(str(images.get("images", "other images")), 50)
        problem = f"its split {split!r} was made of {made_of}, not of {shorten(source.name, 50)}"
        raise FileError(place, problem, "Delete it, or give another name or version.")
    saved = Shrinking(**{field: images[field] for field in ("short_side", "quality") if field in images})
    if saved.as_metadata() != shrinking.as_metadata():
        problem = (
            f"its split {split!r} was made with short_side={saved.short_side}, quality={saved.quality}, not "
            f"{shrinking.short_side}, {shrinking.quality}"
        )
        raise FileError(place, problem, "Give the same values, or another name.")


def _files(place: epath.Path, prefix: str, source: IndexedSource, shards: int) -> list[epath.Path]:
    from tensorflow_datasets.core.utils.shard_utils import ShardConfig

    count = shards or ShardConfig.calculate_number_shards(source.nbytes, len(source))
    if not 1 <= count <= len(source):
        raise InputError(f"shards={shards} is impossible. Give at least 1, and at most the {len(source)} images; or 0.")
    return [place / f"{prefix}-{number:05d}-of-{count:05d}" for number in range(count)]


def _check_plan(plan: epath.Path, source: IndexedSource, shards: int, shuffle: bool, shrinking: Shrinking) -> None:
    """Records the plan of the split. Raises InputError if an earlier run has a different plan."""
    if not plan.exists():
        with open_atomically(plan) as file:
            plan_of_run = {
                "images": source.name,
                "fingerprint": source.fingerprint,
                "shards": shards,
                "shuffle": shuffle,
            }
            json.dump(plan_of_run, file)
        return
    saved = read_json(plan, _Plan, "Delete it and the files beside it, and prepare the dataset again.")
    _check_same(plan.parent, saved, source, plan.stem.removeprefix("."), shrinking)
    if saved.get("shuffle", True) != shuffle:
        raise InputError(f"{plan.parent} was begun with shuffle={not shuffle}. Give the same value.")
    if saved["shards"] != shards:
        raise InputError(f"{plan.parent} was begun with shards={saved['shards']}, not {shards}. Give the same number.")


def _shard(
    file: epath.Path, source: IndexedSource, labels: np.ndarray | None, rows: np.ndarray, shrinking: Shrinking
) -> ImageShard:
    images = source.part(rows)
    return ImageShard(
        file,
        images=ShrunkPart(images, shrinking) if shrinking.short_side else images,
        names=[source.file_name(int(row)) for row in rows],
        labels=None if labels is None else labels[rows].tolist(),
    )


def _write_metadata(
    info: Any,
    place: epath.Path,
    source: IndexedSource,
    split: str,
    files: Sequence[epath.Path],
    lengths: list[int],
    shrinking: Shrinking,
) -> None:
    import tensorflow_datasets as tfds

    template = tfds.core.ShardedFileTemplate(
        data_dir=place, dataset_name=info.name, split=split, filetype_suffix=info.file_format.value
    )
    size = sum(file.stat().length for file in files)
    new_split = tfds.core.SplitInfo(name=split, shard_lengths=lengths, num_bytes=size, filename_template=template)
    info.set_splits(tfds.core.splits.SplitDict([*(info.splits or {}).values(), new_split]))
    images = {"images": source.name, "fingerprint": source.fingerprint, **shrinking.as_metadata()}
    metadata = _images_of_splits(place) | {split: images}
    if not (place / "dataset_info.json").exists():
        info.features.save_config(place)
    with open_atomically(place / "metadata.json") as file:
        json.dump(metadata, file)
    with open_atomically(place / "dataset_info.json") as file:  # last: from now on the split exists
        file.write(info.as_json)
