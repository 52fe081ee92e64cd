"""From files of predictions to rating tasks, as a user runs it."""

import json

import numpy as np
import pytest

from configs import propose as propose_config
from imagenet_real.errors import InputError
from imagenet_real.labels.json_format import load_label_set, save_label_set
from imagenet_real.labels.label_set import LabelSet, pad_labels
from imagenet_real.predictions.predictions import Predictions, save_predictions
from imagenet_real.programs import propose
from tests.raters.questions import originals

pytestmark = pytest.mark.slow

IMAGES, CLASSES = 200, 12


@pytest.fixture
def world(tmp_path):
    """Four models, of which two are bad; original labels, of which some are wrong; and the true ones."""
    random = np.random.default_rng(0)
    original = originals(IMAGES, CLASSES)
    true = np.where(random.random(IMAGES) < 0.2, (original.original + 1) % CLASSES, original.original)
    second = np.where(random.random(IMAGES) < 0.3, (true + 5) % CLASSES, -1)
    answers = pad_labels([[label for label in row if label >= 0] for row in zip(true, second, strict=True)])
    save_label_set(tmp_path / "original.json", original)
    known = LabelSet("known", original.image_ids, answers, np.ones(IMAGES), original.original, CLASSES)
    save_label_set(tmp_path / "known.json", known)
    for number, skill in enumerate((2.0, 1.9, 0.3, 0.0)):
        scores = random.normal(size=(IMAGES, CLASSES))
        scores[np.arange(IMAGES), true] += skill
        scores[second >= 0, second[second >= 0]] += skill
        top = np.argsort(-scores, axis=1)
        best = np.take_along_axis(scores, top, axis=1).astype(np.float32)
        save_predictions(tmp_path / f"model{number}.npz", Predictions(original.image_ids, top, best, CLASSES))
    config = propose_config.get_config()
    config.predictions, config.original = str(tmp_path / "model*.npz"), str(tmp_path / "original.json")
    config.gold, config.gold_images, config.k, config.min_recall = str(tmp_path / "known.json"), 60, 3, 0.9
    return tmp_path, config, original, known


def read(folder, name):
    return json.loads((folder / "out" / name).read_text())


def test_proposals_and_tasks(world, capsys):
    folder, config, original, _ = world
    summary = propose.run(config, folder / "out")
    assert summary["models"] == ["model0", "model1"]
    assert summary["choice"]["reached"]
    assert (summary["choice"]["tried"], summary["choice"]["exhaustive"]) == (15, True)
    assert summary["quality"]["gold"]["models"]["recall"] >= 0.9
    assert summary["quality"]["others"]["with_original"]["images"] == 140

    proposals = read(folder, "proposals.json")
    tops = [np.load(folder / f"{name}.npz")["top"] for name in summary["models"]]
    for row, image in enumerate(original.image_ids.tolist()):
        if all(top[row, 0] == original.original[row] for top in tops):
            assert image in proposals["kept"]
        else:
            expected = {int(original.original[row])}.union(*(top[row, :3].tolist() for top in tops))
            assert proposals["images"][image] == sorted(expected)
    assert len(proposals["images"]) + len(proposals["kept"]) == IMAGES

    tasks = read(folder, "tasks.json")
    questions = sorted((task["image_id"], label) for task in tasks["tasks"] for label in task["labels"])
    assert questions == sorted((image, label) for image, labels in proposals["images"].items() for label in labels)
    gold = load_label_set(folder / "out" / "gold.json")
    assert len(gold) == 60
    assert {task["image_id"] for task in tasks["tasks"] if task["gold"]} <= set(gold.image_ids)
    assert tasks["assignments"] is None
    assert len(read(folder, "label_studio.json")) == len(tasks["tasks"])
    assert "Proposals come from 2 models: model0, model1" in capsys.readouterr().out


def test_gold_images_are_drawn_by_the_seed(world):
    folder, config, _, known = world
    propose.run(config, folder / "out")
    drawn = np.random.default_rng(0).choice(IMAGES, 60, replace=False)
    assert set(load_label_set(folder / "out" / "gold.json").image_ids) == set(known.image_ids[drawn])


def test_gold_images_are_at_most_those_there_are(world):
    """500 is more than the 200 images with known labels, as the default of 256 is for a small dataset."""
    folder, config, _, known = world
    config.gold_images = 500
    propose.run(config, folder / "out")
    assert set(load_label_set(folder / "out" / "gold.json").image_ids) == set(known.image_ids)


def test_who_rates(world):
    folder, config, _, _ = world
    config.raters = 7
    summary = propose.run(config, folder / "out")
    tasks = read(folder, "tasks.json")
    assigned = [number for numbers in tasks["assignments"].values() for number in numbers]
    for task in tasks["tasks"]:
        assert assigned.count(task["task"]) == (7 if task["gold"] else 5)
    assert summary["tasks"]["per_rater"]["most"] - summary["tasks"]["per_rater"]["least"] <= 1


def test_a_recall_out_of_reach_is_said(world, capsys):
    folder, config, _, _ = world
    config.k, config.min_recall, config.models = 1, 1.0, 2
    summary = propose.run(config, folder / "out")
    assert not summary["choice"]["reached"]
    assert "no subset reaches the recall that was asked" in capsys.readouterr().out


def test_a_global_ranking_without_gold(world):
    folder, config, _, _ = world
    config.gold, config.ranking, config.highest, config.add_original = "", "global", 300, False
    summary = propose.run(config, folder / "out")
    assert len(summary["models"]) == 4
    assert summary["choice"] is summary["quality"] is None
    assert summary["images"]["per_rated_image"] < 4 * 300 / IMAGES
    assert not (folder / "out" / "gold.json").exists()


def test_names_and_a_hierarchy(world):
    folder, config, _, _ = world
    (folder / "names.txt").write_text("".join(f"kind_{label}\n" for label in range(CLASSES)))
    edges = [f"{'even' if label % 2 == 0 else 'odd'} kind_{label}\n" for label in range(CLASSES)]
    (folder / "is_a.txt").write_text("".join(["all even\nall odd\n", *edges]))
    config.class_names, config.hierarchy = str(folder / "names.txt"), str(folder / "is_a.txt")
    config.k, config.labels_per_task = 12, 6
    propose.run(config, folder / "out")
    tasks = read(folder, "tasks.json")
    assert all(len({label % 2 for label in task["labels"]}) == 1 for task in tasks["tasks"])
    assert tasks["names"]["7"] == "kind_7"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"predictions": "nowhere/*.npz"}, "no file matches predictions='nowhere"),
        ({"ranking": "glob"}, "unknown ranking 'glob': did you mean global"),
        ({"k": 13}, "k=13: model0 has 12 predicted classes an image. Give --k=NUMBER, from 1 to 12"),
        ({"min_recall": 0.0}, "min_recall=0.0"),
        ({"models": 5}, "of 4 models. Give a number from 1 to 4"),
        ({"raters": 3}, "raters=3: a task goes to 5"),
        ({"labels_per_task": 0}, "labels_per_task=0: expected at least 1"),
        ({"gold": "nowhere.json"}, "nowhere.json: there is no such file"),
        ({"original": "original"}, "model0 predicts no image of the label set original"),
    ],
)
def test_what_is_refused(world, changes, message):
    folder, config, _, _ = world
    config.update(changes)
    with pytest.raises(InputError, match=message) as caught:
        propose.run(config, folder / "out")
    assert "\n" not in str(caught.value)
    assert not (folder / "out").exists()


def test_the_best_six_of_47_models(data, tmp_path):
    config = propose_config.get_config()
    config.predictions, config.gold, config.models = str(data / "predictions" / "*.npz"), "real", 6
    summary = propose.run(config, tmp_path)
    assert summary["models"] == [
        "cafferesnet101", "dpn131", "fbresnet152", "pnasnet_large_tf", "resnet152", "resnet_v2_50_tf"
    ]  # fmt: skip
    choice = summary["choice"]
    assert (choice["tried"], choice["exhaustive"], choice["reached"]) == (10_737_573, True, True)
    assert (choice["right"], choice["wanted"], choice["proposed"]) == (304, 313, 2840)
    others = summary["quality"]["others"]["models"]
    assert others["images"] == 46_837 - 256
    assert (others["recall"], others["precision"]) == (
        pytest.approx(0.96242, abs=5e-6),
        pytest.approx(0.10916, abs=5e-6),
    )
