"""The smoke test of a recipe, without its images."""

import json

import pytest

from configs import train_digits, train_resnet50
from imagenet_real.builders import smoke, training
from imagenet_real.programs import train
from tests.programs.test_train import tiny  # noqa: F401  (a fixture)


def recipe(base=train_resnet50, **fields):
    config = base.get_config()
    config.model, config.crop, config.resize, config.dtype = "tiny", 12, 12, "float32"
    config.smoke, config.smoke_batch_size, config.workers = True, 4, 0
    config.update(fields)
    return config


@pytest.mark.slow
def test_a_recipe_is_tried_without_its_images(tiny, tmp_path, capsys):  # noqa: F811
    config = recipe(loss="sigmoid", soft_labels="missing.tsv")
    assert train.run(config, tmp_path) is None
    content = json.loads((tmp_path / "smoke.json").read_text())
    assert (content["steps"], content["batch_size"], content["recipe_batch_size"]) == (20, 4, 4096)
    images = smoke.IMAGENET_IMAGES * 99 // 100
    assert content["recipe_images"] == training.total_steps(config, images) * 4096
    assert content["recipe_hours"] == pytest.approx(content["recipe_images"] / content["images_per_second"] / 3600)
    assert content["recipe_bytes"] > content["state_bytes"] > 0
    out = capsys.readouterr().out
    assert "20 steps of 4 synthetic images on 1 device" in out
    assert "for batches of 4,096" in out
    assert [path.name for path in tmp_path.iterdir()] == ["smoke.json"]


@pytest.mark.slow
def test_the_images_of_a_recipe_are_counted(tiny, tmp_path):  # noqa: F811
    from tests.programs import training_world

    images = training_world.write_images(tmp_path / "images", per_class=4)
    config = recipe(train_digits, images=str(images), train_split="train", select_split="", batch_size=6, steps=100)
    train.run(config, tmp_path / "run")
    content = json.loads((tmp_path / "run" / "smoke.json").read_text())
    assert (content["batch_size"], content["recipe_images"]) == (4, 600)


def test_shares_of_imagenet_are_known():
    assert smoke._size(recipe(train_split="train[:10%]")) == (128_116, 1000)
    assert smoke._size(recipe(train_split="train")) == (1_281_167, 1000)
