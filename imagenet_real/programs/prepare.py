"""Makes a TFDS dataset in ArrayRecord from a folder, a tar or a tar of tars of images, or from one in TFRecord."""

import re

from etils import epath
from ml_collections import ConfigDict

from imagenet_real.builders.images import open_images
from imagenet_real.data.sources.indexed import IndexedSource
from imagenet_real.data.writers.convert import convert
from imagenet_real.data.writers.prepare import FORMATS, labels_of, prepare
from imagenet_real.data.writers.shrink import Shrinking
from imagenet_real.errors import InputError, nearest
from imagenet_real.labels.store import LabelStore
from imagenet_real.runtime.workdir import lock_workdir

NAMES = {"name": r"[a-z]\w*", "split": r"[a-z]\w*", "version": r"\d+\.\d+\.\d+"}
DEFAULTS = {"name": "imagenet2012", "split": "validation", "version": "5.1.0"}


def run(config: ConfigDict, workdir: epath.Path) -> epath.Path:
    """Writes the dataset below `workdir`, and prints how to read it."""
    if not config.images:
        raise InputError("images is empty. Give --images=FOLDER, a file of images, or tfds:NAME.")
    if config.shards < 0 or config.workers < 0:
        raise InputError(f"shards={config.shards}, workers={config.workers}: one of them is negative. Give at least 0.")
    if config.file_format not in FORMATS:
        raise InputError(f"unknown file_format {config.file_format!r}: {nearest(config.file_format, list(FORMATS))}")
    if config.images.startswith("tfds:"):
        return convert_dataset(config, workdir)
    shrinking = Shrinking(config.short_side, config.quality)
    chosen = {field: config[field] or default for field, default in DEFAULTS.items()}
    for field, pattern in NAMES.items():
        if not re.fullmatch(pattern, chosen[field]):
            raise InputError(
                f"{field}={chosen[field]!r} is not a name. Give letters, digits and _ (a version as 1.0.0)."
            )
    source = open_images(
        config.images,
        split=chosen["split"],
        class_map=config.class_map,
        image_labels=config.image_labels,
        class_names=config.class_names,
        store=LabelStore(config.labels_dir, config.tfds_dir),
    )
    assert isinstance(source, IndexedSource)  # datasets are converted above
    with lock_workdir(workdir / chosen["name"]):
        folder, existed = prepare(
            source,
            str(workdir),
            **chosen,
            shards=config.shards,
            workers=config.workers,
            shuffle=config.shuffle,
            file_format=config.file_format,
            shrinking=shrinking,
        )
    state = "were already prepared" if existed else "are prepared"
    print(f"{len(source):,} images {state} in {folder}.")
    if labels_of(source)[0] is None:
        print("They have no labels. Class folders, labels beside the images, or ImageNet's own file names give some.")
    print(f"Read them with --images=tfds:{chosen['name']} --split={chosen['split']} --tfds_dir={workdir}")
    return folder


def convert_dataset(config: ConfigDict, workdir: epath.Path) -> epath.Path:
    """Writes a dataset in TFRecord below `workdir` as ArrayRecord."""
    extra = [f"{field}={config[field]}" for field in ("name", "version", "shards", "short_side") if config[field]]
    if extra:
        raise InputError(
            f"{', '.join(extra)}: a converted dataset keeps its name, version, images and number of files. Omit these fields."
        )
    dataset = config.images.removeprefix("tfds:").partition(":")[0]
    with lock_workdir(workdir / dataset):
        folder, images = convert(
            config.images, config.tfds_dir, str(workdir), split=config.split, workers=config.workers
        )
    print(f"{images:,} images are converted in {folder}." if images else f"All images are already in {folder}.")
    print(f"Read them with --images={config.images} --tfds_dir={workdir}")
    return folder
