"""A look into a label set, as a user takes it."""

import dataclasses
import json

import numpy as np
import pytest

from configs import labels as labels_config
from imagenet_real.errors import InputError
from imagenet_real.labels.json_format import save_label_set
from imagenet_real.predictions.predictions import save_predictions
from imagenet_real.programs import labels
from tests import toy


@pytest.fixture
def world(tmp_path):
    """Three label sets of the toy world and nine models, some of the same accuracy."""
    for label_set in toy.label_sets():
        save_label_set(tmp_path / f"{label_set.name}_own.json", _renamed(label_set))
    for number in range(9):
        top = np.where(np.arange(6) < number % 4 + 1, toy.ORIGINAL, (toy.ORIGINAL + 2) % 4)[:, None]
        save_predictions(tmp_path / f"model{number}.npz", toy.predictions(top=top))
    config = labels_config.get_config()
    config.label_set, config.original = str(tmp_path / "real_own.json"), str(tmp_path / "original_own.json")
    config.against = f"{tmp_path}/original_own.json, {tmp_path}/multilabel_own.json"
    return tmp_path, config


def _renamed(label_set):
    return dataclasses.replace(label_set, name=f"{label_set.name}_own")


def test_a_look_into_a_label_set(world, capsys):
    folder, config = world
    summary = labels.run(config, folder / "out")
    assert json.loads(json.dumps(summary)) == json.loads((folder / "out" / "analysis.json").read_text())
    assert summary["images_by_labels"] == [1, 3, 2]
    assert summary["corrections"] == [{"original": 0, "right": 1, "images": 1}]
    assert summary["losses"][0] == {"class": 0, "images": 2, "lost": 1, "empty": 0}
    assert [row["with"] for row in summary["agreement"]] == ["original_own", "multilabel_own"]
    first = summary["agreement"][0]
    assert (first["equal"], first["superset"], first["disjoint"], first["first_empty"]) == (2, 2, 1, 1)
    assert summary["regression"] is None
    assert "real_own: 7 labels on 6 images" in capsys.readouterr().out
    assert not (folder / "out" / "regression.png").exists()


def test_models_gain(world, capsys):
    folder, config = world
    config.predictions = str(folder / "model*.npz")
    regression = labels.run(config, folder / "out")["regression"]
    assert [row["original"] for row in regression["models"]] == pytest.approx(
        [(1 + number % 4) / 6 for number in range(9)]
    )
    x, y = (np.array([row[name] for row in regression["models"]]) for name in ("original", "accuracy"))
    assert regression["lines"]["all models"]["slope"] == pytest.approx(np.polyfit(x, y, 1)[0])
    assert list(regression["lines"]) == ["all models"]  # the better half of nine is too few
    assert (folder / "out" / "regression.png").read_bytes().startswith(b"\x89PNG")
    assert "a point of original accuracy goes with" in capsys.readouterr().out


def test_few_models_have_no_line(world, capsys):
    folder, config = world
    config.predictions = str(folder / "model[0-2].npz")
    regression = labels.run(config, folder / "out")["regression"]
    assert (len(regression["models"]), regression["lines"]) == (3, {})
    assert "3 models: too few for a regression" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label_set": "rael"}, "unknown label set 'rael': did you mean real"),
        ({"predictions": "nowhere/*"}, "no file matches predictions='nowhere"),
        ({"shown": 0}, "shown=0: expected at least 1"),
        ({"against": "original"}, "real_own and original have no image in common: .* give --images=FOLDER"),
        ({"class_names": __file__}, "expected 4. Give one class name a line"),
    ],
)
def test_what_is_refused(world, changes, message):
    folder, config = world
    config.update(changes)
    with pytest.raises(InputError, match=message):
        labels.run(config, folder / "out")
    assert not (folder / "out").exists()
