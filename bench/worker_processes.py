"""Training batches of worker processes: `runtime.workers` beside Grain's `mp_prefetch`, in the steady state.

    python bench/worker_processes.py [--images=FOLDER]

Without --images it makes 1,000 JPEGs of 500 x 375 pixels. The contestants take turns. Starting up is not counted: each
turn reads some batches before the clock runs. Processor time is that of the reading process and its workers together.
"""

import argparse
import contextlib
import functools
import importlib.metadata
import io
import multiprocessing
import os
import pathlib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))  # runs from a checkout that is not installed

import numpy as np
from input_pipeline import Files
from PIL import Image

from imagenet_real.data.augmentation import Augmentation
from imagenet_real.data.training_batches import TrainingBatches
from imagenet_real.data.training_data import TrainingData
from imagenet_real.runtime.workers import WorkerBatches

RESULT = pathlib.Path(__file__).parent / "results" / "worker_processes.txt"
BATCH_SIZE, CROP, CLASSES, WORKERS = 64, 224, 1000, 2
WARM_UP, TIMED = 20, 200  # batches


def write_images(folder: pathlib.Path, count: int) -> None:
    """Writes JPEGs of random patches with some noise, of about 70 kB each."""
    rng = np.random.default_rng(0)
    for number in range(count):
        patches = Image.fromarray(rng.integers(0, 256, (24, 32, 3), np.uint8)).resize((500, 375))
        noise = rng.integers(-12, 13, (375, 500, 3))
        pixels = np.clip(np.asarray(patches, np.int16) + noise, 0, 255).astype(np.uint8)
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=85)
        (folder / f"{number:04d}.jpg").write_bytes(file.getvalue())


def ours(batches: Any) -> Any:
    return WorkerBatches(batches, WORKERS)


def grain(batches: Any, threads: int) -> Any:
    import grain
    from absl import flags

    flags.FLAGS.mark_as_parsed()  # Grain's workers read flags of absl, which only absl.app parses
    dataset = grain.MapDataset.source(batches).to_iter_dataset(
        grain.ReadOptions(num_threads=threads, prefetch_buffer_size=2)
    )
    options = grain.MultiprocessingOptions(num_workers=WORKERS, per_worker_buffer_size=2)
    return iter(dataset.mp_prefetch(options))


def turn(files: Files, start: Callable[[Any], Any]) -> tuple[float, float]:
    """Returns images/s and milliseconds of processor time per image."""
    data = TrainingData(files, np.array(files.paths), np.arange(len(files))[:, None] % CLASSES, CLASSES)
    augmentation = Augmentation(size=CROP, crop="inception")
    # More batches than are timed, so that the workers stay busy until the clock stops.
    steps = WARM_UP + TIMED + 20
    batches = TrainingBatches(data, augmentation, batch_size=BATCH_SIZE, steps=steps, seed=0, divide=True)._batches(0)
    with contextlib.closing(start(batches)) as iterator:
        read(iterator, WARM_UP)
        begin, processor_begin = time.perf_counter(), processor_seconds()
        read(iterator, TIMED)
        seconds, processor = time.perf_counter() - begin, processor_seconds() - processor_begin
    images = TIMED * BATCH_SIZE
    return images / seconds, 1e3 * processor / images


def read(iterator: Iterator[dict[str, np.ndarray]], count: int) -> None:
    for _ in range(count):
        batch = next(iterator)
        assert batch["images"].shape == (BATCH_SIZE, CROP, CROP, 3)


def processor_seconds() -> float:
    """Processor time of this process and its live children."""
    children = [child.pid for child in multiprocessing.active_children()]
    ticks = 0
    for pid in (os.getpid(), *children):
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


CONTESTANTS = {
    "runtime.workers": ours,
    "grain mp_prefetch, 1 thread a worker": functools.partial(grain, threads=1),
    "grain mp_prefetch, 2 threads a worker": functools.partial(grain, threads=2),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", default="")
    parser.add_argument("--turns", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(arguments.images or temporary)
        if not arguments.images:
            write_images(folder, 1000)
        paths = sorted(str(path) for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))[:1000]
        speeds: dict[str, list[tuple[float, float]]] = {name: [] for name in CONTESTANTS}
        for number in range(arguments.turns):
            for name, start in CONTESTANTS.items():
                speeds[name].append(turn(Files(paths), start))
                print(f"turn {number}: {name} {speeds[name][-1]}", file=sys.stderr, flush=True)
        kilobytes = statistics.mean(map(os.path.getsize, paths)) / 1000
    base, base_cost = (statistics.median(values) for values in zip(*speeds["runtime.workers"], strict=True))
    lines = [
        f"$ python bench/worker_processes.py {' '.join(sys.argv[1:])}".rstrip(),
        f"{len(paths)} JPEGs of {kilobytes:.0f} kB, Inception crops of {CROP}, batches of {BATCH_SIZE}, {WORKERS} workers; "
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; Python {sys.version.split()[0]}, grain "
        f"{importlib.metadata.version('grain')}",
        f"median of {arguments.turns} turns of {TIMED} batches after {WARM_UP}",
        "",
        f"{'':38}{'images/s':>10}{'of ours':>9}{'ms of processor':>17}{'of ours':>9}",
    ]
    for name, values in speeds.items():
        speed, cost = (statistics.median(column) for column in zip(*values, strict=True))
        lines.append(f"{name:38}{speed:10.0f}{speed / base:9.2f}{cost:17.2f}{cost / base_cost:9.2f}")
    print("\n".join(lines))
    RESULT.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
