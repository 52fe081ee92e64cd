"""A model, batches and a mesh -> Predictions. Each image is counted once; a run that was killed goes on where it stopped."""

import contextlib
import dataclasses
import os
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from imagenet_real.errors import InputError
from imagenet_real.models.functional import Apply
from imagenet_real.predictions.parts import PartialPredictions, Rows
from imagenet_real.predictions.predictions import Predictions
from imagenet_real.runtime import devices, distributed, prefetch
from imagenet_real.runtime.progress import Progress


def predict(
    apply: Apply,
    params: Any,
    batches_from: Callable[[int], Generator],
    *,
    total: int,
    batch_size: int,
    image_size: int,
    mean: tuple[float, float, float],
    std: tuple[float, float, float],
    mesh: Mesh,
    name: str,
    folder: str | os.PathLike | None = None,
    run_key: Mapping[str, Any] | None = None,
    top_k: int = 20,
    save_scores: bool = False,
    skip_unreadable: bool = False,
) -> tuple[Predictions, dict[str, str]] | None:
    """Runs a model over `total` records: the predictions of every readable image, and `{image_id: reason}` of the others.

    Of a run of several processes the first one has them, the others get None.

    `batches_from(start)` gives the batches from record `start` on, a multiple of `batch_size`; of each batch the rows that
    this process has to bring, `devices.local_rows(mesh, batch_size)`, b of them: `images` [b, image_size, image_size, 3]
    uint8, `image_ids` [b], `valid` [b], False in padding and for unreadable images, and `unreadable` {image_id: reason}.
    `mean` and `std` are of RGB in [0, 1]. Parameters that lie on the mesh stay as they lie, others are copied to every
    device.

    With a `folder`, rows are written there as they come, and a run that finds a part of them goes on from there; a finished
    one reads no image. Both end in the same rows. `run_key` names what else the rows depend on, such as the checksum of the
    weights, as plain values. Raises InputError where the folder belongs to a different run, where an image is
    unreadable and not to be skipped, and where the model's output is not finite or not [B, K].
    """
    if not total:
        raise InputError("there are no images to predict")
    num_classes = num_classes_of(apply, params, batch_size, image_size)
    rows_depend_on = {
        **(run_key or {}),
        "images": total,
        "image_size": image_size,
        "mean": mean,
        "std": std,
        "classes": num_classes,
        "top_k": top_k,
        "save_scores": save_scores,
        "batch_size": batch_size,
        "devices": f"{mesh.size} x {mesh.devices.flat[0].device_kind}",
        "jax": jax.__version__,
    }
    done = distributed.on_primary(lambda: _begun(folder, rows_depend_on, skip_unreadable))
    stop = distributed.broadcast_from_primary(lambda: done.stop)
    with Progress(total, "images", "predicting", done=stop, shown=distributed.is_primary()) as progress:
        if stop < total:
            params = devices.put_absent(mesh, params)
            step = prediction_step(
                apply, mesh, mean=mean, std=std, top_k=min(top_k, num_classes), save_scores=save_scores
            )
            progress.describe("compiling")
            step = step.lower(params, _images(mesh, batch_size, image_size)).compile()
            progress.describe("predicting")
            progress.restart_clock()  # the time to compile is no image's
            with contextlib.closing(batches_from(stop)) as batches:  # ends what reads ahead, whatever happens
                for batch, results in in_turn(step, params, batches, mesh, batch_size):
                    refuse(batch.unreadable, skip_unreadable)
                    rows, records = _rows(batch, results), min(batch_size, total - stop)
                    if done is not None:
                        done.append(rows, records)
                    stop += records
                    progress.advance(records)
    return distributed.on_primary(lambda: _ended(done, total, num_classes, name))


def _begun(folder: str | os.PathLike | None, run_key: Mapping[str, Any], skip_unreadable: bool) -> PartialPredictions:
    done = PartialPredictions(folder, run_key)
    refuse(done.unreadable(), skip_unreadable)
    return done


def _ended(done: PartialPredictions, total: int, num_classes: int, name: str) -> tuple[Predictions, dict[str, str]]:
    done.flush()
    return _predictions(done, total, num_classes, name), done.unreadable()


def prediction_step(
    apply: Apply,
    mesh: Mesh,
    *,
    mean: tuple[float, float, float],
    std: tuple[float, float, float],
    top_k: int,
    save_scores: bool,
) -> Callable[[Any, jax.Array], dict[str, jax.Array]]:
    """The compiled function of parameters and [B, H, W, 3] uint8 images, divided over the mesh.

    It gives `top` and `top_scores` [B, k], of equal scores the lower class first, `logsumexp` [B], `finite` [B] and, where
    asked for, `scores` [B, K]; all scores in float32.
    """

    def step(params, images):
        pixels = (images.astype(jnp.float32) / 255 - jnp.asarray(mean)) / jnp.asarray(std)
        logits = apply(params, pixels).astype(jnp.float32)
        logits = jax.lax.with_sharding_constraint(logits, devices.batch_sharding(mesh))
        # top_k takes -0 for less than 0, though they are equal.
        top_scores, top = jax.lax.top_k(jnp.where(logits == 0, 0.0, logits), top_k)
        results = {
            "top": top,
            "top_scores": top_scores,
            "logsumexp": jax.nn.logsumexp(logits, axis=-1),
            "finite": jnp.isfinite(logits).all(axis=-1),
        }
        return {**results, "scores": logits} if save_scores else results

    return jax.jit(step, out_shardings=devices.replicated(mesh))  # the inputs come as they lie


@dataclasses.dataclass(frozen=True)
class Told:
    """What is known of the images of a batch: one a row, also of the rows that other processes bring."""

    image_ids: np.ndarray  # [B] str
    valid: np.ndarray  # [B] bool
    unreadable: dict[str, str]


def in_turn(
    step: Callable, params: Any, batches: Iterator, mesh: Mesh, batch_size: int
) -> Iterator[tuple[Told, dict[str, np.ndarray]]]:
    """Each batch with its results; the devices work on a batch while the next one is read.

    What is told of a batch has `image_ids`, `valid` and `unreadable`, as batches have them, of the rows of all processes.
    """

    def next_batch() -> tuple[Any, jax.Array]:
        batch = next(batches)
        return batch, devices.shard_batch(mesh, batch.images, batch_size)

    previous = None
    with contextlib.closing(prefetch.prefetch(next_batch)) as ready:
        for batch, images in ready:
            results = step(params, images)
            current = _told(batch, mesh, batch_size), results
            if previous is not None:
                yield previous[0], jax.device_get(previous[1])
            previous = current
    if previous is not None:
        yield previous[0], jax.device_get(previous[1])


def _told(batch: Any, mesh: Mesh, batch_size: int) -> Told:
    """Where two processes bring the same row, to a `model` axis that reaches over both, it is one row."""
    rows = devices.local_rows(mesh, batch_size)
    parts = distributed.all_gather((rows, np.asarray(batch.image_ids), np.asarray(batch.valid), batch.unreadable))
    order = np.unique(np.concatenate([part[0] for part in parts]), return_index=True)[1]
    image_ids, valid = (np.concatenate([part[column] for part in parts])[order] for column in (1, 2))
    reasons = {image_id: reason for part in parts for image_id, reason in part[3].items()}
    return Told(image_ids, valid, {name: reasons[name] for name in image_ids.tolist() if name in reasons})


def _rows(batch: Told, results: dict[str, np.ndarray]) -> Rows:
    rows = {column: values[batch.valid] for column, values in results.items()}
    rows["image_ids"] = batch.image_ids[batch.valid]
    finite = rows.pop("finite")
    if not finite.all():
        raise InputError(
            f"the model's scores of {rows['image_ids'][~finite][0]} are not finite (NaN or infinite); check that its "
            f"weights fit the model, and the mean and std of its input"
        )
    unreadable = list(batch.unreadable.items())
    rows["unreadable"] = np.array(unreadable, dtype=str) if unreadable else np.empty((0, 2), dtype=str)
    return rows


def refuse(unreadable: Mapping[str, str], skip_unreadable: bool) -> None:
    """Raises InputError for the first of the unreadable images, unless they are to be skipped."""
    if unreadable and not skip_unreadable:
        image_id, reason = next(iter(unreadable.items()))
        raise InputError(
            f"image {image_id} is unreadable ({reason}); leave such images out, and have them listed, with "
            f"--config.skip_unreadable=True, or mend it and start anew"
        )


def _predictions(done: PartialPredictions, total: int, num_classes: int, name: str) -> Predictions:
    rows = done.rows()
    seen = len(rows["image_ids"]) + len(rows.pop("unreadable"))
    if done.stop != total or seen != total:
        raise RuntimeError(f"{seen} images came out of {done.stop} records, expected {total} of each")
    return Predictions(num_classes=num_classes, name=name, **rows)


def num_classes_of(apply: Apply, params: Any, batch_size: int, image_size: int) -> int:
    """How many classes a model tells apart; nothing is computed. Raises InputError where it does not give logits [B, K]."""
    images = jax.ShapeDtypeStruct((batch_size, image_size, image_size, 3), jnp.float32)
    logits = jax.eval_shape(apply, params, images)
    shape = getattr(logits, "shape", None)
    if shape is None or len(shape) != 2 or shape[0] != batch_size or not shape[1]:
        came = type(logits).__name__ if shape is None else f"an array of shape {list(shape)}"
        raise InputError(
            f"the model gave {came} for {batch_size} images, expected logits of shape [{batch_size}, classes]"
        )
    return shape[1]


def _images(mesh: Mesh, batch_size: int, size: int) -> jax.ShapeDtypeStruct:
    rows = devices.padded_size(mesh, batch_size)
    return jax.ShapeDtypeStruct((rows, size, size, 3), jnp.uint8, sharding=devices.batch_sharding(mesh))
