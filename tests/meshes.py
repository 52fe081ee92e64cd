"""Meshes of some of the eight CPU devices that every test process has (see conftest.py)."""

import jax
from jax.sharding import Mesh

from imagenet_real.runtime import devices

DEVICES = 8


def mesh_of(data: int, model: int = 1) -> Mesh:
    """Returns a mesh with axes of these sizes."""
    return devices.make_mesh(jax.devices("cpu")[: data * model], model=model)
