"""Images/s of the input of training and of evaluation, beside tf.data, bare decoding and Pillow, in the steady state.

    python bench/input_pipeline.py --images=FOLDER --tensorflow-python=PATH

FOLDER holds JPEGs, or folders of them; without it, val20_fullsize and train400 below $IMAGENET_REAL_DATA/images are used.
TensorFlow runs in another interpreter, PATH, for this project does without. The contestants take turns, for a machine's
speed drifts; medians are reported. Starting up is not counted: each makes more batches than can wait before the clock runs.

Training: Inception crops to 224, bilinear, flips. Ours are antialiased, as torchvision's; tf.data's fused decoding of the
crop is measured as most people use it, without antialiasing, and with it. The smaller images are those that
`prepare --config.short_side=256` writes. Evaluation: resize 256, crop 224, antialiased bicubic.
"""

import argparse
import contextlib
import functools
import importlib.metadata
import io
import json
import multiprocessing
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))  # runs from a checkout that is not installed

RESIZE, CROP, SHORT_SIDE = 256, 224, 256
BATCH_SIZE = 64
WARM_UP, TIMED = 16, 24  # batches of a turn
CORES = 2
RESULT = pathlib.Path(__file__).parent / "results" / "input_pipeline.txt"

TENSORFLOW = f"""
import itertools, json, sys, time
import tensorflow as tf

def evaluation(path):
    image = tf.io.decode_jpeg(tf.io.read_file(path), channels=3, dct_method="INTEGER_ACCURATE")
    size = tf.cast(tf.shape(image)[:2], tf.float32)
    size = tf.cast(size * {RESIZE} / tf.reduce_min(size), tf.int32)
    image = tf.image.resize(image, size, method="bicubic", antialias=True)
    top, left = (size[0] - {CROP}) // 2, (size[1] - {CROP}) // 2
    return tf.saturate_cast(tf.round(image[top : top + {CROP}, left : left + {CROP}]), tf.uint8)

def training(path, antialias):
    data = tf.io.read_file(path)
    begin, size, _ = tf.image.sample_distorted_bounding_box(
        tf.io.extract_jpeg_shape(data), tf.zeros([1, 0, 4]), min_object_covered=0.0, area_range=(0.08, 1.0),
        aspect_ratio_range=(3 / 4, 4 / 3), max_attempts=10, use_image_if_no_bounding_boxes=True)
    window = tf.stack([begin[0], begin[1], size[0], size[1]])
    image = tf.image.decode_and_crop_jpeg(data, window, channels=3)
    image = tf.image.resize(image, [{CROP}, {CROP}], antialias=antialias)
    return tf.saturate_cast(tf.round(tf.image.random_flip_left_right(image)), tf.uint8)

KINDS = {{
    "evaluation": evaluation,
    "training": lambda path: training(path, False),
    "training, antialiased": lambda path: training(path, True),
}}

print(tf.__version__, flush=True)
for line in sys.stdin:
    kind, paths = json.loads(line)
    dataset = tf.data.Dataset.from_tensor_slices(paths).repeat()
    dataset = dataset.map(KINDS[kind], num_parallel_calls=tf.data.AUTOTUNE).batch({BATCH_SIZE}).prefetch(2)
    batches = dataset.as_numpy_iterator()
    for batch in itertools.islice(batches, {WARM_UP}):
        pass
    start = time.perf_counter()
    for batch in itertools.islice(batches, {TIMED}):
        pass
    print({TIMED * BATCH_SIZE} / (time.perf_counter() - start), flush=True)
"""


class Files:
    """Records of files, some of which come twice: a source would refuse their ids."""

    def __init__(self, paths: list[str]):
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> dict:
        return {"image_id": str(index), "image": pathlib.Path(self.paths[index]).read_bytes()}


def many(paths: list[str], batches: int) -> list[str]:
    """Repeats paths up to a number of batches."""
    return (paths * (batches * BATCH_SIZE // len(paths) + 1))[: batches * BATCH_SIZE]


def speed(batches: Iterable) -> float:
    """Images/s of the batches after the first ones. Their iterator makes further ones until it is closed."""
    iterator = iter(batches)
    with contextlib.closing(batches):  # type: ignore[type-var]
        for _ in range(WARM_UP):
            next(iterator)
        start = time.perf_counter()
        for _ in range(TIMED):
            next(iterator)
        return TIMED * BATCH_SIZE / (time.perf_counter() - start)


def evaluation(paths: list[str], workers: int) -> float:
    from imagenet_real.data.batches import evaluation_batches
    from imagenet_real.data.preprocess import Preprocessing

    preprocessing = Preprocessing(RESIZE, CROP, "bicubic", mean=(0.5,) * 3, std=(0.5,) * 3)
    files = Files(many(paths, WARM_UP + TIMED + 8))
    return speed(evaluation_batches(files, preprocessing, batch_size=BATCH_SIZE, workers=workers))


def training(paths: list[str], workers: int) -> float:
    import numpy as np

    from imagenet_real.data.augmentation import Augmentation
    from imagenet_real.data.training_batches import TrainingBatches
    from imagenet_real.data.training_data import TrainingData

    data = TrainingData(Files(paths), np.array(paths), np.arange(len(paths))[:, None] % 1000, 1000)
    augmentation = Augmentation(size=CROP, crop="inception", interpolation="bilinear")
    steps = WARM_UP + TIMED + 8
    return speed(
        TrainingBatches(data, augmentation, batch_size=BATCH_SIZE, steps=steps, seed=0, divide=True, workers=workers)
    )


class DecodedBatches:
    """Batches of images that are read and decoded, and nothing else."""

    nbytes = 64

    def __init__(self, paths: list[str]):
        self.files = Files(many(paths, WARM_UP + TIMED + 8))

    def __len__(self) -> int:
        return len(self.files) // BATCH_SIZE

    def __getitem__(self, index: int) -> dict:
        from imagenet_real.data.decoding import decode

        records = range(index * BATCH_SIZE, (index + 1) * BATCH_SIZE)
        return {"bytes": sum(decode(self.files[record]["image"]).nbytes for record in records)}


def decoding(paths: list[str]) -> float:
    from imagenet_real.data.batches import prefetched_batches

    return speed(prefetched_batches(DecodedBatches(paths), 0))


def pillow(paths: list[str]) -> float:
    """Images/s of Pillow in 2 processes: the whole image is resized, then cropped."""
    with multiprocessing.get_context("spawn").Pool(CORES) as pool:
        pool.map(_pillow_crop, paths[:64], chunksize=8)
        start = time.perf_counter()
        pool.map(_pillow_crop, paths, chunksize=8)
        return len(paths) / (time.perf_counter() - start)


def _pillow_crop(path: str):
    import numpy as np
    from PIL import Image

    image = Image.open(io.BytesIO(pathlib.Path(path).read_bytes())).convert("RGB")
    short = min(image.size)
    image = image.resize([int(RESIZE * side / short) for side in image.size], Image.Resampling.BICUBIC)
    left, top = (round((side - CROP) / 2.0) for side in image.size)
    return np.asarray(image.crop((left, top, left + CROP, top + CROP)))


class TensorFlow:
    """tf.data in an interpreter of its own, which waits between its turns."""

    def __init__(self, python: str):
        self.process = subprocess.Popen(
            [python, "-c", TENSORFLOW],
            env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.version = self._answer()

    def speed(self, kind: str, paths: list[str]) -> float:
        print(json.dumps([kind, paths]), file=self.process.stdin, flush=True)
        return float(self._answer())

    def _answer(self) -> str:
        line = self.process.stdout.readline()  # type: ignore[union-attr]
        if not line:
            sys.exit("TensorFlow ended: give --tensorflow-python=PATH of an interpreter that has it.")
        return line.strip()


def shrunk(paths: list[str], folder: str) -> list[str]:
    """Writes the images as `prepare --config.short_side=256` does."""
    from imagenet_real.data.writers.shrink import Shrinking, shrink

    for number, path in enumerate(paths):
        data = shrink(pathlib.Path(path).read_bytes(), Shrinking(SHORT_SIDE))
        pathlib.Path(folder, f"{number:05d}.jpg").write_bytes(data)
    return sorted(map(str, pathlib.Path(folder).iterdir()))


# Each row, and the one that it is compared with.
ROWS = (
    ("training, 2 threads", "tf.data, fused"),
    ("training, 2 processes", "training, 2 threads"),
    ("tf.data, fused", ""),
    ("tf.data, fused, antialiased", "tf.data, fused"),
    ("training, short side 256", "tf.data, fused"),
    ("tf.data, fused, short side 256", "tf.data, fused"),
    ("decoding alone, 2 threads", ""),
    ("evaluation, 2 threads", "decoding alone, 2 threads"),
    ("evaluation, 2 processes", "evaluation, 2 threads"),
    ("Pillow, evaluation, 2 processes", "evaluation, 2 threads"),
    ("tf.data, evaluation, antialiased", "evaluation, 2 threads"),
)


def contestants(paths: list[str], smaller: list[str], tensorflow: TensorFlow | None) -> dict[str, Callable[[], float]]:
    measures = {
        "training, 2 threads": functools.partial(training, paths, 0),
        "training, 2 processes": functools.partial(training, paths, CORES),
        "training, short side 256": functools.partial(training, smaller, 0),
        "decoding alone, 2 threads": functools.partial(decoding, paths),
        "evaluation, 2 threads": functools.partial(evaluation, paths, 0),
        "evaluation, 2 processes": functools.partial(evaluation, paths, CORES),
        "Pillow, evaluation, 2 processes": functools.partial(pillow, paths),
    }
    if tensorflow is not None:
        measures |= {
            "tf.data, fused": functools.partial(tensorflow.speed, "training", paths),
            "tf.data, fused, antialiased": functools.partial(tensorflow.speed, "training, antialiased", paths),
            "tf.data, fused, short side 256": functools.partial(tensorflow.speed, "training", smaller),
            "tf.data, evaluation, antialiased": functools.partial(tensorflow.speed, "evaluation", paths),
        }
    return {name: measures[name] for name, _ in ROWS if name in measures}


def table(speeds: dict[str, list[float]]) -> list[str]:
    """Each row with its median, and the median of its ratios to another row, turn by turn."""
    lines = [f"{'':34}{'images/s':>10}{'range':>16}{'ratio':>8}"]
    for name, base in ROWS:
        if name not in speeds:
            continue
        values = speeds[name]
        line = f"{name:34}{statistics.median(values):10.0f}{f'{min(values):.0f} to {max(values):.0f}':>16}"
        if base in speeds:
            ratio = statistics.median(value / other for value, other in zip(values, speeds[base], strict=True))
            line += f"{ratio:8.2f} of {base}"
        lines.append(line)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images")
    parser.add_argument("--tensorflow-python")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--rows", default="", help="only rows whose name contains one of these, comma-separated")
    arguments = parser.parse_args()
    if not arguments.images and not os.environ.get("IMAGENET_REAL_DATA"):
        parser.error("give --images=FOLDER, or set IMAGENET_REAL_DATA")
    folder = pathlib.Path(arguments.images or os.environ.get("IMAGENET_REAL_DATA", ""))
    folders = [folder] if arguments.images else [folder / "images" / name for name in ("val20_fullsize", "train400")]
    paths = sorted(
        str(path) for folder in folders for path in folder.rglob("*") if path.suffix.lower() in (".jpeg", ".jpg")
    )
    if not paths:
        parser.error(f"no JPEGs in {', '.join(map(str, folders))}")

    versions = {name: importlib.metadata.version(name) for name in ("grain", "numba", "pillow", "simplejpeg")}
    tensorflow = TensorFlow(arguments.tensorflow_python) if arguments.tensorflow_python else None
    if tensorflow is not None:
        versions["tensorflow"] = tensorflow.version
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as temporary:
        measures = contestants(paths, shrunk(paths, temporary), tensorflow)
        parts = [part for part in arguments.rows.split(",") if part]
        measures = {name: run for name, run in measures.items() if not parts or any(part in name for part in parts)}
        speeds: dict[str, list[float]] = {name: [] for name in measures}
        for number in range(arguments.repeats):
            for name, measure in measures.items():
                speeds[name].append(measure())
                print(f"turn {number}: {name} {speeds[name][-1]:.0f}", file=sys.stderr, flush=True)
    lines = [
        "$ python bench/input_pipeline.py --tensorflow-python=PATH",
        f"{_processor()}, {os.cpu_count()} cores, load {load:.1f} at the start; Python {platform.python_version()}, "
        + ", ".join(f"{name} {version}" for name, version in versions.items()),
        f"{len(paths)} JPEGs as published; medians of {arguments.repeats} turns of {TIMED * BATCH_SIZE:,} images after "
        f"{WARM_UP * BATCH_SIZE:,}; each ratio is the median of the ratios within a turn",
        "",
        *table(speeds),
    ]
    print("\n".join(lines))
    if not parts:
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text("\n".join(lines) + "\n")


def _processor() -> str:
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
