"""Votes, gold questions and the aggregation method of a config."""

import sys
from collections.abc import Mapping

import numpy as np
from ml_collections import ConfigDict

from imagenet_real.builders import class_sets, label_sets
from imagenet_real.errors import InputError, nearest
from imagenet_real.io import extras, storage
from imagenet_real.labels import imagenet
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.labels.published_files import PUBLISHED
from imagenet_real.raters import aggregation, gold, vote_files
from imagenet_real.raters.aggregation import Aggregation
from imagenet_real.raters.votes import Votes

METHODS = ("calibrated", "unsupervised", "crowd_kit", "majority")
RULES = ("real", "none")
ANIMALS = (0, 398)  # of ImageNet's classes: on these the original label votes in ReaL (Beyer et al. 2020)


def resolve(config: ConfigDict) -> ConfigDict:
    """Returns the config with the method and the rule that its empty fields mean. Raises InputError."""
    check(config)
    config = config.copy_and_resolve_references()
    config.method = config.method or ("calibrated" if config.gold else "unsupervised")
    config.rule = config.rule or ("real" if _is_published(config.votes) else "none")
    if config.rule == "real" and not config.original_classes:
        config.original_classes = ANIMALS
    return config


def _is_published(path: str) -> bool:
    """Whether a file has the votes that were published with ReaL."""
    file = storage.to_path(path)
    return file.suffix == ".npz" and file.is_file() and storage.sha256(file) == PUBLISHED["raters.npz"].sha256


def check(config: ConfigDict) -> None:
    """Raises InputError for values that would only be noticed after the votes are read."""
    if not config.votes:
        raise InputError("votes is empty. Give --votes=FILE, an .npz, .csv or .json file.")
    for name, known in (("method", METHODS), ("rule", RULES)):
        if config[name] and config[name] not in known:
            raise InputError(f"unknown {name} {config[name]!r}: {nearest(config[name], list(known))}")
    if config.method == "crowd_kit":
        extras.check("method=crowd_kit", "crowdkit")
    if config.method == "calibrated" and not config.gold:
        raise InputError("method=calibrated needs gold questions. Give --gold=FILE, or --method=unsupervised.")
    for name in ("threshold", "gold_share", "original_gold_share"):
        if not 0 < config[name] <= 1:
            raise InputError(f"{name}={config[name]} is out of range. Give a number above 0 and at most 1.")
    if config.smoothing < 0:
        raise InputError(f"smoothing={config.smoothing} is negative. Give 0 or more.")
    if not 0 <= config.maybe <= 1:
        raise InputError(f"maybe={config.maybe} is out of range. Give a number from 0 to 1.")
    if len(config.original_classes) not in (0, 2):
        raise InputError(f"original_classes={config.original_classes}: expected two numbers. Give () for no class.")


def load_votes(config: ConfigDict, originals: LabelSet) -> tuple[Votes, Votes]:
    """Returns the votes, and the votes with the answers to gold questions; they may be the same."""
    names = class_sets.load_names(config.class_names) if config.class_names else originals.class_names
    names = None if names == imagenet.imagenet_wnids() else names  # ImageNet's classes have more spellings than wnids
    votes = vote_files.load_votes(config.votes, names, label_sets.store_of(config))
    if votes.repeated:
        print(
            f"{votes.name}: {votes.repeated:,} earlier votes of raters who voted again are left out.", file=sys.stderr
        )
    aggregation.check_images(votes, originals)
    if not config.gold_votes:
        return votes, votes
    gold_votes = vote_files.load_votes(config.gold_votes, names, label_sets.store_of(config))
    aggregation.check_images(gold_votes, originals)
    return votes, gold_votes


def load_gold(config: ConfigDict, brought: Mapping[str, LabelSet], gold_votes: Votes) -> gold.Gold | None:
    """Returns the gold questions, of experts' votes or of a correct label set of some images. None without gold."""
    if not config.gold:
        return None
    if vote_files.has_votes(config.gold):
        return gold.from_votes(vote_files.load_votes(config.gold))
    return gold.from_label_set(label_sets.load(config.gold, brought, label_sets.store_of(config)), gold_votes)


def aggregate(
    config: ConfigDict, votes: Votes, experts: gold.Gold | None, gold_votes: Votes, originals: LabelSet
) -> Aggregation:
    """Scores all questions by the method of the config."""
    original = _original_voter(config, originals)
    if config.method == "calibrated":
        return aggregation.calibrated(votes, experts, gold_votes, config.gold_share, config.smoothing, original)
    if config.method == "unsupervised":
        return aggregation.unsupervised(votes, config.smoothing, original)
    if config.method == "crowd_kit":
        return aggregation.crowd_kit(votes)
    return aggregation.majority(votes, config.maybe)


def _original_voter(config: ConfigDict, originals: LabelSet) -> aggregation.OriginalVoter | None:
    if not config.original_classes:
        return None
    classes = np.zeros(originals.num_classes, bool)
    classes[slice(*config.original_classes)] = True
    return aggregation.OriginalVoter(originals, classes, config.original_gold_share)


def checksums(config: ConfigDict) -> dict[str, str]:
    """Returns the SHA-256 of each file of votes, by its path."""
    paths = [path for path in (config.votes, config.gold, config.gold_votes) if path]
    return {path: storage.sha256(path) for path in paths if storage.to_path(path).is_file()}
