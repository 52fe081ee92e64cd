"""What a command imports, imported once: processes that `tests.commands` starts are forked from one that has it."""

import gc
import importlib
import os
import pathlib

from imagenet_real import programs
from imagenet_real.labels import imagenet

# Read when JAX is imported, and so the same in every command.
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", f"{pathlib.Path(__file__).parent.parent}/.pytest_cache/compiled")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")

LIBRARIES = ("flax.nnx", "grain", "jax", "matplotlib.figure", "numba", "optax", "orbax.checkpoint", "pyarrow.parquet")
LIBRARIES += (
    "jaxlib.mlir.dialects.builtin",
    "jaxlib.mlir.dialects.mhlo",
    "safetensors",
    "scipy.stats",
    "simplejpeg",
    "tensorboardX",
    "tensorflow_datasets",
)
for library in LIBRARIES:
    importlib.import_module(library)

# Not `cli`, which chooses the program by its config, and reads the environment.
for program in sorted(pathlib.Path(programs.__file__).parent.glob("[a-z]*.py")):
    importlib.import_module(f"imagenet_real.programs.{program.stem}")

imagenet.are_validation_ids(imagenet.validation_ids()[:1])  # which are made when they are first asked for

gc.set_threshold(50_000, 50, 100)  # as in the tests
gc.freeze()  # commands share what was imported
