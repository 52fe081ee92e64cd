"""Clean lists: from folds, at once or one by one, and from predictions made elsewhere."""

import json

import numpy as np
import pytest

from configs import clean_digits
from imagenet_real.builders import training_data
from imagenet_real.errors import InputError
from imagenet_real.io.storage import sha256
from imagenet_real.labels import image_lists
from imagenet_real.labels.clean_list import assign_folds
from imagenet_real.models import catalog
from imagenet_real.predictions.predictions import Predictions, load_predictions, save_predictions
from imagenet_real.programs import clean
from tests.programs import training_world as world

pytestmark = pytest.mark.slow

WRONG = {("blue", 3), ("green", 0), ("red", 19)}
WRONG_IDS = {f"{name}/{number:03d}" for name, number in WRONG}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return world.write_images(tmp_path_factory.mktemp("images") / "images", wrong=WRONG)


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    from tests.programs import tiny_model

    monkeypatch.setitem(catalog.models(), "tiny", tiny_model.SPECS["tiny"])


def config_of(images, **fields):
    config = clean_digits.get_config()
    defaults = {"images": str(images), "model": "tiny", "crop": world.SIZE, "batch_size": 8, "steps": 25, "folds": 2}
    config.update(defaults | {"warmup_steps": 2} | fields)
    config.augmentation.shift = 1
    return config


def ids(workdir):
    return image_lists.load(workdir / "clean_ids.txt").tolist()


@pytest.fixture(scope="module")
def at_once(images, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        from tests.programs import tiny_model

        patch.setitem(catalog.models(), "tiny", tiny_model.SPECS["tiny"])
        workdir = tmp_path_factory.mktemp("at_once")
        clean.run(config_of(images), workdir)
    return workdir


def test_wrong_labels_are_removed(images, at_once):
    data = training_data.training_data(config_of(images))
    assert set(data.image_ids) - set(ids(at_once)) == WRONG_IDS
    predictions = load_predictions(at_once / "predictions.npz")
    assert predictions.image_ids.tolist() == data.image_ids.tolist()
    summary = json.loads((at_once / "summary.json").read_text())
    assert (summary["images"], summary["kept"], summary["removed"]) == (60, 57, 3)
    assert summary["kept_by_class"] == {"blue": 0.95, "green": 0.95, "red": 0.95}
    assert "real" not in summary  # a folder brings no other labels
    assert len(training_data.training_data(config_of(images, clean_list=str(at_once / "clean_ids.txt")))) == 57


def test_no_image_is_predicted_by_a_model_that_saw_it(images, at_once):
    data = training_data.training_data(config_of(images))
    fold_of = assign_folds(data.image_ids, data.labels[:, 0], 2, 0, data.source.class_names)
    for fold in range(2):
        held_out = load_predictions(at_once / f"fold{fold}" / "predictions.npz").image_ids
        assert held_out.tolist() == data.image_ids[fold_of == fold].tolist()
        made_with = json.loads((at_once / f"fold{fold}" / "fold.json").read_text())
        assert made_with["data"] == data.at(np.flatnonzero(fold_of != fold)).fingerprint


def test_folds_one_by_one_give_the_same_list(images, at_once, tmp_path, capsys):
    assert clean.run(config_of(images, fold=1), tmp_path) is None
    assert "the folds [0] are missing for the list" in capsys.readouterr().err
    assert not (tmp_path / "clean_ids.txt").exists()
    assert clean.run(config_of(images, fold=0), tmp_path)["kept"] == 57
    assert (tmp_path / "clean_ids.txt").read_text() == (at_once / "clean_ids.txt").read_text()


def test_a_fold_of_another_run_is_not_merged(images, at_once):
    with pytest.raises(InputError, match=r"fold0: it belongs to a different run: learning_rate was 0\.015, is 0\.1"):
        clean.run(config_of(images, learning_rate=0.1), at_once)


def test_predictions_made_elsewhere(images, at_once, tmp_path):
    theirs = load_predictions(at_once / "predictions.npz")
    order = np.random.default_rng(0).permutation(60)
    save_predictions(
        tmp_path / "theirs.npz",
        Predictions(image_ids=theirs.image_ids[order], top=theirs.top[order, :2], top_scores=None, num_classes=3),
    )
    clean.run(config_of(images, predictions=str(tmp_path / "theirs.npz")), tmp_path / "out")
    assert ids(tmp_path / "out") == ids(at_once)
    save_predictions(
        tmp_path / "few.npz",
        Predictions(image_ids=theirs.image_ids[1:], top=theirs.top[1:], top_scores=None, num_classes=3),
    )
    with pytest.raises(InputError, match="no prediction of 1 of 60 images, such as blue/000; it has blue/001"):
        clean.run(config_of(images, predictions=str(tmp_path / "few.npz")), tmp_path / "none")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"folds": 1}, "folds=1 is out of range. Give at least 2"),
        ({"fold": 2}, "fold=2 does not exist. Give one of 0 to 1"),
    ],
)
def test_impossible_folds(images, tmp_path, fields, message):
    with pytest.raises(InputError, match=message):
        clean.run(config_of(images, **fields), tmp_path)


def test_a_list_of_nothing_is_refused(images, tmp_path):
    data = training_data.training_data(config_of(images))
    wrong = (data.labels[:, 0] + 1) % 3
    predictions = Predictions(image_ids=data.image_ids, top=wrong[:, None], top_scores=None, num_classes=3)
    with pytest.raises(InputError, match="the list would be empty"):
        clean.write_list(config_of(images), tmp_path / "out", data, predictions)
    assert not (tmp_path / "out").exists()


def test_in_a_bucket(images, at_once, in_bucket):
    save_predictions(in_bucket / "held_out.npz", load_predictions(at_once / "predictions.npz"))
    summary = clean.run(config_of(images, predictions=str(in_bucket / "held_out.npz")), in_bucket / "out")
    assert ids(in_bucket / "out") == ids(at_once)
    assert summary["provenance"]["predictions"]["sha256"] == sha256(in_bucket / "held_out.npz")
