"""The judged mistakes of a config, and what its guesses of categories depend on."""

from collections.abc import Mapping, Sequence

from etils import epath
from ml_collections import ConfigDict

from imagenet_real.builders import label_sets
from imagenet_real.builders.datasets import Dataset, open_dataset
from imagenet_real.errors import InputError
from imagenet_real.io import storage
from imagenet_real.labels.classes import ClassSet
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.mistakes import categories
from imagenet_real.mistakes.guesses import Guesser
from imagenet_real.mistakes.judged import JudgedMistakes, load_judged
from imagenet_real.predictions.predictions import Predictions
from imagenet_real.scoring.doctor import AS_IT_IS
from imagenet_real.training.class_names import load_class_names

# What an evaluation takes beside the fields of `mistakes`: predictions alone, as they are.
FIELDS_OF_EVALUATION = {
    "slices": "",
    "slice_pairs": False,
    "export": "",
    "reference": "",
    "ks": (1,),
    "report": False,
    "repair": AS_IT_IS,
    "save_scores": False,
    "border": None,  # chosen by the images
}


def check(config: ConfigDict) -> None:
    """Raises InputError for values that would only be noticed after the predictions are read."""
    if not (config.predictions or config.weights or config.judged):
        raise InputError(
            "there are no mistakes to list. Give --predictions=FILE of a model, --weights=FILE and --images=..., or "
            "--judged=FILE,... of judged mistakes."
        )
    if config.predictions and config.weights:
        raise InputError(
            f"predictions={config.predictions} and weights={config.weights} are both set. Give one of them."
        )
    for name in ("confused", "missed_by"):
        if config[name] and not config.judged:
            raise InputError(f"{name} needs judged mistakes. Give --judged=FILE too.")
    if config.shown < 1:
        raise InputError(f"shown={config.shown}: expected at least 1. Give the number of rows of each table.")


def open_model(config: ConfigDict, workdir: epath.Path) -> tuple[Dataset, str]:
    """Returns the images, with the class indices of the model, and the file of its predictions; "" without a model.

    With `weights`, the model predicts the images first; a killed run continues. Predictions may be the workdir of a run, whose
    classes are matched to those of the images by name.
    """
    if config.weights:
        from imagenet_real.builders import evaluation  # imports JAX, which predictions that exist do not need

        fields = ConfigDict(config.to_dict() | FIELDS_OF_EVALUATION | {"label_sets": config.label_set or "original"})
        prepared = evaluation.prepare(fields)
        evaluation.predict(prepared, workdir)
        return Dataset(prepared.source), str(workdir / evaluation.FILE)
    labels = {"class_map": config.class_map, "image_labels": config.image_labels, "class_names": config.class_names}
    dataset, path = open_dataset(config, **labels, store=label_sets.store_of(config)), config.predictions
    folder = storage.to_path(path) if path else None
    if folder is None or not folder.is_dir():
        return dataset, path
    if dataset.source is not None and (names := load_class_names(folder)):
        from imagenet_real.builders.images import for_model, print_line

        dataset = Dataset(for_model(dataset.source, len(names), names, print_line))
    return dataset, str(folder / "predictions.npz")


def load_all_judged(config: ConfigDict) -> list[JudgedMistakes]:
    """Returns the judged mistakes of each file."""
    return [load_judged(path.strip()) for path in config.judged.split(",") if path.strip()]


def make_guesser(
    config: ConfigDict,
    brought: Mapping[str, LabelSet],
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
