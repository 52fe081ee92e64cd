"""Tests that need real data ask for it through the `data` fixture, and say what they skipped without it."""

import os
import pathlib

import pytest


@pytest.fixture(scope="session")
def data() -> pathlib.Path:
    folder = os.environ.get("IMAGENET_REAL_DATA")
    if not folder:
        pytest.skip("IMAGENET_REAL_DATA is not set: real labels, predictions, images and weights are not compared with")
    return pathlib.Path(folder)


@pytest.fixture
def nowhere(monkeypatch, tmp_path) -> pathlib.Path:
    """An environment without label files and without a network."""
    from imagenet_real.labels import files

    monkeypatch.delenv("IMAGENET_REAL_DATA", raising=False)
    monkeypatch.setattr(files, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(files, "_reachable", lambda host: False)
    return tmp_path
