"""Runs a model over images, writes its predictions, and scores them under every label set the images have."""

import dataclasses
import os
import sys
from typing import Any

from etils import epath
from ml_collections import ConfigDict

import imagenet_real
from imagenet_real.builders import label_sets, reports
from imagenet_real.data.preprocess import Preprocessing
from imagenet_real.data.sources.open import open_source
from imagenet_real.data.sources.records import Source
from imagenet_real.errors import InputError, nearest
from imagenet_real.inference.images import predict_images
from imagenet_real.inference.predict import num_classes_of
from imagenet_real.io import storage
from imagenet_real.labels import dataset, published
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.models import catalog
from imagenet_real.models.functional import Apply
from imagenet_real.models.user_model import user_model, user_model_checksum
from imagenet_real.predictions.predictions import Predictions, load_predictions, save_predictions
from imagenet_real.report.exports import exports
from imagenet_real.report.printing import show_results
from imagenet_real.runtime import devices, distributed
from imagenet_real.runtime.workdir import lock_workdir
from imagenet_real.scoring.results import Results, check_classes, check_options, score

DTYPES = ("float32", "bfloat16")
PREPROCESSING = tuple(field.name for field in dataclasses.fields(Preprocessing))


def run(config: ConfigDict, workdir: epath.Path) -> Results | None:
    """Writes predictions.npz into `workdir`, and what `score` writes; a run that was killed continues."""
    with distributed.initialize(config.distributed), distributed.context_on_primary(lock_workdir(workdir)):
        return evaluate(config, workdir)


def evaluate(config: ConfigDict, workdir: epath.Path) -> Results | None:
    """The same, among the processes of a run that holds `workdir`; the first one writes, and has the results."""
    if not config.images:
        raise InputError("images is empty: give --config.images=FOLDER, a .tar file, or tfds:NAME.")
    if config.batch_size < 1:
        raise InputError(f"batch_size={config.batch_size}: expected at least 1.")
    check_options(config.ks, config.repair)
    export_names = export_names_of(config)
    preprocessing = preprocessing_of(config)
    source = open_source(config.images, split=config.split, tfds_dir=config.tfds_dir)
    apply, params = load_model(config)
    num_classes = num_classes_of(apply, params, config.batch_size, preprocessing.crop)
    scored_on, unavailable, notes = label_sets_of(config, source, num_classes)
    _say(f"{config.model} on {len(source):,} images of {source.name}: {_shown(preprocessing)}")

    predicted = predict_images(
        (apply, params),
        source,
        preprocessing,
        name=config.model,
        batch_size=config.batch_size,
        workers=config.workers,
        mesh=devices.make_mesh(model=config.model_devices),
        folder=workdir / "parts",
        run_key=_run_key(config, source, preprocessing),
        save_scores=config.save_scores,
        skip_unreadable=config.skip_unreadable,
    )
    if predicted is None:
        return None
    predictions, unreadable = predicted
    save_predictions(workdir / "predictions.npz", predictions)
    if not scored_on:
        _say(f"{source.name} brings no labels: wrote {workdir / 'predictions.npz'}; score it with --config.label_sets.")
        return None
    saved = _saved(config, workdir)
    results = score(saved, scored_on, ks=config.ks, allow_missing=True, repair=config.repair)
    results.notes += notes
    results.unavailable += unavailable
    results.missing = [{"image_id": name, "reason": reason} for name, reason in unreadable.items()]
    results.provenance |= _provenance(config, source, preprocessing)
    reports.write(config, workdir, results, source)
    details = {config.model: _details(config, preprocessing)}
    exports.write(workdir, export_names, results, lambda _: _saved(config, workdir, keep_scores=True), details)
    show_results(config.format, results)
    return results


def export_names_of(config: ConfigDict) -> list[str]:
    """Returns the names in `export`. Raises InputError for an unknown one, or one that needs scores that are not kept."""
    names = exports.chosen(config.export)
    if "cleanlab" in names and not config.save_scores:
        raise InputError("export=cleanlab needs the scores of all classes: give --config.save_scores=True.")
    return names


def _saved(config: ConfigDict, workdir: epath.Path, *, keep_scores: bool = False) -> Predictions:
    loaded = load_predictions(workdir / "predictions.npz", keep_scores=keep_scores)
    return dataclasses.replace(loaded, name=config.model)


def _details(config: ConfigDict, preprocessing: Preprocessing) -> dict[str, Any]:
    """What timm's tables tell of a model beside its accuracy; the parameters of one of the user's own are not counted."""
    counted = {} if ":" in config.model else {"param_count": catalog.find(config.model).parameters / 1e6}
    share = preprocessing.crop / preprocessing.resize if preprocessing.resize else 1.0
    return counted | {"img_size": preprocessing.crop, "crop_pct": share, "interpolation": preprocessing.interpolation}


def load_model(config: ConfigDict) -> tuple[Apply, Any]:
    """`(apply, params)` of a model of the catalog, or of the user's own (`package.module:function`)."""
    if config.dtype not in DTYPES:
        raise InputError(f"unknown dtype {config.dtype!r}: {nearest(str(config.dtype), list(DTYPES))}")
    weights = _weights_file(config)
    if ":" in config.model:
        if config.dtype != DTYPES[0]:
            raise InputError(
                f"dtype={config.dtype} is for models of the catalog: your own one computes as you write it."
            )
        return user_model(config.model, weights)
    spec = catalog.find(config.model)
    if not config.weights:
        raise InputError(f"weights is empty: give --config.weights=FILE, the weights of {config.model}.")
    if len(spec.weights) > 1:
        _say(
            f"{config.model} stands for the weights {catalog.full_name(config.model)}; of {len(spec.weights)} that are "
            f"known, others may need another preprocessing (--config.model=NAME.TAG)."
        )
    image_size = preprocessing_of(config).crop
    return catalog.load(config.model, weights, image_size=image_size, dtype=config.dtype, log=_say)


def preprocessing_of(config: ConfigDict) -> Preprocessing:
    """The model's published preprocessing, with the config's fields in its place where they are given."""
    given = {name: config[name] for name in PREPROCESSING if config[name] is not None}
    if ":" not in config.model:
        return Preprocessing(**(dict(catalog.find(config.model).preprocessing) | given))
    lacking = [name for name in PREPROCESSING if name not in given]
    if lacking:
        raise InputError(
            f"the preprocessing of {config.model} is not known, and a wrong one costs accuracy silently: "
            f"give {', '.join(f'--config.{name}=...' for name in lacking)}."
        )
    return Preprocessing(**given)


def _weights_file(config: ConfigDict) -> str:
    """What the user gave, or of a file in a bucket a copy on the disk, which can be mapped."""
    given = config.weights
    return os.fspath(storage.on_disk(given)) if storage.in_bucket(given) else os.path.expanduser(given)


def _weights_checksum(config: ConfigDict) -> str | None:
    path = _weights_file(config)
    return storage.sha256(path) if os.path.isfile(path) else None


def _run_key(config: ConfigDict, source: Source, preprocessing: Preprocessing) -> dict[str, Any]:
    """What the predictions depend on beside what `predict` itself knows."""
    return {
        "imagenet_real": imagenet_real.__version__,
        "model": config.model,
        "code": user_model_checksum(config.model) if ":" in config.model else None,
        "weights": _weights_checksum(config) or config.weights,
        "dtype": config.dtype,
        "source": source.fingerprint,
        "resize": preprocessing.resize,
        "interpolation": preprocessing.interpolation,
    }


def label_sets_of(
    config: ConfigDict, source: Source, num_classes: int
) -> tuple[list[LabelSet], list[dict[str, str]], list[str]]:
    """The label sets of a source's images, those that are unavailable, and notes; before an hour goes into predicting."""
    labels = source.label_fields()
    brought = dataset.from_fields(labels.image_ids, labels.fields, labels.num_classes, source.name, labels.class_names)
    chosen, notes = label_sets.select_for_images(
        config.label_sets, labels.image_ids, brought, num_classes, label_sets.store_of(config)
    )
    own = {one.name: one for one in chosen if isinstance(one, LabelSet)}
    names = [one if isinstance(one, str) else one.name for one in chosen]
    found, unavailable = published.load(names, label_sets.store_of(config), {**brought, **own} if own else {})
    check_classes(config.model, num_classes, -1, found)
    return found, unavailable, notes


def _provenance(config: ConfigDict, source: Source, preprocessing: Preprocessing) -> dict[str, Any]:
    import flax
    import jax

    return {
        "jax": jax.__version__,
        "flax": flax.__version__,
        "devices": f"{jax.device_count()} x {jax.devices()[0].device_kind}",
        "model": config.model if ":" in config.model else catalog.full_name(config.model),
        "dtype": config.dtype,
        "weights": {
            "file": os.path.basename(config.weights),
            "sha256": _weights_checksum(config),
        },
        "images": {"source": source.name, "count": len(source), "fingerprint": source.fingerprint},
        "preprocessing": dataclasses.asdict(preprocessing),
    }


def _shown(preprocessing: Preprocessing) -> str:
    resized = f"short side to {preprocessing.resize}, {preprocessing.interpolation}, " if preprocessing.resize else ""
    return f"{resized}centre crop {preprocessing.crop}, mean {preprocessing.mean}, std {preprocessing.std}"


def _say(text: str) -> None:
    if distributed.is_primary():
        print(text, file=sys.stderr)
