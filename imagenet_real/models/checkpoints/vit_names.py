"""The names of a ViT's tensors in the files of other libraries."""

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


def torchvision_names(name: str) -> tuple[str, ...]:
    """Returns torchvision's name: `blocks.0.norm1.weight` -> `encoder.layers.encoder_layer_0.ln_1.weight`."""
    return renamed(name, TORCHVISION)


def torchvision_first_names(name: str) -> tuple[str, ...]:
    """Returns the name in torchvision's published files, whose MLPs have other names than its models today."""
    return renamed(name, TORCHVISION_FIRST)


def hugging_face_names(name: str) -> tuple[str, ...]:
    """Returns Hugging Face's names; query, key and value are three tensors."""
    return renamed(name, HUGGING_FACE)


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
