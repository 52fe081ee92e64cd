"""Programs on data and models of one's own: classes are matched by name, and differences are said before the work."""

import json
import os
import re
import shutil

import numpy as np
import pytest
from etils import epath

from configs import evaluate as evaluate_config
from configs import mistakes as mistakes_config
from configs import train_digits
from imagenet_real.data.sources.open import open_source
from imagenet_real.errors import InputError
from imagenet_real.labels.imagenet import class_index, imagenet_wnids
from imagenet_real.models import catalog
from imagenet_real.predictions.predictions import load_predictions
from imagenet_real.programs import evaluate, mistakes, train
from tests.data.pictures import picture
from tests.programs.tiny_model import SPECS
from tests.programs.training_world import SIZE, write_images

pytestmark = pytest.mark.slow

PREPROCESSING = {"resize": 20, "crop": 16, "interpolation": "bilinear", "mean": (0.5,) * 3, "std": (0.5,) * 3}
WNIDS = imagenet_wnids()[3:23:2]


def evaluated(images, workdir, model="colours", **fields):
    """The label set `original` row of an evaluation, and its notes."""
    config = evaluate_config.get_config()
    own = {
        "model": f"tests.programs.models:{model}",
        "images": str(images),
        "report": False,
        "batch_size": 8,
        "ks": (1,),
    }
    config.update(own | PREPROCESSING | fields)
    results = evaluate.run(config, epath.Path(workdir))
    return results and results.rows[0], results and results.notes


def write_classes(root, names, images=2):
    for number, name in enumerate(names):
        for image in range(images):
            path = root / str(name) / f"{image}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(picture(10 * number + image))
    return root


def right_under(workdir, labels_of):
    """The accuracy of saved predictions, by a function from the folder of an image to its class."""
    predictions = load_predictions(epath.Path(workdir) / "predictions.npz")
    labels = [labels_of(image_id.partition("/")[0]) for image_id in predictions.image_ids.tolist()]
    return float(np.mean(predictions.top[:, 0] == labels))


def test_ten_wnid_folders_are_classes_of_a_model_of_ten(tmp_path, monkeypatch):
    from tests.programs import models

    monkeypatch.setattr(models, "two_classes", lambda: models.colours(10))
    images = write_classes(tmp_path / "images", WNIDS, images=8)
    row, notes = evaluated(images, tmp_path / "ten", model="two_classes", repair="none")
    assert row["accuracy"] == right_under(tmp_path / "ten", list(WNIDS).index)
    assert "mean the model's 10 classes in this order" in " ".join(notes)
    row, _ = evaluated(images, tmp_path / "thousand", repair="none")
    assert row["accuracy"] == right_under(tmp_path / "thousand", class_index().get)


def test_numbered_folders_with_gaps_are_classes_of_a_larger_model(tmp_path):
    images = write_classes(tmp_path / "images", [0, 7, 10, 200, 999])
    row, notes = evaluated(images, tmp_path / "out", repair="none")
    assert row["accuracy"] == right_under(tmp_path / "out", int)
    assert row["images"] == 10
    assert "mean classes of the model's 1,000" in " ".join(notes)


def test_folders_that_are_numbered_from_one_are_named(tmp_path, monkeypatch):
    from tests.programs import models

    monkeypatch.setattr(models, "two_classes", lambda: models.colours(11))
    images = write_classes(tmp_path / "images", range(1, 12), images=1)
    row, notes = evaluated(images, tmp_path / "out", model="two_classes", repair="none")
    assert row["accuracy"] == right_under(tmp_path / "out", lambda folder: int(folder) - 1)
    assert "the numbers 1 to 11. A model of 11 classes has them in this order" in " ".join(notes)


def test_a_class_map_scores_other_folders_with_an_imagenet_model(tmp_path):
    images = write_classes(tmp_path / "images", ["Alarm_clock", "cup", "unknown"], images=4)
    (tmp_path / "map.json").write_text(json.dumps({"alarm clock": ["n04548280", "n03196217"], "cup": "n07930864"}))
    row, notes = evaluated(images, tmp_path / "out", class_map=str(tmp_path / "map.json"), repair="none")
    assert row["images"] == 8
    assert "does not name 1 class, such as unknown: 4 images have no label" in " ".join(notes)


def test_labels_beside_flat_images(tmp_path):
    (tmp_path / "images").mkdir()
    for number in range(6):
        (tmp_path / "images" / f"{number}.jpg").write_bytes(picture(number))
    (tmp_path / "labels.csv").write_text(
        "image_id,label\n" + "".join(f"{number}.jpg,{number}\n" for number in range(6))
    )
    labels = str(tmp_path / "labels.csv")
    row, _ = evaluated(tmp_path / "images", tmp_path / "out", image_labels=labels, repair="none")
    assert (row["images"], row["accuracy"]) == (6, right_under(tmp_path / "out", int))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run on blue, green and red, with its images."""
    root = tmp_path_factory.mktemp("trained")
    images = write_images(root / "images", per_class=12)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(catalog.models(), "tiny", SPECS["tiny"])
        train.run(train_config(images, images, steps=150), epath.Path(root / "run"))
    return root


def train_config(images, validation, **fields):
    config = train_digits.get_config()
    config.update(
        {"images": str(images), "validation_images": str(validation), "select_split": "", "model": "tiny", "crop": SIZE}
        | {"batch_size": 12, "steps": 1, "warmup_steps": 0, "report": False, "checkpoint_every": 150}
        | fields
    )
    config.augmentation.shift = 1
    return config


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    monkeypatch.setitem(catalog.models(), "tiny", SPECS["tiny"])


def evaluate_run(trained, images, workdir, **fields):
    options = {"model": "tiny", "weights": str(trained / "run"), "images": str(images), "report": False, "ks": (1,)}
    config = evaluate_config.get_config()
    config.update(options | {"batch_size": 12} | fields)
    return evaluate.run(config, epath.Path(workdir))


def test_a_run_of_ones_own_is_evaluated_by_the_names_of_its_classes(trained, tmp_path):
    whole = evaluate_run(trained, trained / "images", tmp_path / "whole").rows[0]
    assert whole["accuracy"] > 0.9
    (tmp_path / "some").mkdir()
    for name in ("green", "red"):  # by position, they would be blue and green
        shutil.copytree(trained / "images" / name, tmp_path / "some" / name)
    results = evaluate_run(trained, tmp_path / "some", tmp_path / "out")
    assert (results.rows[0]["accuracy"] > 0.9, results.rows[0]["images"]) == (True, 24)
    assert "lacks the classes blue" in " ".join(results.notes)


def test_an_evaluation_says_how_many_images_the_run_was_trained_on(trained, tmp_path):
    """An accuracy on training images passed for one on new images."""
    notes = " ".join(evaluate_run(trained, trained / "images", tmp_path / "same").notes)
    assert re.search(r"run was trained on 36 of these 36 images: the accuracy on new images is lower", notes)
    write_images(tmp_path / "new", per_class=4)
    assert "was trained on" not in " ".join(evaluate_run(trained, tmp_path / "new", tmp_path / "out").notes)


def test_validation_is_matched_to_training_by_name(trained, tmp_path, capsys):
    (tmp_path / "some").mkdir()
    for name in ("green", "red"):
        os.symlink(trained / "images" / name, tmp_path / "some" / name)
    results = train.run(train_config(trained / "images", tmp_path / "some"), epath.Path(tmp_path / "run"))
    predictions = load_predictions(epath.Path(tmp_path / "run" / "predictions.npz"))
    index = {"blue": 0, "green": 1, "red": 2}
    labels = [index[image_id.partition("/")[0]] for image_id in predictions.image_ids.tolist()]
    assert results.rows[0]["accuracy"] == np.mean(predictions.top[:, 0] == labels)
    assert "some: lacks the classes blue" in capsys.readouterr().err


def test_a_class_of_validation_that_training_lacks_is_refused(trained, tmp_path):
    write_images(tmp_path / "other", per_class=2, classes=("blue", "green", "violet"))
    with pytest.raises(InputError, match="other has the class violet, which .*images does not have"):
        train.run(train_config(trained / "images", tmp_path / "other"), epath.Path(tmp_path / "run"))
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_prepared_images_keep_the_numbers_of_their_folders(tmp_path):
    from imagenet_real.data.writers.prepare import prepare

    images = write_classes(tmp_path / "images", range(12), images=1)
    prepare(open_source(str(images)), str(tmp_path), name="v2", split="test", version="1.0.0", workers=1)
    row, _ = evaluated("tfds:v2", tmp_path / "out", tfds_dir=str(tmp_path), split="test", repair="none")
    assert row["accuracy"] == right_under(tmp_path / "out", int)


def listed(trained, workdir, **fields):
    """The content of mistakes.json for the images of two of three classes."""
    some = workdir / "some"
    for name in ("green", "red"):
        shutil.copytree(trained / "images" / name, some / name)
    shutil.copyfile(trained / "images" / "blue" / "000.png", some / "red" / "wrong.png")
    config = mistakes_config.get_config()
    config.update({"images": str(some), "model": "tiny", "batch_size": 12} | fields)
    return mistakes.run(config, epath.Path(workdir / "out"))


def test_mistakes_of_ones_own_run_are_listed_by_the_names_of_its_classes(trained, tmp_path):
    content = listed(trained, tmp_path, weights=str(trained / "run"))
    (mistake,) = [row for row in content["mistakes"] if row["image_id"] == "red/wrong"]
    assert mistake["predicted"] == 0  # blue, which the images do not have
    assert len(content["mistakes"]) < 4
