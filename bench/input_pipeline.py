"""Images/s of the evaluation input pipeline, beside plain Pillow and tf.data, on the same JPEGs in the same run.

    python bench/input_pipeline.py --images=FOLDER --tensorflow-python=PATH

FOLDER holds JPEGs, or folders of them; without it, val20_fullsize and train400 below $IMAGENET_REAL_DATA/images are used.
TensorFlow runs in another interpreter, PATH, for this project does without. The contestants take turns, for a machine's
speed drifts; medians are reported. Starting up is not counted: each makes one pass before the one that is timed.
"""

import argparse
import functools
import importlib.metadata
import io
import multiprocessing
import os
import pathlib
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))  # runs from a checkout that is not installed

RESIZE, CROP = 256, 224
BATCH_SIZE = 64
RESULT = pathlib.Path(__file__).parent / "results" / "input_pipeline.txt"

TENSORFLOW = f"""
import sys, time
import tensorflow as tf

def preprocess(path):
    image = tf.io.decode_jpeg(tf.io.read_file(path), channels=3, dct_method="INTEGER_ACCURATE")
    size = tf.cast(tf.shape(image)[:2], tf.float32)
    size = tf.cast(size * {RESIZE} / tf.reduce_min(size), tf.int32)
    image = tf.image.resize(image, size, method="bicubic", antialias=True)
    top, left = (size[0] - {CROP}) // 2, (size[1] - {CROP}) // 2
    return tf.saturate_cast(tf.round(image[top : top + {CROP}, left : left + {CROP}]), tf.uint8)

def one_pass(paths):
    dataset = tf.data.Dataset.from_tensor_slices(paths).map(preprocess, num_parallel_calls=tf.data.AUTOTUNE)
    return sum(len(batch) for batch in dataset.batch({BATCH_SIZE}).prefetch(2).as_numpy_iterator())

paths = sys.stdin.read().splitlines()
one_pass(paths)
start = time.perf_counter()
count = one_pass(paths)
print(tf.__version__, count / (time.perf_counter() - start))
"""


def ours(paths: list[str], workers: int) -> float:
    """Images/s of `evaluation_batches`, from the first batch to the last."""
    from imagenet_real.data.batches import evaluation_batches
    from imagenet_real.data.preprocess import Preprocessing

    preprocessing = Preprocessing(RESIZE, CROP, "bicubic", mean=(0.5,) * 3, std=(0.5,) * 3)
    passes = Files(paths * 2)
    seen, start = 0, 0.0
    for batch in evaluation_batches(passes, preprocessing, batch_size=BATCH_SIZE, workers=workers):
        seen += int(batch.valid.sum())
        if not start and seen >= len(paths):
            start, before = time.perf_counter(), seen
    return (seen - before) / (time.perf_counter() - start)


class Files:
    """Records of files, some of which come twice: a source would refuse their ids."""

    def __init__(self, paths: list[str]):
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> dict:
        return {"image_id": str(index), "image": pathlib.Path(self.paths[index]).read_bytes()}


def pillow(paths: list[str]) -> float:
    """Images/s of Pillow in 2 processes: the whole image is resized, then cropped."""
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        pool.map(_pillow_crop, paths, chunksize=8)
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


def tensorflow(paths: list[str], python: str, versions: dict[str, str]) -> float:
    """Images/s of tf.data with tf.image's antialiased bicubic."""
    command = [python, "-c", TENSORFLOW]
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    answer = subprocess.run(
        command, input="\n".join(paths), env=environment, capture_output=True, text=True, check=True
    )
    versions["tensorflow"], speed = answer.stdout.split()
    return float(speed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images")
    parser.add_argument("--tensorflow-python")
    parser.add_argument("--repeats", type=int, default=5)
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

    versions = {name: importlib.metadata.version(name) for name in ("grain", "pillow", "simplejpeg")}
    contestants = {
        "imagenet_real, threads": functools.partial(ours, paths, 0),
        "imagenet_real, 2 processes": functools.partial(ours, paths, 2),
        "Pillow, 2 processes": functools.partial(pillow, paths),
    }
    if arguments.tensorflow_python:
        contestants["tf.data, antialiased"] = functools.partial(
            tensorflow, paths, arguments.tensorflow_python, versions
        )
    speeds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(arguments.repeats):
        for name, measure in contestants.items():
            speeds[name].append(measure())

    medians = {name: statistics.median(values) for name, values in speeds.items()}
    base = medians.get("tf.data, antialiased")
    lines = [
        "python bench/input_pipeline.py --images=FOLDER --tensorflow-python=PATH",
        f"{len(paths)} JPEGs, resize {RESIZE}, crop {CROP}, bicubic; {os.cpu_count()} cores; Python "
        f"{sys.version.split()[0]}, " + ", ".join(f"{name} {version}" for name, version in versions.items()),
        f"median (lowest to highest) of {arguments.repeats} turns",
        "",
        f"{'pipeline':28}{'images/s':>10}{'range':>16}{'of tf.data':>12}",
    ]
    for name, values in speeds.items():
        ratio = f"{medians[name] / base:.2f}x" if base else "-"
        lines.append(f"{name:28}{medians[name]:10.0f}{f'{min(values):.0f} to {max(values):.0f}':>16}{ratio:>12}")
    if not base:
        lines.append("tf.data was not measured: give --tensorflow-python=PATH")
    print("\n".join(lines))
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
