"""How deep each parameter of a model is, for learning rates that fall toward its first layers."""

import re
from collections.abc import Sequence

# A block of any family: blocks.3, blocks.1.0, layer1.0, stages.0.blocks.2, layers.2.downsample, s1.b1.
BLOCK = re.compile(r"(?:blocks|layers|stages|layer|s)\.?(\d+)\.(?:(?:blocks\.)?b?(\d+)\.)?")
AFTER_BLOCKS = ("norm", "norm_head", "conv_head", "bn2")  # belong to the last block
HEADS = ("head", "fc_norm", "attn_pool", "fc", "classifier")


def layers(names: Sequence[str], head: str) -> dict[str, int]:
    """Returns the layer of each parameter: 0 for the stem, then one number a block, and the largest for the head.

    The layers are those of timm's `group_matcher`: a norm after the last block belongs to it, a downsampling to the block
    after it.

    Args:
      names: of the parameters.
      head: the module of the head; empty if it is unknown.
    """
    blocks = {name: (int(match[1]), int(match[2] or 0)) for name in names if (match := BLOCK.match(name))}
    number = {block: place for place, block in enumerate(sorted(set(blocks.values())), start=1)}
    heads = {*HEADS, *([head.partition(".")[0]] if head else [])}

    def layer(name: str) -> int:
        module = name.partition(".")[0]
        if name in blocks:
            return number[blocks[name]]
        if module in heads:
            return len(number) + 1
        return len(number) if module in AFTER_BLOCKS else 0

    return {name: layer(name) for name in names}
