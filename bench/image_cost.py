"""What an image costs a processor core, from its file to its place in a batch, and how many cores feed a machine.

    python bench/image_cost.py --images=FOLDER

FOLDER holds JPEGs, or folders of them; without it, train400 below $IMAGENET_REAL_DATA/images is used. What is
measured is processor time, of all threads together, so that other work on the machine matters less; the parts take turns.
Worker processes (`--config.workers`) do all of this beside each other; the process that trains takes the batches over.
"""

import argparse
import importlib.metadata
import os
import pathlib
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))  # runs from a checkout that is not installed

import numpy as np
from input_pipeline import Files
from PIL import Image

from imagenet_real.data.augmentation import Augmentation
from imagenet_real.data.batches import evaluation_batches
from imagenet_real.data.decoding import decode
from imagenet_real.data.erasing import Erasing
from imagenet_real.data.preprocess import Preprocessing, central_crop
from imagenet_real.data.randaugment import RandAugment
from imagenet_real.data.training_batches import TrainingBatches
from imagenet_real.data.training_data import TrainingData
from imagenet_real.runtime.workers import WorkerBatches

RESULT = pathlib.Path(__file__).parent / "results" / "image_cost.txt"
CROP, CLASSES = 224, 1000
RATES = (1_000, 3_000, 10_000, 30_000)  # images/s that a machine with accelerators may take


def read(files: Files) -> int:
    return sum(bool(files[index]["image"]) for index in range(len(files)))


def decoded(files: Files) -> int:
    return sum(bool(len(decode(files[index]["image"]))) for index in range(len(files)))


def evaluated(interpolation: str) -> Callable[[Files], int]:
    """Batches as `evaluate` makes them: read, decoded, resized to 256 on the short side, cropped."""
    preprocessing = Preprocessing(256, CROP, interpolation, mean=(0.5,) * 3, std=(0.5,) * 3)

    def run(files: Files) -> int:
        batches = evaluation_batches(files, preprocessing, batch_size=32)
        return sum(int(batch.valid.sum()) for batch in batches)

    return run


def central(files: Files) -> int:
    """As `evaluated`, without batches and threads."""
    preprocessing = Preprocessing(256, CROP, "bicubic", mean=(0.5,) * 3, std=(0.5,) * 3)
    return sum(bool(len(central_crop(decode(files[index]["image"]), preprocessing))) for index in range(len(files)))


def trained(mixture: dict[str, Any]) -> Callable[[Files], int]:
    """Batches as `train` makes them: read, decoded, a random part resized, flipped, perhaps mixed."""

    def run(files: Files) -> int:
        data = TrainingData(files, np.array(files.paths), np.arange(len(files))[:, None] % CLASSES, CLASSES)
        steps = len(files) // 32
        augmentation = Augmentation(size=CROP, crop="inception", **mixture)
        batches = TrainingBatches(data, augmentation, batch_size=32, steps=steps, seed=0, divide=True)
        count = sum(len(batch["images"]) for batch in batches)
        batches.close()
        return count

    return run


class Ready:
    """Batches that cost nothing, so that what is left is to take them over from worker processes."""

    nbytes = 64 * CROP * CROP * 3

    def __init__(self, count: int):
        self.images, self.count = np.zeros((64, CROP, CROP, 3), np.uint8), count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        return {"images": self.images}


def taken_over(files: Files) -> int:
    """In the process that takes batches of 64 from two workers."""
    return sum(len(batch["images"]) for batch in WorkerBatches(Ready(200), workers=2))


PARTS = {
    "read the file": read,
    "read and decode": decoded,
    "... and crop for evaluation, bicubic": central,
    "evaluation batches, bicubic": evaluated("bicubic"),
    "evaluation batches, bilinear": evaluated("bilinear"),
    "training batches, inception crop": trained({}),
    "training batches, with mixup": trained({"mixup": 0.2}),
    "... with timm's RandAugment": trained({"randaugment": RandAugment("timm", magnitude=7, increasing=True)}),
    "... with big_vision's RandAugment": trained({"randaugment": RandAugment("big_vision")}),
    "... with 3-Augment and jitter": trained({"three_augment": True, "jitter": 0.3, "jitter_on": "pillow"}),
    "... erasing by noise, in all images": trained({"erasing": Erasing(1.0, "pixel")}),
    "... three times each in a row": trained({"repeats": 3}),
    "taking batches over from workers": taken_over,
}


def main() -> None:
    default = os.path.join(os.environ.get("IMAGENET_REAL_DATA", ""), "images", "train400")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", default=default)
    parser.add_argument("--count", type=int, default=400, help="images of a turn")
    parser.add_argument("--rounds", type=int, default=7)
    wanted = parser.parse_args()
    paths = sorted(str(path) for path in pathlib.Path(wanted.images).rglob("*") if _is_jpeg(path))
    if not paths:
        parser.error(f"no JPEGs in {wanted.images}: give --images=FOLDER, or set IMAGENET_REAL_DATA")
    sizes = np.array([Image.open(path).size for path in paths])
    files = Files((paths * (wanted.count // len(paths) + 1))[: wanted.count])

    costs: dict[str, list[float]] = {name: [] for name in PARTS}
    for number in range(wanted.rounds + 1):
        for name, run in PARTS.items():
            begun = time.process_time()
            images = run(files)
            cost = 1e3 * (time.process_time() - begun) / images
            if number:  # the first compiles and imports
                costs[name].append(cost)
                print(f"round {number}: {name} {cost:.3f} ms", file=sys.stderr, flush=True)
    lines = [
        f"$ python bench/image_cost.py {' '.join(sys.argv[1:])}".rstrip(),
        f"{_processor()}; Python {sys.version.split()[0]}, "
        + ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("numpy", "numba", "simplejpeg", "grain")),
        f"{len(paths)} JPEGs of {np.median(sizes[:, 0]):.0f} x {np.median(sizes[:, 1]):.0f} pixels (median) and "
        f"{statistics.mean(map(os.path.getsize, paths)) / 1000:.0f} kB (mean); crops of {CROP}",
        f"milliseconds of processor time per image: lowest and median of {wanted.rounds} rounds of {wanted.count} images; "
        f"{os.cpu_count()} cores, on which {os.getloadavg()[0]:.1f} processes ran at once",
        "",
        f"{'':40}{'lowest':>8}{'median':>8}{'images/s of a core':>20}",
    ]
    for name, values in costs.items():
        middle = statistics.median(values)
        lines.append(f"{name:40}{min(values):8.3f}{middle:8.3f}{1e3 / middle:20,.0f}")
    lines += ["", f"cores that feed so many images/s, computed from the medians{_row(RATES)}"]
    for name in ("evaluation batches, bicubic", "training batches, inception crop"):
        lines.append(f"{name:58}{_row([rate * statistics.median(costs[name]) / 1e3 for rate in RATES])}")
    print("\n".join(lines))
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text("\n".join(lines) + "\n")


def _is_jpeg(path: pathlib.Path) -> bool:
    return path.suffix.lower() in (".jpeg", ".jpg")


def _row(values: Iterable[float]) -> str:
    return "".join(f"{value:9,.0f}" for value in values)


def _processor() -> str:
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
