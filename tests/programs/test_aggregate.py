"""From files of votes to a label set, as a user runs it."""

import csv
import json

import numpy as np
import pytest

from configs import aggregate as aggregate_config
from imagenet_real.errors import InputError
from imagenet_real.labels import readers
from imagenet_real.labels.json_format import load_label_set, save_label_set
from imagenet_real.labels.label_set import LabelSet, pad_labels
from imagenet_real.programs import aggregate
from imagenet_real.raters import synthetic
from imagenet_real.raters.votes import ANSWERS
from tests.raters.questions import originals, questions

pytestmark = pytest.mark.slow

IMAGES = 300
CROWD = np.stack([synthetic.matrix(0.9, 0.95, 0.05)] * 5 + [synthetic.matrix(1.0, 0.0)])


def write_csv(path, votes):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image_id", "class", "rater", "answer"])
        for question, rater, answer in zip(votes.question, votes.rater, votes.answer, strict=True):
            writer.writerow([votes.image_ids[question], votes.classes[question], votes.raters[rater], ANSWERS[answer]])


@pytest.fixture
def world(tmp_path):
    """Votes of six raters, one of whom always says yes; an expert's answers on 100 images; and the truth."""
    ids, classes, truth = questions(IMAGES)
    random = np.random.default_rng(0)
    write_csv(tmp_path / "votes.csv", synthetic.answer(ids, classes, truth, CROWD, random))
    expert = np.stack([synthetic.matrix(1.0, 1.0)])
    write_csv(tmp_path / "gold.csv", synthetic.answer(ids[:400], classes[:400], truth[:400], expert, random))
    save_label_set(tmp_path / "original.json", originals(IMAGES))
    config = aggregate_config.get_config()
    config.votes, config.gold = str(tmp_path / "votes.csv"), str(tmp_path / "gold.csv")
    config.original = str(tmp_path / "original.json")
    return tmp_path, config, truth.reshape(IMAGES, 4)


def test_votes_become_a_label_set(world, capsys):
    folder, config, truth = world
    summary = aggregate.run(config, folder / "out")
    labels = load_label_set(folder / "out" / "label_set.json")
    assert labels.name == "aggregated"
    predicted = (labels.labels[:, :, None] == np.arange(4)).any(axis=1)
    assert (predicted == truth).mean() > 0.97
    lists = json.loads((folder / "out" / "labels.json").read_text())
    assert [[label for label in row if label >= 0] for row in labels.labels.tolist()] == lists
    with np.load(folder / "out" / "scores.npz") as archive:
        assert archive["tensor"].shape == (4 * IMAGES,)
        assert archive["info"][5].tolist() == ["image00001", "1"]
    assert json.loads(json.dumps(summary)) == json.loads((folder / "out" / "summary.json").read_text())
    assert summary["votes"]["votes"] == 6 * 4 * IMAGES
    assert summary["gold"]["questions"] == 400
    always = next(row for row in summary["raters"] if row["rater"] == "r005")
    assert always["suspicious"][0].startswith("always answers yes")
    assert "rater r005: always answers yes" in capsys.readouterr().out


@pytest.mark.parametrize("method", ["unsupervised", "majority"])
def test_methods_without_gold(world, method):
    folder, config, truth = world
    config.gold, config.method, config.threshold = "", method, 0.5
    assert aggregate.run(config, folder / "out")["gold"] is None
    labels = load_label_set(folder / "out" / "label_set.json")
    assert ((labels.labels[:, :, None] == np.arange(4)).any(axis=1) == truth).mean() > 0.97


def test_the_original_label_votes_only_by_rule(world):
    """The rule of ReaL, which votes on ImageNet's animals, is for ReaL's votes; until then everybody's classes 0 to 397."""
    folder, config, _ = world
    assert "original label" not in {row["rater"] for row in aggregate.run(config, folder / "none")["raters"]}
    config.rule = "real"
    summary = aggregate.run(config, folder / "real")
    assert "original label" in {row["rater"] for row in summary["raters"]}
    assert summary["provenance"]["config"]["original_classes"] == (0, 398)


def test_a_method_that_fits_the_gold(world):
    folder, config, _ = world
    assert aggregate.run(config, folder / "with")["provenance"]["config"]["method"] == "calibrated"
    config.gold = ""
    assert aggregate.run(config, folder / "without")["provenance"]["config"]["method"] == "unsupervised"


def test_gold_may_be_a_label_set(world):
    folder, config, truth = world
    known = originals(IMAGES)
    known = LabelSet(
        "known",
        known.image_ids,
        pad_labels([np.flatnonzero(row) for row in truth]),
        (np.arange(IMAGES) < 100) * truth.any(axis=1) * 1.0,
        known.original,
        4,
    )
    save_label_set(folder / "known.json", known)
    config.gold = str(folder / "known.json")
    summary = aggregate.run(config, folder / "out")
    assert summary["gold"]["questions"] == 4 * known.is_scored.sum()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"votes": ""}, "votes is empty"),
        ({"votes": "nowhere.csv"}, "there is no file of votes nowhere.csv"),
        ({"method": "majorty"}, "unknown method 'majorty': did you mean majority"),
        ({"gold": "", "method": "calibrated"}, "method=calibrated needs gold questions"),
        ({"rule": "ReaL"}, "unknown rule 'ReaL': did you mean real"),
        ({"gold": "nowhere.json"}, "nowhere.json: there is no such file"),
        ({"threshold": 0.0}, "threshold=0.0 is out of range. Give a number above 0"),
        ({"smoothing": -1.0}, "smoothing=-1.0 is negative"),
        ({"original_classes": (1,)}, "expected two numbers"),
        ({"original": "original"}, "1200 of 1200 questions are about unknown images, such as image00000"),
    ],
)
def test_what_is_refused(world, changes, message):
    folder, config, _ = world
    config.update(changes)
    with pytest.raises(InputError, match=message) as caught:
        aggregate.run(config, folder / "out")
    assert "\n" not in str(caught.value)
    assert not (folder / "out").exists()


def test_real_is_reproduced(data, tmp_path):
    config = aggregate_config.get_config()
    config.votes, config.gold, config.gold_votes = (
        str(data / "labels" / f"{name}.npz") for name in ("raters", "golden", "raters_golden")
    )
    summary = aggregate.run(config, tmp_path)
    assert json.loads((tmp_path / "labels.json").read_text()) == [
        sorted(row) for row in json.loads((data / "labels" / "real.json").read_text())
    ]
    again, real = readers.real_at(tmp_path / "scores.npz", 0.8), readers.real(data / "labels" / "real.json")
    np.testing.assert_array_equal(again.labels, real.labels)
    assert summary["labels"]["images_by_labels"] == [3163, 39394, 5408, 1319, 411, 161, 88, 41, 13, 2]
    points = {row["threshold"]: row for row in summary["gold"]["precision_recall"]}
    for threshold, precision, recall in (
        (0.3, 0.795, 0.827),
        (0.5, 0.842, 0.819),
        (0.8, 0.898, 0.778),
        (0.95, 0.922, 0.714),
    ):
        assert points[threshold]["precision"] == pytest.approx(precision, abs=5e-4)
        assert points[threshold]["recall"] == pytest.approx(recall, abs=5e-4)
    row_of = {row["rater"]: row for row in summary["raters"]}
    assert row_of["original label"]["labels_that_change_without"] == 1585
    assert [name for name, row in row_of.items() if row["suspicious"]] == [
        "145"
    ]  # who said yes to 1,936 of 1,952 questions
