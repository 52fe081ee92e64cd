"""A model, batches and a mesh -> label maps: the likeliest classes at each place of each image, written as they come."""

import contextlib
import os
from collections.abc import Callable, Generator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from imagenet_real.errors import InputError
from imagenet_real.inference.run_batches import raise_unreadable, run_batches
from imagenet_real.models.functional import Apply
from imagenet_real.relabel.label_map_writer import LabelMapWriter
from imagenet_real.runtime import devices, distributed
from imagenet_real.runtime.progress import Progress


def annotate(
    apply: Apply,
    params: Any,
    batches_from: Callable[[int], Generator],
    *,
    total: int,
    batch_size: int,
    image_size: int,
    mesh: Mesh,
    folder: str | os.PathLike,
    run_key: Mapping[str, Any],
    k: int = 5,
    skip_unreadable: bool = False,
) -> None:
    """Writes the label maps of `total` records into `folder`; a run that finds some of its own there goes on behind them.

    `apply(params, images)` gives logits [B, h, w, K] of [B, image_size, image_size, 3] uint8 images. The rest
    is as of `inference.predict`; `run_key` names what the maps depend on. Of several processes the first one writes.
    Raises InputError where the folder holds the maps of a different run, where an image is unreadable and not
    to be skipped, and where the model's output is not finite, or not as said.
    """
    height, width, num_classes = dense_shape(apply, params, batch_size, image_size)
    if not 1 <= k <= num_classes:
        raise InputError(f"k={k}: give at least 1, and no more than the {num_classes} classes of the model.")
    done = distributed.on_primary(lambda: LabelMapWriter(folder, run_key, (height, width, k), num_classes))
    stop = distributed.broadcast_from_primary(lambda: done.stop)
    with Progress(total, "images", "annotating", done=stop, shown=distributed.is_primary()) as progress:
        if stop < total:
            params = devices.put_absent(mesh, params)
            step = annotation_step(apply, mesh, k=k)
            try:
                with contextlib.closing(batches_from(stop)) as batches:
                    for batch, results in run_batches(step, params, batches, mesh, batch_size):
                        raise_unreadable(batch.unreadable, skip_unreadable)
                        if not results["finite"][batch.valid].all():
                            name = batch.image_ids[batch.valid][~results["finite"][batch.valid]][0]
                            raise InputError(
                                f"the model's scores of {name} are not finite in half precision; check that its weights fit "
                                "the model, and the mean and std of its input"
                            )
                        records = min(batch_size, total - stop)
                        if done is not None:
                            classes, scores = results["classes"][batch.valid], results["scores"][batch.valid]
                            names = batch.image_ids[batch.valid]
                            done.append(names, classes, scores, records=records, unreadable=batch.unreadable)
                        stop += records
                        progress.advance(records)
            except KeyboardInterrupt:
                if done is not None:
                    done.flush()
                raise
    distributed.on_primary(lambda: done.finish())


def annotation_step(
    apply: Apply,
    mesh: Mesh,
    *,
    k: int,
) -> Callable[[Any, jax.Array], dict[str, jax.Array]]:
    """The compiled function of parameters and [B, H, W, 3] uint8 images, divided over the mesh.

    It gives `classes` [B, h, w, k] int16, of equal scores the lower first, `scores` [B, h, w, k] float16, and `finite`
    [B].
    """

    def step(params, images):
        logits = jax.lax.with_sharding_constraint(apply(params, images), devices.batch_sharding(mesh))
        # top_k takes -0 for less than 0, though they are equal.
        flat = jnp.where(logits == 0, 0.0, logits.astype(jnp.float32)).reshape(-1, logits.shape[-1])
        shape = (*logits.shape[:-1], k)
        scores, classes = (best.reshape(shape) for best in jax.lax.top_k(flat, k))  # of rows alone it is faster
        scores = scores.astype(jnp.float16)
        return {
            "classes": classes.astype(jnp.int16),
            "scores": scores,
            "finite": jnp.isfinite(scores).all(axis=(1, 2, 3)),
        }

    return jax.jit(step, out_shardings=devices.replicated(mesh))


def dense_shape(apply: Apply, params: Any, batch_size: int, image_size: int) -> tuple[int, int, int]:
    """Height, width and classes of the maps of a model; nothing is computed. Raises InputError where it gives no maps."""
    images = jax.ShapeDtypeStruct((batch_size, image_size, image_size, 3), jnp.float32)
    shape = getattr(jax.eval_shape(apply, params, images), "shape", ())
    if len(shape) != 4 or shape[0] != batch_size:
        raise InputError(
            f"the model gave an array of shape {list(shape)} for {batch_size} images, expected the logits of each place, "
            f"[{batch_size}, height, width, classes]"
        )
    return shape[1:]
