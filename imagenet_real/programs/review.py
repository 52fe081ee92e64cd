"""Serves the pages on which people review mistakes, answer rating tasks, or compare pairs; writes what they said."""

import contextlib

from etils import epath
from ml_collections import ConfigDict

from imagenet_real.builders import class_sets, label_sets
from imagenet_real.data.sources.open import open_source
from imagenet_real.errors import InputError
from imagenet_real.io import storage
from imagenet_real.labels import classes as class_set
from imagenet_real.labels.json_format import save_label_set
from imagenet_real.runtime.workdir import lock_workdir

SHOWN = {
    "mistakes": "mistakes.json of mistakes",
    "tasks": "tasks.json of propose",
    "pairs": "duplicates.json of duplicates",
}


def run(config: ConfigDict, workdir: epath.Path) -> None:
    """Keeps the answers in answers.sqlite in `workdir`, and writes what they come to when the server ends.

    That is judged.json and labels.json of mistakes, votes.json of tasks, and confirmed.json of pairs.
    """
    if storage.in_bucket(workdir):
        raise InputError(f"{workdir} is in a bucket, where no database can be: give a --workdir on a disk.")
    # Exports are made beside a server that runs: it holds the folder, and every file is written at once.
    with contextlib.nullcontext() if config.export_only else lock_workdir(workdir):
        _serve_and_write(config, workdir)


def _serve_and_write(config: ConfigDict, workdir: epath.Path) -> None:
    try:
        from imagenet_real.review_app.app import Served, make_app
        from imagenet_real.review_app.server import serve
    except ImportError as error:
        raise InputError(f"the pages need the library {error.name}: pip install 'imagenet_real[review]'") from None
    from imagenet_real.review_app.guard import check_address
    from imagenet_real.review_app.pairs import Pairs
    from imagenet_real.review_app.pictures import Pictures
    from imagenet_real.review_app.rating import Rating
    from imagenet_real.review_app.store import Store

    given = [name for name in SHOWN if config[name]]
    if len(given) != 1:
        raise InputError(f"give one of {', '.join(f'--config.{name}=FILE ({what})' for name, what in SHOWN.items())}.")
    if not config.images:
        raise InputError("images is empty: give --config.images=FOLDER, a .tar file, or tfds:NAME.")
    if config.reviewers < 1:
        raise InputError(f"reviewers={config.reviewers}: expected at least 1.")
    check_address(config.host, config.token)
    store = Store(workdir / "answers.sqlite")
    try:
        pictures = {"of": Pictures(open_source(config.images, split=config.split, tfds_dir=config.tfds_dir))}
        if config.others:
            other = open_source(config.others, split=config.others_split, tfds_dir=config.tfds_dir)
            pictures["other"] = Pictures(other)
        review = _review(config, store, pictures) if config.mistakes else None
        pairs = Pairs(storage.to_path(config.pairs), store) if config.pairs else None
        rating = Rating(storage.to_path(config.tasks), store) if config.tasks else None
        if not config.export_only:
            _check_pictures((review or pairs or rating).image_ids(), pictures["of"])
            serve(
                make_app(Served(pictures, review, pairs, rating), config.host, config.token), config.host, config.port
            )
        if review:
            save_label_set(workdir / "labels.json", review.updated(config.name))
            _write(workdir / "judged.json", review.as_judged())
        if pairs:
            _write(workdir / "confirmed.json", pairs.as_json())
        if rating:
            _write(workdir / "votes.json", rating.as_votes())
    finally:
        store.close()


def _write(path: epath.Path, content: str) -> None:
    storage.write_together({path: content})
    print(f"wrote {path}")


def _check_pictures(wanted: set[str], pictures) -> None:
    lacking = sorted(one for one in wanted if one not in pictures)
    if lacking:
        raise InputError(f"images lacks {len(lacking)} of the {len(wanted)} pictures to show, such as {lacking[0]}.")


def _review(config: ConfigDict, store, pictures):
    from imagenet_real.review_app.pictures import examples_by_class
    from imagenet_real.review_app.review import Review

    brought = label_sets.of_dataset(config.images, config.split, config.tfds_dir)
    wanted = [config.label_set, *(name.strip() for name in config.also.split(",") if name.strip())]
    sets = [label_sets.load(name, brought, label_sets.store_of(config)) for name in dict.fromkeys(wanted)]
    source = "other" if config.others else "of"
    identified = class_set.of_label_set(sets[0])
    examples = examples_by_class(pictures[source], identified.wnids or (), sets[0])
    classes = _classes(config, identified, examples, source)
    return Review(storage.to_path(config.mistakes), sets, classes, store, config.reviewers)


def _classes(config: ConfigDict, identified: class_set.ClassSet, examples: dict[int, list[str]], source: str):
    from imagenet_real.review_app.classes import Classes

    described = class_sets.with_meanings(identified, config.class_names, label_sets.store_of(config))
    placed = class_sets.with_hierarchy(described, config.hierarchy, label_sets.store_of(config))
    blank = ("",) * len(placed)
    ways = placed.paths or ((),) * len(placed)
    return Classes(placed.names, placed.wnids or blank, placed.meanings or blank, ways, examples, source)
