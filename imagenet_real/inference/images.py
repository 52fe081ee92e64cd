"""A model and a source of images -> Predictions, in one call."""

from collections.abc import Mapping
from typing import Any

from flax import nnx
from jax.sharding import Mesh

from imagenet_real.data.batches import evaluation_batches
from imagenet_real.data.preprocess import Preprocessing
from imagenet_real.data.sources.records import Source
from imagenet_real.errors import InputError
from imagenet_real.inference.predict import predict
from imagenet_real.models.functional import Apply, normalized
from imagenet_real.models.user_model import as_function
from imagenet_real.predictions.predictions import Predictions
from imagenet_real.runtime import devices


def predict_images(
    model: nnx.Module | tuple[Apply, Any],
    source: Source,
    preprocessing: Preprocessing,
    *,
    name: str,
    batch_size: int = 128,
    workers: int = 0,
    border: int = 0,
    mesh: Mesh | None = None,
    run_key: Mapping[str, Any] | None = None,
    **options: Any,
) -> tuple[Predictions, dict[str, str]] | None:
    """Runs a model over the images of a source.

    Returns the predictions, and `{image_id: reason}` of the unreadable images. Other processes than the primary one
    return None.

        predictions, _ = predict_images(model, open_source("photographs"), preprocessing, name="mine")

    Args:
      model: an `nnx.Module`, called as `module(images) -> logits`, or a pair `(apply, params)`; see `user_model`.
      source: the images, from `data.sources.open.open_source`.
      preprocessing: turns the images into pixels; its mean and std are those of the model.
      name: of the model, in tables.
      batch_size: over all devices.
      workers: processes that read and decode; 0 means threads.
      border: pixels that are cut off each side of an image before the preprocessing.
      mesh: the devices, all by default.
      run_key: what the predictions depend on beside the source's size, the crop, the mean and the std.
      **options: `folder`, `top_k`, `save_scores` and `max_unreadable` of `inference.predict`.

    Raises InputError as `inference.predict` does.
    """
    if border < 0:
        raise InputError(f"border={border} is negative. Give the pixels to cut off each side, or 0.")
    apply, params = as_function(model)
    mesh = devices.make_mesh() if mesh is None else mesh
    return predict(
        normalized(apply, preprocessing.mean, preprocessing.std),
        params,
        lambda start: evaluation_batches(
            source,
            preprocessing,
            batch_size=batch_size,
            rows=devices.local_rows(mesh, batch_size),
            start=start,
            workers=workers,
            border=border,
        ),
        total=len(source),
        batch_size=batch_size,
        image_size=preprocessing.crop,
        mesh=mesh,
        name=name,
        run_key={**(run_key or {}), "mean": preprocessing.mean, "std": preprocessing.std}
        | ({"border": border} if border else {}),
        **options,
    )
