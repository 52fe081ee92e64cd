"""The text towers of CLIP (Radford et al. 2021) and SigLIP (Zhai et al. 2023): tokens [B, T] -> embeddings [B, E]."""

import dataclasses
import functools
import math
import os
import re
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from imagenet_real.errors import InputError
from imagenet_real.models.checkpoints import weights
from imagenet_real.models.checkpoints.naming import renamed
from imagenet_real.models.checkpoints.tensors import Tensors, open_tensors
from imagenet_real.models.checkpoints.vit_names import QKV
from imagenet_real.models.initial import drawn, shapes_of
from imagenet_real.models.transformer_layers import LayerNorm, Linear, Mlp


class CausalAttention(nnx.Module):
    """Self-attention; if causal, of each token to itself and those before it."""

    def __init__(self, width: int, heads: int, causal: bool, *, rngs: nnx.Rngs):
        self.heads, self.causal = heads, causal
        self.qkv = Linear(width, 3 * width, rngs=rngs)
        self.proj = Linear(width, width, rngs=rngs)

    def __call__(self, tokens: jax.Array) -> jax.Array:  # [B, T, D] -> [B, T, D]
        batch, length, width = tokens.shape
        qkv = self.qkv(tokens).reshape(batch, length, 3, self.heads, width // self.heads)
        mixed = jax.nn.dot_product_attention(qkv[:, :, 0], qkv[:, :, 1], qkv[:, :, 2], is_causal=self.causal)
        return self.proj(mixed.reshape(tokens.shape))


class TextBlock(nnx.Module):
    """Attention, then an MLP. Both read normalized tokens and add to the residual stream."""

    def __init__(self, width: int, tower: "TextTower", *, rngs: nnx.Rngs):
        norm = {"epsilon": tower.epsilon, "dtype": jnp.float32, "rngs": rngs}
        self.norm1 = LayerNorm(width, **norm)
        self.attn = CausalAttention(width, tower.heads, tower.causal, rngs=rngs)
        self.norm2 = LayerNorm(width, **norm)
        self.mlp = Mlp(width, tower.hidden, activation=tower.activation, dtype=jnp.float32, rngs=rngs)

    def __call__(self, tokens: jax.Array) -> jax.Array:  # [B, T, D] -> [B, T, D]
        tokens = tokens + self.attn(self.norm1(tokens))
        return tokens + self.mlp(self.norm2(tokens))


@dataclasses.dataclass(frozen=True)
class TextTower:
    """The sizes of a text tower. CLIP's is causal and reads the end of the text; SigLIP's reads the last token."""

    vocabulary: int
    length: int
    width: int
    depth: int
    heads: int
    hidden: int
    embedding: int
    causal: bool
    activation: str

    @property
    def epsilon(self) -> float:
        return 1e-5 if self.causal else 1e-6


class TextTransformer(nnx.Module):
    """Token embeddings with learned positions, blocks, a norm, and a projection of one token, in float32."""

    def __init__(self, tower: TextTower, *, rngs: nnx.Rngs):
        self.causal = tower.causal
        initial = drawn(nnx.initializers.normal(0.02))
        self.token_embedding = nnx.Param(initial(rngs.params(), (tower.vocabulary, tower.width)))
        self.pos_embed = nnx.Param(initial(rngs.params(), (tower.length, tower.width)))
        self.blocks = nnx.List([TextBlock(tower.width, tower, rngs=rngs) for _ in range(tower.depth)])
        self.norm = LayerNorm(tower.width, epsilon=tower.epsilon, dtype=jnp.float32, rngs=rngs)
        self.head = Linear(tower.width, tower.embedding, use_bias=not tower.causal, rngs=rngs)

    def __call__(self, ids: jax.Array) -> jax.Array:
        """[B, T] int -> [B, E] float32. The end of a text has the largest id of CLIP's tokens."""
        with jax.default_matmul_precision("highest"):
            tokens = jnp.asarray(self.token_embedding[...])[ids] + self.pos_embed[...]
            for block in self.blocks:
                tokens = block(tokens)
            tokens = self.norm(tokens)
            place = ids.argmax(axis=1) if self.causal else jnp.full(len(ids), ids.shape[1] - 1)
            return self.head(jnp.take_along_axis(tokens, place[:, None, None], axis=1)[:, 0])


_LAYER = r"encoder.layers.\1."
HUGGING_FACE = (
    (r"token_embedding", "embeddings.token_embedding.weight"),
    (r"pos_embed", "embeddings.position_embedding.weight"),
    (r"blocks\.(\d+)\.attn\.qkv\.", tuple(f"{_LAYER}self_attn.{part}" for part in QKV)),
    (r"blocks\.(\d+)\.attn\.proj\.", f"{_LAYER}self_attn.out_proj."),
    (r"blocks\.(\d+)\.norm([12])\.", rf"{_LAYER}layer_norm\2."),
    (r"blocks\.(\d+)\.", _LAYER),
    (r"norm\.", "final_layer_norm."),
)
OPEN_CLIP = (
    (r"token_embedding", "token_embedding.weight"),
    (r"pos_embed", "positional_embedding"),
    (r"blocks\.(\d+)\.attn\.qkv\.", r"transformer.resblocks.\1.attn.in_proj_"),
    (r"blocks\.(\d+)\.attn\.proj\.", r"transformer.resblocks.\1.attn.out_proj."),
    (r"blocks\.(\d+)\.norm([12])\.", r"transformer.resblocks.\1.ln_\2."),
    (r"blocks\.(\d+)\.mlp\.fc1\.", r"transformer.resblocks.\1.mlp.c_fc."),
    (r"blocks\.(\d+)\.mlp\.fc2\.", r"transformer.resblocks.\1.mlp.c_proj."),
    (r"norm\.", "ln_final."),
)
NAMING = {
    "Hugging Face": lambda name: renamed(name, HUGGING_FACE),
    "OpenCLIP": lambda name: renamed(name, OPEN_CLIP),
}


def load_text_tower(
    file: str | os.PathLike, *, activation: str, heads: int = 0
) -> tuple[Callable[[jax.Array], jax.Array], int, float, float]:
    """Loads the text tower of a file of CLIP or SigLIP: `(apply, length, scale, bias)`.

    `apply(ids) -> embeddings` takes [B, length] int; logits are scale * cosine + bias. The file has the names of Hugging
    Face, OpenAI or OpenCLIP, and its tensors give the sizes; heads have 64 channels, or there are 16 of 72, unless `heads`
    says how many. Raises InputError if the file has no text tower.
    """
    stored = open_tensors(file)
    tensors = _text_tensors(stored)
    embedding = next((name for name in tensors.shapes if name.endswith("token_embedding.weight")), None)
    if embedding is None:
        raise InputError(f"{file} has no text tower. Give the file of a whole CLIP or SigLIP model.")
    library = "Hugging Face" if embedding.startswith("embeddings.") else "OpenCLIP"
    tower = _tower(tensors, library, activation, heads)
    model = shapes_of(lambda rngs: TextTransformer(tower, rngs=rngs))
    graph, state = nnx.split(model)
    params = weights.fill(state, tensors, library, file=file, model="the text tower", naming=NAMING, resizers={})
    scale = _number(stored, "logit_scale")
    return (
        functools.partial(jax.jit(lambda params, ids: nnx.merge(graph, params)(ids)), jax.device_put(params)),
        tower.length,
        1.0 if scale is None else math.exp(scale),
        _number(stored, "logit_bias") or 0.0,
    )


def _text_tensors(tensors: Tensors) -> Tensors:
    """Selects the tensors of the text tower, without prefix, and with its projection as a head."""
    names = tensors.shapes
    prefix = next((p for p in ("text_model.", "text.") if any(name.startswith(p) for name in names)), "")
    selected = {name.removeprefix(prefix): name for name in names if name.startswith(prefix)}
    if not prefix:
        selected = {name: name for name in names if not name.startswith("visual.")}
    for name in ("text_projection.weight", "text_projection.bias"):
        if name in names or name in selected:
            selected[name.replace("text_projection", "head")] = selected.pop(name, name)
    unused = re.compile(
        r".*position_ids$|.*attn_mask$|logit_(scale|bias)$|input_resolution$|context_length$|vocab_size$"
    )
    result = tensors.select({new: name for new, name in selected.items() if not unused.match(new)})
    if "text_projection" in result.shapes:  # [D, E] of OpenAI
        inputs, outputs = result.shapes["text_projection"]
        kept = result.select({name: name for name in result.shapes if name != "text_projection"})
        return kept.replace({"head.weight": ((outputs, inputs), lambda: result.read("text_projection").T)})
    return result


def _tower(tensors: Tensors, library: str, activation: str, heads: int) -> TextTower:
    def shape(name: str) -> tuple[int, ...]:
        return tensors.shapes.get(NAMING[library](name)[0], (0, 0))

    vocabulary, width = shape("token_embedding")
    depth = len({match[1] for name in tensors.shapes if (match := re.search(r"(?:layers|resblocks)\.(\d+)\.", name))})
    return TextTower(
        vocabulary=vocabulary,
        length=shape("pos_embed")[0],
        width=width,
        depth=depth,
        heads=heads or (16 if width == 1152 else max(width // 64, 1)),
        hidden=shape("blocks.0.mlp.fc1.weight")[0],
        embedding=tensors.shapes.get("head.weight", (width,))[0],
        causal="head.bias" not in tensors.shapes,
        activation=activation,
    )


def _number(tensors: Tensors, name: str) -> float | None:
    return float(np.asarray(tensors.read(name)).reshape(-1)[0]) if name in tensors.shapes else None
