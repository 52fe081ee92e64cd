"""Seconds of forward passes and training steps on a CPU with each choice of what XLA gives to YNNPACK.

    python bench/compiler_options.py [--models NAME ...] [--batch-size=N]

`runtime.devices.compiler_options` is chosen by this table. The choices take turns; the best of all rounds counts.
"""

import argparse
import os
import pathlib
import platform
import sys
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # runs from a checkout that is not installed

from imagenet_real.models import catalog  # noqa: E402
from imagenet_real.training.losses import LOSSES  # noqa: E402

RESULT = ROOT / "bench" / "results" / "compiler_options.txt"
MODELS = ("resnet50", "vit_small_patch16_224", "convnext_tiny", "efficientnet_b0", "resnetv2_50x1_bit")
OPTION = "xla_cpu_experimental_ynn_fusion_type"
CHOICES = {
    "XLA's default": {},
    "nothing": {OPTION: ""},
    "sums": {OPTION: "LIBRARY_FUSION_TYPE_REDUCE"},
    "products": {OPTION: "LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT"},
}


def forward_of(name: str, images: np.ndarray) -> tuple[Callable, tuple]:
    """Returns a forward pass and its arguments."""
    model = catalog.build(name, num_classes=1000)
    model.eval()
    graph, params = nnx.split(model)
    return lambda params, images: nnx.merge(graph, params)(images), (params, images)


def step_of(name: str, images: np.ndarray) -> tuple[Callable, tuple]:
    """Returns the gradient of the softmax loss, with batch statistics, and its arguments."""
    model = catalog.build(name, num_classes=1000)
    model.train()
    graph, params, others = nnx.split(model, nnx.Param, ...)
    targets = jax.nn.one_hot(np.arange(len(images)), 1000)

    def step(params, others, images):
        def loss(params):
            merged = nnx.merge(graph, params, others, copy=True)
            return LOSSES["softmax"].function(merged(images), targets).mean(), nnx.state(merged, nnx.Not(nnx.Param))

        return jax.grad(loss, has_aux=True)(params)

    return step, (params, others, jnp.asarray(images))


def line(name: str, kind: str, function: Callable, arguments: tuple, rounds: int) -> str:
    lowered = jax.jit(function).lower(*arguments)
    calls = {choice: lowered.compile(compiler_options=options) for choice, options in CHOICES.items()}
    best = dict.fromkeys(calls, float("inf"))
    for turn in range(rounds + 1):
        for choice, call in calls.items():
            begun = time.perf_counter()
            jax.block_until_ready(call(*arguments))
            if turn:
                best[choice] = min(best[choice], time.perf_counter() - begun)
    return f"{name:24}{kind:9}" + "".join(f"{seconds:15.2f}" for seconds in best.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    wanted = parser.parse_args()
    lines = [
        f"$ python bench/compiler_options.py {' '.join(sys.argv[1:])}".rstrip(),
        f"{os.cpu_count()} cores, Python {platform.python_version()}, jax {jax.__version__}; seconds, {wanted.batch_size} images of "
        "224 pixels, float32",
        "",
        f"{'to YNNPACK goes':33}" + "".join(f"{choice:>15}" for choice in CHOICES),
    ]
    print("\n".join(lines), flush=True)
    images = np.random.default_rng(0).normal(size=(wanted.batch_size, 224, 224, 3)).astype(np.float32)
    for name in wanted.models:
        for kind, make in (("forward", forward_of), ("training", step_of)):
            lines.append(line(name, kind, *make(name, images), wanted.rounds))
            print(lines[-1], flush=True)
            RESULT.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
