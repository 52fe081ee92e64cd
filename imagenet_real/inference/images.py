"""A model and images -> Predictions, in one call: `inference` with the batches of a source."""

from typing import Any

from flax import nnx
from jax.sharding import Mesh

from imagenet_real.data.batches import evaluation_batches
from imagenet_real.data.preprocess import Preprocessing
from imagenet_real.data.sources.records import Source
from imagenet_real.inference.predict import predict
from imagenet_real.models.functional import Apply
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
    mesh: Mesh | None = None,
    **options: Any,
) -> tuple[Predictions, dict[str, str]] | None:
    """Runs a model over the images of a source: the predictions, and `{image_id: reason}` of what cannot be read.

    Of a run of several processes the first one has them, the others get None.

        predictions, _ = predict_images(model, open_source("photographs"), preprocessing, name="mine")

    Args:
      model: an `nnx.Module` called as `module(images) -> logits`, or a pair `(apply, params)`; see `user_model`.
      source: as `data.sources.open_source` gives it.
      preprocessing: what makes pixels of its images, with the model's own mean and std.
      name: of the model, in tables.
      batch_size: over all devices.
      workers: processes that read and decode; 0 means threads.
      mesh: the devices, all by default.
      **options: `folder`, `run_key`, `top_k`, `save_scores` and `skip_unreadable` of `inference.predict`.

    Raises InputError as `inference.predict` does.
    """
    apply, params = as_function(model)
    mesh = devices.make_mesh() if mesh is None else mesh
    return predict(
        apply,
        params,
        lambda start: evaluation_batches(
            source,
            preprocessing,
            batch_size=batch_size,
            rows=devices.local_rows(mesh, batch_size),
            start=start,
            workers=workers,
        ),
        total=len(source),
        batch_size=batch_size,
        image_size=preprocessing.crop,
        mean=preprocessing.mean,
        std=preprocessing.std,
        mesh=mesh,
        name=name,
        **options,
    )
