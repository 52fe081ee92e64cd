"""Config -> the runs of a comparison, and the accuracies that need no training."""

import contextlib
import dataclasses
import functools
import itertools
import json
import os
from collections.abc import Callable, Mapping
from typing import Any, NotRequired, TypedDict

import numpy as np
from etils import epath
from ml_collections import ConfigDict

from imagenet_real.builders import config_groups, training
from imagenet_real.builders.training_data import TRUE_CROPS, describe_training_images, training_data
from imagenet_real.builders.training_run import score_source
from imagenet_real.data.digit_scenes import digits
from imagenet_real.data.sources.records import Source, label_sets_of
from imagenet_real.data.training_data import TrainingData
from imagenet_real.errors import InputError, nearest
from imagenet_real.io import readers, storage
from imagenet_real.io.names import as_file_name
from imagenet_real.predictions.predictions import Predictions
from imagenet_real.scoring.comparison import Variant
from imagenet_real.scoring.results import Row
from imagenet_real.training import metrics
from imagenet_real.training.losses import LOSSES

# Fields which train does not have.
COMPARE_FIELDS = ("losses", "data", "lengths", "length_in", "recipes", "recipe_changes", "seeds", "clean", "jobs")
DATA = {
    "all": {},  # the images with their original labels
    "clean": {},  # the images on the clean list
    "real": {"train_labels": "real"},  # all images with their ReaL labels
    "soft": {},  # all images; the larger of their labels and `soft_labels`
    "pooled": {},  # all images; each crop has the labels that `label_maps` give it
    "shown": {"train_labels": TRUE_CROPS},  # all images; each crop has its true labels
}
CLEAN_FIELDS = ("folds", "length", "loss", "seed")  # below `clean`


class _Row(TypedDict):
    label_set: str
    k: int
    accuracy: float


class _Provenance(TypedDict):
    config: dict[str, Any]
    training_images: NotRequired[dict[str, Any]]


class _Summary(TypedDict):
    """What `clean` writes."""

    provenance: _Provenance


class _RankingRow(TypedDict):
    label_set: str
    mean_average_precision: float


class _Results(TypedDict):
    """What `train` writes."""

    provenance: _Provenance
    rows: list[_Row]
    label_ranking: NotRequired[list[_RankingRow]]


UNUSED = {  # fields of `train` that a comparison has in another form
    **dict.fromkeys(training.LENGTHS, "Give --lengths.NAME=NUMBER and --length_in=steps, epochs or examples."),
    "loss": "Give --losses=\"('softmax', 'sigmoid')\" or one of them.",
    "seed": 'Give --seeds="(0, 1)" or the like.',
    "train_labels": "Give --data=\"('all', 'real')\" or the like.",
    "export": "A comparison writes no exports.",
    "smoke": "Give it to one recipe, as in train_digits --smoke=True.",
}


@dataclasses.dataclass(frozen=True, eq=False)
class PlannedRun:
    """A run of `train`, or one fold of `clean`."""

    name: str
    config: ConfigDict
    folder: epath.Path  # of its metrics
    size: float  # its length, in `length_in`
    data: Callable[[], TrainingData]  # its training images; of a fold, all images
    variant: Variant | None = None  # None for a fold
    seed: int = 0
    needs: tuple[str, ...] = ()  # names of runs that must be done before
    clean_dir: epath.Path | None = None  # the workdir of `clean`, for a fold

    def is_done(self) -> bool:
        """Returns whether its result exists, for this config and these images."""
        if self.clean_dir:
            summary = _read(self.clean_dir / "summary.json", _Summary)
            config = {**self.config.to_dict(), "fold": -1}
            return summary is not None and {**summary["provenance"]["config"], "fold": -1} == _as_json(config)
        results = self.results()
        if results is None or results["provenance"]["config"] != _as_json(self.config.to_dict()):
            return False
        lists = (self.config.clean_list, self.config.soft_labels)
        if not all(storage.to_path(path).exists() for path in lists if path):
            return False
        return results["provenance"].get("training_images") == describe_training_images(self.data())

    def share(self) -> float:
        """Returns how much of the run is done, 0 to 1, by its metrics."""
        path = self.folder / "metrics.jsonl"
        lines = []
        with contextlib.suppress(InputError):  # the run itself says what is wrong
            lines = metrics.read_lines(path) if path.exists() else []
        steps = training.total_steps(self.config, 0 if self.config.steps else len(self.data()))
        return min(1.0, lines[-1]["step"] / steps) if lines else 0.0

    def results(self) -> "_Results | None":
        """Returns the content of its results.json, or None. Raises InputError if it is damaged."""
        return _read(self.folder / "results.json", _Results)

    def rows(self) -> list[Row]:
        """Returns the accuracies of the run."""
        return [self._about | {name: row[name] for name in _Row.__annotations__} for row in self.results()["rows"]]  # type: ignore[literal-required]

    def label_ranking(self) -> list[Row]:
        """Returns the mean average precision of the run under each label set; none if it does not save all scores."""
        rows = self.results().get("label_ranking", [])
        return [self._about | {name: row[name] for name in _RankingRow.__annotations__} for row in rows]  # type: ignore[literal-required]

    @property
    def _about(self) -> Row:
        return {**dataclasses.asdict(self.variant), "seed": self.seed}


def check(config: ConfigDict) -> None:
    """Raises InputError for wrong values that would otherwise show up late."""
    for name, known in (("losses", LOSSES), ("data", DATA)):
        for value in config[name]:
            if value not in known:
                raise InputError(f"unknown {value!r} in {name}: {nearest(str(value), list(known))}")
    if bool(config.label_maps) != ("pooled" in config.data):
        raise InputError(
            f"data={tuple(config.data)} and label_maps={config.label_maps!r}: 'pooled' trains on label maps, and nothing "
            "else does. Give both or neither."
        )
    if config.length_in not in training.LENGTHS:
        raise InputError(f"unknown length_in {config.length_in!r}: {nearest(config.length_in, list(training.LENGTHS))}")
    if config.soft_labels and "soft" not in config.data:
        raise InputError(f"data={tuple(config.data)}: only 'soft' trains on soft_labels={config.soft_labels}. Add it.")
    for name in ("losses", "data", "lengths", "seeds"):
        if not len(config[name]) or len(set(config[name])) < len(config[name]):
            raise InputError(f"{name}={config[name]}: give at least one, and none of them twice.")
    _check_recipes(config)
    config_groups.check(config, "clean", CLEAN_FIELDS)
    if config.jobs < 0:
        raise InputError(f"jobs={config.jobs} is no number of runs. Give how many run at once, or 0 for one per core.")


def _check_recipes(config: ConfigDict) -> None:
    """Raises InputError for a recipe without changes in `recipe_changes`, and for changes of unknown fields."""
    if len(set(config.recipes)) < len(config.recipes):
        raise InputError(f"recipes={tuple(config.recipes)}: give none of them twice.")
    for recipe in config.recipes:
        if recipe not in config.recipe_changes:
            hint = nearest(str(recipe), list(config.recipe_changes))
            raise InputError(f"recipe_changes has no recipe {recipe!r}: {hint}")
        for field in config.recipe_changes[recipe]:
            if field in UNUSED or field in COMPARE_FIELDS or field not in config:
                hint = UNUSED.get(field) or nearest(field, list(config))
                raise InputError(f"recipe_changes.{recipe} has the field {field!r}, which is none of a recipe: {hint}")
        changes = config.recipe_changes[recipe].to_dict()
        try:
            _replace(config, **changes)
        except (TypeError, ValueError) as error:
            raise InputError(f"recipe_changes.{recipe} has a wrong value: {error}. Give another value.") from None


def check_place(config: ConfigDict, workdir: epath.Path) -> None:
    """Raises InputError unless the comparison runs on one machine, with its workdir on a disk."""
    if storage.in_bucket(workdir):
        raise InputError(
            f"{workdir} is in a bucket, and the logs need a disk. Give a --workdir on a disk, and copy it later."
        )
    if config.distributed != "none":
        raise InputError(
            f"distributed={config.distributed}, but a comparison trains its runs on one machine. Give one run to all "
            "processes with configs/train_digits.py or train_resnet50.py, or the clean list to configs/clean_digits.py."
        )


def plan_runs(config: ConfigDict, workdir: epath.Path) -> list[PlannedRun]:
    """Returns the folds of the clean list, if it must be made, and then every run, seed by seed."""
    base = ConfigDict({name: value for name, value in config.items() if name not in COMPARE_FIELDS})
    base.program, base.format, base.export = "train", "table", ""  # the output of compare is no part of a run
    folder = workdir / "clean"
    made = {"clean": folder / "clean_ids.txt", "soft": folder / "soft_labels.tsv"}  # by the folds
    supplied = {"clean": config.clean_list, "soft": config.soft_labels, "pooled": config.label_maps}
    needs_folds = [data for data in made if data in config.data and not supplied[data]]
    paths = supplied | {data: str(made[data]) for data in needs_folds}
    files = {"clean": "clean_list", "soft": "soft_labels", "pooled": "label_maps"}
    configs = {
        data: _replace(base, **(dict.fromkeys(files.values(), "") | DATA[data] | _file_of(data, files, paths)))
        for data in ("all", *config.data)
    }
    data_of = {data: functools.cache(functools.partial(training_data, fields)) for data, fields in configs.items()}

    folds = _plan_folds(config, configs["all"], data_of["all"], folder) if needs_folds else []
    recipes = {name: config.recipe_changes[name].to_dict() for name in config.recipes} or {"": {}}
    runs = []
    lengths = sorted(config.lengths, key=config.lengths.get)  # a ConfigDict sorts its names alphabetically
    axes = (config.seeds, lengths, recipes, config.data, config.losses)
    for seed, length, recipe, data, loss in itertools.product(*axes):
        variant, size = Variant(loss, data, length, recipe), config.lengths[length]
        name = f"{variant} seed {seed}"
        runs.append(
            PlannedRun(
                name,
                _replace(configs[data], loss=loss, seed=seed, **_length(config, size), **recipes[recipe]),
                workdir / "runs" / as_file_name(name.replace(" ", "_")),
                float(size),
                data_of[data],
                variant,
                seed,
                needs=tuple(fold.name for fold in folds) if data in needs_folds else (),
            )
        )
    return folds + runs


def _file_of(data: str, files: Mapping[str, str], paths: Mapping[str, str]) -> dict[str, str]:
    """Returns the field with the file of the labels of `data`, if they have one."""
    return {files[data]: paths[data]} if data in files else {}


def reference_rows(config: ConfigDict, source: Source) -> list[Row]:
    """Returns accuracies that need no training: chance, the original labels and, on digit scenes, the best possible."""
    label_sets = label_sets_of(source)
    rows = []
    for name, labels in label_sets.items():
        shares = (labels.labels >= 0).sum(axis=1) / labels.num_classes
        accuracy = float(np.average(shares, weights=labels.weight))
        rows.append({"name": "chance", "label_set": name, "k": 1, "accuracy": accuracy})
    predicted = {}
    if "original" in label_sets:
        predicted["original labels"] = label_sets["original"].image_ids, label_sets["original"].labels[:, 0]
    if folder := digits.folder_of(config.images, config.tfds_dir):
        annotations = digits.annotations(folder, config.split)
        predicted["true digits known"] = annotations.image_ids, annotations.best_predictions()
    for name, (image_ids, classes) in predicted.items():
        num_classes = next(iter(label_sets.values())).num_classes
        results = score_source(config, source, Predictions(image_ids, classes[:, None], num_classes=num_classes))
        rows += [
            {"name": name, "label_set": row["label_set"], "k": 1, "accuracy": row["accuracy"]}
            for row in results.rows
            if row["k"] == 1
        ]
    return rows


def jobs_at_once(config: ConfigDict) -> int:
    """Returns how many runs train at the same time."""
    return config.jobs or os.cpu_count() or 1


def job_environment(config: ConfigDict, compiled: str) -> dict[str, str]:
    """Returns environment variables for the jobs, which share compilations.

    Several jobs at once have one core each; a single job has all devices.
    """
    variables = {"JAX_COMPILATION_CACHE_DIR": compiled, "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.5"}
    if jobs_at_once(config) > 1:
        flags = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        variables |= {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} {flags}".strip()}
        variables |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return variables


def _plan_folds(
    config: ConfigDict, base: ConfigDict, data: Callable[[], TrainingData], folder: epath.Path
) -> list[PlannedRun]:
    clean = config.clean
    fields = {"folds": clean.folds, "loss": clean.loss, "seed": clean.seed, "predictions": ""}
    fields |= {"select_split": "", "select_fraction": 0.0, "report_checkpoint": "last"}
    fold_config = _replace(base, program="clean", **fields, **_length(config, clean.length))
    return [
        PlannedRun(
            f"fold {fold} of the clean list",
            _replace(fold_config, fold=fold),
            folder / f"fold{fold}",
            float(clean.length),
            data,
            clean_dir=folder,
        )
        for fold in range(clean.folds)
    ]


def _replace(config: ConfigDict, **fields: Any) -> ConfigDict:
    copy = config.copy_and_resolve_references()
    with copy.unlocked():
        copy.update(fields)
    return copy


def _length(config: ConfigDict, length: float) -> dict[str, float]:
    """Returns the fields of `train` for a length: all but one of them are 0."""
    return {name: type(config[name])(length if name == config.length_in else 0) for name in training.LENGTHS}


def _read(path: epath.Path, schema: type) -> Any:
    return readers.read_json(path, schema, "Delete it and run again.") if path.exists() else None


def _as_json(fields: dict[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(fields))
