"""The content of the review pages of a config: pictures, and mistakes, tasks or pairs."""

from ml_collections import ConfigDict

from imagenet_real.builders import class_sets, label_sets
from imagenet_real.data.sources.open import open_source
from imagenet_real.errors import InputError
from imagenet_real.io import storage
from imagenet_real.labels.classes import of_label_set
from imagenet_real.review_app.address import check_address
from imagenet_real.review_app.classes import ClassFinder
from imagenet_real.review_app.content import MAIN, OTHER, Content
from imagenet_real.review_app.pairs import Pairs
from imagenet_real.review_app.pictures import Pictures, examples_by_class
from imagenet_real.review_app.rating import Rating
from imagenet_real.review_app.review import Review
from imagenet_real.review_app.store import Store

FILES = {
    "mistakes": "mistakes.json of mistakes",
    "tasks": "tasks.json of propose",
    "pairs": "duplicates.json of duplicates",
}


def check(config: ConfigDict) -> None:
    """Raises InputError for values that would only be noticed after the images are read."""
    chosen = [name for name in FILES if config[name]]
    if len(chosen) != 1:
        options = ", ".join(f"--{name}=FILE ({file})" for name, file in FILES.items())
        raise InputError(f"there are {len(chosen)} files to show, expected 1. Please give one of {options}.")
    if not config.images:
        raise InputError("images is empty. Give --images=FOLDER, a .tar file, or tfds:NAME.")
    if config.reviewers < 1:
        raise InputError(f"reviewers={config.reviewers}: expected at least 1. Give the number who must agree.")
    check_address(config.host, config.token)


def make_content(config: ConfigDict, store: Store) -> Content:
    """Returns what the server shows, with the answers in the store."""
    pictures = {MAIN: Pictures(open_source(config.images, split=config.split, tfds_dir=config.tfds_dir))}
    if config.others:
        source = open_source(config.others, split=config.others_split, tfds_dir=config.tfds_dir)
        pictures[OTHER] = Pictures(source)
    if config.mistakes:
        return Content(pictures, review=_make_review(config, store, pictures))
    if config.pairs:
        return Content(pictures, pairs=Pairs(storage.to_path(config.pairs), store))
    return Content(pictures, rating=Rating(storage.to_path(config.tasks), store))


def _make_review(config: ConfigDict, store: Store, pictures: dict[str, Pictures]) -> Review:
    label_store = label_sets.store_of(config)
    brought = label_sets.of_dataset(config.images, config.split, config.tfds_dir)
    names = [config.label_set, *(name.strip() for name in config.also.split(",") if name.strip())]
    all_sets = [label_sets.load(name, brought, label_store) for name in dict.fromkeys(names)]
    class_set = class_sets.with_meanings(of_label_set(all_sets[0]), config.class_names, label_store)
    class_set = class_sets.with_hierarchy(class_set, config.hierarchy, label_store)
    source = OTHER if config.others else MAIN
    examples = examples_by_class(pictures[source], class_set.wnids or (), all_sets[0])
    finder = ClassFinder(class_set, examples, source)
    return Review(storage.to_path(config.mistakes), all_sets, finder, store, config.reviewers)
