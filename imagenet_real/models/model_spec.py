"""What the catalog knows of a model before any file of weights is open."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from flax import nnx

from imagenet_real.models.checkpoints.naming import Names
from imagenet_real.models.checkpoints.tensors import Adapter
from imagenet_real.models.checkpoints.weights import Resize
from imagenet_real.models.pretrained_weights import PretrainedWeights


@dataclasses.dataclass(frozen=True)
class ModelSpec:
    """A model: its module and arguments, its tensor names in files, and its published weights.

    `weights` maps a tag to a set of weights, as timm names them: `resnet50.tv2_in1k` is the set `tv2_in1k` of
    `resnet50`. The model's bare name means the first set. The tag "" belongs to a model without published weights.

    Each family lists its specs without parameters and weights; `catalog.models` adds both from weights.csv.
    """

    module: type[nnx.Module]
    architecture: Mapping[str, Any]  # arguments of `module`; a file's crop replaces `image_size`
    num_classes: int = 1000
    head: str = "head"  # path of the linear layer that returns the logits
    naming: Mapping[str, Names] = dataclasses.field(default_factory=dict)  # library -> its tensor names, beside timm's
    # tensor that depends on the input size -> its resizer
    resizers: Mapping[str, Resize] = dataclasses.field(default_factory=dict)
    adapters: Sequence[Adapter] = ()  # for files that store other tensors than the model has
    parameters: int = 0  # with `num_classes` classes, without running statistics
    weights: Mapping[str, PretrainedWeights] = dataclasses.field(default_factory=dict)

    @property
    def tag(self) -> str:
        """The tag of the weights that the bare name means."""
        return next(iter(self.weights))

    @property
    def preprocessing(self) -> Mapping[str, Any]:
        """The preprocessing of the weights that the bare name means."""
        return self.weights[self.tag].preprocessing
