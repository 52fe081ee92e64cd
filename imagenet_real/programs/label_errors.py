"""Evaluates the ten models of the articles on label errors, without the images whose labels are wrong."""

import contextlib
import dataclasses
import sys
from collections.abc import Mapping, Sequence

from etils import epath
from ml_collections import ConfigDict

from imagenet_real.builders import label_sets, reports
from imagenet_real.errors import InputError, nearest
from imagenet_real.io import storage
from imagenet_real.predictions.predictions import load_predictions
from imagenet_real.programs import evaluate
from imagenet_real.report.exports import exports
from imagenet_real.report.label_errors import as_csv, as_text
from imagenet_real.report.printing import show, show_results
from imagenet_real.runtime import distributed
from imagenet_real.runtime.workdir import lock_workdir
from imagenet_real.scoring import label_errors
from imagenet_real.scoring.results import Results, score

# The weights of the catalog whose preprocessing is the articles', and torchvision's file, named after its SHA-256.
MODELS = {
    "convnext_large": ("convnext_large.tv_in1k", "convnext_large-ea097f82.pth"),
    "convnext_base": ("convnext_base.tv_in1k", "convnext_base-6075fbad.pth"),
    "efficientnet_b7": ("efficientnet_b7.tv_in1k_633", "efficientnet_b7_lukemelas-c5b4e57e.pth"),
    "convnext_small": ("convnext_small.tv_in1k", "convnext_small-0c510722.pth"),
    "efficientnet_b4": ("efficientnet_b4.tv_in1k", "efficientnet_b4_rwightman-23ab8bcd.pth"),
    "efficientnet_b5": ("efficientnet_b5.tv_in1k_489", "efficientnet_b5_lukemelas-1a07897c.pth"),
    "convnext_tiny": ("convnext_tiny.tv_in1k", "convnext_tiny-983f1562.pth"),
    "efficientnet_b3": ("efficientnet_b3.tv_in1k", "efficientnet_b3_rwightman-b3899882.pth"),
    "vit_b_16": ("vit_b_16.tv_in1k", "vit_b_16-c867db91.pth"),
    "regnet_x_32gf": ("regnet_x_32gf.tv_in1k", "regnet_x_32gf-9d47f8d0.pth"),
}
ENDINGS = (".safetensors", ".pth", ".pt", ".bin", ".npz")


def run(config: ConfigDict, workdir: epath.Path) -> Results | None:
    """Writes what `evaluate` writes of every model into a folder of its own, and the comparison into `workdir`."""
    with distributed.initialize(config.distributed), distributed.context_on_primary(lock_workdir(workdir)):
        _check_label_sets(config.label_sets)
        export_names = evaluate.export_names_of(config)  # an hour before they are written
        found = _weights(config)
        for model, file in found.items():
            one = ConfigDict(config.to_dict())
            one.model, one.weights, one.export = MODELS[model][0], str(file), ""
            folder = workdir / model
            # A model's own table is progress here.
            with contextlib.redirect_stdout(sys.stderr), distributed.context_on_primary(lock_workdir(folder)):
                evaluate.evaluate(one, folder)
        return _compared(config, workdir, found, export_names) if distributed.is_primary() else None


def _check_label_sets(names: str) -> None:
    lacking = set(label_errors.LABEL_SETS) - {name.strip() for name in names.split(",")}
    if lacking:
        raise InputError(f"label_sets={names!r} lacks {', '.join(sorted(lacking))}, which the articles' table has.")


def _compared(
    config: ConfigDict, workdir: epath.Path, found: Mapping[str, epath.Path], export_names: Sequence[str]
) -> Results:
    """Scores the predictions of all models together, writes them and prints the comparison."""
    predictions = [load_predictions(workdir / model / "predictions.npz") for model in found]
    scored_sets = label_sets.select(config.label_sets, label_sets.store_of(config))
    results = score(predictions, scored_sets, labels_dir=config.labels_dir, ks=config.ks, allow_missing=True)
    results.notes += [note for model, file in found.items() if (note := _unpublished(model, file))]
    results.notes += list(label_errors.QUIRKS)
    comparisons = label_errors.compare(results)
    reports.write(config, workdir, results)
    saved = {model: workdir / model / "predictions.npz" for model in found}
    exports.write(workdir, export_names, results, lambda model: load_predictions(saved[model], keep_scores=True))
    with storage.open_atomically(workdir / "label_errors.csv") as file:
        file.write(as_csv(comparisons))
    if comparisons:
        show(config.format, map(dataclasses.asdict, comparisons), as_text(comparisons), results.notes)
    else:
        show_results(config.format, results)
    return results


def _weights(config: ConfigDict) -> dict[str, epath.Path]:
    """The file of every chosen model that is there. Raises InputError where none is, or several are of one model."""
    if not config.weights:
        raise InputError("weights is empty: give --config.weights=FOLDER, a folder with the models' weights.")
    folder = storage.to_path(config.weights)
    there = set(storage.names_in(folder))
    chosen = [name.strip() for name in config.model.split(",") if name.strip()] or list(MODELS)
    for name in chosen:
        if name not in MODELS:
            raise InputError(f"{name!r} is none of the articles' models: {nearest(name, list(MODELS))}")
    found = {}
    for name in chosen:
        catalogued, published = MODELS[name]
        names = [published, *(f"{stem}{ending}" for stem in (name, catalogued) for ending in ENDINGS)]
        files = [folder / file for file in names if file in there]
        if len(files) > 1:
            raise InputError(
                f"{folder} has several files of {name}, {files[0].name} and {files[1].name}: keep one of them."
            )
        if files:
            found[name] = files[0]
    absent = [name for name in chosen if name not in found]
    if not found:
        raise InputError(
            f"{folder} has none of the articles' models: expected {MODELS[chosen[0]][1]}, {chosen[0]}.safetensors "
            f"or the like, for any of {', '.join(chosen)}."
        )
    if absent and distributed.is_primary():
        print(f"left out, for their weights are not in {folder}: {', '.join(absent)}", file=sys.stderr)
    return found


def _unpublished(model: str, file: epath.Path) -> str:
    published = MODELS[model][1].removesuffix(".pth").rpartition("-")[2]
    digest = storage.sha256(file)
    if digest.startswith(published):
        return ""
    return f"{model}: {file.name} is not torchvision's file, its SHA-256 begins with {digest[:8]} and not {published}."
