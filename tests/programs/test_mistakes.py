"""The program that lists mistakes, from files to files."""

import json

import numpy as np
import pytest

from configs import mistakes as mistakes_config
from imagenet_real.errors import InputError
from imagenet_real.labels.json_format import load_label_set, save_label_set
from imagenet_real.predictions.predictions import save_predictions
from imagenet_real.programs import mistakes
from tests import toy

pytestmark = pytest.mark.slow


@pytest.fixture
def config(tmp_path):
    save_label_set(tmp_path / "mine.json", toy.original())
    save_predictions(tmp_path / "models" / "model.npz", toy.predictions())
    top = np.array([[0, 1], [1, 0], [2, 1], [1, 0], [2, 3], [1, 3]])
    save_predictions(tmp_path / "models" / "other.npz", toy.predictions("other", top=top))
    (tmp_path / "names.txt").write_text("cat\ndog\nbone\nlamp\n")
    (tmp_path / "is_a.txt").write_text("all animal\nanimal cat\nanimal dog\nall thing\nthing bone\nthing lamp\n")
    config = mistakes_config.get_config()
    config.update(
        {
            "label_set": f"{tmp_path}/mine.json",
            "predictions": f"{tmp_path}/models/model.npz",
            "others": f"{tmp_path}/models/*.npz",
            "hierarchy": f"{tmp_path}/is_a.txt",
            "class_names": f"{tmp_path}/names.txt",
        }
    )
    return config


def test_mistakes_of_a_model(config, tmp_path, capsys):
    mistakes.run(config, tmp_path / "out")
    summary = json.loads((tmp_path / "out" / "mistakes.json").read_text())
    rows = {row["image_id"]: row for row in summary["mistakes"]}
    assert list(rows) == ["b", "c", "e", "f"]
    assert rows["b"]["right"] == [0]
    assert rows["b"]["top"] == [1, 0]
    assert [rows[name]["label_may_be_missing"] for name in "bcef"] == [True, True, False, False]
    # Bone and lamp share 2 of 3 steps, 0.67, and the other model has lamp second.
    assert rows["e"]["guess"] == "Fine-grained error"
    assert rows["c"]["guess"] == "Fine-grained error with OOV"
    assert {(pair["a"], pair["b"]): pair["times"] for pair in summary["pairs"]} == {
        (0, 1): 1, (1, 2): 1, (2, 3): 1, (0, 3): 1
    }  # fmt: skip
    text = capsys.readouterr().out
    assert "model under original: 4 mistakes on 6 images. On 2 of them at least 50% of the other models predict" in text


def test_no_word_about_other_models_without_other_models(config, tmp_path, capsys):
    config.others = ""
    mistakes.run(config, tmp_path / "out")
    text = capsys.readouterr().out
    assert "model under original: 4 mistakes on 6 images." in text
    assert "other models" not in text
    lines = (tmp_path / "out" / "mistakes.csv").read_text().splitlines()
    assert lines[0] == "image_id,labels,predicted,confidence"
    assert lines[1].startswith("b,cat,dog,")
    assert len(lines) == 5


def test_judged_mistakes(config, tmp_path, capsys):
    row = {"top_prediction": 1, "failure category": "Non-prototypical", "failure severity": "Major"}
    for name, images in (("x", "bd"), ("y", "bc")):
        (tmp_path / f"{name}.json").write_text(json.dumps(dict.fromkeys(images, row)))
    config.update({"predictions": "", "others": "", "judged": f"{tmp_path}/x.json,{tmp_path}/y.json", "missed_by": 2})
    mistakes.run(config, tmp_path / "out")
    assert load_label_set(tmp_path / "out" / "hard.json").image_ids.tolist() == ["b"]
    text = capsys.readouterr().out
    assert "x and y both miss 1 image, 1 with the same answer; 1 are major for both" in text
    assert "of 1 mistakes of y that x does not share" in text


def test_nothing_to_do(config, tmp_path):
    config.predictions = ""
    with pytest.raises(InputError, match="Give --predictions=FILE of a model, .*or --judged"):
        mistakes.run(config, tmp_path / "out")
