"""Images in a folder, a tar or a tar of tars -> a TFDS dataset in ArrayRecord, with the features of `imagenet2012`.

A dataset is written shard by shard, several at a time, and each is there whole or not at all: a run that was killed
continues with those that are missing, and ends in the same bytes. What TFDS reads first, `dataset_info.json`, comes last.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from etils import epath

from imagenet_real.data.sources.files import FolderSource, TarSource
from imagenet_real.data.sources.tfds_folders import tfds_root
from imagenet_real.data.writers.shards import ImageShard, check_on_disk, write_shards
from imagenet_real.errors import InputError
from imagenet_real.io.storage import open_atomically
from imagenet_real.labels import imagenet
from imagenet_real.labels.image_ids import image_id


def prepare(
    source: FolderSource | TarSource,
    tfds_dir: str,
    *,
    name: str,
    split: str,
    version: str,
    shards: int = 0,
    workers: int = 0,
) -> tuple[epath.Path, bool]:
    """Writes the images of a folder or tar as the dataset `name` into `tfds_dir`; the images' bytes stay as they are.

    A split is added to a dataset that is already there, if its features are the same; one that is there and was made of
    the same images is left as it is. A run that is killed leaves a folder `incomplete_*`, which nothing takes for a
    dataset, or shards in the dataset's folder, which nothing reads; the next run goes on with them. Only one run at a
    time may write a dataset.

    Args:
      source: the images. Those that lie in one folder or tar a class are shuffled, see `order_of`.
      tfds_dir: where TFDS datasets are; empty for TFDS's own default.
      name: of the dataset.
      split: of the dataset.
      version: of the dataset.
      shards: how many files; 0 for as many as TFDS makes of so many bytes, which are 1,024 for ImageNet's training set.
      workers: how many processes write; 0 for one a core. One shard alone is written without another process.

    Returns:
      The dataset's folder, and whether the split was there already.

    Raises InputError where the folder holds a dataset made of something else, or an image or a shard fails.
    """
    folder = tfds_root(tfds_dir) / name / version
    check_on_disk(folder)
    labels, class_names = labels_of(source)
    info = _info(folder, source, _features(labels is not None, class_names), name, version)
    if split in (info.splits or {}):
        _check_same(folder, _made_of(folder).get(split, {}), source, split)
        return folder, True
    place = folder if folder.is_dir() else folder.with_name(f"incomplete_{version}")
    order = order_of(source)
    files = _files(place, f"{name}-{split}", source, shards)
    plan = place / f".{split}.json"  # what the shards that are there are shards of
    _check_begun(plan, source, len(files))
    bounds = [round(len(source) * number / len(files)) for number in range(len(files) + 1)]
    write_shards(
        [
            _shard(file, source, labels, order[begin:end])
            for file, begin, end in zip(files, bounds[:-1], bounds[1:], strict=True)
        ],
        workers or os.cpu_count() or 1,
    )
    _write_metadata(info, place, source, split, files, np.diff(bounds).tolist())
    plan.unlink()
    if place != folder:
        os.rename(place, folder)
    return folder, False


def order_of(source: FolderSource | TarSource) -> np.ndarray:
    """[N] int: the records' order in the dataset.

    Images that come class by class are shuffled, as TFDS does it, so that a part of the dataset, such as
    `train[99%:]`, is a sample of all classes: they are put in the order of the hashes of their ids, which is the same on
    any machine. Others keep the order of the source, such as ImageNet's validation images, which came shuffled.
    """
    if source.num_classes is None:
        return np.arange(len(source))
    hashes = [hashlib.sha256(one.encode()).digest() for one in source.image_ids]
    return np.array(sorted(range(len(source)), key=hashes.__getitem__))


def labels_of(source: FolderSource | TarSource) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """[N] int labels and the class names; None where the images have none.

    Labels of ImageNet's validation images are found by name. (TFDS's own builders pair the packaged labels with the
    sorted names in the archive, which gives wrong labels to any part of the 50,000.)
    """
    ids = np.array(source.image_ids)
    known = np.isin(ids, imagenet.validation_ids())
    if known.all():
        return imagenet.validation_labels()[np.searchsorted(imagenet.validation_ids(), ids)], imagenet.imagenet_wnids()
    fields = source.label_fields()
    return fields.fields.get("label"), fields.class_names or ()


def _features(labeled: bool, class_names: Sequence[str]) -> Any:
    import tensorflow_datasets as tfds

    features = {"image": tfds.features.Image(encoding_format="jpeg"), "file_name": tfds.features.Text()}
    if labeled:
        features["label"] = tfds.features.ClassLabel(names=list(class_names))
    return tfds.features.FeaturesDict(features)


def _info(folder: epath.Path, source: FolderSource | TarSource, features: Any, name: str, version: str) -> Any:
    """TFDS's description of the dataset: of the one that is in `folder`, if any, to which a split may be added."""
    import tensorflow_datasets as tfds

    if not folder.is_dir():
        identity = tfds.core.dataset_info.DatasetIdentity(name, version, os.fspath(folder), module_name="")
        info = tfds.core.DatasetInfo(
            builder=identity,
            description=f"Images of {source.name}, with the features of imagenet2012.",
            features=features,
            disable_shuffling=source.num_classes is None,  # the order of the source is kept
        )
        info.set_file_format("array_record")
        return info
    try:
        info = tfds.builder_from_directory(folder).info
    except (ValueError, OSError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{folder} holds no TFDS dataset ({reason}): delete it, or give another version.") from None
    there, wanted = _outline(info.features), _outline(features)
    if info.file_format.value != "array_record" or there != wanted:
        raise InputError(
            f"{folder} holds a dataset as {info.file_format.value} with the features {', '.join(there)}, to which "
            f"{source.name}, as array_record with {', '.join(wanted)}, cannot be added"
            f"{'' if there.keys() != wanted.keys() else ': the classes differ'}: give another name or version."
        )
    return info


def _outline(features: Any) -> dict[str, Any]:
    """What two datasets' records must have in common to be read as one."""
    return {name: getattr(feature, "names", type(feature).__name__) for name, feature in sorted(features.items())}


def _made_of(folder: epath.Path) -> dict[str, dict[str, str]]:
    """Of what images each split was made, as far as that was noted."""
    file = folder / "metadata.json"
    noted = json.loads(file.read_text()) if file.exists() else {}
    return {noted["split"]: noted} if isinstance(noted.get("split"), str) else noted  # as one split alone was noted


def _check_same(place: epath.Path, made_of: dict[str, Any], source: FolderSource | TarSource, split: str) -> None:
    if made_of.get("fingerprint") != source.fingerprint:
        raise InputError(
            f"{place} holds a dataset whose split {split!r} was made of {made_of.get('images', 'something else')}, not of "
            f"{source.name}: delete it, or give another name or version."
        )


def _files(place: epath.Path, prefix: str, source: FolderSource | TarSource, shards: int) -> list[epath.Path]:
    from tensorflow_datasets.core.utils.shard_utils import ShardConfig

    count = shards or ShardConfig.calculate_number_shards(int(source.sizes.sum()), len(source))
    if not 1 <= count <= len(source):
        raise InputError(f"shards={shards}: give at least 1, and no more than the {len(source)} images; or 0.")
    return [place / f"{prefix}.array_record-{number:05d}-of-{count:05d}" for number in range(count)]


def _check_begun(plan: epath.Path, source: FolderSource | TarSource, shards: int) -> None:
    """Notes what is written, or checks that an earlier run began the same."""
    if not plan.exists():
        with open_atomically(plan) as file:
            json.dump({"images": source.name, "fingerprint": source.fingerprint, "shards": shards}, file)
        return
    begun = json.loads(plan.read_text())
    _check_same(plan.parent, begun, source, plan.stem.removeprefix("."))
    if begun["shards"] != shards:
        raise InputError(f"{plan.parent} was begun with shards={begun['shards']}, not {shards}: give as many.")


def _shard(
    file: epath.Path, source: FolderSource | TarSource, labels: np.ndarray | None, rows: np.ndarray
) -> ImageShard:
    return ImageShard(
        file,
        places=[source.place(row) for row in rows],
        names=[_file_name(source.paths[row]) for row in rows],
        labels=None if labels is None else labels[rows].tolist(),
    )


def _file_name(path: str) -> str:
    """As TFDS has it, the name without its folder, where that is enough to give the image its id."""
    name = path.rpartition("/")[2]
    return name if image_id(name) == image_id(path) else path


def _write_metadata(
    info: Any,
    place: epath.Path,
    source: FolderSource | TarSource,
    split: str,
    files: Sequence[epath.Path],
    lengths: list[int],
) -> None:
    import tensorflow_datasets as tfds

    template = tfds.core.ShardedFileTemplate(
        data_dir=place, dataset_name=info.name, split=split, filetype_suffix="array_record"
    )
    size = sum(file.stat().length for file in files)
    added = tfds.core.SplitInfo(name=split, shard_lengths=lengths, num_bytes=size, filename_template=template)
    info.set_splits(tfds.core.splits.SplitDict([*(info.splits or {}).values(), added]))
    made_of = _made_of(place) | {split: {"images": source.name, "fingerprint": source.fingerprint}}
    if not (place / "dataset_info.json").exists():
        info.features.save_config(place)
    with open_atomically(place / "metadata.json") as file:
        json.dump(made_of, file)
    with open_atomically(place / "dataset_info.json") as file:  # last: the split is there
        file.write(info.as_json)
