"""Config -> the arrays that a training run starts from: those of a run, of a file, or of a model on the Hub."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from ml_collections import ConfigDict

from imagenet_real.builders import models
from imagenet_real.errors import InputError, nearest
from imagenet_real.io import storage
from imagenet_real.models import catalog, hub, trainable
from imagenet_real.models.checkpoints.tensors import open_tensors
from imagenet_real.models.checkpoints.weights import timm_name
from imagenet_real.training.parameters import is_in
from imagenet_real.training.trained import CHECKPOINTS, trained_model


@dataclasses.dataclass(frozen=True, eq=False)
class InitialWeights:
    """Arrays of a model by name. Those that are missing, of a new head, start at random."""

    arrays: dict[str, np.ndarray]
    provenance: dict[str, Any]  # where they come from, and their checksum


@dataclasses.dataclass(frozen=True, eq=False)
class _Saved:
    """What is saved of a model, as it is saved."""

    arrays: dict[str, np.ndarray]
    provenance: dict[str, Any]
    class_names: tuple[str, ...] | None = None  # of the head; None if they are unknown
    preprocessing: Mapping[str, Any] = dataclasses.field(default_factory=dict)  # empty if it is unknown


def load(
    config: ConfigDict, shapes: Mapping[str, jax.ShapeDtypeStruct], num_classes: int, class_names: Sequence[str] | None
) -> InitialWeights | None:
    """Returns the arrays of `init`, fitted to a model with `shapes`; None if `init` is empty. Logs what becomes of the head.

    The head is kept if its classes are those of the training images, as far as their names are known. Position
    embeddings are resized. Raises InputError if the arrays are not those of the model.
    """
    if not config.init:
        return None
    saved = _saved(config)
    model = trainable.build_abstract(config.model, num_classes=num_classes, image_size=config.crop, dtype=config.dtype)
    head = trainable.head_of(config.model, model, num_classes)
    expected = {name: leaf.shape for name, leaf in shapes.items() if jnp.issubdtype(leaf.dtype, jnp.floating)}
    arrays = {name: array for name, array in saved.arrays.items() if name in expected}
    arrays |= _resized(config.model, arrays, expected)
    in_head = {name for name in expected if head and is_in(name, head)}
    reason = _reason_for_new_head(config, saved, {name: expected[name] for name in in_head}, class_names)
    if reason:
        arrays = {name: array for name, array in arrays.items() if name not in in_head}
    _check_fit(config, arrays, {name: shape for name, shape in expected.items() if not (reason and name in in_head)})
    count = f"starts from {len(arrays)} of {len(expected)} arrays of {config.init}"
    models.log(f"{count}, with {f'a new head: {reason}' if reason else 'its head'}")
    _compare_preprocessing(config, saved.preprocessing)
    return InitialWeights(arrays, saved.provenance)


def _saved(config: ConfigDict) -> _Saved:
    """Opens what `init` names."""
    path = storage.to_path(config.init)
    is_own = trainable.is_own(config.model)
    if not config.init.startswith(hub.PREFIX):
        if path.is_dir() and (path / "checkpoints").is_dir():
            return _of_run(config)
        if path.exists() and not path.is_dir():
            local = os.fspath(storage.on_disk(path)) if storage.in_bucket(path) else os.path.expanduser(config.init)
            arrays = _own_arrays(local) if is_own else _arrays(config, local)
            provenance = {"file": os.path.basename(config.init), "sha256": storage.sha256(local)}
            return _Saved(arrays, provenance, preprocessing={} if is_own else catalog.find(config.model).preprocessing)
        _check_name(config)
    elif is_own:
        raise InputError(
            f"init={config.init} is for models of the catalog. Give the workdir of a run of {config.model}."
        )
    file = models.published_file(config.init)
    if file is None:
        raise InputError(f"the Hub has no weights of {catalog.full_name(config.init)}. Give --init=FILE.")
    name = config.model if config.init.startswith(hub.PREFIX) else config.init
    return _Saved(
        _arrays(config, file.path), models.hub_provenance(file), preprocessing=catalog.find(name).preprocessing
    )


def _check_name(config: ConfigDict) -> None:
    """Raises InputError unless `init` names weights of the model."""
    name = config.init.partition(".")[0]
    if name not in catalog.models():
        close = nearest(name, list(catalog.models()))
        raise InputError(f"init={config.init} is no file, no workdir of a run with checkpoints, and no model: {close}")
    if name != config.model.partition(".")[0]:
        raise InputError(f"init={config.init} is another model than model={config.model}. Give --model={name}.")


def _of_run(config: ConfigDict) -> _Saved:
    run = trained_model(config.model, config.init, CHECKPOINTS[0], config.dtype)
    provenance = {"run": config.init, "step": run.step, "sha256": run.checksum}
    return _Saved(_by_name(run.params), provenance, run.class_names, run.preprocessing)


def _arrays(config: ConfigDict, file: str) -> dict[str, np.ndarray]:
    state = catalog.load_parameters(config.model, file, image_size=config.crop, dtype=config.dtype, log=models.log)
    return _by_name(state)


def _own_arrays(file: str) -> dict[str, np.ndarray]:
    """Returns the tensors of a file that `--export=safetensors` wrote of the user's own model."""
    tensors = open_tensors(file)
    return {name: tensors.read(name) for name in tensors.shapes}


def _by_name(state: nnx.State) -> dict[str, np.ndarray]:
    return {".".join(map(str, path)): leaf.get_value() for path, leaf in nnx.to_flat_state(state)}


def _resized(
    model: str, arrays: Mapping[str, np.ndarray], expected: Mapping[str, tuple[int, ...]]
) -> dict[str, np.ndarray]:
    """Returns the arrays that depend on the size of the images, for the size of this run."""
    resizers = {} if trainable.is_own(model) else catalog.find(model).resizers
    resized = {}
    for name, array in arrays.items():
        resize = resizers.get(timm_name(tuple(name.split("."))))
        if resize is not None and array.shape != expected[name]:
            models.log(f"{name} resized from {list(array.shape)} to {list(expected[name])}")
            resized[name] = resize(np.asarray(array), expected[name])
    return resized


def _reason_for_new_head(
    config: ConfigDict, saved: _Saved, head: Mapping[str, tuple[int, ...]], class_names: Sequence[str] | None
) -> str:
    """Returns why the head is new; "" if it is kept."""
    if config.new_head:
        return "new_head is set"
    if not any(name in saved.arrays for name in head):
        return "the weights have none" if head else ""
    for name, shape in head.items():
        if name in saved.arrays and saved.arrays[name].shape != shape:
            return f"{shape[-1]:,} classes instead of {saved.arrays[name].shape[-1]:,}"
    if saved.class_names and class_names and saved.class_names != tuple(class_names):
        return f"its classes are others, such as {_first_difference(saved.class_names, class_names)}"
    return ""


def _first_difference(saved: Sequence[str], current: Sequence[str]) -> str:
    return next(f"{new!r} instead of {old!r}" for old, new in zip(saved, current, strict=True) if old != new)


def _check_fit(config: ConfigDict, arrays: Mapping[str, np.ndarray], expected: Mapping[str, tuple[int, ...]]) -> None:
    """Raises InputError unless the arrays are those that the model expects."""
    missing = sorted(expected.keys() - arrays.keys())
    shapes = [name for name in sorted(arrays) if name in expected and arrays[name].shape != expected[name]]
    if missing or shapes:
        what = (
            f"it lacks {missing[0]}"
            if missing
            else (f"{shapes[0]} is {list(arrays[shapes[0]].shape)}, expected {list(expected[shapes[0]])}")
        )
        raise InputError(f"init={config.init} does not hold {config.model}: {what}. Give weights of this model.")


def _compare_preprocessing(config: ConfigDict, preprocessing: Mapping[str, Any]) -> None:
    """Logs a mean and a standard deviation that differ from those that the weights were trained with."""
    for name in ("mean", "std"):
        published = tuple(preprocessing.get(name, ()))
        if published and not np.allclose(published, tuple(config[name]), atol=1e-3):
            models.log(f"note: these weights were trained with {name} {published}, and {name} is {tuple(config[name])}")
