"""A model, batches and a mesh -> Predictions. Each image counts once; a killed run continues where it stopped."""

import contextlib
import os
from collections.abc import Callable, Generator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from imagenet_real.errors import InputError
from imagenet_real.inference.run_batches import BatchInfo, check_unreadable, run_batches
from imagenet_real.models.functional import Apply
from imagenet_real.predictions.parts import PartialPredictions, Rows
from imagenet_real.predictions.predictions import Predictions
from imagenet_real.runtime import devices, distributed
from imagenet_real.runtime.progress import Progress


def predict(
    apply: Apply,
    params: Any,
    batches_from: Callable[[int], Generator],
    *,
    total: int,
    batch_size: int,
    image_size: int,
    mesh: Mesh,
    name: str,
    folder: str | os.PathLike | None = None,
    run_key: Mapping[str, Any] | None = None,
    top_k: int = 20,
    save_scores: bool = False,
    max_unreadable: int | None = 0,
) -> tuple[Predictions, dict[str, str]] | None:
    """Runs a model over `total` records.

    Returns the predictions of every readable image, and `{image_id: reason}` of the others. Other processes than the
    primary one return None.

    `apply(params, images)` maps images [B, image_size, image_size, 3] uint8 to logits [B, K]; see `models.functional` for
    `normalized`. Parameters on the mesh keep their sharding; others are copied to every device.

    `batches_from(start)` yields the batches from record `start` on, a multiple of `batch_size`. A batch has the rows
    `devices.local_rows(mesh, batch_size)` of this process, b of them: `images` [b, image_size, image_size, 3] uint8,
    `image_ids` [b], `valid` [b], which is False in padding and for unreadable images, and `unreadable` {image_id: reason}.

    With a `folder`, rows are written there as they come. A later run continues from there and returns the same rows; it
    reads no image if the earlier one ended. `run_key` has, as plain values, what else the rows depend on, such as the
    checksum of the weights and the mean and std.

    Raises InputError if the folder belongs to a different run, if more than `max_unreadable` images are unreadable (None
    allows any number), and if the model's output is not finite or not [B, K].
    """
    if not total:
        raise InputError("there are no images to predict. Check `images` and `split`.")
    num_classes = num_classes_of(apply, params, batch_size, image_size)
    full_run_key = {
        **(run_key or {}),
        "images": total,
        "image_size": image_size,
        "classes": num_classes,
        "top_k": top_k,
        "save_scores": save_scores,
        "batch_size": batch_size,
        "devices": f"{mesh.size} x {mesh.devices.flat[0].device_kind}",
        "jax": jax.__version__,
    }
    parts = distributed.on_primary(lambda: _open_parts(folder, full_run_key, max_unreadable))
    stop, unreadable = distributed.broadcast_from_primary(lambda: (parts.stop, parts.unreadable()))
    with Progress(total, "images", "predicting", done=stop, visible=distributed.is_primary()) as progress:
        if stop < total:
            params = devices.put_absent(mesh, params)
            step = prediction_step(apply, mesh, top_k=min(top_k, num_classes), save_scores=save_scores)
            progress.describe("compiling")
            compiled = step.lower(params, _images(mesh, batch_size, image_size)).compile()
            progress.describe("predicting")
            progress.restart_clock()  # compilation is not part of the speed
            with contextlib.closing(batches_from(stop)) as batches:  # stops the readers, also after an error
                for batch, results in run_batches(compiled, params, batches, mesh, batch_size):
                    unreadable |= batch.unreadable
                    check_unreadable(unreadable, max_unreadable)
                    rows, records = _rows(batch, results), min(batch_size, total - stop)
                    if parts is not None:
                        parts.append(rows, records)
                    stop += records
                    progress.advance(records)
    return distributed.on_primary(lambda: _finish(parts, total, num_classes, name))


def _open_parts(
    folder: str | os.PathLike | None, run_key: Mapping[str, Any], max_unreadable: int | None
) -> PartialPredictions:
    parts = PartialPredictions(folder, run_key)
    check_unreadable(parts.unreadable(), max_unreadable)
    return parts


def _finish(parts: PartialPredictions, total: int, num_classes: int, name: str) -> tuple[Predictions, dict[str, str]]:
    parts.flush()
    return _predictions(parts, total, num_classes, name), parts.unreadable()


def prediction_step(apply: Apply, mesh: Mesh, *, top_k: int, save_scores: bool) -> jax.stages.Wrapped:
    """Compiles a function of parameters and [B, H, W, 3] uint8 images, sharded over the mesh.

    It returns `top` and `top_scores` [B, k], where the lower class wins ties, `logsumexp` [B], `finite` [B] and, with
    `save_scores`, `scores` [B, K]. All scores are float32.
    """

    def step(params, images):
        logits = apply(params, images).astype(jnp.float32)
        logits = jax.lax.with_sharding_constraint(logits, devices.batch_sharding(mesh))
        # top_k sorts -0 below 0, but they are equal scores.
        top_scores, top = jax.lax.top_k(jnp.where(logits == 0, 0.0, logits), top_k)
        results = {
            "top": top,
            "top_scores": top_scores,
            "logsumexp": jax.nn.logsumexp(logits, axis=-1),
            "finite": jnp.isfinite(logits).all(axis=-1),
        }
        return {**results, "scores": logits} if save_scores else results

    options = devices.compiler_options()
    # The inputs keep their sharding.
    return jax.jit(step, out_shardings=devices.replicated(mesh), compiler_options=options)


def _rows(batch: BatchInfo, results: dict[str, np.ndarray]) -> Rows:
    rows = {column: values[batch.valid] for column, values in results.items()}
    rows["image_ids"] = batch.image_ids[batch.valid]
    finite = rows.pop("finite")
    if not finite.all():
        raise InputError(
            f"the model's scores of {rows['image_ids'][~finite][0]} are not finite (NaN or infinite). Check that the "
            f"weights fit the model, and the mean and std of its input."
        )
    unreadable = list(batch.unreadable.items())
    rows["unreadable"] = np.array(unreadable, dtype=str) if unreadable else np.empty((0, 2), dtype=str)
    return rows


def _predictions(parts: PartialPredictions, total: int, num_classes: int, name: str) -> Predictions:
    rows: dict[str, Any] = parts.rows()
    seen = len(rows["image_ids"]) + len(rows.pop("unreadable"))
    if parts.stop != total or seen != total:
        raise RuntimeError(f"{seen} images came out of {parts.stop} records, expected {total} of each")
    return Predictions(num_classes=num_classes, name=name, **rows)


def num_classes_of(apply: Apply, params: Any, batch_size: int, image_size: int) -> int:
    """Returns the number of classes of a model, without computing. Raises InputError if it does not return logits [B, K]."""
    images = jax.ShapeDtypeStruct((batch_size, image_size, image_size, 3), jnp.float32)
    logits = jax.eval_shape(apply, params, images)
    shape = getattr(logits, "shape", None)
    if shape is None or len(shape) != 2 or shape[0] != batch_size or not shape[1]:
        result = type(logits).__name__ if shape is None else f"an array of shape {list(shape)}"
        raise InputError(
            f"the model returned {result} for {batch_size} images. Return logits of shape [{batch_size}, classes]."
        )
    return shape[1]


def _images(mesh: Mesh, batch_size: int, size: int) -> jax.ShapeDtypeStruct:
    rows = devices.padded_size(mesh, batch_size)
    return jax.ShapeDtypeStruct((rows, size, size, 3), jnp.uint8, sharding=devices.batch_sharding(mesh))
