"""A ViT with timm's tensors in plain NumPy and float64: the oracle for the Flax model."""

import numpy as np
from scipy.special import erf


def random_tensors(*, image_size: int, patch: int, width: int, depth: int, num_classes: int, seed: int = 0) -> dict:
    """Random float32 tensors under timm's names, of a size at which every one of them matters for the logits."""
    shapes = {
        "cls_token": (1, 1, width),
        "pos_embed": (1, 1 + (image_size // patch) ** 2, width),
        "patch_embed.proj.weight": (width, 3, patch, patch),
        "patch_embed.proj.bias": (width,),
        "norm.weight": (width,),
        "norm.bias": (width,),
        "head.weight": (num_classes, width),
        "head.bias": (num_classes,),
    }
    for block in range(depth):
        shapes |= {
            f"blocks.{block}.norm1.weight": (width,),
            f"blocks.{block}.norm1.bias": (width,),
            f"blocks.{block}.attn.qkv.weight": (3 * width, width),
            f"blocks.{block}.attn.qkv.bias": (3 * width,),
            f"blocks.{block}.attn.proj.weight": (width, width),
            f"blocks.{block}.attn.proj.bias": (width,),
            f"blocks.{block}.norm2.weight": (width,),
            f"blocks.{block}.norm2.bias": (width,),
            f"blocks.{block}.mlp.fc1.weight": (4 * width, width),
            f"blocks.{block}.mlp.fc1.bias": (4 * width,),
            f"blocks.{block}.mlp.fc2.weight": (width, 4 * width),
            f"blocks.{block}.mlp.fc2.bias": (width,),
        }
    rng = np.random.default_rng(seed)
    return {name: rng.normal(0, 0.3, shape).astype(np.float32) for name, shape in shapes.items()}


def logits(tensors: dict, images: np.ndarray, *, heads: int) -> np.ndarray:
    """[B, H, W, 3] -> [B, K]."""
    t = {name: tensor.astype(np.float64) for name, tensor in tensors.items()}
    depth = 1 + max(int(name.split(".")[1]) for name in t if name.startswith("blocks."))
    return np.stack([_logits_of_one(t, image.astype(np.float64), heads, depth) for image in images])


def _logits_of_one(t, image, heads, depth):
    width, _, patch, _ = t["patch_embed.proj.weight"].shape
    tokens = [t["cls_token"][0, 0]]
    for top in range(0, image.shape[0], patch):
        for left in range(0, image.shape[1], patch):
            square = image[top : top + patch, left : left + patch].transpose(2, 0, 1)  # channels first, as in torch
            tokens.append(t["patch_embed.proj.weight"].reshape(width, -1) @ square.ravel() + t["patch_embed.proj.bias"])
    x = np.stack(tokens) + t["pos_embed"][0]
    for block in range(depth):
        x = x + _attention(t, f"blocks.{block}.attn", _norm(t, f"blocks.{block}.norm1", x), heads)
        hidden = _linear(t, f"blocks.{block}.mlp.fc1", _norm(t, f"blocks.{block}.norm2", x))
        x = x + _linear(t, f"blocks.{block}.mlp.fc2", hidden * (1 + erf(hidden / np.sqrt(2))) / 2)
    return _linear(t, "head", _norm(t, "norm", x)[0])


def _attention(t, name, x, heads):
    length, width = x.shape
    query, key, value = np.split(_linear(t, f"{name}.qkv", x), 3, axis=1)
    mixed = np.zeros((length, width))
    for head in np.split(np.arange(width), heads):
        scores = query[:, head] @ key[:, head].T / np.sqrt(width / heads)
        attention = np.exp(scores - scores.max(axis=1, keepdims=True))
        mixed[:, head] = attention / attention.sum(axis=1, keepdims=True) @ value[:, head]
    return _linear(t, f"{name}.proj", mixed)


def _linear(t, name, x):
    return x @ t[f"{name}.weight"].T + t[f"{name}.bias"]


def _norm(t, name, x):
    variance = ((x - x.mean(axis=1, keepdims=True)) ** 2).mean(axis=1, keepdims=True)
    return (x - x.mean(axis=1, keepdims=True)) / np.sqrt(variance + 1e-6) * t[f"{name}.weight"] + t[f"{name}.bias"]
