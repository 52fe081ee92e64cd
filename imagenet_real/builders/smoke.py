"""Config -> a smoke test of a recipe: some steps on synthetic images, and what the whole run would need."""

import contextlib
import dataclasses
import json
import os
import re
import time

import jax
import numpy as np
from etils import epath
from ml_collections import ConfigDict

from imagenet_real.builders import training
from imagenet_real.builders.training_data import training_data
from imagenet_real.builders.training_step import make_training_step
from imagenet_real.data.sources.synthetic import SIZE, SyntheticImages
from imagenet_real.data.training_data import TrainingData
from imagenet_real.errors import InputError
from imagenet_real.io import storage
from imagenet_real.runtime import devices, distributed, memory
from imagenet_real.training.step import shard_batch

STEPS = 20
IMAGENET, IMAGENET_IMAGES, IMAGENET_CLASSES = "tfds:imagenet2012", 1_281_167, 1000
_IMAGES = 10_000  # synthetic ones, at most: more would change nothing
_SHARE = re.compile(r"train\[:(\d+)%\]")


@dataclasses.dataclass(frozen=True)
class Smoke:
    """What some steps of a recipe took, and what all of it would take at the same speed."""

    model: str
    device: str
    devices: int
    parameters: int
    steps: int  # that were taken
    batch_size: int  # of these steps
    loss: float  # of the last step
    images_per_second: float  # without the first step, which compiles
    state_bytes: int  # of parameters and optimizer, on a device
    bytes_per_image: float  # of activations, on a device
    recipe_batch_size: int
    recipe_bytes: int  # on each of `devices` devices, at the recipe's batch size
    recipe_images: int  # of the run, counted at each use
    recipe_hours: float  # at this speed

    def __str__(self) -> str:
        where = f"{self.devices} device{'s' if self.devices > 1 else ''} ({self.device})"
        return (
            f"{self.model}, {self.parameters / 1e6:,.1f} million parameters: {self.steps} steps of {self.batch_size} synthetic "
            f"images on {where}, loss {self.loss:.3f}, {self.images_per_second:,.1f} images/s\n"
            f"memory of a device: {memory.as_text(self.state_bytes)} for parameters and optimizer, about "
            f"{memory.as_text(self.bytes_per_image)} an image; about {memory.as_text(self.recipe_bytes)} for batches of "
            f"{self.recipe_batch_size:,} on {where}\n"
            f"the whole run: {self.recipe_images:,} images, {self.recipe_hours:,.0f} hours at this speed"
        )


def run_smoke(config: ConfigDict, workdir: epath.Path) -> Smoke | None:
    """Takes `STEPS` steps of a recipe on synthetic images, and writes smoke.json; None on other processes than the primary.

    The batch has `smoke_batch_size` images, or the recipe's number if it is smaller. Weights to start from, soft labels and
    label maps are not read. Raises InputError if a loss is not finite.
    """
    count, num_classes = _size(config)
    total = training.total_steps(config, count)
    brief = config.copy_and_resolve_references()
    with brief.unlocked():
        brief.batch_size = min(config.smoke_batch_size, config.batch_size)
        brief.workers = min(config.workers, os.cpu_count() or 1)
    mesh = devices.make_mesh(model=config.model_devices)
    tried = make_training_step(brief, total, num_classes, mesh)
    state = tried.create(brief.seed)
    rows = devices.local_rows(mesh, brief.batch_size)
    batches = training.training_batches(brief, _synthetic(brief, count, num_classes), STEPS, rows)
    with contextlib.closing(batches):
        parameters = sum(leaf.size for leaf in jax.tree.leaves(state.params))
        batch = shard_batch(mesh, next(batches))
        compiled = tried.step.lower(state, batch).compile()  # type: ignore[attr-defined]
        needs = compiled.memory_analysis()
        state, values = compiled(state, batch)
        jax.block_until_ready(values)
        start = time.perf_counter()
        for _ in range(STEPS - 1):
            state, values = compiled(state, shard_batch(mesh, next(batches)))
        loss = float(values["loss"])
        seconds = time.perf_counter() - start
    if not np.isfinite(loss):
        raise InputError(f"the loss after {STEPS} steps of {config.model} is {loss}. Give a lower learning_rate.")
    speed = brief.batch_size * (STEPS - 1) / seconds
    shares = devices.data_size(mesh) * brief.accumulate
    batch_bytes = sum(array.nbytes for array in batch.values()) // devices.data_size(mesh)
    state_bytes = needs.argument_size_in_bytes - batch_bytes
    bytes_per_image = (needs.temp_size_in_bytes + batch_bytes) / (brief.batch_size / shares)
    smoke = Smoke(
        model=config.model,
        device=mesh.devices.flat[0].device_kind,
        devices=mesh.size,
        parameters=parameters,
        steps=STEPS,
        batch_size=brief.batch_size,
        loss=loss,
        images_per_second=speed,
        state_bytes=state_bytes,
        bytes_per_image=bytes_per_image,
        recipe_batch_size=config.batch_size,
        recipe_bytes=int(state_bytes + bytes_per_image * config.batch_size / shares),
        recipe_images=total * config.batch_size,
        recipe_hours=total * config.batch_size / speed / 3600,
    )
    return distributed.on_primary(lambda: _write(workdir, smoke))


def _write(workdir: epath.Path, smoke: Smoke) -> Smoke:
    with storage.open_atomically(workdir / "smoke.json") as file:
        file.write(json.dumps({"schema": 1, **dataclasses.asdict(smoke)}, indent=1) + "\n")
    return smoke


def _size(config: ConfigDict) -> tuple[int, int]:
    """The number of images and classes of a recipe. Those of ImageNet are known; others are counted."""
    if config.images.startswith(IMAGENET):
        share = _SHARE.fullmatch(config.train_split)
        return IMAGENET_IMAGES * (int(share[1]) if share else 100) // 100, IMAGENET_CLASSES
    counted = config.copy_and_resolve_references()
    with counted.unlocked():
        counted.update({"soft_labels": "", "label_maps": ""})
    data = training_data(counted)
    return len(data), data.num_classes


def _synthetic(config: ConfigDict, count: int, num_classes: int) -> TrainingData:
    size = (config.crop, config.crop) if config.augmentation.crop == "shift" else SIZE
    source = SyntheticImages(min(count, _IMAGES), num_classes, size)
    fields = source.label_fields()
    return TrainingData(source, fields.image_ids, fields.fields["label"][:, None], num_classes)  # type: ignore[arg-type]
