"""The names of a ViT's tensors in the files of other libraries."""

import re

from imagenet_real.models.checkpoints.naming import renamed

# torchvision's names since version 0.14. TORCHVISION_FIRST: in its published files, which are older.
TORCHVISION = (
    (r"cls_token", "class_token"),
    (r"pos_embed", "encoder.pos_embedding"),
    (r"patch_embed\.proj\.", "conv_proj."),
    (r"blocks\.(\d+)\.norm", r"encoder.layers.encoder_layer_\1.ln_"),
    (r"blocks\.(\d+)\.attn\.qkv\.", r"encoder.layers.encoder_layer_\1.self_attention.in_proj_"),
    (r"blocks\.(\d+)\.attn\.proj\.", r"encoder.layers.encoder_layer_\1.self_attention.out_proj."),
    (r"blocks\.(\d+)\.mlp\.fc1\.", r"encoder.layers.encoder_layer_\1.mlp.0."),
    (r"blocks\.(\d+)\.mlp\.fc2\.", r"encoder.layers.encoder_layer_\1.mlp.3."),
    (r"norm\.", "encoder.ln."),
    (r"head\.", "heads.head."),
)
TORCHVISION_FIRST = ((r"blocks\.(\d+)\.mlp\.fc", r"encoder.layers.encoder_layer_\1.mlp.linear_"), *TORCHVISION)

_LAYER = r"vit.encoder.layer.\1."
HUGGING_FACE = (
    (r"cls_token", "vit.embeddings.cls_token"),
    (r"pos_embed", "vit.embeddings.position_embeddings"),
    (r"patch_embed\.proj\.", "vit.embeddings.patch_embeddings.projection."),
    (r"blocks\.(\d+)\.norm1\.", f"{_LAYER}layernorm_before."),
    (r"blocks\.(\d+)\.norm2\.", f"{_LAYER}layernorm_after."),
    (
        r"blocks\.(\d+)\.attn\.qkv\.",
        tuple(f"{_LAYER}attention.attention.{part}." for part in ("query", "key", "value")),
    ),
    (r"blocks\.(\d+)\.attn\.proj\.", f"{_LAYER}attention.output.dense."),
    (r"blocks\.(\d+)\.mlp\.fc1\.", f"{_LAYER}intermediate.dense."),
    (r"blocks\.(\d+)\.mlp\.fc2\.", f"{_LAYER}output.dense."),
    (r"norm\.", "vit.layernorm."),
    (r"head\.", "classifier."),
)

QKV = ("q_proj.", "k_proj.", "v_proj.")
DINOV2 = (
    (r"cls_token", "embeddings.cls_token"),
    (r"reg_token", "embeddings.register_tokens"),
    (r"pos_embed", "embeddings.position_embeddings"),
    (r"patch_embed\.proj\.", "embeddings.patch_embeddings.projection."),
    (
        r"blocks\.(\d+)\.attn\.qkv\.",
        tuple(rf"encoder.layer.\1.attention.attention.{part}." for part in ("query", "key", "value")),
    ),
    (r"blocks\.(\d+)\.attn\.proj\.", r"encoder.layer.\1.attention.output.dense."),
    (r"blocks\.(\d+)\.ls([12])\.gamma", r"encoder.layer.\1.layer_scale\2.lambda1"),
    (r"blocks\.(\d+)\.", r"encoder.layer.\1."),
    (r"norm\.", "layernorm."),
    (r"head\.", "classifier."),
)
DINOV3 = (
    (r"cls_token", "embeddings.cls_token"),
    (r"reg_token", "embeddings.register_tokens"),
    (r"patch_embed\.proj\.", "embeddings.patch_embeddings."),
    (r"blocks\.(\d+)\.attn\.qkv\.", tuple(rf"layer.\1.attention.{part}" for part in QKV)),
    (r"blocks\.(\d+)\.attn\.([qv])_bias", r"layer.\1.attention.\2_proj.bias"),
    (r"blocks\.(\d+)\.attn\.proj\.", r"layer.\1.attention.o_proj."),
    (r"blocks\.(\d+)\.ls([12])\.gamma", r"layer.\1.layer_scale\2.lambda1"),
    (r"blocks\.(\d+)\.mlp\.fc2\.", r"layer.\1.mlp.down_proj."),
)
_CLIP_LAYER = r"encoder.layers.\1."
HUGGING_FACE_CLIP = (
    (r"cls_token", "embeddings.class_embedding"),
    (r"pos_embed", "embeddings.position_embedding.weight"),
    (r"patch_embed\.proj\.", "embeddings.patch_embedding."),
    (r"norm_pre\.", "pre_layrnorm."),  # their spelling
    (r"blocks\.(\d+)\.attn\.qkv\.", tuple(f"{_CLIP_LAYER}self_attn.{part}" for part in QKV)),
    (r"blocks\.(\d+)\.attn\.proj\.", f"{_CLIP_LAYER}self_attn.out_proj."),
    (r"blocks\.(\d+)\.norm([12])\.", rf"{_CLIP_LAYER}layer_norm\2."),
    (r"blocks\.(\d+)\.", _CLIP_LAYER),
    (r"norm\.", "post_layernorm."),
    (r"attn_pool\.latent", "head.probe"),
    (r"attn_pool\.proj\.", "head.attention.out_proj."),
    (r"attn_pool\.norm\.", "head.layernorm."),
    (r"attn_pool\.mlp\.", "head.mlp."),
)
OPENAI = (
    (r"cls_token", "class_embedding"),
    (r"pos_embed", "positional_embedding"),
    (r"patch_embed\.proj\.", "conv1."),
    (r"norm_pre\.", "ln_pre."),
    (r"blocks\.(\d+)\.attn\.qkv\.", r"transformer.resblocks.\1.attn.in_proj_"),
    (r"blocks\.(\d+)\.attn\.proj\.", r"transformer.resblocks.\1.attn.out_proj."),
    (r"blocks\.(\d+)\.norm([12])\.", r"transformer.resblocks.\1.ln_\2."),
    (r"blocks\.(\d+)\.mlp\.fc1\.", r"transformer.resblocks.\1.mlp.c_fc."),
    (r"blocks\.(\d+)\.mlp\.fc2\.", r"transformer.resblocks.\1.mlp.c_proj."),
    (r"norm\.", "ln_post."),
)
_BLOCK = r"blocks.\1."
EVA_SEPARATE = (
    (r"blocks\.(\d+)\.attn\.qkv\.", tuple(f"{_BLOCK}attn.{part}" for part in QKV)),
    (r"blocks\.(\d+)\.mlp\.fc1\.", (f"{_BLOCK}mlp.fc1_g.", f"{_BLOCK}mlp.fc1_x.")),
)


def torchvision_names(name: str) -> tuple[str, ...]:
    """Returns torchvision's name: `blocks.0.norm1.weight` -> `encoder.layers.encoder_layer_0.ln_1.weight`."""
    return renamed(name, TORCHVISION)


def torchvision_first_names(name: str) -> tuple[str, ...]:
    """Returns the name in torchvision's published files, whose MLPs have other names than its models today."""
    return renamed(name, TORCHVISION_FIRST)


def hugging_face_names(name: str) -> tuple[str, ...]:
    """Returns Hugging Face's names; query, key and value are three tensors."""
    return renamed(name, HUGGING_FACE)


def hugging_face_dinov2_names(name: str) -> tuple[str, ...]:
    """Returns Hugging Face's names of DINOv2: `norm.weight` -> `layernorm.weight`."""
    return renamed(name, DINOV2)


def hugging_face_dinov3_names(name: str, *, gated: bool) -> tuple[str, ...]:
    """Returns Hugging Face's names of DINOv3; a gated MLP stores gate and value as two tensors."""
    fc1 = (r"layer.\1.mlp.gate_proj.", r"layer.\1.mlp.up_proj.") if gated else r"layer.\1.mlp.up_proj."
    return renamed(name, ((r"blocks\.(\d+)\.mlp\.fc1\.", fc1), *DINOV3, (r"blocks\.(\d+)\.", r"layer.\1.")))


def hugging_face_clip_names(name: str) -> tuple[str, ...]:
    """Returns Hugging Face's names of CLIP's and SigLIP's image towers, without `vision_model.`."""
    return renamed(name, HUGGING_FACE_CLIP)


def openai_names(name: str) -> tuple[str, ...]:
    """Returns OpenAI's and OpenCLIP's names of CLIP's image tower, without `visual.`."""
    return renamed(name, OPENAI)


def eva_separate_names(name: str) -> tuple[str, ...]:
    """Returns timm's names of `Eva`s that store query, key, value, gate and the gated value as tensors of their own."""
    if bias := re.fullmatch(r"(blocks\.\d+\.attn\.[qv])_bias", name):
        return (f"{bias[1]}_proj.bias",)
    return renamed(name, EVA_SEPARATE)


def eva_gate_names(name: str) -> tuple[str, ...]:
    """Returns timm's names of `Eva`s that store gate and gated value alone as tensors of their own."""
    return renamed(name, EVA_SEPARATE[1:])


def vision_transformer_names(name: str) -> tuple[str, ...]:
    """Returns the names in `.npz` files of google-research/vision_transformer, which number all parts of a block."""
    return _jax_names(name, attention=1, norm2=2, mlp=3, pos_embed="Transformer/posembed_input/pos_embedding")


def big_vision_names(name: str) -> tuple[str, ...]:
    """Returns the names in `.npz` files of google-research/big_vision, which number the parts of one kind."""
    return _jax_names(name, attention=0, norm2=1, mlp=0, pos_embed="pos_embedding")


def _jax_names(name: str, *, attention: int, norm2: int, mlp: int, pos_embed: str) -> tuple[str, ...]:
    name = name.removesuffix("weight") + ("scale" if "norm" in name else "kernel") if name.endswith("weight") else name
    block = r"Transformer/encoderblock_\1/"
    heads = f"{block}MultiHeadDotProductAttention_{attention}/"
    rules = (
        (r"cls_token", "cls"),
        (r"pos_embed", pos_embed),
        (r"patch_embed\.proj\.", "embedding/"),
        (r"blocks\.(\d+)\.norm1\.", f"{block}LayerNorm_0/"),
        (r"blocks\.(\d+)\.norm2\.", f"{block}LayerNorm_{norm2}/"),
        (r"blocks\.(\d+)\.attn\.qkv\.", tuple(f"{heads}{part}/" for part in ("query", "key", "value"))),
        (r"blocks\.(\d+)\.attn\.proj\.", f"{heads}out/"),
        (r"blocks\.(\d+)\.mlp\.fc1\.", f"{block}MlpBlock_{mlp}/Dense_0/"),
        (r"blocks\.(\d+)\.mlp\.fc2\.", f"{block}MlpBlock_{mlp}/Dense_1/"),
        (r"norm\.", "Transformer/encoder_norm/"),
        (r"head\.", "head/"),
    )
    return renamed(name, rules)
