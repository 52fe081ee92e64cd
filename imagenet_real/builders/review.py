"""The content of the review pages of a config: pictures, and mistakes, tasks or pairs."""

import os
import sys
from collections.abc import Collection

from ml_collections import ConfigDict

from imagenet_real.builders import class_sets, datasets, label_sets
from imagenet_real.builders.datasets import Dataset
from imagenet_real.data.sources.open import open_source
from imagenet_real.errors import InputError
from imagenet_real.io import readers, storage
from imagenet_real.labels import imagenet, published
from imagenet_real.labels.classes import of_label_set
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.labels.store import LabelStore
from imagenet_real.review_app import guidelines
from imagenet_real.review_app.address import check_address
from imagenet_real.review_app.classes import ClassFinder
from imagenet_real.review_app.content import MAIN, OTHER, Content
from imagenet_real.review_app.mistakes_file import MistakesFile, read_mistakes
from imagenet_real.review_app.pairs import Pairs
from imagenet_real.review_app.pictures import Pictures, examples_by_class
from imagenet_real.review_app.rating import Rating
from imagenet_real.review_app.review import Review
from imagenet_real.review_app.store import Store

TOKEN_VARIABLE = "IMAGENET_REAL_TOKEN"  # of the environment
FILES = {
    "mistakes": "mistakes.json of mistakes",
    "tasks": "tasks.json of propose",
    "pairs": "duplicates.json of duplicates",
}


def check(config: ConfigDict) -> str:
    """Returns the token. Raises InputError for values that would only be noticed after the images are read."""
    chosen = [name for name in FILES if config[name]]
    if len(chosen) != 1:
        options = ", ".join(f"--{name}=FILE ({file})" for name, file in FILES.items())
        raise InputError(f"there are {len(chosen)} files to show, expected 1. Please give one of {options}.")
    if not config.images:
        raise InputError("images is empty. Give --images=FOLDER, a file of images, or tfds:NAME.")
    if config.reviewers < 1:
        raise InputError(f"reviewers={config.reviewers}: expected at least 1. Give the number who must agree.")
    if config.guess not in ("after", "before"):
        raise InputError(
            f"guess={config.guess!r}: the guess is shown after the verdict or before it. Give one of the two."
        )
    token = _token(config)
    check_address(config.host, token)
    return token


def _token(config: ConfigDict) -> str:
    """Returns the token of the config, of the file that it names, or of the environment."""
    if config.token and config.token_file:
        raise InputError("token and token_file are both given. Give token_file alone.")
    if config.token:
        print(
            f"Others on this machine can see --token in the list of processes. Use --token_file=FILE or {TOKEN_VARIABLE}.",
            file=sys.stderr,
        )
        return config.token
    if config.token_file:
        return readers.read_text(config.token_file, "Give a text file with the token alone.").strip()
    return os.environ.get(TOKEN_VARIABLE, "")


def make_content(config: ConfigDict, store: Store) -> Content:
    """Returns what the server shows, with the answers in the store."""
    dataset = datasets.open_dataset(config)
    pictures = {MAIN: Pictures(dataset.source, config.exif)}
    if config.others:
        source = open_source(config.others, split=config.others_split, tfds_dir=config.tfds_dir)
        pictures[OTHER] = Pictures(source, config.exif)
    text = guidelines.render(config.guidelines) if config.guidelines else ""
    if config.mistakes:
        return Content(pictures, review=_make_review(config, store, dataset, pictures), guidelines=text)
    pairs = Pairs(storage.to_path(config.pairs), store) if config.pairs else None
    rating = None if pairs else Rating(storage.to_path(config.tasks), store)
    if config.skip_missing:
        work = pairs or rating
        work.leave_out(_missing(config, work.image_ids(), pictures[MAIN]))
    return Content(pictures, pairs=pairs, rating=rating, guidelines=text)


def _make_review(config: ConfigDict, store: Store, dataset: Dataset, pictures: dict[str, Pictures]) -> Review:
    file = read_mistakes(config.mistakes)
    if config.skip_missing:
        file = file.without(_missing(config, {item["image_id"] for item in file.items}, pictures[MAIN]))
    config = _with_fields_of(config, file)
    label_store = label_sets.store_of(config)
    under_review = _label_set_under_review(config, file, dataset)
    others = _split(config.also) if config.also else _other_label_sets(under_review, dataset, label_store)
    loaded = {name: label_sets.load(name, dataset.label_sets, label_store) for name in dict.fromkeys(others)}
    shown = [under_review, *(labels for labels in loaded.values() if labels.name != under_review.name)]
    classes = of_label_set(dataset.named(under_review))
    class_set = class_sets.with_meanings(classes, config.class_names, label_store)
    class_set = class_sets.with_hierarchy(class_set, config.hierarchy, label_store)
    source = OTHER if config.others else MAIN
    # Of the images under review, the model's mistakes are no examples of their classes.
    doubtful = () if config.others else {item["image_id"] for item in file.items}
    examples = examples_by_class(pictures[source], class_set.wnids or (), under_review, doubtful)
    return Review(
        file,
        shown,
        ClassFinder(class_set, examples, source),
        store,
        config.reviewers,
        shows_guess=config.guess == "before",
        needs_category=_is_imagenet(under_review),
    )


def _with_fields_of(config: ConfigDict, file: MistakesFile) -> ConfigDict:
    """Returns the config with the fields of the run of `mistakes` that it leaves empty."""
    config = config.copy_and_resolve_references()
    for name in ("class_names", "hierarchy", "labels_dir"):
        config[name] = config[name] or file.config.get(name, "")
    return config


def _label_set_under_review(config: ConfigDict, file: MistakesFile, dataset: Dataset) -> LabelSet:
    """Returns the label set of `mistakes.json`. Raises InputError if `label_set` is another."""
    name = config.label_set or file.config.get("label_set") or file.label_set
    if not name:
        raise InputError(f"{file.path} does not name its label set. Give --label_set=NAME, that of its mistakes.")
    labels = label_sets.load(name, dataset.label_sets, label_sets.store_of(config))
    checksums = labels.origin.get("sha256"), file.labels.get("sha256")
    is_another_file = None not in checksums and checksums[0] != checksums[1]
    if file.label_set not in ("", labels.name) or is_another_file:
        changed = " of another file" if labels.name == file.label_set else ""
        raise InputError(
            f"{file.path} has the mistakes under {file.label_set}, and the label set {name} is {labels.name}{changed}. "
            f"Leave out label_set, or list the mistakes under {name} first."
        )
    return labels


def _other_label_sets(under_review: LabelSet, dataset: Dataset, store: LabelStore) -> list[str]:
    """Returns the names of the label sets beside the one under review: ReaL and the original labels, where they exist."""
    if not _is_imagenet(under_review):
        return list(dataset.label_sets)
    return [name for name in ("real", "original") if published.is_local(name, store)]


def _is_imagenet(label_set: LabelSet) -> bool:
    return bool(imagenet.are_validation_ids(label_set.image_ids[:1]).any())


def _missing(config: ConfigDict, image_ids: Collection[str], pictures: Pictures) -> set[str]:
    """Returns the images without a picture, and prints their number. Raises InputError if no picture is left."""
    missing = {image_id for image_id in image_ids if image_id not in pictures}
    if len(missing) == len(image_ids):
        raise InputError(
            f"images={config.images} has none of the {len(image_ids)} pictures, such as {min(missing)}. Give the images "
            "that the file is about."
        )
    if missing:
        count = f"{len(missing):,} of {len(image_ids):,} pictures"
        print(f"images={config.images} lacks {count}, such as {min(missing)}. They are left out.", file=sys.stderr)
    return missing


def _split(names: str) -> list[str]:
    return [name.strip() for name in names.split(",") if name.strip()]
