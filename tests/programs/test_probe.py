"""The probe from images to results: a model of the user's own whose features are mean colors."""

import json

import jax.numpy as jnp
import numpy as np
import pytest
from etils import epath
from PIL import Image

from configs import evaluate as evaluate_config
from configs import probe as config_file
from imagenet_real.errors import InputError
from imagenet_real.models.heads import load_head
from imagenet_real.probes import linear
from imagenet_real.programs import evaluate, probe

COLORS = {"blue": (30, 60, 200), "green": (40, 180, 60), "red": (200, 40, 40)}


def mean_colors():
    """A model without parameters: images [B, H, W, 3] -> [B, 3]."""
    return lambda params, images: jnp.asarray(images).mean(axis=(1, 2)), {}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    random = np.random.default_rng(0)
    for split, count in (("train", 12), ("validation", 4)):
        for name, color in COLORS.items():
            (folder / split / name).mkdir(parents=True)
            for index in range(count):
                pixels = np.clip(np.array(color) + random.normal(0, 20, (16, 16, 3)), 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(folder / split / name / f"{split}_{name}_{index}.png")
    return folder


def config_of(images, **fields):
    config = config_file.get_config()
    config.update(
        {
            "model": "tests.programs.test_probe:mean_colors",
            "train_images": str(images / "train"),
            "images": str(images / "validation"),
            "batch_size": 8,
            "resize": 0,
            "crop": 16,
            "interpolation": "bilinear",
            "mean": (0.5, 0.5, 0.5),
            "std": (0.5, 0.5, 0.5),
            "knn_ks": (1, 5),
            "learning_rates": (1.0, 10.0),
            "epochs": 20,
            "probe_batch_size": 9,
            "holdout": 0.25,
            "report": False,
            "ks": (1,),
            **fields,
        }
    )
    return config


@pytest.mark.slow
def test_colors_are_told_apart_and_a_second_run_writes_the_same_bytes(tmp_path, images, capsys, monkeypatch):
    results = probe.run(config_of(images), epath.Path(tmp_path / "first"))
    accuracies = {row["model"]: row["accuracy"] for row in results.rows}
    assert accuracies == dict.fromkeys(("knn_1", "knn_5", "linear_softmax", "linear_sigmoid"), 1.0)
    assert all(row["low"] < 1 for row in results.rows)
    saved = json.loads((tmp_path / "first/results.json").read_text())
    assert set(saved["provenance"]["learning_rates"]) == {"softmax", "sigmoid"}

    stopped, whole = [], linear._save

    def save_once(*arguments):
        whole(*arguments)
        stopped.append(arguments)
        if len(stopped) == 7:
            raise KeyboardInterrupt

    monkeypatch.setattr(linear, "_save", save_once)
    with pytest.raises(KeyboardInterrupt):
        probe.run(config_of(images), epath.Path(tmp_path / "second"))
    monkeypatch.setattr(linear, "_save", whole)
    probe.run(config_of(images), epath.Path(tmp_path / "second"))
    for name in ("head_softmax.safetensors", "head_sigmoid.safetensors", "features/features.npy"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()
    with pytest.raises(InputError, match="has features of a different run: .*preprocessing"):
        probe.run(config_of(images, std=(0.25, 0.25, 0.25)), epath.Path(tmp_path / "first"))
    evaluate_with_head(tmp_path, images)


def evaluate_with_head(tmp_path, images):
    """The head that the probe wrote classifies as the probe did."""
    assert load_head(tmp_path / "first/head_softmax.safetensors").weight.shape == (3, 3)
    config = evaluate_config.get_config()
    fields = config_of(images)
    for name in config:
        if name != "program" and name in fields:
            config[name] = fields[name]
    config.head = str(tmp_path / "first/head_softmax.safetensors")
    results = evaluate.run(config, epath.Path(tmp_path / "head"))
    assert [row["accuracy"] for row in results.rows if row["label_set"] == "original"] == [1.0]
    assert len(results.provenance["weights"]["head"]["sha256"]) == 64


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"train_images": ""}, "train_images is empty. Give --train_images=FOLDER"),
        ({"losses": ("hinge",)}, "unknown loss 'hinge'"),
        ({"losses": (), "knn_ks": ()}, "losses and knn_ks are both empty"),
        ({"knn_ks": (0,)}, r"knn_ks\[0\]=0 is not a number of at least 1"),
        ({"holdout": 1.0}, "holdout=1.0 is not a share between 0 and 1"),
        ({"temperature": 0.0}, "temperature=0.0 is not positive"),
        ({"learning_rates": (0.0,)}, "are not positive"),
    ],
)
def test_wrong_options_are_one_line(tmp_path, images, fields, message):
    with pytest.raises(InputError, match=message) as caught:
        probe.run(config_of(images, **fields), epath.Path(tmp_path))
    assert "\n" not in str(caught.value)
