"""`evaluate` from files to predictions, beside the forward pass alone on images that are on the device already.

    python bench/evaluate.py --models vit_tiny_patch16_224 resnet50 --images=FOLDER

Both run the same compiled step by turns, for a machine's speed drifts. The first turn compiles, or
reads the cache of compiled models, and is not counted. The pure forward pass uses all cores, and decoding needs them as
well, so the ratio is at most forward / (forward + decode), in seconds of the processor per image; this bound is in the table.
Parameters are random: their values change no speed.
"""

import argparse
import os
import pathlib
import platform
import statistics
import sys
import time
from collections.abc import Callable

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # runs from a checkout that is not installed

from imagenet_real.runtime import compilation_cache  # noqa: E402

compilation_cache.enable()  # before JAX is imported, as programs do

import jax  # noqa: E402
from flax import nnx  # noqa: E402

from imagenet_real.data.batches import evaluation_batches  # noqa: E402
from imagenet_real.data.preprocess import Preprocessing  # noqa: E402
from imagenet_real.data.sources.open import open_source  # noqa: E402
from imagenet_real.inference.predict import predict, prediction_step  # noqa: E402
from imagenet_real.models import catalog  # noqa: E402
from imagenet_real.models.functional import functional, normalized  # noqa: E402
from imagenet_real.runtime import devices  # noqa: E402

RESULT = ROOT / "bench" / "results" / "evaluate.txt"
CROP, CLASSES = 224, 1000
FORWARD_BATCHES = 8


class Measurement:
    """One model, with its compiled step."""

    def __init__(self, name: str, folder: str, batch_size: int):
        self.mesh, self.batch_size = devices.make_mesh(), batch_size
        self.source = open_source(folder)
        self.count = len(self.source)
        self.preprocessing = Preprocessing(256, CROP, "bicubic", mean=(0.5,) * 3, std=(0.5,) * 3)
        model = catalog.build(name, num_classes=CLASSES)
        model.eval()
        graph, params = nnx.split(model)
        self.params = devices.put(params, devices.replicated(self.mesh))
        self.apply = normalized(functional(graph), self.preprocessing.mean, self.preprocessing.std)
        self.name = name

    def forward(self) -> float:
        """Images/s of the step alone, on one batch again and again."""
        step = prediction_step(self.apply, self.mesh, top_k=20, save_scores=False)
        images = devices.shard_batch(self.mesh, next(self.batches(0)).images, self.batch_size)
        step = step.lower(self.params, images).compile()
        jax.block_until_ready(step(self.params, images))
        begun = time.perf_counter()
        for _ in range(FORWARD_BATCHES):
            results = step(self.params, images)
        jax.block_until_ready(results)
        return FORWARD_BATCHES * self.batch_size / (time.perf_counter() - begun)

    def end_to_end(self) -> float:
        """Images/s of `predict`, from its first request for a batch to the predictions of the last one."""
        begun = 0.0

        def batches(start: int):
            nonlocal begun
            begun = time.perf_counter()
            return self.batches(start)

        predict(
            self.apply,
            self.params,
            batches,
            total=self.count,
            batch_size=self.batch_size,
            image_size=CROP,
            mesh=self.mesh,
            name=self.name,
        )
        return self.count / (time.perf_counter() - begun)

    def batches(self, start: int):
        return evaluation_batches(self.source, self.preprocessing, batch_size=self.batch_size, start=start)

    def input(self) -> float:
        """Images/s of the input alone."""
        begun = time.perf_counter()
        for _ in self.batches(0):
            pass
        return self.count / (time.perf_counter() - begun)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["vit_tiny_patch16_224", "resnet50"])
    default = os.path.join(os.environ.get("IMAGENET_REAL_DATA", ""), "images", "val1000")
    parser.add_argument("--images", default=default)
    parser.add_argument("--batch-size", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--result", type=pathlib.Path, default=RESULT)
    arguments = parser.parse_args()
    lines = [
        f"$ python bench/evaluate.py {' '.join(sys.argv[1:])}".rstrip(),
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start; Python {platform.python_version()}, jax "
        f"{jax.__version__}; {len(open_source(arguments.images)):,} images in batches of "
        f"{arguments.batch_size}; medians of {arguments.repeats} turns",
        "",
        f"{'images/s of':24}{'the input':>10}{'forward':>10}{'evaluate':>10}{'of forward':>12}{'bound':>8}",
    ]
    for name in arguments.models:
        measured = Measurement(name, arguments.images, arguments.batch_size)
        columns: dict[str, list[float]] = {"input": [], "forward": [], "end_to_end": []}
        for turn in range(arguments.repeats + 1):
            for column, values in columns.items():
                run: Callable[[], float] = getattr(measured, column)
                speed = run() if turn or column != "end_to_end" else 0.0
                if turn:
                    values.append(speed)
                    print(f"{name} turn {turn}: {column} {speed:.1f}", file=sys.stderr, flush=True)
        ratio = statistics.median(a / b for a, b in zip(columns["end_to_end"], columns["forward"], strict=True))
        reading, forward, whole = (statistics.median(values) for values in columns.values())
        bound = 1 / (1 + forward / reading)  # both use all cores
        lines.append(f"{name:24}{reading:10.1f}{forward:10.1f}{whole:10.1f}{ratio:12.3f}{bound:8.3f}")
    text = "\n".join(lines) + "\n"
    print(text, end="")
    arguments.result.write_text(text)


if __name__ == "__main__":
    main()
