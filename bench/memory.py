"""What a model's parameters and Adam's two moments take on each device, by how they are divided.

    python bench/memory.py

Nothing is computed: eight devices are made of one processor, and the shares follow from the shardings that `train` uses.
For one small model the state is made as well, and the bytes on the first device are counted.
"""

import os
import pathlib
import sys

os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=8"
os.environ["JAX_PLATFORMS"] = "cpu"
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))  # runs from a checkout that is not installed

import jax
import numpy as np
from jax.sharding import Mesh

from imagenet_real.models import catalog
from imagenet_real.runtime import devices
from imagenet_real.training import optimizer, state

RESULT = pathlib.Path(__file__).parent / "results" / "memory.txt"
MODELS = ("resnet50", "vit_base_patch16_224", "vit_large_patch16_224", "vit_huge_patch14_224")
SMALL = "vit_tiny_patch16_224"
DIVISIONS = {
    "a copy on each": {"model": 1, "fsdp": False},
    "model_devices=4": {"model": 4, "fsdp": False},
    "fsdp": {"model": 1, "fsdp": True},
    "fsdp, model_devices=4": {"model": 4, "fsdp": True},
}


def shapes(name: str) -> list[jax.ShapeDtypeStruct]:
    """Of all arrays of parameters and of Adam's moments."""
    adamw, mesh = optimizer.adamw(1e-3, weight_decay=0.1), devices.make_mesh()
    made = state.create_abstract(lambda rngs: catalog.build(name, rngs=rngs), adamw, mesh)[1]
    return jax.tree.leaves((made.params, made.opt_state))


def share(leaves: list[jax.ShapeDtypeStruct], mesh: Mesh, fsdp: bool) -> int:
    """Bytes of them on one device."""
    placed = [devices.param_sharding(mesh, leaf.shape, fsdp=fsdp).shard_shape(leaf.shape) for leaf in leaves]
    return sum(int(np.prod(shape)) * leaf.dtype.itemsize for shape, leaf in zip(placed, leaves, strict=True))


def measured(name: str, mesh: Mesh, fsdp: bool) -> int:
    adamw = optimizer.adamw(1e-3, weight_decay=0.1)
    _, made = state.create(lambda rngs: catalog.build(name, rngs=rngs), adamw, mesh, seed=0, fsdp=fsdp)
    first = jax.devices()[0]
    leaves = jax.tree.leaves((made.params, made.opt_state))
    return sum(shard.data.nbytes for leaf in leaves for shard in leaf.addressable_shards if shard.device == first)


def main() -> None:
    lines = ["$ python bench/memory.py", "MB of parameters and Adam's moments on each of 8 devices, float32", ""]
    lines.append(f"{'':26}" + "".join(f"{name:>24}" for name in DIVISIONS))
    meshes = {name: (devices.make_mesh(model=how["model"]), how["fsdp"]) for name, how in DIVISIONS.items()}
    for model in (*MODELS, SMALL):
        leaves = shapes(model)
        row = [share(leaves, *where) for where in meshes.values()]
        lines.append(f"{model:26}" + "".join(f"{value / 1e6:24,.1f}" for value in row))
        print(lines[-1], file=sys.stderr, flush=True)
    made = [measured(SMALL, *where) for where in meshes.values()]
    if made != row:
        sys.exit(f"{SMALL} was made and has {made} bytes on the first device, expected {row}")
    lines += ["", f"{SMALL} was made in each way: the bytes on the first device are these."]
    text = "\n".join(lines) + "\n"
    print(text, end="")
    RESULT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
