"""Files of Vision Transformers that store other tensors than the model has: each adapter presents them as the model's.

An adapter leaves a file unchanged that has no sign of its library.
"""

import re
from collections.abc import Collection

import numpy as np

from imagenet_real.models.checkpoints.tensors import Adapter, Tensors

# Tensors of training, and constants that the model computes.
UNUSED = re.compile(
    r"(?:embeddings\.)?mask_token$|local_cls_norm\.|projectors\.|lm_head\."
    r"|(?:.*\.)?rope(?:_embed\w*)?\.|.*\.bias_mask$|.*\.position_ids$|logit_(?:scale|bias)$"
)
# Facebook's names of DeiT-III, DINOv2 and DINOv3, and the authors' of EVA-02.
RENAMES = (
    (r"(blocks\.\d+)\.gamma_([12])$", r"\1.ls\2.gamma"),
    (r"storage_tokens$", "reg_token"),
    (r"linear_head\.", "head."),
    (r"(.*\.mlp)\.(?:w12|weights_in)\.", r"\1.fc1."),
    (r"(blocks\.\d+\.mlp)\.w1\.", r"\1.fc1_g."),
    (r"(blocks\.\d+\.mlp)\.w2\.", r"\1.fc1_x."),
    (r"(.*\.mlp)\.(?:w3|weights_out)\.", r"\1.fc2."),
    (r"(blocks\.\d+)\.mlp\.ffn_ln\.", r"\1.mlp.norm."),
    (r"(blocks\.\d+)\.attn\.inner_attn_ln\.", r"\1.attn.norm."),
)


def image_tower(tensors: Tensors, names: Collection[str]) -> Tensors:
    """Leaves the text tower of CLIP and SigLIP out, and the prefix of the image tower."""
    for prefix in ("visual.trunk.", "visual.", "vision_model."):
        if any(name.startswith(prefix) for name in tensors.shapes):
            projections = ("visual_projection.weight", "visual.head.proj.weight")
            selected = {name.removeprefix(prefix): name for name in tensors.shapes if name.startswith(prefix)}
            selected |= {name: name for name in projections if name in tensors.shapes}
            return tensors.select(selected)
    return tensors


def drop_unused(tensors: Tensors, names: Collection[str]) -> Tensors:
    """Leaves out what no forward pass reads."""
    return tensors.select({name: name for name in tensors.shapes if not UNUSED.match(name)})


def rename(tensors: Tensors, names: Collection[str]) -> Tensors:
    """Renames tensors of Facebook's and other authors' files to timm's."""
    return tensors.select({_renamed(name): name for name in tensors.shapes})


def _renamed(name: str) -> str:
    for pattern, replacement in RENAMES:
        name = re.sub(f"^{pattern}", replacement, name)
    return name


def class_position(tensors: Tensors, names: Collection[str]) -> Tensors:
    """Adds the position of DINOv2's class token to the token, if positions are those of patches alone."""
    position = next((name for name in ("pos_embed", "embeddings.position_embeddings") if name in tensors.shapes), None)
    register = next(
        (name for name in ("register_tokens", "embeddings.register_tokens") if name in tensors.shapes), None
    )
    if position is None or register is None:
        return tensors
    token = "cls_token" if position == "pos_embed" else "embeddings.cls_token"
    _, count, width = tensors.shapes[position]
    renamed = tensors.select({"reg_token" if name == "register_tokens" else name: name for name in tensors.shapes})
    return renamed.replace(
        {
            token: ((1, 1, width), lambda: tensors.read(token) + tensors.read(position)[:, :1]),
            position: ((1, count - 1, width), lambda: tensors.read(position)[:, 1:]),
        }
    )


def separate_biases(tensors: Tensors, names: Collection[str]) -> Tensors:
    """Splits DINOv3's bias of query, key and value, and leaves out biases of zeros that the model does not have."""
    if not any(name.endswith("attn.qkv.weight") for name in names) or any(n.endswith("attn.qkv.bias") for n in names):
        return tensors
    has_bias = any(name.endswith("attn.q_bias") for name in names)
    selected, added = {}, {}
    for name, shape in tensors.shapes.items():
        block, _, leaf = name.rpartition(".attn.")
        if leaf == "qkv.bias" and has_bias:
            third = shape[0] // 3
            added[f"{block}.attn.q_bias"] = (third,), lambda name=name, end=third: tensors.read(name)[:end]
            added[f"{block}.attn.v_bias"] = (third,), lambda name=name, end=third: tensors.read(name)[2 * end :]
        elif has_bias or not _is_zero_bias(tensors, name):
            selected[name] = name
    return tensors.select(selected).replace(added)


def _is_zero_bias(tensors: Tensors, name: str) -> bool:
    biases = (".attn.qkv.bias", ".attention.q_proj.bias", ".attention.v_proj.bias")
    return name.endswith(biases) and not np.any(tensors.read(name))


def attention_pool(tensors: Tensors, names: Collection[str]) -> Tensors:
    """Splits the query of SigLIP's attention pool from key and value, which Hugging Face stores as one tensor."""
    if "head.attention.in_proj_weight" not in tensors.shapes:
        return tensors
    added = {}
    for leaf in ("weight", "bias"):
        stored = f"head.attention.in_proj_{leaf}"
        rows, *rest = tensors.shapes[stored]
        width = rows // 3
        added[f"attn_pool.q.{leaf}"] = (width, *rest), lambda name=stored, end=width: tensors.read(name)[:end]
        added[f"attn_pool.kv.{leaf}"] = (2 * width, *rest), lambda name=stored, end=width: tensors.read(name)[end:]
    kept = {name: name for name in tensors.shapes if not name.startswith("head.attention.in_proj_")}
    return tensors.select(kept).replace(added)


def projection(tensors: Tensors, names: Collection[str]) -> Tensors:
    """Presents CLIP's projection into the space of the texts as a head without bias."""
    added, stored = {}, None
    if "proj" in tensors.shapes:
        stored, (inputs, outputs) = "proj", tensors.shapes["proj"]
        added["head.weight"] = (outputs, inputs), lambda: tensors.read("proj").T
    for name in ("visual_projection.weight", "visual.head.proj.weight"):
        if name in tensors.shapes:
            stored, (outputs, inputs) = name, tensors.shapes[name]
            added["head.weight"] = (outputs, inputs), lambda name=name: tensors.read(name)
    if stored is None:
        return tensors
    added["head.bias"] = (outputs,), lambda: np.zeros(outputs, np.float32)
    return tensors.select({name: name for name in tensors.shapes if name != stored}).replace(added)


ADAPTERS: tuple[Adapter, ...] = (
    image_tower,
    drop_unused,
    rename,
    class_position,
    separate_biases,
    attention_pool,
    projection,
)
