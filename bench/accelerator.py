"""Training and evaluation on an accelerator: images/s and how much of its peak is used, beside a plain PyTorch step.

    python bench/accelerator.py --torch-python=PATH --peak=989e12 --images=FOLDER

--torch-python: an interpreter that has PyTorch and torchvision, which does the same shapes in bench/torch_step.py after
each of ours (channels_last, bfloat16, torch.compile); without it ours are measured alone. --peak: the accelerator's
bfloat16 FLOP/s by its data sheet; 989e12 for an H100 or H200. --images: JPEGs, or folders of them, for the rows with
JPEG input, which take batches as `train` and `evaluate` do; without it there are synthetic batches alone, which lie on the
device already.

Model FLOP utilisation is images/s times the multiply-adds of the model, two operations each, three times as many in
training, over the peak. "waits" is the share of the time in which a step waits for its batch, GiB the peak of the device's
memory. On a machine without accelerator a small run proves that all of it works:

    python bench/accelerator.py --batch-size=2 --steps=2 --rounds=1 --peak=1e11 --images=FOLDER
"""

import argparse
import contextlib
import itertools
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # PyTorch takes its turn on the same device
ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # runs from a checkout that is not installed

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from flax import nnx  # noqa: E402
from ml_collections import ConfigDict  # noqa: E402

from configs import train_resnet50  # noqa: E402
from imagenet_real.builders import training  # noqa: E402
from imagenet_real.data.batches import evaluation_batches  # noqa: E402
from imagenet_real.data.sources.open import open_source  # noqa: E402
from imagenet_real.data.training_data import TrainingData  # noqa: E402
from imagenet_real.inference.predict import prediction_step  # noqa: E402
from imagenet_real.models import catalog  # noqa: E402
from imagenet_real.models.functional import functional, normalized  # noqa: E402
from imagenet_real.models.operations import multiply_adds  # noqa: E402
from imagenet_real.runtime import devices, prefetch  # noqa: E402
from imagenet_real.training import state as states  # noqa: E402
from imagenet_real.training.losses import LOSSES  # noqa: E402
from imagenet_real.training.step import make_train_step, shard_batch  # noqa: E402

RESULT = ROOT / "bench" / "results" / "accelerator.txt"
MODELS = ("resnet50", "vit_base_patch16_224")
CLASSES = 1000
STEPS_OF_RUN = 100_000  # the length of the run whose first steps are measured
WARM_UP = 3  # steps, of which the first compiles
PROOF = ROOT / "bench" / "results" / "accelerator_on_cpu.txt"  # that every part of it runs, in small


def train(config: ConfigDict) -> Callable[[dict[str, jax.Array]], jax.Array]:
    """A step of `train` on a batch; what it gives is ready when the step is done."""
    mesh = devices.make_mesh()
    optimizer = training.make_optimizer(config, STEPS_OF_RUN)
    graph, state = states.create(training.model_builder(config, CLASSES), optimizer, mesh, seed=0)
    step = make_train_step(graph, LOSSES[config.loss].function, optimizer, mesh, mean=config.mean, std=config.std)

    def go(batch):
        nonlocal state
        state, metrics = step(state, batch)
        return metrics["loss"]

    return go


def evaluation(config: ConfigDict) -> Callable[[dict[str, jax.Array]], jax.Array]:
    """A step of `evaluate` on a batch."""
    mesh = devices.make_mesh()
    model = catalog.build(config.model, num_classes=CLASSES, dtype=config.dtype)
    model.eval()
    graph, params = nnx.split(model)
    step = prediction_step(normalized(functional(graph), config.mean, config.std), mesh, top_k=20, save_scores=False)
    params = devices.put(params, devices.replicated(mesh))
    return lambda batch: step(params, batch["images"])["top"]


def synthetic(config: ConfigDict) -> Iterator[dict[str, jax.Array]]:
    """One batch of noise, again and again."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (config.batch_size, config.crop, config.crop, 3), np.uint8)
    targets = np.eye(CLASSES, dtype=np.float32)[random.integers(0, CLASSES, config.batch_size)]
    return itertools.repeat(shard_batch(devices.make_mesh(), {"images": images, "targets": targets}))


@contextlib.contextmanager
def jpegs(config: ConfigDict, kind: str, folder: str, batches: int) -> Iterator[Iterator[dict[str, jax.Array]]]:
    """Batches of the images of a folder, as often as they are needed, laid on the device ahead."""
    mesh, source = devices.make_mesh(), open_source(folder)
    rows = np.resize(np.arange(len(source)), batches * config.batch_size)
    many = TrainingData(source, source.label_fields().image_ids, np.arange(len(source))[:, None] % CLASSES, CLASSES)
    many = many.at(rows)
    if kind == "training":
        read: Any = training.training_batches(config, many, batches)
        made: Iterator[dict[str, np.ndarray]] = iter(read)
    else:
        read = evaluation_batches(
            many.source, training.preprocessing(config), batch_size=config.batch_size, workers=config.workers
        )
        made = ({"images": batch.images} for batch in read)
    with (
        contextlib.closing(read),
        contextlib.closing(prefetch.prefetch(lambda: shard_batch(mesh, next(made)))) as ready,
    ):
        yield ready


def speed(go: Callable[[Any], jax.Array], batches: Iterator[Any], batch_size: int, steps: int) -> tuple[float, float]:
    """Images/s over so many steps, which follow each other as they do in training, and the share that waits for input."""
    for _ in range(WARM_UP):
        jax.block_until_ready(go(next(batches)))
    begun, waited = time.perf_counter(), 0.0
    for _ in range(steps):
        asked = time.perf_counter()
        batch = next(batches)
        waited += time.perf_counter() - asked
        last = go(batch)
    jax.block_until_ready(last)
    seconds = time.perf_counter() - begun
    return batch_size * steps / seconds, waited / seconds


def peak_memory() -> str:
    """The most memory of the device that was in use so far, of this process; empty where JAX does not know, as on CPUs."""
    statistics_of_device = jax.devices()[0].memory_stats() or {}
    peak = statistics_of_device.get("peak_bytes_in_use")
    return f"{peak / 2**30:.1f}" if peak else ""


def torch_speeds(python: str, config: ConfigDict, kind: str, steps: int, rounds: int) -> list[float]:
    """Images/s of the same shapes in PyTorch."""
    wanted = {"model": config.model, "kind": kind, "batch_size": config.batch_size, "crop": config.crop}
    command = [python, str(ROOT / "bench" / "torch_step.py"), json.dumps({**wanted, "steps": steps, "rounds": rounds})]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def line(
    name: str, kind: str, what: str, speeds: list[float], operations: float, peak: float, waits: Sequence[float] = ()
) -> str:
    median = statistics.median(speeds)
    used = f"{100 * median * operations / peak:.1f}%" if peak else ""
    waiting = f"{100 * statistics.median(waits):.1f}%" if waits else ""
    memory = peak_memory() if waits else ""
    spread = f"{min(speeds):,.1f} to {max(speeds):,.1f}"
    return f"{name:23}{kind:12}{what:22}{median:10,.1f}{spread:>19}{used:>9}{waiting:>9}{memory:>9}".rstrip()


def tell(lines: list[str], new: str) -> None:
    """Adds a line, and shows it at once: a run takes minutes."""
    lines.append(new)
    print(new, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--torch-python", default="")
    parser.add_argument("--peak", type=float, default=0.0)
    parser.add_argument("--images", default="")
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--workers", type=int, default=0, help="processes that decode; 0: threads")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--result", type=pathlib.Path)
    wanted = parser.parse_args()

    device = jax.devices()[0].device_kind
    lines = [
        f"$ python bench/accelerator.py {' '.join(sys.argv[1:])}",
        f"{device}, jax {jax.__version__}, bfloat16",
        "",
    ]
    lines.append(f"{'':23}{'':12}{'':22}{'images/s':>10}{'lowest to highest':>19}{'of peak':>9}{'waits':>9}{'GiB':>9}")
    for name, kind in itertools.product(wanted.models, ("training", "evaluation")):
        config = train_resnet50.get_config()
        config.update(model=name, batch_size=wanted.batch_size, workers=wanted.workers)
        model = catalog.build_abstract(name, num_classes=CLASSES)
        model.eval()
        image = jax.ShapeDtypeStruct((1, config.crop, config.crop, 3), jnp.float32)
        graph, params = nnx.split(model)
        operations = 2 * multiply_adds(functional(graph), params, image) * (3 if kind == "training" else 1)
        go = {"training": train, "evaluation": evaluation}[kind](config)
        runs = [speed(go, synthetic(config), wanted.batch_size, wanted.steps) for _ in range(wanted.rounds)]
        speeds, waits = map(list, zip(*runs, strict=True))
        tell(lines, line(name, kind, "synthetic", speeds, operations, wanted.peak, waits))
        if wanted.images:
            runs = []
            for _ in range(wanted.rounds):
                with jpegs(config, kind, wanted.images, wanted.steps + WARM_UP) as batches:
                    runs.append(speed(go, batches, wanted.batch_size, wanted.steps))
            speeds, waits = map(list, zip(*runs, strict=True))
            what = f"JPEGs, {wanted.workers or 'no'} workers"
            tell(lines, line(name, kind, what, speeds, operations, wanted.peak, waits))
        del go
        if wanted.torch_python:
            speeds = torch_speeds(wanted.torch_python, config, kind, wanted.steps, wanted.rounds)
            tell(lines, line(name, kind, "PyTorch, synthetic", speeds, operations, wanted.peak))
    text = "\n".join(lines) + "\n"
    print(text, end="")
    result = wanted.result or (PROOF if jax.default_backend() == "cpu" else RESULT)
    result.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
