"""The features of images on a disk: one row per image of a source, written once; a killed run continues."""

import contextlib
import dataclasses
import json
import os
import pathlib
import time
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from imagenet_real.data.batches import evaluation_batches
from imagenet_real.data.preprocess import Preprocessing
from imagenet_real.data.sources.records import Source
from imagenet_real.errors import InputError
from imagenet_real.inference.predict import num_classes_of
from imagenet_real.inference.run_batches import check_unreadable, run_batches
from imagenet_real.io import storage
from imagenet_real.io.run_key import differences
from imagenet_real.models.functional import Apply, normalized
from imagenet_real.runtime import devices, distributed
from imagenet_real.runtime.progress import Progress

FEATURES, STATE = "features.npy", "state.json"
SECONDS_PER_PART = 20.0


@dataclasses.dataclass(frozen=True, eq=False)
class Features:
    """The features of a source, row for row."""

    image_ids: np.ndarray  # [N] str
    values: np.ndarray  # [N, D] float32, mapped from the disk
    valid: np.ndarray  # [N] bool, False for unreadable images


def write_features(
    model: tuple[Apply, Any],
    source: Source,
    preprocessing: Preprocessing,
    folder: str | os.PathLike,
    *,
    run_key: Mapping[str, Any],
    batch_size: int,
    workers: int = 0,
    mesh: Mesh | None = None,
    max_unreadable: int | None = 0,
) -> Features | None:
    """Writes features.npy [N, D] float32 into `folder`; later runs read it, and continue it if it is not complete.

    `model` is `(apply, params)` with `apply(params, images) -> features [B, D]`, and `run_key` has what the features depend
    on. Memory holds a batch. Other processes than the primary one return None. Raises InputError if the folder has the
    features of a different run, if it is in a bucket, for more unreadable images than `max_unreadable` (None: any number), and for features that
    are not finite.
    """
    apply, params = model
    mesh = devices.make_mesh() if mesh is None else mesh
    width = num_classes_of(apply, params, batch_size, preprocessing.crop)
    full_key = {
        **run_key,
        "images": len(source),
        "width": width,
        "batch_size": batch_size,
        "preprocessing": dataclasses.asdict(preprocessing),
        "devices": f"{mesh.size} x {mesh.devices.flat[0].device_kind}",
        "jax": jax.__version__,
    }
    table = distributed.on_primary(lambda: _Table(folder, (len(source), width), full_key))
    stop, unreadable = distributed.broadcast_from_primary(lambda: (table.stop, dict(table.unreadable)))
    with Progress(len(source), "images", "features", done=stop, visible=distributed.is_primary()) as progress:
        if stop < len(source):
            progress.describe("compiling")
            step = _step(normalized(apply, preprocessing.mean, preprocessing.std), mesh)
            step = jax.jit(step, compiler_options=devices.compiler_options())
            rows = devices.local_rows(mesh, batch_size)
            params = devices.put_absent(mesh, params)
            batches = evaluation_batches(
                source, preprocessing, batch_size=batch_size, rows=rows, start=stop, workers=workers
            )
            with contextlib.closing(batches):
                for batch, features in run_batches(step, params, batches, mesh, batch_size):
                    unreadable |= batch.unreadable
                    check_unreadable(unreadable, max_unreadable)
                    records = min(batch_size, len(source) - stop)
                    if table is not None:
                        table.append(features[:records], batch.valid[:records], batch.unreadable)
                    stop += records
                    progress.describe("features")
                    progress.advance(records)
    return distributed.on_primary(lambda: table.finish(source))


def _step(apply: Apply, mesh: Mesh) -> Apply:
    def step(params: Any, images: jax.Array) -> jax.Array:
        return jax.lax.with_sharding_constraint(apply(params, images).astype(jnp.float32), devices.replicated(mesh))

    return step


class _Table:
    """The rows of the first `stop` records, on the disk."""

    def __init__(self, folder: str | os.PathLike, shape: tuple[int, int], run_key: Mapping[str, Any]):
        if storage.in_bucket(folder):
            raise InputError(f"{folder} is in a bucket; features are mapped from a disk. Give --features_dir=FOLDER.")
        self.folder = pathlib.Path(folder)
        self.run_key = json.loads(json.dumps(run_key))
        self.stop, self.unreadable, self._since = 0, {}, time.monotonic()
        self._check(self.folder / STATE)
        self.folder.mkdir(parents=True, exist_ok=True)
        mode = "r+" if self.stop else "w+"
        try:
            self.values = np.lib.format.open_memmap(
                self.folder / FEATURES, mode=mode, dtype=np.float32, shape=None if self.stop else shape
            )
        except (OSError, ValueError) as error:
            raise InputError(f"{self.folder / FEATURES} is damaged ({error}). Delete {self.folder}.") from None
        if self.values.shape != shape:
            raise InputError(
                f"{self.folder / FEATURES} is {self.values.shape}, expected {shape}. Delete {self.folder}."
            )

    def append(self, rows: np.ndarray, valid: np.ndarray, unreadable: Mapping[str, str]) -> None:
        if not np.isfinite(rows[valid]).all():
            raise InputError(
                f"features of image {self.stop + int(np.argmin(np.isfinite(rows).all(axis=1)))} are not finite. "
                f"Check that the weights fit the model, and the mean and std of its input."
            )
        rows = np.where(valid[:, None], rows, 0)
        self.values[self.stop : self.stop + len(rows)] = rows
        self.stop += len(rows)
        self.unreadable.update({name: str(reason) for name, reason in unreadable.items()})
        if time.monotonic() - self._since >= SECONDS_PER_PART:
            self._save()

    def finish(self, source: Source) -> Features:
        self._save()
        image_ids = np.asarray(source.label_fields().image_ids)
        valid = ~np.isin(image_ids, list(self.unreadable))
        values = np.load(self.folder / FEATURES, mmap_mode="r")
        return Features(image_ids, values, valid)

    def _save(self) -> None:
        self.values.flush()
        with storage.open_atomically(storage.to_path(self.folder / STATE)) as file:
            json.dump({"stop": self.stop, "unreadable": self.unreadable, "run_key": self.run_key}, file, indent=1)
        self._since = time.monotonic()

    def _check(self, file: pathlib.Path) -> None:
        if not file.exists():
            return
        try:
            saved = json.loads(file.read_text(encoding="utf-8"))
            key, self.stop, self.unreadable = dict(saved["run_key"]), int(saved["stop"]), dict(saved["unreadable"])
        except (ValueError, KeyError, TypeError):
            raise InputError(f"{file} is damaged. Delete {self.folder} and run again.") from None
        if changes := differences(key, self.run_key):
            raise InputError(
                f"{self.folder} has features of a different run: {changes}. Use another --features_dir, or delete it."
            )
