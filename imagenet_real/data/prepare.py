"""Images in a folder or tar -> a TFDS dataset in ArrayRecord, with the features of `imagenet2012`."""

import json
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any

import numpy as np

from imagenet_real.data.sources import FolderSource, TarSource
from imagenet_real.data.tfds_source import tfds_root
from imagenet_real.errors import InputError
from imagenet_real.labels import classes


def prepare(
    source: FolderSource | TarSource, tfds_dir: str, *, name: str, split: str, version: str
) -> tuple[pathlib.Path, bool]:
    """Writes the images of a folder or tar as the dataset `name` into `tfds_dir`; the images' bytes stay as they are.

    A dataset that is already there and was made of the same images is left as it is. A run that is killed leaves a
    folder `incomplete.*`, which nothing takes for a dataset and the next run removes.

    Returns:
      The dataset's folder, and whether it was there already.

    Raises InputError where the folder holds a dataset made of something else.
    """
    folder = tfds_root(tfds_dir) / name / version
    if folder.is_dir():
        _check_same(folder, source, split)
        return folder, True
    for remains in folder.parent.glob(f"incomplete.*_{version}"):
        shutil.rmtree(remains)
    builder = _builder(source, str(tfds_root(tfds_dir)), name, split, version)
    builder.download_and_prepare()
    return folder, False


def _check_same(folder: pathlib.Path, source: FolderSource | TarSource, split: str) -> None:
    file = folder / "metadata.json"
    made_of = json.loads(file.read_text()) if file.exists() else {}
    if made_of.get("fingerprint") != source.fingerprint or made_of.get("split") != split:
        raise InputError(
            f"{folder} holds a dataset that was made of {made_of.get('images', 'something else')} as split "
            f"{made_of.get('split')!r}, not of {source.name} as {split!r}: delete it, or give another name or version."
        )


def labels_of(source: FolderSource | TarSource) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """[N] int labels and the class names; None where the images have none.

    Labels of ImageNet's validation images are found by name. (TFDS's own builders pair the packaged labels with the
    sorted names in the archive, which gives wrong labels to any part of the 50,000.)
    """
    ids = np.array(source.image_ids)
    known = np.isin(ids, classes.validation_ids())
    if known.all():
        return classes.validation_labels()[np.searchsorted(classes.validation_ids(), ids)], classes.imagenet_wnids()
    fields = source.label_fields()
    return fields.fields.get("label"), fields.class_names or ()


def _builder(source: FolderSource | TarSource, data_dir: str, name: str, split: str, version: str) -> Any:
    import tensorflow_datasets as tfds

    labels, class_names = labels_of(source)
    features = {"image": tfds.features.Image(encoding_format="jpeg"), "file_name": tfds.features.Text()}
    if labels is not None:
        features["label"] = tfds.features.ClassLabel(names=list(class_names))
    made_of = {"images": source.name, "split": split, "fingerprint": source.fingerprint}

    def info(self):
        return tfds.core.DatasetInfo(
            builder=self,
            description=f"Images of {source.name}, with the features of imagenet2012.",
            features=tfds.features.FeaturesDict(features),
            metadata=tfds.core.MetadataDict(made_of),
            disable_shuffling=True,  # the order of the source is kept
        )

    def examples() -> Iterator[tuple[int, dict]]:
        for index, path in enumerate(source.paths):
            example = {"image": source.read(index), "file_name": path}
            yield index, example if labels is None else {**example, "label": int(labels[index])}

    members = {
        "name": name,
        "VERSION": tfds.core.Version(version),
        "_info": info,
        "_split_generators": lambda self, downloads: {split: examples()},
        "_generate_examples": lambda self: examples(),
    }
    # Registered, it would clash with a builder of TFDS's own that has the same name.
    builder = type("Prepared", (tfds.core.GeneratorBasedBuilder,), members, skip_registration=True)
    return builder(data_dir=data_dir, file_format="array_record")
