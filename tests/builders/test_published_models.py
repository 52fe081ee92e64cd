"""A repository on the Hub as a config's weights: its model, its preprocessing, and what results record of it."""

import json

import pytest

from configs import evaluate
from imagenet_real.builders import models
from imagenet_real.errors import InputError
from tests.models.hub_server import COMMIT, Repository, hub

constants = pytest.importorskip("huggingface_hub.constants", reason="the extra `hub` is not installed")

PREPROCESSING = {"input_size": [3, 48, 48], "interpolation": "bilinear", "crop_mode": "squash", "crop_pct": 1.0}
STATISTICS = {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}
WEIGHTS = b"\x02\x00\x00\x00\x00\x00\x00\x00{}"


def files(**config):
    return Repository({"model.safetensors": WEIGHTS, "config.json": json.dumps(config).encode()})


@pytest.fixture
def served(tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    models._fetched.cache_clear()
    repositories = {
        "someone/digits": files(architecture="resnet_digits", pretrained_cfg={**PREPROCESSING, **STATISTICS}),
        "someone/other": files(architecture="resnet_digit"),
        "someone/transformers": files(model_type="vit"),
        "timm/resnet50.a1_in1k": files(architecture="resnet50"),
    }
    with hub(repositories) as endpoint:
        monkeypatch.setenv("HF_ENDPOINT", endpoint)
        yield
    models._fetched.cache_clear()


def config_of(**fields):
    config = evaluate.get_config()
    config.update(fields)
    return models.with_published_model(config)


def test_a_repository_of_timm_says_model_and_preprocessing(served):
    config = config_of(weights=f"hf_hub:someone/digits@{COMMIT}")
    assert config.model == "resnet_digits"
    preprocessing = models.preprocessing_of(config, None)
    assert (preprocessing.resize, preprocessing.crop, preprocessing.std) == ("squash", 48, (0.25, 0.25, 0.25))
    assert "squashed to 48 x 48, bilinear" in models.describe(preprocessing)
    provenance = models.weights_provenance(config, None)
    assert (provenance["hub"], provenance["revision"]) == ("someone/digits", COMMIT)
    assert len(provenance["sha256"]) == 64
    assert models.full_name(config, None) == "someone/digits"


def test_a_name_alone_means_its_weights_on_the_hub(served):
    config = config_of(model="resnet50.a1_in1k")
    assert models.weights_provenance(config, None)["hub"] == "timm/resnet50.a1_in1k"
    assert models.full_name(config, None) == "resnet50.a1_in1k"


def test_another_librarys_repository_leaves_the_model_to_the_config(served):
    assert (
        config_of(model="vit_tiny_patch16_224", weights="hf_hub:someone/transformers").model == "vit_tiny_patch16_224"
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"weights": "hf_hub:someone/other"},
            "is a resnet_digit, which is not in the catalog: did you mean resnet_digits",
        ),
        ({"model": "resnet_digits"}, "weights is empty, and the Hub has none of resnet_digits"),
        ({"model": "vit_b_16"}, "weights is empty, and the Hub has none of vit_b_16.tv_in1k"),
    ],
)
def test_what_the_hub_does_not_have_is_one_line(served, fields, message):
    with pytest.raises(InputError, match=message) as caught:
        config_of(**fields)
    assert "\n" not in str(caught.value)


def test_a_run_says_its_model(place):
    metadata = place / "run" / "checkpoints" / "8" / "run" / "metadata"
    metadata.parent.mkdir(parents=True)
    metadata.write_text(json.dumps({"identity": {"model": "resnet_digits"}}))
    assert config_of(weights=str(place / "run")).model == "resnet_digits"
    assert (
        config_of(weights=str(place / "run"), model="my_nets:net").model == "my_nets:net"
    )  # refused when it is loaded


def test_without_a_model_and_a_run_that_says_it(served, tmp_path):
    for weights in ("", str(tmp_path), str(tmp_path / "file.safetensors")):
        with pytest.raises(
            InputError, match="model is empty. Give --model=NAME, a name that imagenet-real models lists"
        ):
            config_of(weights=weights)
    with pytest.raises(InputError, match="model is empty, and someone/transformers does not name its model"):
        config_of(weights=f"hf_hub:someone/transformers@{COMMIT}")
