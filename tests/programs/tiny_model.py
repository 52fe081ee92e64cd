"""`main.py` with three more models in the catalog, small enough to be compiled and trained in a moment."""

import sys

from flax import nnx

import main
from imagenet_real.models import catalog
from imagenet_real.models.checkpoints.positions import resized_positions
from imagenet_real.models.layers import BatchNorm, convolution
from imagenet_real.models.model_spec import ModelSpec, PretrainedWeights
from imagenet_real.models.vit import ViT

SIZE = 12


class Tiny(nnx.Module):
    def __init__(self, *, num_classes, dtype, rngs):
        self.conv = convolution(3, 8, 3, 2, dtype=dtype, rngs=rngs)
        self.bn = BatchNorm(8, rngs=rngs)
        self.head = nnx.Linear(8, num_classes, rngs=rngs)

    def __call__(self, images):
        return self.head(nnx.relu(self.bn(self.conv(images))).mean(axis=(1, 2)))


class TinyMLP(nnx.Module):
    """One kernel is large enough to be divided over devices."""

    def __init__(self, *, num_classes, dtype, rngs):
        self.conv = convolution(3, 8, 3, 2, dtype=dtype, rngs=rngs)
        self.fc = nnx.Linear(2 * SIZE * SIZE, 64, rngs=rngs)
        self.head = nnx.Linear(64, num_classes, rngs=rngs)

    def __call__(self, images):
        features = nnx.relu(self.conv(images)).reshape(len(images), -1)
        return self.head(nnx.relu(self.fc(features)))


class TinyViT(ViT):
    """Of one block, whose kernels are large enough to be divided over devices."""

    def __init__(self, *, uniform_drop_path=False, **options):
        size = {"patch": 6, "width": 64, "depth": 1, "heads": 2}
        super().__init__(**size, uniform_drop_path=uniform_drop_path, **options)


SPECS = {
    "tiny": ModelSpec(Tiny, {}, num_classes=3, weights={"": PretrainedWeights({})}),
    "tiny_mlp": ModelSpec(TinyMLP, {}, num_classes=3, weights={"": PretrainedWeights({})}),
    "tiny_vit": ModelSpec(
        TinyViT,
        {"image_size": SIZE},
        num_classes=3,
        resizers={"pos_embed": resized_positions},
        weights={"": PretrainedWeights({})},
    ),
}

if __name__ in ("__main__", "__mp_main__"):  # of the command, and of the processes that it starts
    catalog.models().update(SPECS)

if __name__ == "__main__":
    sys.exit(main.run())
