"""Weights from the Hub, against a local server: what a user reads in each case, within seconds."""

import json
import os
import pathlib
import re
import time

import numpy as np
import pytest
import safetensors.numpy

from imagenet_real.errors import InputError
from imagenet_real.models import timm_config
from imagenet_real.models.hub import fetch, parse
from tests.models.hub_server import COMMIT, Repository, hub
from tests.models.record_revisions import pinned

constants = pytest.importorskip("huggingface_hub.constants", reason="the extra `hub` is not installed")

CONFIG = {
    "architecture": "resnet18",
    "num_classes": 1000,
    "pretrained_cfg": {
        "input_size": [3, 224, 224],
        "interpolation": "bicubic",
        "crop_pct": 0.95,
        "crop_mode": "center",
        "mean": [0.5, 0.5, 0.5],
        "std": [0.25, 0.25, 0.25],
    },
}
WEIGHTS = safetensors.numpy.save({"fc.weight": np.random.default_rng(0).normal(size=(200, 400)).astype(np.float32)})
FILES = {"model.safetensors": WEIGHTS, "pytorch_model.bin": b"pickle", "config.json": json.dumps(CONFIG).encode()}


@pytest.fixture
def repositories(tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    served = {
        "timm/resnet18.a1_in1k": Repository(dict(FILES)),
        "someone/gated": Repository(dict(FILES), gated=True),
        "someone/damaged": Repository(dict(FILES), checksums={"model.safetensors": "0" * 64}),
        "someone/pickle": Repository({"pytorch_model.bin": b"pickle", "README.md": b""}),
    }
    with hub(served) as endpoint:
        monkeypatch.setenv("HF_ENDPOINT", endpoint)
        yield served


def message_of(reference):
    begun = time.monotonic()
    with pytest.raises(InputError) as caught:
        fetch(reference)
    assert time.monotonic() - begun < 10
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_right_name_is_downloaded_once_with_commit_and_checksum(repositories):
    lines = []
    file = fetch("hf_hub:timm/resnet18.a1_in1k", lines.append)
    assert pathlib.Path(file.path).read_bytes() == WEIGHTS
    assert (file.commit, file.name) == (COMMIT, "model.safetensors")
    assert file.sha256 == repositories["timm/resnet18.a1_in1k"].checksums["model.safetensors"]
    assert lines == [f"timm/resnet18.a1_in1k/model.safetensors, commit {COMMIT[:10]}, SHA-256 {file.sha256[:12]}"]
    assert fetch(f"hf_hub:timm/resnet18.a1_in1k@{COMMIT}").path == file.path
    assert repositories["timm/resnet18.a1_in1k"].first_bytes == [0]


def test_config_of_a_repository_gives_architecture_and_preprocessing(repositories):
    file = fetch("hf_hub:timm/resnet18.a1_in1k")
    assert timm_config.architecture(file.config, file.repository) == "resnet18"
    assert timm_config.preprocessing(file.config, file.repository) == {
        "resize": 235,
        "crop": 224,
        "interpolation": "bicubic",
        "mean": (0.5, 0.5, 0.5),
        "std": (0.25, 0.25, 0.25),
    }
    with pytest.raises(InputError, match=r"is a resnet19, which is not in the catalog: did you mean resnet18"):
        timm_config.architecture({"architecture": "resnet19"}, file.repository)
    with pytest.raises(InputError, match="no complete preprocessing"):
        timm_config.preprocessing({"pretrained_cfg": {"input_size": [3, 224, 224]}}, file.repository)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("hf_hub:timm/resnet18.a1_in2k", r"there is no repository timm/resnet18.a1_in2k at http"),
        ("hf_hub:timm/resnet18.a1_in1k@v9", r"has no revision 'v9'. Give a commit"),
        ("hf_hub:timm/resnet18.a1_in1k/modle.safetensors", r"no file 'modle.safetensors': did you mean model"),
        ("hf_hub:someone/gated", r"someone/gated is gated: .* Accept it at http.*hf auth login"),
        (
            "hf_hub:someone/pickle",
            r"no .safetensors file, only pytorch_model.bin.* hf_hub:someone/pickle/pytorch_model.bin",
        ),
        ("hf_hub:someone", r"hf_hub:someone is not a repository. Write hf_hub:ORG/NAME"),
    ],
)
def test_what_is_wrong_is_one_line(repositories, reference, message):
    assert re.search(message, message_of(reference))


def test_a_damaged_file_is_removed(repositories, tmp_path):
    assert "has the SHA-256" in message_of("hf_hub:someone/damaged")
    blobs = [name for _, _, names in os.walk(tmp_path / "cache") for name in names if name.startswith("model")]
    assert blobs == []


def test_a_pickle_is_taken_if_it_is_named(repositories):
    assert fetch("hf_hub:someone/pickle/pytorch_model.bin").name == "pytorch_model.bin"


def test_an_interrupted_download_continues(repositories, monkeypatch):
    megabytes = np.random.default_rng(0).bytes(24_000_000)  # the library keeps pieces of 10 MB
    repository = repositories["timm/resnet18.a1_in1k"] = Repository({"model.safetensors": megabytes})
    repository.cuts = [12_000_000]
    file = fetch("hf_hub:timm/resnet18.a1_in1k")  # the library tries again by itself
    assert pathlib.Path(file.path).read_bytes() == megabytes
    first, second = repository.first_bytes
    assert first == 0
    assert 0 < second <= 12_000_000


def test_offline_the_cache_serves_or_the_line_says_where_to_put_it(repositories, monkeypatch):
    fetch("hf_hub:timm/resnet18.a1_in1k")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nothing listens there
    lines = []
    assert fetch("hf_hub:timm/resnet18.a1_in1k", lines.append).commit == COMMIT
    assert "comes from the cache" in lines[0]
    message = message_of("hf_hub:timm/resnet50.a1_in1k")
    assert message.startswith("cannot reach http://127.0.0.1:9 for model.safetensors of timm/resnet50.a1_in1k")
    assert message.endswith("Or download it elsewhere, and give --weights=FILE.")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "(HF_HUB_OFFLINE is set)" in message_of("hf_hub:timm/resnet50.a1_in1k")


def test_repositories_of_the_catalog_are_pinned_to_their_commits(repositories):
    rows = [
        {"hub": name}
        for name in ("timm/resnet18.a1_in1k", "timm/resnet18.a2_in1k", "someone/else@abc", "", "someone/gated")
    ]
    problems = pinned(rows)
    pins = [row["hub"] for row in rows]
    assert pins[:4] == [f"timm/resnet18.a1_in1k@{COMMIT}", "timm/resnet18.a2_in1k", "someone/else@abc", ""]
    assert pins[4] == f"someone/gated@{COMMIT}"  # its files need a permission, its commits do not
    assert ["there is no repository timm/resnet18.a2_in1k" in problem for problem in problems] == [True]
    rows = [{"hub": "timm/resnet18.a1_in1k@abc"}]
    assert pinned(rows, anew=True) == []
    assert rows == [{"hub": f"timm/resnet18.a1_in1k@{COMMIT}"}]


def test_parts_of_a_reference():
    assert parse("hf_hub:a/b") == ("a/b", None, None)
    assert parse("hf_hub:a/b@main") == ("a/b", "main", None)
    assert parse("hf_hub:a/b/c/d.safetensors@1") == ("a/b", "1", "c/d.safetensors")
