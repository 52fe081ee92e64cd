"""Where TFDS datasets are prepared."""

import os

from etils import epath

from imagenet_real.io.storage import to_path


def tfds_root(tfds_dir: str) -> epath.Path:
    """Returns the folder of TFDS datasets: `tfds_dir`, else TFDS's own $TFDS_DATA_DIR or ~/tensorflow_datasets."""
    return to_path(tfds_dir or os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets"))
