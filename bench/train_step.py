"""The train step beside one of plain flax.linen, how long training waits for its data, and how long `make demo` takes.

    python bench/train_step.py [--step] [--wait] [--digits --tfds-dir=DIR] [--demo] [--images=FOLDER]

Without one of the first four, --step and --wait are measured, all on one device.

--step: images/s of ResNet-50 and ViT-S/16. Their textbook twins below have as many parameters and get the same batch,
loss, optimizer and precision of matrix products. The two take turns, for a machine's speed drifts.

--wait: the share of its time that the loop waits for a batch on the device, with crops of the JPEGs in FOLDER by the
config of ResNet-50; --digits: with that of digit scenes. Batches are read and laid on the device ahead, as `training.loop`
has it; every step is waited for before the next batch is asked for, so while the loop waits the device does too.
"""

import argparse
import contextlib
import dataclasses
import functools
import importlib.metadata
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn
from jax.sharding import Mesh
from ml_collections import ConfigDict

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # runs from a checkout that is not installed

from configs import train_digits, train_resnet50  # noqa: E402
from imagenet_real.builders import training, training_data  # noqa: E402
from imagenet_real.data.batches import PREFETCH_BATCHES  # noqa: E402
from imagenet_real.data.sources.open import open_source  # noqa: E402
from imagenet_real.data.training_data import TrainingData  # noqa: E402
from imagenet_real.runtime import devices, prefetch  # noqa: E402
from imagenet_real.training import state as states  # noqa: E402
from imagenet_real.training.losses import LOSSES  # noqa: E402
from imagenet_real.training.step import make_train_step, shard_batch  # noqa: E402

RESULT = ROOT / "bench" / "results" / "train_step.txt"
CLASSES = 1000
RUN_STEPS = 100_000  # the length of the run whose first steps are measured
DIGITS_STEPS = 128  # a turn of the small net, whose steps are short


class LinenBottleneck(nn.Module):
    width: int
    stride: int
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, x):
        conv = functools.partial(nn.Conv, use_bias=False, dtype=self.dtype)
        norm = functools.partial(nn.BatchNorm, use_running_average=False, momentum=0.9, epsilon=1e-5, dtype=self.dtype)
        y = nn.relu(norm()(conv(self.width, (1, 1))(x)))
        y = nn.relu(norm()(conv(self.width, (3, 3), self.stride, padding=1)(y)))
        y = norm()(conv(4 * self.width, (1, 1))(y))
        if x.shape != y.shape:
            x = norm()(conv(4 * self.width, (1, 1), self.stride)(x))
        return nn.relu(x + y)


class LinenResNet50(nn.Module):
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, x):
        x = nn.Conv(64, (7, 7), 2, padding=3, use_bias=False, dtype=self.dtype)(x)
        x = nn.relu(nn.BatchNorm(use_running_average=False, momentum=0.9, epsilon=1e-5, dtype=self.dtype)(x))
        x = nn.max_pool(x, (3, 3), (2, 2), padding=((1, 1), (1, 1)))
        for stage, depth in enumerate((3, 4, 6, 3)):
            for block in range(depth):
                x = LinenBottleneck(64 * 2**stage, 2 if stage and not block else 1, self.dtype)(x)
        return nn.Dense(CLASSES)(x.astype(jnp.float32).mean((1, 2)))


class LinenViTSmall16(nn.Module):
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, x):
        norm = functools.partial(nn.LayerNorm, epsilon=1e-6, dtype=self.dtype)
        dense = functools.partial(nn.Dense, dtype=self.dtype)
        x = nn.Conv(384, (16, 16), 16, padding="VALID", dtype=self.dtype)(x)
        x = x.reshape(len(x), -1, 384)
        token = self.param("token", nn.initializers.zeros, (1, 1, 384)).astype(x.dtype)
        x = jnp.concatenate([jnp.broadcast_to(token, (len(x), 1, 384)), x], axis=1)
        x = x + self.param("positions", nn.initializers.normal(0.02), (1, *x.shape[1:])).astype(x.dtype)
        for _ in range(12):
            x = x + nn.MultiHeadDotProductAttention(6, dtype=self.dtype)(norm()(x))
            x = x + dense(384)(nn.gelu(dense(4 * 384)(norm()(x)), approximate=False))
        return dense(CLASSES)(norm()(x)[:, 0]).astype(jnp.float32)


TWINS = {"resnet50": LinenResNet50, "vit_small_patch16_224": LinenViTSmall16}


@dataclasses.dataclass
class Training:
    """A compiled step and the state that it goes on from."""

    step: Callable[[Any, Any], tuple[Any, Any]]
    state: Any
    params: int

    def go(self, batch: dict[str, jax.Array], steps: int = 1) -> None:
        """Does so many steps to their end."""
        for _ in range(steps):
            self.state, _ = self.step(self.state, batch)
        jax.block_until_ready(self.state)


def ours(config: ConfigDict, classes: int, mesh: Mesh) -> Training:
    """The train step of `programs.train`."""
    optimizer = training.make_optimizer(config, RUN_STEPS)
    graph, state = states.create(training.model_builder(config, classes), optimizer, mesh, seed=0)
    step = make_train_step(graph, LOSSES[config.loss].function, optimizer, mesh, mean=config.mean, std=config.std)
    return Training(step, state, _size(state.params))


def linen(config: ConfigDict) -> Training:
    """The train step of a twin, as the documentation of Flax writes one."""
    model, optimizer = TWINS[config.model](jnp.dtype(config.dtype)), training.make_optimizer(config, RUN_STEPS)

    @functools.partial(jax.jit, donate_argnums=0)
    def step(state, batch):
        params, batch_stats, opt_state = state
        images = (batch["images"].astype(jnp.float32) / 255 - jnp.array(config.mean)) / jnp.array(config.std)

        def mean_loss(params):
            logits, changed = model.apply({"params": params, **batch_stats}, images, mutable=["batch_stats"])
            return optax.softmax_cross_entropy(logits, batch["targets"]).mean(), changed

        (loss, batch_stats), gradient = jax.value_and_grad(mean_loss, has_aux=True)(params)
        updates, opt_state = optimizer.update(gradient, opt_state, params)
        return (optax.apply_updates(params, updates), batch_stats, opt_state), loss

    batch_stats = dict(jax.jit(model.init)(jax.random.key(0), jnp.zeros((1, config.crop, config.crop, 3))))
    params = batch_stats.pop("params")
    return Training(step, (params, batch_stats, optimizer.init(params)), _size(params))


def _size(params: Any) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(params))


def step_lines(config: ConfigDict, mesh: Mesh, rounds: int, steps: int) -> list[str]:
    """Both contestants' images/s of `config.model`."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (config.batch_size, config.crop, config.crop, 3), np.uint8)
    targets = np.eye(CLASSES, dtype=np.float32)[rng.integers(0, CLASSES, config.batch_size)]
    batch = shard_batch(mesh, {"images": images, "targets": targets})
    contestants = {"imagenet_real": ours(config, CLASSES, mesh), "plain linen": linen(config)}
    if len({one.params for one in contestants.values()}) > 1:
        sys.exit(f"{config.model} and its twin differ in size: {[one.params for one in contestants.values()]}")

    for one in contestants.values():
        one.go(batch, 2)  # the first compiles
    speeds: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(rounds):
        for name, one in contestants.items():
            begun = time.perf_counter()
            one.go(batch, steps)
            speeds[name].append(steps * config.batch_size / (time.perf_counter() - begun))
            note(f"{config.model}, round {number + 1}: {name} {speeds[name][-1]:.1f} images/s")
    ratios = [own / other for own, other in zip(*speeds.values(), strict=True)]
    ends = {"imagenet_real": f"{statistics.median(ratios):9.3f}x ({_range(ratios, '.3f')})", "plain linen": ""}
    return [
        f"{config.model:23}{name:15}{contestants[name].params:12,}{statistics.median(values):11.1f}"
        f"{_range(values, '.1f'):>19}{ends[name]}"
        for name, values in speeds.items()
    ]


def note(text: str) -> None:
    """Tells how far it is: a run takes minutes."""
    print(text, file=sys.stderr, flush=True)


def _range(values: Sequence[float], form: str) -> str:
    return f"{min(values):{form}} to {max(values):{form}}"


def wait_line(config: ConfigDict, data: TrainingData, mesh: Mesh, rounds: int, steps: int) -> str:
    """The share of the time in which training of `config.model` waits for batches of `data`."""
    training, shares, speeds = ours(config, data.num_classes, mesh), [], []
    with (
        contextlib.closing(training.training_batches(config, data, RUN_STEPS)) as batches,
        contextlib.closing(prefetch.prefetch(lambda: shard_batch(mesh, next(batches)))) as ready,
    ):
        for _ in range(2 * max(PREFETCH_BATCHES, config.workers)):  # what was read ahead while the step was compiled
            training.go(next(ready))
        for number in range(rounds):
            waited, begun = 0.0, time.perf_counter()
            for _ in range(steps):
                asked = time.perf_counter()
                batch = next(ready)
                waited += time.perf_counter() - asked
                training.go(batch)
            total = time.perf_counter() - begun
            shares.append(100 * waited / total)
            speeds.append(steps * config.batch_size / total)
            note(f"{config.model}, round {number + 1}: waiting {shares[-1]:.2f}%, {speeds[-1]:.1f} images/s")
    return (
        f"{config.model:23}{f'{config.batch_size} of {len(data):,} images, {config.dtype}':33}"
        f"{statistics.median(shares):8.2f}%{_range(shares, '.2f'):>19}{statistics.median(speeds):11.1f}"
    )


def jpegs(folder: str) -> TrainingData:
    """The images of a folder; what each of them shows is made up, for no speed depends on it."""
    source = open_source(folder)
    image_ids = source.label_fields().image_ids
    return TrainingData(source, image_ids, np.arange(len(source))[:, None] % CLASSES, CLASSES)


def demo_seconds() -> float:
    """Seconds of `make demo` from nothing: its images are drawn anew."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "main.py", "--config=configs/demo.py", f"--config.tfds_dir={folder}/tfds"]
        begun = time.perf_counter()
        subprocess.run([*command, f"--workdir={folder}/demo"], cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - begun


def main() -> None:
    default = os.path.join(os.environ.get("IMAGENET_REAL_DATA", ""), "images", "train400")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for part in ("step", "wait", "digits", "demo"):
        parser.add_argument(f"--{part}", action="store_true")
    parser.add_argument("--models", nargs="+", choices=TWINS, default=list(TWINS), help="of --step")
    parser.add_argument("--images", default=default, help="FOLDER of --wait")
    parser.add_argument("--tfds-dir", default="", help="of --digits: where digit_scenes is, or is made")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32", help="but for --digits")
    parser.add_argument("--batch-size", type=int, default=16, help="but for --digits")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=4, help="a round, but for --digits")
    parser.add_argument("--workers", type=int, default=0, help="processes that decode; 0: threads")
    parser.add_argument("--result", type=pathlib.Path, default=RESULT, help="the file that is written")
    wanted = parser.parse_args()
    if not (wanted.step or wanted.wait or wanted.digits or wanted.demo):
        wanted.step = wanted.wait = True
    if wanted.wait and not os.path.isdir(wanted.images):
        parser.error(f"no folder {wanted.images}: give --images=FOLDER, or set IMAGENET_REAL_DATA")

    jax.config.update("jax_default_matmul_precision", "highest")  # as our models have it, for the twins
    mesh = devices.make_mesh(jax.devices()[:1])
    config, digits = train_resnet50.get_config(), train_digits.get_config()
    config.update(dtype=wanted.dtype, batch_size=wanted.batch_size, workers=wanted.workers)
    digits.update(tfds_dir=wanted.tfds_dir, workers=wanted.workers)

    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("jax", "flax", "optax", "grain"))
    lines = [
        f"$ python bench/train_step.py {' '.join(sys.argv[1:])}".rstrip(),
        f"{mesh.devices.item().device_kind}, {os.cpu_count()} cores; Python {sys.version.split()[0]}, {versions}",
        f"median (lowest to highest) of {wanted.rounds} rounds",
    ]
    if wanted.step:
        lines += ["", f"train step: batches of {config.batch_size}, {config.crop} pixels, {config.dtype}"]
        lines += [f"{'':38}{'parameters':>12}{'images/s':>11}{'range':>19}{'of linen':>10}"]
        for model in wanted.models:
            lines += step_lines(ConfigDict({**config.to_dict(), "model": model}), mesh, wanted.rounds, wanted.steps)
    if wanted.wait or wanted.digits:
        lines += ["", "the share of its time that training waits for data"]
        lines += [f"{'':56}{'waiting':>9}{'range':>19}{'images/s':>11}"]
    if wanted.wait:
        lines += [wait_line(config, jpegs(wanted.images), mesh, wanted.rounds, wanted.steps)]
    if wanted.digits:
        lines += [wait_line(digits, training_data.training_data(digits), mesh, wanted.rounds, DIGITS_STEPS)]
    if wanted.demo:
        lines += ["", f"make demo, once, with images drawn anew: {demo_seconds():.0f} s"]
    print("\n".join(lines))
    wanted.result.parent.mkdir(exist_ok=True)
    wanted.result.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
