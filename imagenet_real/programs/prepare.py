"""Makes a TFDS dataset (ArrayRecord) of the images in a folder, a tar or a tar of tars, or of one in TFRecord."""

import re

from etils import epath
from ml_collections import ConfigDict

from imagenet_real.data.sources.open import open_source
from imagenet_real.data.writers.convert import convert
from imagenet_real.data.writers.prepare import prepare
from imagenet_real.errors import InputError
from imagenet_real.runtime.workdir import lock_workdir

NAMES = {"name": r"[a-z]\w*", "split": r"[a-z]\w*", "version": r"\d+\.\d+\.\d+"}
DEFAULTS = {"name": "imagenet2012", "split": "validation", "version": "5.1.0"}


def run(config: ConfigDict, workdir: epath.Path) -> epath.Path:
    """Writes the dataset below `workdir`, and prints how to read it."""
    if not config.images:
        raise InputError("images is empty: give --config.images=FOLDER, a .tar file, or tfds:NAME.")
    if config.shards < 0 or config.workers < 0:
        raise InputError(f"shards={config.shards}, workers={config.workers}: expected at least 0.")
    if config.images.startswith("tfds:"):
        return _converted(config, workdir)
    chosen = {field: config[field] or default for field, default in DEFAULTS.items()}
    for field, form in NAMES.items():
        if not re.fullmatch(form, chosen[field]):
            raise InputError(f"{field}={chosen[field]!r}: expected letters, digits and _ (a version as 1.0.0).")
    source = open_source(config.images)
    with lock_workdir(workdir / chosen["name"]):
        folder, was_there = prepare(source, str(workdir), **chosen, shards=config.shards, workers=config.workers)
    did = "were already prepared" if was_there else "are prepared"
    print(f"{len(source):,} images {did} in {folder}.")
    print(
        f"Read them with --config.images=tfds:{chosen['name']} --config.split={chosen['split']} "
        f"--config.tfds_dir={workdir}"
    )
    return folder


def _converted(config: ConfigDict, workdir: epath.Path) -> epath.Path:
    """Writes a dataset in TFRecord below `workdir` as ArrayRecord."""
    given = [f"{field}={config[field]}" for field in ("name", "version", "shards") if config[field]]
    if given:
        raise InputError(
            f"{', '.join(given)}: a dataset that is converted keeps its name, version and number of files; leave that out."
        )
    dataset = config.images.removeprefix("tfds:").partition(":")[0]
    with lock_workdir(workdir / dataset):
        folder, images = convert(
            config.images, config.tfds_dir, str(workdir), split=config.split, workers=config.workers
        )
    print(f"{images:,} images are converted in {folder}." if images else f"All images were already in {folder}.")
    print(f"Read them with --config.images={config.images} --config.tfds_dir={workdir}")
    return folder
