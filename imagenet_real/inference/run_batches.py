"""A compiled step over batches of images: the devices compute one batch while the next one is read."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from imagenet_real.errors import InputError
from imagenet_real.runtime import devices, distributed, prefetch


@dataclasses.dataclass(frozen=True)
class BatchInfo:
    """What is known of the images of a batch, row by row, over all processes."""

    image_ids: np.ndarray  # [B] str
    valid: np.ndarray  # [B] bool, False in padding and for unreadable images
    unreadable: dict[str, str]  # image id -> reason


def run_batches(
    step: Callable, params: Any, batches: Iterator, mesh: Mesh, batch_size: int
) -> Iterator[tuple[BatchInfo, Any]]:
    """Yields each batch with its results, `step(params, images)`. Both have the rows of all processes."""

    def next_batch() -> tuple[Any, jax.Array]:
        batch = next(batches)
        return batch, devices.shard_batch(mesh, batch.images, batch_size)

    previous = None
    with contextlib.closing(prefetch.prefetch(next_batch)) as ready:
        for batch, images in ready:
            results = step(params, images)
            current = _batch_info(batch, mesh, batch_size), results
            if previous is not None:
                yield previous[0], jax.device_get(previous[1])
            previous = current
    if previous is not None:
        yield previous[0], jax.device_get(previous[1])


def check_unreadable(unreadable: Mapping[str, str], max_unreadable: int | None) -> None:
    """Raises InputError if more images are unreadable than a run skips; None skips any number."""
    if max_unreadable is None or len(unreadable) <= max_unreadable:
        return
    image_id, reason = next(reversed(unreadable.items()))
    if max_unreadable:
        raise InputError(
            f"{len(unreadable):,} images are unreadable, more than max_unreadable={max_unreadable:,}, such as {image_id} "
            f"({reason}). Repair them, or give a larger number."
        )
    raise InputError(
        f"image {image_id} is unreadable ({reason}). Skip and list such images with --skip_unreadable=True, or up to N of "
        "them with --max_unreadable=N; or repair it and start again."
    )


def _batch_info(batch: Any, mesh: Mesh, batch_size: int) -> BatchInfo:
    rows = devices.local_rows(mesh, batch_size)
    parts = distributed.all_gather((rows, np.asarray(batch.image_ids), np.asarray(batch.valid), batch.unreadable))
    # If the `model` axis spans two processes, both bring the same row, which counts once.
    order = np.unique(np.concatenate([part[0] for part in parts]), return_index=True)[1]
    image_ids, valid = (np.concatenate([part[column] for part in parts])[order] for column in (1, 2))
    reasons = {image_id: reason for part in parts for image_id, reason in part[3].items()}
    return BatchInfo(image_ids, valid, {name: reasons[name] for name in image_ids.tolist() if name in reasons})
