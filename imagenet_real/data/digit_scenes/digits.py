"""`digit_scenes`, the embedded dataset: a TFDS dataset that is prepared in seconds, without a network.

docs/digit_scenes.md describes it. `scenes` composes and labels the scenes, `drawing` draws them.
"""

import dataclasses
import errno
import os
import re
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np
from etils import epath

from imagenet_real.data.digit_scenes import scenes
from imagenet_real.data.digit_scenes.drawing import SIDE
from imagenet_real.data.digit_scenes.scenes import NUM_CLASSES, SPLITS, Recipe
from imagenet_real.data.objects import Objects
from imagenet_real.data.sources.tfds_folders import tfds_root
from imagenet_real.errors import InputError
from imagenet_real.io.storage import in_bucket
from imagenet_real.labels.image_ids import image_id

NAME = "digit_scenes"
VERSION = "2.0.0"  # a change of a single byte of the scenes is a new version
HOMEPAGE = "https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits"


def prepare_digit_scenes(tfds_dir: str = "", **parameters: Any) -> epath.Path:
    """Returns the folder of `digit_scenes` and writes it if it is missing.

    Several processes may call this at once: the folder appears whole, and once. A killed process leaves a hidden folder
    beside it, which nothing reads.

    Args:
      tfds_dir: where TFDS datasets are; empty for TFDS's own default.
      **parameters: of `scenes.Recipe`, such as `seed=1`.

    Raises InputError for impossible parameters, or if the folder cannot be written.
    """
    recipe = Recipe(**parameters)
    if in_bucket(tfds_root(tfds_dir)):
        raise InputError(f"{NAME} cannot be written to a bucket. Omit tfds_dir, or give a folder on a disk.")
    folder = tfds_root(tfds_dir) / NAME / recipe.name / VERSION
    if folder.is_dir():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent.parent, prefix=f".{recipe.name}.") as temporary:
            builder = _builder(recipe, temporary)
            builder.download_and_prepare()
            _publish(builder.data_path, folder)
    except OSError as error:
        raise InputError(
            f"{NAME} cannot be written to {folder}: {error.strerror or error}. Free some space, or give another folder with "
            "--tfds_dir."
        ) from error
    return folder


def _publish(temporary: os.PathLike, folder: epath.Path) -> None:
    try:
        os.rename(temporary, folder)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):  # else another process wrote the same bytes first
            raise


def folder_of(name: str, tfds_dir: str) -> epath.Path | None:
    """Returns the folder of `[tfds:]digit_scenes[/CONFIG][:VERSION]`, prepared on first use; None for another dataset.

    CONFIG is `seed0`, `seed1` and so on, or the name of a recipe that `prepare_digit_scenes` prepared before.
    """
    parts = re.fullmatch(rf"(?:tfds:)?{NAME}(?:/(?P<config>[^:/]+))?(?::(?P<version>.+))?", name)
    if not parts:
        return None
    if parts["version"] not in (None, VERSION):
        raise InputError(f"{name}: the version of {NAME} is {VERSION}. Omit the version.")
    config = parts["config"] or Recipe().name
    if seed := re.fullmatch(r"seed(0|[1-9]\d*)", config):
        return prepare_digit_scenes(tfds_dir, seed=int(seed[1]))
    folder = tfds_root(tfds_dir) / NAME / config / VERSION
    if not folder.is_dir():
        raise InputError(
            f"{name} is not in {folder.parent.parent}. Give {NAME}/seedN, which is prepared on first use, or prepare "
            "another recipe with imagenet_real.data.digit_scenes.digits.prepare_digit_scenes."
        )
    return folder


def _builder(recipe: Recipe, data_dir: str) -> Any:
    import tensorflow_datasets as tfds

    label = tfds.features.ClassLabel(names=[str(digit) for digit in range(NUM_CLASSES)])
    features = tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(shape=(SIDE, SIDE, 3), encoding_format="jpeg"),
            "original_label": label,
            "real_label": tfds.features.Sequence(label),
            "file_name": tfds.features.Text(),
            "boxes": tfds.features.Sequence(tfds.features.BBoxFeature()),
            "box_labels": tfds.features.Sequence(label),
            "source_digits": tfds.features.Sequence(np.int64),
            "hard": np.bool_,
        }
    )

    class DigitScenes(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
        BUILDER_CONFIGS = [tfds.core.BuilderConfig(name=recipe.name, version=VERSION)]  # noqa: RUF012

        def _info(self) -> tfds.core.DatasetInfo:
            return tfds.core.DatasetInfo(
                builder=self,
                description="Scenes of real handwritten digits, labelled the way ImageNet was, in miniature.",
                features=features,
                supervised_keys=("image", "real_label"),
                homepage=HOMEPAGE,
                license="CC BY 4.0, as its source digits",
                metadata=tfds.core.MetadataDict(dataclasses.asdict(recipe)),
                disable_shuffling=True,  # scenes are drawn in a random order already
            )

        def _split_generators(self, dl_manager: Any) -> dict[str, Iterator]:
            return {split: self._generate_examples(split) for split in SPLITS}

        def _generate_examples(self, split: str) -> Iterator[tuple[int, dict[str, Any]]]:
            return ((number, _example(scene)) for number, scene in enumerate(scenes.compose(recipe, split)))

    return DigitScenes(data_dir=data_dir, config=recipe.name, file_format="array_record")


def _example(scene: scenes.Scene) -> dict[str, Any]:
    return {
        "image": scene.jpeg,
        "original_label": scene.original,
        "real_label": sorted(scene.labels),
        "file_name": scene.name,
        "boxes": [np.array(digit.box) / SIDE for digit in scene.digits],
        "box_labels": list(scene.labels),
        "source_digits": [digit.source for digit in scene.digits],
        "hard": scene.hard,
    }


@dataclasses.dataclass(frozen=True, eq=False)
class Annotations:
    """The boxes and source digits of N scenes. D differs from scene to scene."""

    image_ids: np.ndarray  # [N] str, in the order of the dataset
    boxes: list[np.ndarray]  # N times [D, 4] float: y0, x0, y1, x1 as fractions; the most prominent digit first
    box_labels: list[np.ndarray]  # N times [D] int, in the order of the boxes
    source_digits: list[np.ndarray]  # N times [D] int, rows of `sklearn.datasets.load_digits`
    hard: np.ndarray  # [N] bool: the hard subset

    def best_predictions(self) -> np.ndarray:
        """Returns the predictions, [N] int, of a model that knows the true digits and the labeling rates.

        It predicts the most prominent digit. That is the likeliest label as long as most labels are right, and always in
        the ReaL label set. In a scene without digits all labels are equally likely; it predicts 0.
        """
        return np.array([labels[0] if len(labels) else 0 for labels in self.box_labels])

    def objects(self) -> Objects:
        """Returns the digits as objects in images."""
        sizes = np.full((len(self.image_ids), 2), SIDE)
        return Objects(self.image_ids, sizes, self.boxes, self.box_labels)


def annotations(folder: str | os.PathLike, split: str = "validation") -> Annotations:
    """Reads the boxes and the hard subset of a prepared `digit_scenes`, without decoding a pixel."""
    import tensorflow_datasets as tfds

    undecoded = {"image": tfds.decode.SkipDecoding()}
    rows = list(tfds.builder_from_directory(folder).as_data_source(split, decoders=undecoded))
    return Annotations(
        image_ids=np.array([image_id(row["file_name"].decode()) for row in rows], dtype=str),
        boxes=[np.array(row["boxes"], dtype=np.float32).reshape(-1, 4) for row in rows],
        box_labels=[np.array(row["box_labels"], dtype=np.int64) for row in rows],
        source_digits=[np.array(row["source_digits"], dtype=np.int64) for row in rows],
        hard=np.array([row["hard"] for row in rows], dtype=bool),
    )
