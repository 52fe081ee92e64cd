"""Predictions of models and votes of people, from the files that a path or a glob names."""

from collections.abc import Sequence
from typing import Any

from etils import epath
from ml_collections import ConfigDict

from imagenet_real.errors import InputError
from imagenet_real.io import storage
from imagenet_real.predictions.model_files import ModelFiles
from imagenet_real.predictions.people import load_models_or_people
from imagenet_real.predictions.predictions import Predictions, load_predictions
from imagenet_real.predictions.selection import join


def load_models(
    pattern: str, class_names: Sequence[str] | None = None, labels_dir: str = "", **options: Any
) -> list[Predictions]:
    """Returns the models and people in the files that match a path or a glob, in the order of the files.

    Args:
      pattern: a path or a glob.
      class_names: [K], for tables whose class names are not ImageNet's.
      labels_dir: the first folder in which label files are looked for; may be empty.
      options: of `predictions.load_predictions`.

    Raises InputError if no file matches.
    """
    files = (load_models_or_people(path, class_names, labels_dir, **options) for path in _matching(pattern))
    return [model for models in files for model in models]


def _matching(pattern: str) -> list[epath.Path]:
    paths = storage.matching(pattern) if pattern else []
    if not paths:
        raise InputError(f"no file matches predictions={pattern!r}: give a path or a glob, --predictions='runs/*.npz'.")
    return paths


def open_with_clean(config: ConfigDict, class_names: Sequence[str] | None, **options: Any) -> ModelFiles:
    """Opens the models in `predictions`, each joined with its predictions of the validation set in `clean`.

    Args:
      config: of the program.
      class_names: [K], for tables whose class names are not ImageNet's.
      **options: of `predictions.load_predictions`.

    Raises InputError if `clean` lacks a model of `predictions`; a single model needs no equal name.
    """

    def read(path: epath.Path) -> list[Predictions]:
        return load_models_or_people(path, class_names, config.labels_dir, **options)

    models = ModelFiles(_matching(config.predictions), read)
    if not config.clean:
        return models
    if not storage.matching(config.clean):
        raise InputError(f"no file matches clean={config.clean!r}: give the predictions of the validation set.")
    others = load_models(config.clean, class_names, config.labels_dir, **options)
    clean = {model.name: model for model in others}
    names = [heading.name for heading in models.headings]
    if len(clean) == len(names) == 1:
        clean = {names[0]: next(iter(clean.values()))}
    missing = [name for name in names if name not in clean]
    if missing:
        raise InputError(
            f"clean={config.clean} has no predictions of {missing[0]}, but of {', '.join(sorted(clean)[:9])}. Give files of the "
            "same names."
        )
    return ModelFiles(models.paths, lambda path: [join(model, clean[model.name]) for model in read(path)])


def load_model(path: str, class_names: Sequence[str] | None, labels_dir: str, **options: Any) -> Predictions:
    """Returns the one model in a file."""
    return load_predictions(path, class_names, labels_dir, **options)


def load_model_with_scores(
    path: epath.Path, model: str, class_names: Sequence[str] | None, labels_dir: str, **options: Any
) -> Predictions:
    """Returns one model of a file with the scores of all classes, which need too much memory for many models."""
    models = load_models_or_people(path, class_names, labels_dir, keep_scores=True, **options)
    return next(candidate for candidate in models if candidate.name == model)
