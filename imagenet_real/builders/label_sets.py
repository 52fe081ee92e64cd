"""The label sets that a program scores: published ones, those of a dataset, and those of a prepared TFDS dataset."""

import sys
from collections.abc import Mapping, Sequence

import numpy as np
from ml_collections import ConfigDict

from imagenet_real.builders import datasets
from imagenet_real.builders.datasets import Dataset
from imagenet_real.data.sources.tfds_folders import tfds_root
from imagenet_real.errors import InputError
from imagenet_real.labels import imagenet, other_images, published, readers
from imagenet_real.labels.json_format import ENDING, load_label_set
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.labels.label_tables import is_table, load_label_table
from imagenet_real.labels.other_images import OtherImages
from imagenet_real.labels.store import LabelStore
from imagenet_real.predictions.model_files import Heading
from imagenet_real.predictions.predictions import Predictions
from imagenet_real.scoring.results import all_images

MULTILABEL_DATASET = "imagenet2012_multilabel:3.0.0"


def store_of(config: ConfigDict) -> LabelStore:
    """Where a program's label files are."""
    return LabelStore(config.labels_dir, config.tfds_dir)


def select(
    names: str, store: LabelStore, image_ids: np.ndarray | None = None, class_names: Sequence[str] | None = None
) -> list[str | LabelSet]:
    """The label sets of a comma-separated list, all that the images have if it is empty; for `scoring.results.score_models`.

    Images with one folder per class, or with labels of their own, are a label set too: FOLDER, FILE.tar or tfds:NAME.

    Args:
      names: the list.
      store: where label files are.
      image_ids: [N] str, with a prediction; by default those of ImageNet's validation set.
      class_names: [K], for label tables with names that are not ImageNet's.
    """
    ids = imagenet.validation_ids() if image_ids is None else image_ids
    chosen = _split(names) or published.names_for(ids, store)
    ready: dict[str, LabelSet] = _prepared_multilabel(chosen, store)
    return [
        _of_images(name, {}, store) or _of_file(name, class_names, store) or ready.get(name, name) for name in chosen
    ]


def select_for_predictions(
    names: str,
    dataset: Dataset,
    num_classes: int | None,
    store: LabelStore,
    image_ids: np.ndarray | None = None,
    class_names: Sequence[str] | None = None,
) -> tuple[list[str | LabelSet], list[str]]:
    """The label sets that predictions are scored under, and notes about them.

    These are the label sets of the images if there are images with labels; otherwise as `select`.

    Args:
      names: a comma-separated list; empty for all.
      dataset: the images, if there are any.
      num_classes: of the models; None if it is unknown.
      store: where label files are.
      image_ids: [N] str, with a prediction; by default those of ImageNet's validation set.
      class_names: [K], for label tables with names that are not ImageNet's.
    """
    if not dataset.label_sets and (dataset.is_imagenet or dataset.source is None or names):
        return select(names, store, image_ids, class_names), []
    if not dataset.label_sets:
        raise InputError(
            f"the images {dataset.source.name} bring no labels. Put them into one folder per class, or give "
            "--label_sets=FILE."
        )
    source_ids, source = dataset.source.label_fields().image_ids, dataset.source.name
    num_classes = num_classes or imagenet.NUM_CLASSES
    return select_for_images(names, source_ids, dataset.label_sets, num_classes, store, source)


def load_for_predictions(
    config: ConfigDict, models: Sequence[Predictions | Heading], dataset: Dataset, class_names: Sequence[str] | None
) -> tuple[list[LabelSet], list[dict[str, str]], list[str]]:
    """Loads the label sets of `select_for_predictions`.

    Args:
      config: of the program.
      models: the predictions.
      dataset: the images, if there are any.
      class_names: [K], if the classes are not ImageNet's.

    Returns:
      The label sets, those that are unavailable, with the reason, and notes.
    """
    store, image_ids = store_of(config), all_images(models)
    num_classes = next((model.num_classes for model in models if model.num_classes is not None), None)
    chosen, notes = select_for_predictions(config.label_sets, dataset, num_classes, store, image_ids, class_names)
    ready = {label_set.name: label_set for label_set in chosen if isinstance(label_set, LabelSet)}
    requested = [label_set if isinstance(label_set, str) else label_set.name for label_set in chosen]
    label_sets, unavailable = published.load(requested, store, ready, _images(dataset, image_ids))
    if not label_sets:
        reasons = "; ".join(f"{row['label_set']}: {row['reason']}" for row in unavailable)
        raise InputError(f"there is no label set to score: {reasons or 'the list is empty. Give --label_sets=NAME.'}")
    return label_sets, unavailable, notes


def _images(dataset: Dataset, image_ids: np.ndarray) -> OtherImages:
    """The images of a dataset with labels of its own, otherwise those with a prediction."""
    if not dataset.label_sets or dataset.is_imagenet:
        return OtherImages(image_ids)
    return images_of(dataset.source.label_fields().image_ids, dataset.label_sets)


def select_for_images(
    names: str,
    image_ids: np.ndarray,
    dataset_sets: Mapping[str, LabelSet],
    num_classes: int,
    store: LabelStore,
    source: str = "",
) -> tuple[list[str | LabelSet], list[str]]:
    """The label sets for the images of a dataset, and notes about them.

    Images of ImageNet's validation set have the published label sets; those of the dataset replace published files that
    are missing. Images of ImageNet-V2, -A, -R and -Sketch have theirs; other images have the label sets of their dataset.

    Args:
      names: a comma-separated list; empty for all.
      image_ids: [N] str, of the dataset.
      dataset_sets: the label sets of the dataset, by name.
      num_classes: of the model.
      store: where label files are.
      source: of the images, such as `tfds:imagenet_a`.
    """
    imagenets = imagenet.are_validation_ids(image_ids)
    # A few of ImageNet's images among others with labels of their own do not make them ImageNet's.
    labeled = dataset_sets["original"].is_scored if "original" in dataset_sets else imagenets
    # One output more may be a background class: the check of the classes names the repair.
    has_classes_of_imagenet = num_classes in (imagenet.NUM_CLASSES, imagenet.NUM_CLASSES + 1)
    if not has_classes_of_imagenet or not imagenets.any() or not imagenets[labeled].all():
        others = other_images.names_for(image_ids, store, source) if has_classes_of_imagenet else []
        chosen = _split(names) or others or list(dataset_sets)
        class_names = _class_names(dataset_sets)
        return [
            _of_images(name, dataset_sets, store)
            or dataset_sets.get(name)
            or _of_file(name, class_names, store)
            or name
            for name in chosen
        ], []
    replacements = {name: labels for name, labels in dataset_sets.items() if not published.is_local(name, store)}
    chosen = [
        label_set if isinstance(label_set, LabelSet) else replacements.get(label_set, label_set)
        for label_set in select(names, store)
    ]
    note = _difference(dataset_sets["original"]) if "original" in dataset_sets else ""
    return chosen, [note] if note else []


def load(name: str, dataset_sets: Mapping[str, LabelSet], store: LabelStore) -> LabelSet:
    """One label set: of a dataset, a published one, one in a file, or that of FOLDER. Raises InputError."""
    if label_set := _of_images(name, dataset_sets, store) or dataset_sets.get(name):
        return label_set
    if label_set := _of_file(name, _class_names(dataset_sets), store):
        return label_set
    label_sets, unavailable = published.load([name], store, supplied=dataset_sets)
    if unavailable:
        raise InputError(f"the label set {name} is unavailable: {unavailable[0]['reason']}")
    return label_sets[0]


def names_file(name: str) -> bool:
    """Whether a label set is named by its file, not by a published name."""
    return name not in published.KNOWN_NAMES and (is_table(name) or name.endswith(ENDING))


def images_of(image_ids: np.ndarray, dataset_sets: Mapping[str, LabelSet]) -> OtherImages:
    """The images of a dataset, with its labels."""
    original = dataset_sets.get("original")
    has_labels = original is not None and original.num_classes == imagenet.NUM_CLASSES
    return OtherImages(image_ids, original.original if original is not None and has_labels else None)


def _class_names(dataset_sets: Mapping[str, LabelSet]) -> tuple[str, ...] | None:
    """The class names of a dataset; None for ImageNet's wnids, and without."""
    names = next((labels.class_names for labels in dataset_sets.values() if labels.class_names is not None), None)
    return None if names == imagenet.imagenet_wnids() else names


def _of_file(name: str, class_names: Sequence[str] | None, store: LabelStore) -> LabelSet | None:
    """The label set in a file whose classes may have these names; None for another name, and without class names."""
    if class_names is None or not names_file(name):
        return None
    return load_label_table(name, class_names, store) if is_table(name) else load_label_set(name, store, class_names)


def _of_images(name: str, dataset_sets: Mapping[str, LabelSet], store: LabelStore) -> LabelSet | None:
    """The labels of the images that `name` is the place of; None if it is the name of a label set or a file."""
    if name in (*published.KNOWN_NAMES, *dataset_sets) or not datasets.names_images(name):
        return None
    label_sets = datasets.of_images(name, tfds_dir=store.tfds_dir).label_sets
    if "original" not in label_sets:
        raise InputError(
            f"the images {name} bring no labels. Put them into one folder per class, or give a label file."
        )
    return label_sets["original"]


def _split(names: str) -> list[str]:
    return [name.strip() for name in names.split(",") if name.strip()]


def _difference(dataset_set: LabelSet) -> str:
    rows = np.searchsorted(imagenet.validation_ids(), dataset_set.image_ids)
    compared = imagenet.are_validation_ids(dataset_set.image_ids) & dataset_set.is_scored
    differ = dataset_set.original[compared] != readers.original().original[rows[compared]]
    if not differ.any():
        return ""
    return (
        f"the dataset's own labels differ from ImageNet's on {differ.sum()} of {compared.sum()} images, such as "
        f"{dataset_set.image_ids[compared][differ][0]}; ImageNet's are used."
    )


def _prepared_multilabel(names: Sequence[str], store: LabelStore) -> dict[str, LabelSet]:
    """`multilabel` and `imagenet_m` from a prepared TFDS dataset, those of them that have no local file."""
    folder = tfds_root(store.tfds_dir) / "imagenet2012_multilabel" / "3.0.0"
    absent = [name for name in ("multilabel", "imagenet_m") if name in names and not published.is_local(name, store)]
    if not absent or not folder.is_dir():
        return {}
    try:
        multi = _multilabel(store, "validation")
        label_sets = {"multilabel": multi}
        if "imagenet_m" in absent:
            image_ids = set(_multilabel(store, "imagenet_m").image_ids)
            label_sets["imagenet_m"] = readers.imagenet_m_of(multi, image_ids)
    except (InputError, OSError) as error:  # a damaged dataset must not keep the other label sets from being scored
        print(f"{folder} is left aside: {' '.join(str(error).split())}", file=sys.stderr)
        return {}
    return {name: label_sets[name] for name in absent}


def _multilabel(store: LabelStore, split: str) -> LabelSet:
    return datasets.of_images(f"tfds:{MULTILABEL_DATASET}", split, store.tfds_dir).label_sets["multilabel"]
