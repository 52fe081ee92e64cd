"""Writes the label maps of a dataset: what a strong model sees at each place of each image, or published maps as ours."""

import hashlib
import json
import os
from typing import Any

import jax
import numpy as np
from etils import epath
from flax import nnx
from ml_collections import ConfigDict

import imagenet_real
from imagenet_real.data.batches import evaluation_batches
from imagenet_real.data.preprocess import WholeImage
from imagenet_real.data.sources.open import open_source
from imagenet_real.errors import InputError
from imagenet_real.io import storage
from imagenet_real.models import catalog
from imagenet_real.models.functional import Apply, functional_dense, normalized
from imagenet_real.models.user_model import user_model, user_model_checksum
from imagenet_real.relabel.annotate import annotate, dense_shape
from imagenet_real.relabel.label_map_writer import LabelMapWriter
from imagenet_real.relabel.label_maps import LabelMaps, load_label_maps
from imagenet_real.relabel.published_maps import PublishedMaps
from imagenet_real.runtime import devices, distributed
from imagenet_real.runtime.progress import Progress
from imagenet_real.runtime.workdir import lock_workdir
from imagenet_real.training.trained import trained_model


def run(config: ConfigDict, workdir: epath.Path) -> LabelMaps | None:
    """Writes the maps into `workdir`; a run that was killed continues. The first process has them."""
    with distributed.initialize(config.distributed), distributed.context_on_primary(lock_workdir(workdir)):
        if bool(config.images) == bool(config.published):
            raise InputError(
                "images and published: give one of them, --config.images=tfds:NAME for maps of a model or "
                "--config.published=FOLDER for maps to import."
            )
        if config.published:
            distributed.on_primary(lambda: _import(config, workdir))
        else:
            _annotate(config, workdir)
        return distributed.on_primary(lambda: _told(workdir))


def _annotate(config: ConfigDict, workdir: epath.Path) -> None:
    if config.batch_size < 1:
        raise InputError(f"batch_size={config.batch_size}: expected at least 1.")
    source = open_source(config.images, split=config.split, tfds_dir=config.tfds_dir)
    apply, params, given = _annotator(config)
    preprocessing = WholeImage(given["image_size"], given["interpolation"])
    mesh = devices.make_mesh(model=config.model_devices)
    annotate(
        normalized(apply, given["mean"], given["std"]),
        params,
        lambda start: evaluation_batches(
            source,
            preprocessing,
            batch_size=config.batch_size,
            rows=devices.local_rows(mesh, config.batch_size),
            start=start,
            workers=config.workers,
        ),
        total=len(source),
        batch_size=config.batch_size,
        image_size=preprocessing.crop,
        mesh=mesh,
        folder=workdir,
        run_key={
            "imagenet_real": imagenet_real.__version__,
            "model": config.model,
            "code": user_model_checksum(config.model) if ":" in config.model else None,
            "weights": _checksum(config, params),
            "source": source.name,
            "images": len(source),
            "fingerprint": source.fingerprint,
            **given,
        },
        k=config.k,
        skip_unreadable=config.skip_unreadable,
    )


def _annotator(config: ConfigDict) -> tuple[Apply, Any, dict[str, Any]]:
    """What gives the logits of each place, its parameters, and the size and normalisation of its images."""
    own = ":" in config.model
    entry = None if own else catalog.find(config.model)
    given = {} if own else dict(entry.preprocessing)
    given |= {name: config[name] for name in ("interpolation", "mean", "std") if config[name] is not None}
    size = config.image_size or (None if own else image_size_of(config.model, config.places))
    if size is None or not {"interpolation", "mean", "std"} <= given.keys():
        raise InputError(
            f"the preprocessing of {config.model} is not known: give --config.image_size, interpolation, mean and std."
        )
    if own:
        apply, params = user_model(config.model, _weights(config) or None)
    elif not config.weights:
        raise InputError(f"weights is empty: give --config.weights=FILE, a file of weights of {config.model}.")
    elif storage.to_path(config.weights).is_dir():
        graph, params = trained_model(config.model, config.weights)
        apply = functional_dense(graph)
    else:
        apply, params = catalog.load_dense(config.model, _weights(config), image_size=size)
    height, width, _ = dense_shape(apply, params, 1, size)
    if config.places and (height, width) != (config.places, config.places):
        raise InputError(
            f"{config.model} has {height} x {width} places in images of {size} pixels, and places={config.places}: give "
            "another --config.image_size, or --config.places=0 for as many as there are."
        )
    return apply, params, {"image_size": size, **{name: given[name] for name in ("interpolation", "mean", "std")}}


def image_size_of(model: str, places: int) -> int:
    """Of how many pixels images are to be for a map of `places` x `places`, or where that is 0 as the model has them."""
    crop = catalog.find(model).preprocessing["crop"]
    built = catalog.build_abstract(model)
    built.eval()
    graph, params = nnx.split(built)
    side, _, _ = dense_shape(lambda params, images: nnx.merge(graph, params).dense_logits(images), params, 1, crop)
    return crop // side * places if places else crop


def _checksum(config: ConfigDict, params: Any) -> str | None:
    """Of the file of weights, or of the parameters of a run."""
    if not config.weights or not storage.to_path(config.weights).is_dir():
        return storage.sha256(_weights(config)) if config.weights else None
    digest = hashlib.sha256()
    for leaf in jax.tree.leaves(params):
        digest.update(np.asarray(leaf).tobytes())
    return digest.hexdigest()


def _weights(config: ConfigDict) -> str:
    given = config.weights
    return os.fspath(storage.on_disk(given)) if storage.in_bucket(given) else os.path.expanduser(given)


def _import(config: ConfigDict, workdir: epath.Path) -> None:
    maps = PublishedMaps(config.published, config.axes, config.num_classes)
    run_key = {"published": maps.fingerprint, "axes": maps.axes}
    writer = LabelMapWriter(workdir, run_key, maps.shape, maps.num_classes)
    with Progress(len(maps), "images", "importing", done=writer.stop) as progress:
        for image_ids, classes, scores in maps.parts(writer.stop):
            writer.append(image_ids, classes, scores, records=len(image_ids), unreadable={})
            progress.advance(len(image_ids))
    writer.finish()


def _told(workdir: epath.Path) -> LabelMaps:
    maps = load_label_maps(workdir)
    sizes = [one["bytes"] for one in json.loads(storage.read_text(workdir / "maps.json"))["files"]]
    height, width, k = maps.shape
    print(
        f"{len(maps):,} label maps of {height} x {width} places, {k} classes each, are in {workdir}: {len(sizes)} files, "
        f"{np.sum(sizes) / max(len(maps), 1):,.0f} bytes an image."
    )
    print(f"Train on them with --config=configs/train_relabel.py --config.label_maps={workdir}")
    return maps
