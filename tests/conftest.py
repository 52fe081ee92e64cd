"""Tests that need real data ask for it through the `data` fixture, and say what they skipped without it."""

import gc
import importlib.util
import os
import pathlib
import signal
import uuid
from collections.abc import Iterator

from tests import xla

os.environ["XLA_FLAGS"] = " ".join((os.environ.get("XLA_FLAGS", ""), *xla.FLAGS))

# The same small models are compiled in many tests and commands, and in every run of the tests.
os.environ["JAX_COMPILATION_CACHE_DIR"] = f"{pathlib.Path(__file__).parent.parent}/.pytest_cache/compiled"
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"
os.environ["HF_HUB_OFFLINE"] = "1"  # a test that forgets its weights ends at once

import jax
import pytest
from etils import epath
from jax.sharding import Mesh

from imagenet_real.io import storage
from imagenet_real.runtime import devices
from tests import meshes
from tests.fake_bucket import FakeBucket

signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
gc.set_threshold(50_000, 50, 100)  # tracing makes millions of objects that live on

# Not by XLA_FLAGS: the programs that a test starts would inherit them.
jax.config.update("jax_num_cpu_devices", meshes.DEVICES)


@pytest.fixture(scope="session", autouse=True)
def one_device() -> Iterator[None]:
    """Code that is not given a mesh uses one device: on a machine with few cores, eight are slower."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(devices, "default_devices", lambda: jax.devices()[:1])
        yield


@pytest.fixture(params=[(1, 1)])
def mesh(request) -> Mesh:
    """A mesh of one device, or by `parametrize("mesh", [(data, model), ...], indirect=True)` of several."""
    return meshes.mesh_of(*request.param)


@pytest.fixture(scope="session")
def data() -> pathlib.Path:
    folder = os.environ.get("IMAGENET_REAL_DATA")
    if not folder:
        pytest.skip("IMAGENET_REAL_DATA is not set: real labels, predictions, images and weights are not compared with")
    return pathlib.Path(folder)


@pytest.fixture
def nowhere(monkeypatch, tmp_path) -> pathlib.Path:
    """An environment without label files and without a network."""
    from imagenet_real.labels import store

    monkeypatch.delenv("IMAGENET_REAL_DATA", raising=False)
    monkeypatch.setattr(store, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(store, "is_reachable", lambda host: False)
    return tmp_path


@pytest.fixture(scope="session")
def bucket_server() -> Iterator[FakeBucket]:
    if not importlib.util.find_spec("gcsfs"):
        pytest.skip("gcsfs is not installed (the extra gcs): paths in a bucket are not tested")
    with FakeBucket() as server, pytest.MonkeyPatch.context() as environment:
        for name, value in server.environment.items():  # which the libraries read once, as they are imported
            environment.setenv(name, value)
        yield server


@pytest.fixture
def bucket(bucket_server) -> Iterator[FakeBucket]:
    """A bucket on this machine, which also the processes see that a test starts."""
    bucket_server.requests.clear()
    yield bucket_server
    bucket_server.refused.clear()
    bucket_server.watch = lambda request: None


@pytest.fixture
def in_bucket(bucket) -> epath.Path:
    """A folder in a bucket, of its own for each test."""
    return storage.to_path(f"gs://bucket/{uuid.uuid4().hex[:12]}")


@pytest.fixture(params=["disk", "bucket"])
def place(request, tmp_path) -> epath.Path:
    """A folder on a disk, and one in a bucket."""
    return epath.Path(tmp_path) if request.param == "disk" else request.getfixturevalue("in_bucket")
