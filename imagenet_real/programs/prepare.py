"""Makes a TFDS dataset (ArrayRecord) of the images in a folder, a tar or a tar of tars."""

import re

from etils import epath
from ml_collections import ConfigDict

from imagenet_real.data.prepare import prepare
from imagenet_real.data.sources import FolderSource, TarSource, open_source
from imagenet_real.errors import InputError
from imagenet_real.programs.workdir import claimed

NAMES = {"name": r"[a-z]\w*", "split": r"[a-z]\w*", "version": r"\d+\.\d+\.\d+"}


def run(config: ConfigDict, workdir: epath.Path) -> epath.Path:
    """Writes the dataset below `workdir`, and prints how to read it."""
    if not config.images:
        raise InputError("images is empty: give --config.images=FOLDER or a .tar file.")
    for field, form in NAMES.items():
        if not re.fullmatch(form, config[field]):
            raise InputError(f"{field}={config[field]!r}: expected letters, digits and _ (a version as 1.0.0).")
    if config.shards < 0 or config.workers < 0:
        raise InputError(f"shards={config.shards}, workers={config.workers}: expected at least 0.")
    source = open_source(config.images)
    if not isinstance(source, FolderSource | TarSource):
        raise InputError(f"images={config.images} is a TFDS dataset already: give a folder or a .tar file.")
    with claimed(workdir / config.name):
        folder, was_there = prepare(
            source,
            str(workdir),
            name=config.name,
            split=config.split,
            version=config.version,
            shards=config.shards,
            workers=config.workers,
        )
    did = "were already prepared" if was_there else "are prepared"
    print(f"{len(source):,} images {did} in {folder}.")
    print(
        f"Read them with --config.images=tfds:{config.name} --config.split={config.split} --config.tfds_dir={workdir}"
    )
    return folder
