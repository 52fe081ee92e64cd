"""What label maps cost, each as a ratio within one run: making them, keeping them, and training on them.

    python bench/label_maps.py [--model=vit_tiny_patch16_224] [--batch-size=16] [--turns=5]

The model has random weights and the images are noise: neither changes the speed. Making maps is measured against the plain
forward pass of the same model with its 20 best classes, on the same images; training batches with label maps against
the same ones with single labels, from JPEGs of 500 x 375 pixels. The contestants take turns; medians are reported. The
ratios are of the processor's seconds, which other programs on the same machine change least.
"""

import argparse
import contextlib
import dataclasses
import io
import os
import pathlib
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))  # runs from a checkout that is not installed

RESULT = pathlib.Path(__file__).parent / "results" / "label_maps.txt"
SHAPE, CLASSES = (15, 15, 5), 1000
IMAGES, BATCH_SIZE, STEPS = 96, 48, 6  # of the training batches


@dataclasses.dataclass
class Turns:
    """Of each turn the images/s, and the processor's seconds an image."""

    speeds: list[float] = dataclasses.field(default_factory=list)
    seconds: list[float] = dataclasses.field(default_factory=list)

    @contextlib.contextmanager
    def timed(self, images: int) -> Iterator[None]:
        """Times what makes so many images."""
        wall, processor = time.perf_counter(), time.process_time()
        yield
        self.speeds.append(images / (time.perf_counter() - wall))
        self.seconds.append((time.process_time() - processor) / images)

    @property
    def speed(self) -> float:
        return statistics.median(self.speeds)

    def against(self, other: "Turns") -> float:
        """How fast it is as a share of another."""
        return statistics.median(other.seconds) / statistics.median(self.seconds)


def making(model: str, batch_size: int, turns: int) -> tuple[Turns, Turns]:
    """The plain forward pass, and maps."""
    import jax
    from flax import nnx

    from imagenet_real.inference.predict import prediction_step
    from imagenet_real.models import catalog
    from imagenet_real.models.functional import functional, functional_dense, normalized
    from imagenet_real.relabel.annotate import annotation_step
    from imagenet_real.runtime import devices

    built = catalog.build(model)
    built.eval()
    graph, params = nnx.split(built)
    mesh, size = devices.make_mesh(), catalog.find(model).preprocessing["crop"]
    params = devices.put_absent(mesh, params)
    moments = (0.5,) * 3, (0.5,) * 3
    steps = (
        prediction_step(normalized(functional(graph), *moments), mesh, top_k=20, save_scores=False),
        annotation_step(normalized(functional_dense(graph), *moments), mesh, k=5),
    )
    noise = np.random.default_rng(0).integers(0, 256, (batch_size, size, size, 3)).astype(np.uint8)
    images = devices.shard_batch(mesh, noise, batch_size)
    found = Turns(), Turns()
    for step in steps:
        jax.device_get(step(params, images))  # compiles
    for _ in range(turns):
        for step, one in zip(steps, found, strict=True):
            with one.timed(batch_size):
                jax.device_get(step(params, images))
    return found


def training(folder: pathlib.Path, turns: int) -> tuple[float, Turns, Turns]:
    """Bytes an image, and training batches with single labels and with maps."""
    from PIL import Image

    from imagenet_real.data.augmentation import Augmentation
    from imagenet_real.data.sources.open import open_source
    from imagenet_real.data.training_batches import TrainingBatches
    from imagenet_real.data.training_data import TrainingData
    from imagenet_real.relabel.label_map_writer import LabelMapWriter
    from imagenet_real.relabel.label_maps import load_label_maps
    from imagenet_real.relabel.pooling import PooledCropLabels, Pooling

    rng = np.random.default_rng(0)
    for number in range(IMAGES):
        coarse = Image.fromarray(rng.integers(0, 256, (47, 63, 3)).astype(np.uint8))
        content = io.BytesIO()
        coarse.resize((500, 375), Image.Resampling.BICUBIC).save(content, "JPEG", quality=90)
        (folder / f"{number:03d}.jpg").write_bytes(content.getvalue())
    source = open_source(str(folder))
    image_ids = source.label_fields().image_ids
    classes, scores = random_maps(IMAGES)
    writer = LabelMapWriter(folder / "maps", {}, SHAPE, CLASSES)
    writer.append(image_ids, classes, scores, records=IMAGES, unreadable={})
    writer.finish()
    size = sum(path.stat().st_size for path in (folder / "maps").glob("*.array_record")) / IMAGES
    plain = TrainingData(source, image_ids, rng.integers(0, CLASSES, (IMAGES, 1)), CLASSES)
    crop_labels = PooledCropLabels(load_label_maps(folder / "maps").of(image_ids), Pooling())
    contestants = plain, TrainingData(source, image_ids, plain.labels, CLASSES, crop_labels)
    augmentation = Augmentation(size=224, crop="inception")
    found = Turns(), Turns()
    for turn in range(turns + 1):
        for data, one in zip(contestants, found, strict=True):
            batches = TrainingBatches(data, augmentation, batch_size=BATCH_SIZE, steps=STEPS, seed=0, divide=True)
            with one.timed(BATCH_SIZE * STEPS) if turn else contextlib.nullcontext():
                for _ in batches:
                    pass
    return size, *found


def pooling(turns: int) -> list[float]:
    """Microseconds a crop of each turn, in batches of 256."""
    from imagenet_real.relabel.pooling import Pooling

    classes, scores = random_maps(256)
    ends = np.sort(np.random.default_rng(0).random((256, 2, 2)), axis=1).reshape(256, 4)
    found = []
    for turn in range(turns + 1):
        start = time.perf_counter()
        Pooling().targets(classes, scores, ends, CLASSES)
        if turn:
            found.append((time.perf_counter() - start) / 256 * 1e6)
    return found


def random_maps(count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    classes = rng.integers(0, CLASSES, (count, *SHAPE)).astype(np.int16)
    return classes, rng.normal(10, 3, (count, *SHAPE)).astype(np.float16)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="vit_tiny_patch16_224")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--turns", type=int, default=5)
    given = parser.parse_args()
    forward, maps = making(given.model, given.batch_size, given.turns)
    with tempfile.TemporaryDirectory() as folder:
        size, single, pooled = training(pathlib.Path(folder), given.turns)
    lines = [
        f"python bench/label_maps.py --model={given.model} --batch-size={given.batch_size} --turns={given.turns}",
        f"{os.cpu_count()} cores; medians of {given.turns} turns; load {os.getloadavg()[0]:.1f} at the end",
        "",
        f"forward pass                     {forward.speed:8.1f} images/s",
        f"label maps                       {maps.speed:8.1f} images/s   {maps.against(forward):.2f} of it",
        f"a map of 15 x 15 places, top 5   {size:8.0f} bytes",
        f"LabelPooling                     {statistics.median(pooling(given.turns)):8.1f} microseconds a crop",
        f"training batches, single labels  {single.speed:8.1f} images/s",
        f"training batches, label maps     {pooled.speed:8.1f} images/s   {pooled.against(single):.2f} of it",
    ]
    RESULT.write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
