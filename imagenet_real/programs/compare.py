"""Compares losses and training labels: every combination, length and seed is a run of `train`, several side by side.

What is there already is kept, what was interrupted continues, and the clean list is made first where none is given.
"""

import dataclasses
import functools
import itertools
import json
import os
import sys
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np
from etils import epath
from ml_collections import ConfigDict

from imagenet_real.builders import config_groups, training_data
from imagenet_real.data.digit_scenes import digits
from imagenet_real.data.sources.records import Source, label_sets_of
from imagenet_real.data.training_data import TrainingData
from imagenet_real.errors import InputError, nearest
from imagenet_real.io import provenance, storage
from imagenet_real.predictions.predictions import Predictions
from imagenet_real.programs import clean, train
from imagenet_real.report.comparison import as_text, write_boards, write_comparison
from imagenet_real.report.printing import show, tagged
from imagenet_real.runtime.jobs import Job, run_side_by_side
from imagenet_real.runtime.workdir import claimed
from imagenet_real.scoring.comparison import Comparison, Variant, compare
from imagenet_real.scoring.results import Row
from imagenet_real.training.losses import LOSSES

OWN = ("losses", "data", "lengths", "length_in", "seeds", "clean", "jobs")  # the fields that `train` does not have
DATA = {
    "all": {},  # the images with their original labels
    "clean": {},  # those on the clean list
    "real": {"train_labels": "real"},  # all, with their ReaL labels
    "pooled": {},  # all, with the labels of each crop by `label_maps`
    "shown": {"train_labels": training_data.TRUE_CROPS},  # all, with the true labels of each crop
}
LENGTHS = train.LENGTHS
CLEAN = ("folds", "length", "loss", "seed")  # the fields below `clean`


def run(config: ConfigDict, workdir: epath.Path) -> Comparison:
    """Trains what is missing, and writes comparison.json and comparison.png; prints the tables."""
    check(config)
    if storage.in_bucket(workdir):
        raise InputError(
            f"{workdir}: the runs' logs are written to a disk: give a --workdir on one, and copy it afterwards."
        )
    if config.distributed != "none":
        raise InputError(
            f"distributed={config.distributed}: a comparison trains its runs side by side on one machine. Give one run to "
            "all processes with configs/train_digits.py or train_resnet50.py, or the clean list to configs/clean_digits.py."
        )
    with claimed(workdir):
        reported = training_data.open_split(
            config, config.split
        )  # which also prepares an embedded dataset, once for all runs
        plan = planned(config, workdir)
        done = [one for one in plan if one.is_done()]
        missing = [one for one in plan if one not in done]
        print(f"{len(done)} of {len(plan)} runs are there; {at_once(config)} side by side.", file=sys.stderr)
        if missing:
            with tempfile.TemporaryDirectory(prefix="compiled_") as compiled:
                jobs = [one.job({other.name for other in missing}) for one in missing]
                run_side_by_side(
                    jobs,
                    at_once(config),
                    environment(config, compiled),
                    unit=config.length_in,
                    done=sum(one.size for one in done),
                )
        comparison = compare(
            [row for one in plan if one.variant for row in rows_of(one)],
            references(config, reported),
            {
                **provenance.versions(),
                "config": config.to_dict(),
                "images": {"source": reported.name, "count": len(reported), "fingerprint": reported.fingerprint},
            },
        )
        write_comparison(workdir, comparison)
        write_boards(workdir / "tensorboard", comparison)
    rows = tagged(accuracy=comparison.summary, difference=comparison.pairs, reference=comparison.references)
    show(config.format, rows, as_text(comparison))
    return comparison


def check(config: ConfigDict) -> None:
    """Raises InputError for what would only be noticed later."""
    for name, known in (("losses", LOSSES), ("data", DATA)):
        for value in config[name]:
            if value not in known:
                raise InputError(f"unknown {value!r} in {name}: {nearest(str(value), list(known))}")
    if bool(config.label_maps) != ("pooled" in config.data):
        raise InputError(
            f"data={tuple(config.data)} and label_maps={config.label_maps!r}: 'pooled' is trained on label maps, and nothing else "
            "is. Give both or neither."
        )
    if config.length_in not in LENGTHS:
        raise InputError(f"unknown length_in {config.length_in!r}: {nearest(config.length_in, list(LENGTHS))}")
    for name in ("losses", "data", "lengths", "seeds"):
        if not len(config[name]) or len(set(config[name])) < len(config[name]):
            raise InputError(f"{name}={config[name]}: give at least one, and none of them twice.")
    config_groups.check(config, "clean", CLEAN)
    if config.jobs < 0:
        raise InputError(f"jobs={config.jobs}: give how many runs go side by side, or 0 for one a core.")


def at_once(config: ConfigDict) -> int:
    """How many runs go side by side."""
    return config.jobs or os.cpu_count() or 1


def environment(config: ConfigDict, compiled: str) -> dict[str, str]:
    """Of the processes: runs side by side have a core each, a run alone has all devices. What is compiled is shared."""
    variables = {"JAX_COMPILATION_CACHE_DIR": compiled, "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.5"}
    if at_once(config) > 1:
        flags = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        variables |= {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} {flags}".strip()}
        variables |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return variables


@dataclasses.dataclass(frozen=True, eq=False)
class Planned:
    """A run of `train`, or a fold of `clean`."""

    name: str
    config: ConfigDict
    folder: epath.Path  # of its metrics
    size: float  # its length, in `length_in`
    data: Callable[[], TrainingData]  # what it trains on; of a fold, with what it holds out
    variant: Variant | None = None
    seed: int = 0
    needs: tuple[str, ...] = ()
    clean_dir: epath.Path | None = None  # of a fold

    def job(self, missing: set[str]) -> Job:
        """The job that does it, after those of `missing` that it needs."""
        fields, call = self.config.to_dict(), _fold if self.clean_dir else _train
        return Job(
            name=self.name,
            run=functools.partial(call, fields, self.clean_dir or self.folder),
            log=self.folder / "log.txt",
            size=self.size,
            share=functools.partial(_share, self),
            needs=tuple(name for name in self.needs if name in missing),
        )

    def is_done(self) -> bool:
        """Whether its result is there, of this very config and these images."""
        if self.clean_dir:
            summary = _read(self.clean_dir / "summary.json")
            config = {**self.config.to_dict(), "fold": -1}
            return {**summary.get("provenance", {}).get("config", {}), "fold": -1} == _as_json(config)
        found = _read(self.folder / "results.json").get("provenance", {})
        if found.get("config") != _as_json(self.config.to_dict()):
            return False
        if self.config.clean_list and not storage.to_path(self.config.clean_list).exists():
            return False
        return found["training_images"] == training_data.trained_on(self.data())


def planned(config: ConfigDict, workdir: epath.Path) -> list[Planned]:
    """The folds of the clean list, where it is to be made, and then every run, seed by seed."""
    base = ConfigDict({name: value for name, value in config.items() if name not in OWN})
    base.program, base.format, base.export = "train", "table", ""  # how results are shown is no part of a run
    make_list = "clean" in config.data and not config.clean_list
    clean_list = str(workdir / "clean" / "clean_ids.txt") if make_list else config.clean_list
    given = {"clean": {"clean_list": clean_list}, "pooled": {"label_maps": config.label_maps}}
    configs = {
        data: _changed(base, **({"clean_list": "", "label_maps": ""} | DATA[data] | given.get(data, {})))
        for data in ("all", *config.data)
    }
    data_of = {
        data: functools.cache(functools.partial(training_data.training_data, own)) for data, own in configs.items()
    }

    folds = _folds(config, configs["all"], data_of["all"], workdir / "clean") if make_list else []
    runs = []
    lengths = sorted(config.lengths, key=config.lengths.get)  # a ConfigDict has its names in the order of the alphabet
    for seed, length, data, loss in itertools.product(config.seeds, lengths, config.data, config.losses):
        variant, steps = Variant(loss, data, length), config.lengths[length]
        name = f"{variant} seed {seed}"
        runs.append(
            Planned(
                name,
                _changed(configs[data], loss=loss, seed=seed, **_length(config, steps)),
                workdir / "runs" / name.replace(" ", "_"),
                float(steps),
                data_of[data],
                variant,
                seed,
                needs=tuple(fold.name for fold in folds) if data == "clean" else (),
            )
        )
    return folds + runs


def _folds(config: ConfigDict, base: ConfigDict, data: Callable[[], TrainingData], folder: epath.Path) -> list[Planned]:
    wanted = config.clean
    fields = {"folds": wanted.folds, "loss": wanted.loss, "seed": wanted.seed, "predictions": "", "select_split": ""}
    own = _changed(base, program="clean", **fields, **_length(config, wanted.length))
    return [
        Planned(
            f"fold {fold} of the clean list",
            _changed(own, fold=fold),
            folder / f"fold{fold}",
            float(wanted.length),
            data,
            clean_dir=folder,
        )
        for fold in range(wanted.folds)
    ]


def _changed(config: ConfigDict, **fields: Any) -> ConfigDict:
    changed = config.copy_and_resolve_references()
    with changed.unlocked():
        changed.update(fields)
    return changed


def _length(config: ConfigDict, length: float) -> dict[str, float]:
    """The fields of `train` for a length: exactly one of them is not 0."""
    return {name: type(config[name])(length if name == config.length_in else 0) for name in LENGTHS}


def _train(fields: dict[str, Any], folder: epath.Path) -> None:
    train.run(ConfigDict(fields), folder)


def _fold(fields: dict[str, Any], folder: epath.Path) -> None:
    clean.run(ConfigDict(fields), folder)


def _share(one: Planned) -> float:
    """How much of a run is done, by its metrics."""
    try:
        *_, last = storage.read_text(one.folder / "metrics.jsonl").splitlines()
        steps = train.total_steps(one.config, 0 if one.config.steps else len(one.data()))
        return min(1.0, json.loads(last)["step"] / steps)
    except (OSError, ValueError):  # it has not begun, or is just writing
        return 0.0


def _read(path: epath.Path) -> dict[str, Any]:
    try:
        return json.loads(storage.read_text(path))
    except (OSError, ValueError):
        return {}


def _as_json(fields: dict[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(fields))


def rows_of(one: Planned) -> list[Row]:
    """The accuracies of a run."""
    fields = {**dataclasses.asdict(one.variant), "seed": one.seed}
    return [
        {**fields, "label_set": row["label_set"], "k": row["k"], "accuracy": row["accuracy"]}
        for row in _read(one.folder / "results.json")["rows"]
    ]


def references(config: ConfigDict, reported: Source) -> list[Row]:
    """What needs no training: chance, the original labels, and on digit scenes one who knows the digits and the rates."""
    brought = label_sets_of(reported)
    rows = [
        {"name": "chance", "label_set": name, "k": 1, "accuracy": float(np.average(shares, weights=labels.weight))}
        for name, labels in brought.items()
        for shares in [(labels.labels >= 0).sum(axis=1) / labels.num_classes]
    ]
    answers = {}
    if "original" in brought:
        answers["original labels"] = brought["original"].image_ids, brought["original"].labels[:, 0]
    if folder := digits.folder_of(config.images, config.tfds_dir):
        known = digits.annotations(folder, config.split)
        answers["true digits known"] = known.image_ids, known.best_predictions()
    for name, (image_ids, best) in answers.items():
        predictions = Predictions(image_ids, best[:, None], num_classes=next(iter(brought.values())).num_classes)
        results = train.scored(config, reported, predictions)
        rows += [
            {"name": name, "label_set": row["label_set"], "k": 1, "accuracy": row["accuracy"]}
            for row in results.rows
            if row["k"] == 1
        ]
    return rows
