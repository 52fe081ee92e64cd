"""What every comparison with a reference in PyTorch does: random weights, the same images, the same logits."""

import dataclasses
import math

import jax
import numpy as np
import pytest

from imagenet_real.models import catalog

torch = pytest.importorskip("torch", reason="the dependency group `reference` is not installed")

RELATIVE = 1e-4  # of the largest logit


def randomized(module, seed: int = 0):
    """The module in evaluation mode with random parameters and statistics, under which no tensor is without effect."""
    generator = torch.Generator().manual_seed(seed)

    def normal(tensor, scale):
        return torch.randn(tensor.shape, generator=generator) * scale

    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if name.endswith("num_batches_tracked"):
                continue
            if name.endswith("running_var") or (tensor.ndim == 1 and name.endswith("weight")):
                tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator))
            elif tensor.ndim < 2 or "cls" in name or "pos" in name or "class_token" in name:
                tensor.copy_(normal(tensor, 0.3))
            else:
                tensor.copy_(normal(tensor, (2 / math.prod(tensor.shape[1:])) ** 0.5))
    return module.eval()


def images(size: int, count: int = 2) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(count, size, size, 3)).astype(np.float32)


def reference_logits(module, pixels: np.ndarray) -> np.ndarray:
    """[B, H, W, 3] -> [B, K]."""
    with torch.no_grad():
        logits = module(torch.from_numpy(pixels).permute(0, 3, 1, 2))
    return getattr(logits, "logits", logits).numpy()


def add_smaller(monkeypatch, like: str, **architecture) -> str:
    """Adds a model to the catalog that is like another one, but smaller, and returns its name."""
    spec = catalog.find(like)
    changed = dataclasses.replace(spec, architecture={**spec.architecture, **architecture})
    monkeypatch.setitem(catalog.models(), "smaller", changed)
    return "smaller"


def check(module, name: str, file, size: int, *, library: str, **load) -> None:
    """The catalog's model with the weights of a file gives the reference's logits, and logs the library of the names."""
    pixels = images(size)
    expected = reference_logits(module, pixels)
    lines = []
    apply, params = catalog.load_outputs(name, file, log=lines.append, **load)
    logits = np.asarray(jax.jit(apply)(params, pixels))
    largest = np.abs(expected).max()
    error = np.abs(logits - expected).max() / largest
    print(f"{name} at {size}: relative difference {error:.1e}; {lines[-1]}")
    assert error <= RELATIVE
    assert np.abs(expected[0] - expected[1]).max() > 0.01 * largest  # the images make a difference
    assert lines[-1].endswith(f"under the names of {library}")
