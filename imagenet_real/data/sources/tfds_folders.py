"""Where TFDS datasets are prepared."""

import os

from etils import epath

from imagenet_real.io.storage import to_path


def tfds_root(tfds_dir: str) -> epath.Path:
    """Where TFDS datasets are prepared: `tfds_dir`, or as TFDS has it $TFDS_DATA_DIR or ~/tensorflow_datasets."""
    return to_path(tfds_dir or os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets"))
