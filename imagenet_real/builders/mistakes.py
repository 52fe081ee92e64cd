"""The judged mistakes of a config, and what its guesses of categories depend on."""

from collections.abc import Sequence

from ml_collections import ConfigDict

from imagenet_real.builders import label_sets
from imagenet_real.errors import InputError
from imagenet_real.labels.classes import ClassSet
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.mistakes import categories
from imagenet_real.mistakes.guesses import Guesser
from imagenet_real.mistakes.judged import JudgedMistakes, load_judged
from imagenet_real.predictions.predictions import Predictions


def check(config: ConfigDict) -> None:
    """Raises InputError for values that would only be noticed after the predictions are read."""
    if not config.predictions and not config.judged:
        raise InputError(
            "there are no mistakes to list. Give --predictions=FILE of a model, or --judged=FILE,... of "
            "judged mistakes."
        )
    for name in ("confused", "missed_by"):
        if config[name] and not config.judged:
            raise InputError(f"{name} needs judged mistakes. Give --judged=FILE too.")
    if config.shown < 1:
        raise InputError(f"shown={config.shown}: expected at least 1. Give the number of rows of each table.")


def load_all_judged(config: ConfigDict) -> list[JudgedMistakes]:
    """Returns the judged mistakes of each file."""
    return [load_judged(path.strip()) for path in config.judged.split(",") if path.strip()]


def make_guesser(
    config: ConfigDict,
    brought: dict[str, LabelSet],
    label_set: LabelSet,
    class_set: ClassSet,
    models: Sequence[Predictions],
) -> Guesser | None:
    """Returns the guesser of categories; None without a hierarchy of the classes."""
    if class_set.paths is None:
        return None
    groups = categories.load_groups(config.groups, label_set.num_classes) if config.groups else []
    together = label_sets.load(config.together, brought, label_sets.store_of(config)) if config.together else label_set
    return Guesser(class_set.paths, together, groups, class_set.names, models)
