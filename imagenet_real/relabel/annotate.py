"""A model, batches and a mesh -> label maps: the likeliest classes at each place of each image, written as they come."""

import contextlib
import os
from collections.abc import Callable, Generator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.sharding import Mesh

from imagenet_real.errors import InputError
from imagenet_real.inference.run_batches import check_unreadable, run_batches
from imagenet_real.models import catalog
from imagenet_real.models.functional import Apply, functional_dense
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
    max_unreadable: int | None = 0,
) -> None:
    """Writes the label maps of `total` records into `folder`. A run with the same key continues an unfinished one.

    Of several processes, process 0 writes.

    Args:
      apply: `apply(params, images)` returns logits [B, h, w, K] of [B, image_size, image_size, 3] uint8 images.
      params: of the model.
      batches_from: returns the batches from a record on.
      total: number of records.
      batch_size: of the batches.
      image_size: side of the images, in pixels.
      mesh: devices.
      folder: of the label maps.
      run_key: what the maps depend on.
      k: classes at each place, all of them if the model has no more.
      max_unreadable: images that may be unreadable; they are listed. None allows any number.

    Raises InputError if the folder has maps of a different run, if more than `max_unreadable` images are unreadable,
    and if the model's output is not finite or has another shape.
    """
    height, width, num_classes = dense_shape(apply, params, batch_size, image_size)
    if k < 1:
        raise InputError(f"k={k} is impossible. Give at least 1.")
    k = min(k, num_classes)
    writer = distributed.on_primary(lambda: LabelMapWriter(folder, run_key, (height, width, k), num_classes))
    stop, unreadable = distributed.broadcast_from_primary(lambda: (writer.stop, dict(writer.unreadable)))
    with (
        Progress(total, "images", "annotating", done=stop, visible=distributed.is_primary()) as progress,
        _flush_on_interrupt(writer),
    ):
        if stop < total:
            params = devices.put_absent(mesh, params)
            step = annotation_step(apply, mesh, k=k)
            with contextlib.closing(batches_from(stop)) as batches:
                for batch, results in run_batches(step, params, batches, mesh, batch_size):
                    unreadable |= batch.unreadable
                    check_unreadable(unreadable, max_unreadable)
                    records = min(batch_size, total - stop)
                    _write(writer, batch, results, records)
                    stop += records
                    progress.advance(records)
    distributed.on_primary(lambda: writer.finish())


@contextlib.contextmanager
def _flush_on_interrupt(writer: LabelMapWriter | None) -> Generator[None, None, None]:
    try:
        yield
    except KeyboardInterrupt:
        if writer is not None:
            writer.flush()
        raise


def _write(writer: LabelMapWriter | None, batch: Any, results: Mapping[str, np.ndarray], records: int) -> None:
    """Checks the maps of a batch, and adds them to the writer if this is process 0."""
    names, is_finite = batch.image_ids[batch.valid], results["finite"][batch.valid]
    if not is_finite.all():
        raise InputError(
            f"the model's scores of {names[~is_finite][0]} are not finite in half precision. Check that the weights fit the "
            "model, and that mean and std fit its input."
        )
    if writer is not None:
        classes, scores = results["classes"][batch.valid], results["scores"][batch.valid]
        writer.append(names, classes, scores, records=records, unreadable=batch.unreadable)


def annotation_step(apply: Apply, mesh: Mesh, *, k: int) -> Callable[[Any, jax.Array], dict[str, jax.Array]]:
    """Returns the compiled function of parameters and [B, H, W, 3] uint8 images, divided over the mesh.

    It returns `classes` [B, h, w, k] int16, `scores` [B, h, w, k] float16 and `finite` [B]. Of equal scores the lower
    class comes first.
    """

    def step(params, images):
        logits = jax.lax.with_sharding_constraint(apply(params, images), devices.batch_sharding(mesh))
        # top_k sorts -0 below 0, although they are equal.
        flat = jnp.where(logits == 0, 0.0, logits.astype(jnp.float32)).reshape(-1, logits.shape[-1])
        shape = (*logits.shape[:-1], k)
        scores, classes = (best.reshape(shape) for best in jax.lax.top_k(flat, k))  # faster on rows than on maps
        scores = scores.astype(jnp.float16)
        return {
            "classes": classes.astype(jnp.int16),
            "scores": scores,
            "finite": jnp.isfinite(scores).all(axis=(1, 2, 3)),
        }

    return jax.jit(step, out_shardings=devices.replicated(mesh), compiler_options=devices.compiler_options())


def dense_shape(apply: Apply, params: Any, batch_size: int, image_size: int) -> tuple[int, int, int]:
    """Returns height, width and classes of a model's maps; it computes nothing.

    Raises InputError if the model returns no maps.
    """
    images = jax.ShapeDtypeStruct((batch_size, image_size, image_size, 3), jnp.uint8)
    shape = getattr(jax.eval_shape(apply, params, images), "shape", ())
    if len(shape) != 4 or shape[0] != batch_size:
        raise InputError(
            f"the model returned an array of shape {list(shape)} for {batch_size} images, expected the logits of each "
            f"place. Return [{batch_size}, height, width, classes]."
        )
    return shape[1], shape[2], shape[3]


def image_size_of(model: str, places: int) -> int:
    """Returns the side of the images, in pixels, for maps of `places` x `places`; for 0 the model's own image size."""
    crop = catalog.find(model).preprocessing["crop"]
    built = catalog.build_abstract(model)
    built.eval()
    graph, params = nnx.split(built)
    apply = functional_dense(graph)
    side, _, _ = dense_shape(lambda params, images: apply(params, images.astype(jnp.float32)), params, 1, crop)
    return crop // side * places if places else crop
