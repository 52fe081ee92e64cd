"""The evaluation of a model on images: what it needs, its predictions, and its results. Two programs evaluate models."""

import dataclasses
import os
from collections.abc import Sequence
from typing import Any

import flax
import jax
from etils import epath
from ml_collections import ConfigDict

import imagenet_real
from imagenet_real.builders import config_groups, label_sets, measures, models, reports, slices, unreadable_images
from imagenet_real.builders.images import for_model, open_images
from imagenet_real.data.preprocess import Preprocessing
from imagenet_real.data.sources.records import Source, label_sets_of
from imagenet_real.errors import InputError
from imagenet_real.inference.images import predict_images
from imagenet_real.inference.predict import num_classes_of
from imagenet_real.io import storage
from imagenet_real.labels import objectnet, published
from imagenet_real.labels.attributes import Attribute
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.models.functional import Apply
from imagenet_real.predictions.predictions import Predictions, load_predictions, save_predictions
from imagenet_real.report.exports import exports
from imagenet_real.runtime import devices
from imagenet_real.scoring.published_models import PublishedModels
from imagenet_real.scoring.results import Results, check_classes, check_options, score_models
from imagenet_real.training.training_images import count_training_images

FILE = "predictions.npz"


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """A model, the images to evaluate it on, and the label sets of these images."""

    config: ConfigDict
    source: Source
    preprocessing: Preprocessing
    model: tuple[Apply, Any]
    model_name: str
    weights: dict[str, Any]  # where they come from, and their checksum
    label_sets: list[LabelSet]
    unavailable: list[dict[str, str]]
    notes: list[str]
    exports: list[str]
    published: PublishedModels | None  # to place the model among
    attributes: list[Attribute]
    border: int  # pixels to cut off each side of an image

    @property
    def needs_scores(self) -> bool:
        """Whether to save the scores of all classes: the config says so, or a label set compares among some classes."""
        return self.config.save_scores or any(labels.known_classes is not None for labels in self.label_sets)


def prepare(config: ConfigDict) -> Evaluation:
    """Loads the model and checks the config, before the hour that predictions may take."""
    if not config.images:
        raise InputError("images is empty. Give --images=FOLDER, a file of images, or tfds:NAME.")
    if config.batch_size < 1:
        raise InputError(f"batch_size={config.batch_size} is too small. Give at least 1.")
    check_options(config.ks, config.repair)
    export_names, published = export_names_of(config), measures.reference_of(config)
    config = models.with_published_model(config)
    run = models.load_run(config, config.dtype)
    preprocessing, weights = models.preprocessing_of(config, run), models.weights_provenance(config, run)
    if config.head:
        weights["head"] = {
            "file": os.path.basename(config.head),
            "sha256": storage.sha256(os.path.expanduser(config.head)),
        }
    source = open_labeled(config)
    apply, params = models.load_model(config, run)
    num_classes = num_classes_of(apply, params, config.batch_size, preprocessing.crop)
    source = for_model(source, num_classes, None if run is None else run.class_names, models.log)
    scored_sets, unavailable, notes = label_sets_of_images(config, source, num_classes)
    if scored_sets:
        reports.check(config, scored_sets[0], source)
    border = _border(config, scored_sets)
    if border:
        models.log(f"{border} pixels are cut off each side of an image, as for ObjectNet's red border.")
    attributes, remarks = slices.attributes(config, scored_sets, source)
    if run is not None:
        remarks = [*remarks, *_training_images(config, source)]
    origin = "" if run is None else f" of {config.weights}, step {run.step},"
    models.log(f"{config.model}{origin} on {len(source):,} images of {source.name}: {models.describe(preprocessing)}")
    return Evaluation(
        config=config,
        source=source,
        preprocessing=preprocessing,
        model=(apply, params),
        model_name=models.full_name(config, run),
        weights=weights,
        label_sets=scored_sets,
        unavailable=unavailable,
        notes=[*notes, *remarks],
        exports=export_names,
        published=published,
        attributes=attributes,
        border=border,
    )


def _training_images(config: ConfigDict, source: Source) -> list[str]:
    """Returns a note if the run was trained on some of the images, as far as its workdir records them."""
    count = count_training_images(storage.to_path(config.weights), source.fingerprint)
    if not count:
        return []
    return [
        f"{config.weights} was trained on {count:,} of these {len(source):,} images: the accuracy on new images is lower. "
        "Evaluate images that it was not trained on."
    ]


def _border(config: ConfigDict, scored_sets: Sequence[LabelSet]) -> int:
    """The pixels to cut off each side of an image, by default those of ObjectNet's red border, if these are its images."""
    if config.border is None:
        return objectnet.BORDER if any(labels.name == "objectnet" for labels in scored_sets) else 0
    if config.border < 0:
        raise InputError(f"border={config.border} is negative. Give the pixels to cut off each side, or 0.")
    return config.border


def open_labeled(config: ConfigDict) -> Source:
    """Opens the images, with the labels that the config gives them."""
    return open_images(
        config.images,
        split=config.split,
        tfds_dir=config.tfds_dir,
        class_map=config.class_map,
        image_labels=config.image_labels,
        class_names=config.class_names,
        store=label_sets.store_of(config),
        log=models.log,
    )


def export_names_of(config: ConfigDict) -> list[str]:
    """Returns the names in `export`. Raises InputError for an unknown one, and for one that needs missing scores."""
    names = exports.parse(config.export)
    if "cleanlab" in names and not config.save_scores:
        raise InputError("export=cleanlab needs the scores of all classes: give --save_scores=True.")
    return names


def predict(evaluation: Evaluation, workdir: epath.Path) -> dict[str, str]:
    """Writes predictions.npz, continuing a killed run. Returns `{image_id: reason}` of the unreadable images."""
    config = evaluation.config
    predicted = predict_images(
        evaluation.model,
        evaluation.source,
        evaluation.preprocessing,
        name=config.model,
        batch_size=config.batch_size,
        workers=config.workers,
        border=evaluation.border,
        mesh=devices.make_mesh(model=config.model_devices),
        folder=workdir / "parts",
        run_key=_run_key(evaluation),
        save_scores=evaluation.needs_scores,
        max_unreadable=config_groups.max_unreadable(config),
    )
    if predicted is None:  # another process than the primary one
        return {}
    predictions, unreadable = predicted
    save_predictions(workdir / FILE, predictions)
    return unreadable


def report(evaluation: Evaluation, workdir: epath.Path, unreadable: dict[str, str]) -> Results | None:
    """Scores the predictions in `workdir` and writes the results, the page and the exports; None without labels."""
    config, source = evaluation.config, evaluation.source
    unreadable_images.write(workdir, {"evaluation": unreadable})
    if not evaluation.label_sets:
        models.log(f"{source.name} brings no labels: wrote {workdir / FILE}; score it with --label_sets.")
        return None
    predictions = _load(
        config, workdir, keep_scores=any(labels.known_classes is not None for labels in evaluation.label_sets)
    )
    results = score_models(
        predictions,
        evaluation.label_sets,
        ks=config.ks,
        allow_missing=True,
        repair=config.repair,
        slices=evaluation.attributes,
    )
    results.notes += [*evaluation.source.notes, *evaluation.notes]
    results.unavailable += evaluation.unavailable
    measures.mark_requested(results, config.label_sets)
    results.missing = [{"image_id": name, "reason": reason} for name, reason in unreadable.items()]
    results.provenance |= _provenance(evaluation)

    def load_with_scores(_: str) -> Predictions:
        return _load(config, workdir, keep_scores=True)

    names = {predictions.name: evaluation.model_name}
    measures.add_all(results, [predictions], load_with_scores, evaluation.published, names)
    reports.write(config, workdir, results, source, evaluation.attributes)
    columns = {config.model: models.timm_columns(config, evaluation.preprocessing)}
    exports.write(workdir, evaluation.exports, results, load_with_scores, columns)
    return results


def label_sets_of_images(
    config: ConfigDict, source: Source, num_classes: int
) -> tuple[list[LabelSet], list[dict[str, str]], list[str]]:
    """Returns the label sets of a source's images, those that are unavailable, and notes."""
    image_ids, store, dataset_sets = source.label_fields().image_ids, label_sets.store_of(config), label_sets_of(source)
    requested, notes = label_sets.select_for_images(
        config.label_sets, image_ids, dataset_sets, num_classes, store, source.name
    )
    ready = {label_set.name: label_set for label_set in requested if isinstance(label_set, LabelSet)}
    names = [label_set if isinstance(label_set, str) else label_set.name for label_set in requested]
    images = label_sets.images_of(image_ids, dataset_sets)
    loaded, unavailable = published.load(names, store, {**dataset_sets, **ready} if ready else {}, images)
    has_background = config.repair == "background_class" and num_classes - 1 in {s.num_classes for s in loaded[:1]}
    check_classes(config.model, num_classes - int(has_background), -1, loaded)
    return loaded, unavailable, notes


def _load(config: ConfigDict, workdir: epath.Path, *, keep_scores: bool = False) -> Predictions:
    return dataclasses.replace(load_predictions(workdir / FILE, keep_scores=keep_scores), name=config.model)


def _run_key(evaluation: Evaluation) -> dict[str, Any]:
    """Returns what the predictions depend on beside what `predict_images` knows."""
    config, preprocessing = evaluation.config, evaluation.preprocessing
    return {
        "imagenet_real": imagenet_real.__version__,
        "model": config.model,
        "code": models.code_checksum(config),
        "weights": evaluation.weights["sha256"] or config.weights,
        **({"head": evaluation.weights["head"]["sha256"]} if config.head else {}),
        "dtype": config.dtype,
        "source": evaluation.source.fingerprint,
        "resize": preprocessing.resize,
        "interpolation": preprocessing.interpolation,
        "exif": preprocessing.exif,
    }


def _provenance(evaluation: Evaluation) -> dict[str, Any]:
    config, source = evaluation.config, evaluation.source
    border = {"border": evaluation.border} if evaluation.border else {}
    return {
        "jax": jax.__version__,
        "flax": flax.__version__,
        "devices": f"{jax.device_count()} x {jax.devices()[0].device_kind}",
        "model": evaluation.model_name,
        "dtype": config.dtype,
        "weights": evaluation.weights,
        "images": {"source": source.name, "count": len(source), "fingerprint": source.fingerprint} | border,
        "preprocessing": dataclasses.asdict(evaluation.preprocessing),
    }
