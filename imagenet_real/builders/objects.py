"""The objects in the images of a config: of a CSV of boxes, or of digit scenes."""

from ml_collections import ConfigDict

from imagenet_real.data.digit_scenes import digits
from imagenet_real.data.objects import Objects, read_boxes


def load_objects(config: ConfigDict) -> Objects | None:
    """Returns the objects of `boxes`, else of `images` if they are digit scenes, else None."""
    if config.boxes:
        return read_boxes(config.boxes)
    folder = digits.folder_of(config.images, config.tfds_dir)
    return None if folder is None else digits.annotations(folder, config.split).objects()
