"""Forward images/s of each architecture beside PyTorch's on the same weights, compile time, and the second start.

    python bench/forward.py [--models NAME ...] [--rounds=N]

Runs where PyTorch, torchvision and timm are installed beside this package (the dependency group `reference`). Each
model is timm's, with its random weights, in float32; both sides get the same batch and take turns, for a machine's
speed drifts. Both may use all cores. "first" and "second" are the seconds from the traced model to the compiled one,
without and with what JAX's persistent compilation cache holds of it; the second start is that of a new process.
"""

import argparse
import importlib.metadata
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import jax
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # runs from a checkout that is not installed

from imagenet_real.models import catalog  # noqa: E402
from imagenet_real.runtime import devices  # noqa: E402

RESULT = ROOT / "bench" / "results" / "forward.txt"
MODELS = (
    "resnet50",
    "resnetv2_50x1_bit",
    "vit_small_patch16_224",
    "convnext_tiny",
    "efficientnet_b0",
    "tf_efficientnet_b0",
    "regnetx_016",
    "regnety_016",
    "tf_efficientnet_lite0",
    "mobilenetv3_large_100",
    "mobilenetv4_conv_small",
    "mobilenetv4_hybrid_medium",
    "convnextv2_atto",
    "deit3_small_patch16_224",
    "vit_small_patch14_dinov2",
    "vit_small_patch14_reg4_dinov2",
    "vit_small_patch16_dinov3",
    "eva02_tiny_patch14_224",
    "vit_base_patch16_siglip_224",
    "vit_base_patch32_clip_224",
    "swinv2_tiny_window8_256",
)
OPTIONS = {"vit_small_patch16_dinov3": {"global_pool": "token"}}  # as its authors pool
LARGEST_DIFFERENCE = 1e-3  # of the largest logit: else it is not the same model


def compiled(name: str, file: str, images: np.ndarray) -> tuple[Callable[[], np.ndarray], float]:
    """A call of the model with the weights of a file, and the seconds that its compilation took."""
    apply, params = catalog.load_outputs(name, file, image_size=images.shape[1])
    params = jax.device_put(params)
    images = jax.device_put(images)
    lowered = jax.jit(apply, compiler_options=devices.compiler_options()).lower(params, images)
    begun = time.perf_counter()
    call = lowered.compile()
    seconds = time.perf_counter() - begun
    return lambda: np.asarray(call(params, images)), seconds


def line(name: str, rounds: int, batch_size: int, size: int, folder: str) -> str:
    """What was measured of one model."""
    import safetensors.torch
    import timm
    import torch

    torch.manual_seed(0)
    has_size = "image_size" in catalog.find(name).architecture
    module = timm.create_model(name, **({"img_size": size} if has_size else {}), **OPTIONS.get(name, {})).eval()
    file = f"{folder}/{name}.safetensors"
    safetensors.torch.save_file(module.state_dict(), file)
    images = np.random.default_rng(0).normal(size=(batch_size, size, size, 3)).astype(np.float32)
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()

    ours, first = compiled(name, file, images)
    asked = [sys.executable, __file__, "--second-start", name, file, str(batch_size), str(size)]
    second = float(subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()[-1])

    def theirs() -> np.ndarray:
        with torch.inference_mode():
            return module(pixels).numpy()

    expected = theirs()
    difference = np.abs(ours() - expected).max() / np.abs(expected).max()
    if not difference < LARGEST_DIFFERENCE:
        sys.exit(f"{name}: the logits differ by {difference:.1e} of the largest")
    speeds: list[tuple[float, float]] = []
    for _ in range(rounds):
        pair = []
        for call in (ours, theirs):
            begun = time.perf_counter()
            call()
            pair.append(batch_size / (time.perf_counter() - begun))
        speeds.append((pair[0], pair[1]))
    own, other = (statistics.median(values) for values in zip(*speeds, strict=True))
    ratios = [pair[0] / pair[1] for pair in speeds]
    spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    return f"{name:24}{own:10.1f}{other:10.1f}{spread:>22}{first:9.1f}{second:9.1f}{difference:10.0e}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--size", type=int, default=224, help="of the images in pixels")
    parser.add_argument("--result", type=pathlib.Path, default=RESULT, help="the file that is written")
    parser.add_argument("--second-start", nargs=4, help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.second_start:
        name, file, batch_size, size = wanted.second_start
        print(compiled(name, file, np.zeros((int(batch_size), int(size), int(size), 3), np.float32))[1])
        return
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("jax", "flax", "torch", "timm"))
    lines = [
        f"$ python bench/forward.py {' '.join(sys.argv[1:])}".rstrip(),
        f"{jax.devices()[0].device_kind}, {os.cpu_count()} cores; Python {sys.version.split()[0]}, {versions}",
        f"forward passes in float32, batches of {wanted.batch_size} images of {wanted.size} pixels; "
        f"median (lowest to highest) of {wanted.rounds} rounds",
        "",
        f"{'':24}{'images/s':>10}{'PyTorch':>10}{'ratio':>22}{'first s':>9}{'second s':>9}{'differ':>10}",
    ]
    print("\n".join(lines), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["JAX_COMPILATION_CACHE_DIR"] = f"{folder}/cache"  # the second start's too
        os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
        jax.config.update("jax_compilation_cache_dir", f"{folder}/cache")
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
        for name in wanted.models:
            lines.append(line(name, wanted.rounds, wanted.batch_size, wanted.size, folder))
            print(lines[-1], flush=True)
            wanted.result.parent.mkdir(exist_ok=True)
            wanted.result.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
