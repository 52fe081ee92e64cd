"""docs/own_images.md, command by command: a model, a review, three raters, and accuracies on the labels that they make."""

import json
import pathlib
import re

import pytest

from imagenet_real.labels.json_format import load_label_set
from tests import ROOT
from tests.documented import commands
from tests.flows import photographs
from tests.flows.shell import Shell
from tests.review_app.small import Client

pytestmark = pytest.mark.slow

PAGE = ROOT / "docs" / "own_images.md"
# A small net and small pictures, in place of a ResNet-18 and 30 epochs.
NET = "--model=my_nets:net --resize=16 --crop=16 --augmentation.min_area=0.7 --augmentation.flip=False"
NET += " --epochs=15 --batch_size=32 --learning_rate=1e-2 --cache=True --report=False"
SHORT = {"train": NET, "clean": f"{NET} --folds=2", "score": "--report=False", "review": "--port=0"}
RATERS = 3


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """An empty folder with photographs and guidelines, and the true classes of the photographs."""
    folder = tmp_path_factory.mktemp("own")
    images = photographs.training_images()
    truth = photographs.write(folder / "FOLDER", 24, images)
    truth |= photographs.write(folder / "VALIDATION", 8, images, first=24)
    (folder / "guidelines.md").write_text("# Rules\n\n- Name the **largest** thing.\n")
    (folder / "my_nets.py").write_text(photographs.NET)
    return folder, truth


def review_mistakes(client: Client, truth: dict[str, str]) -> int:
    """Judges every mistake as somebody who sees the picture; returns the number of right predictions."""
    right = 0
    while (item := client.json("/api/item", name="Ada")["item"]) is not None:
        is_right = item["predicted"]["name"] == truth[item["image_id"]]
        wrong = {"prediction": "wrong", "category": "Fine-grained error", "severity": "Minor"}
        client.judge("Ada", item["image_id"], {"prediction": "correct"} if is_right else wrong)
        right += is_right
    return right


def rate(client: Client, rater: str, truth: dict[str, str], lapses: int) -> int:
    """Answers every task of a rater, who says the opposite every `lapses` tasks; returns the number of tasks."""
    done = 0
    while (task := client.json("/api/task", name=rater))["task"] is not None:
        done += 1
        yes = {label["class"]: label["name"] == truth[task["image_id"]] for label in task["labels"]}
        answers = {label: "yes" if right != (done % lapses == 0) else "no" for label, right in yes.items()}
        client.json("/api/answer", {"task": task["task"], "answers": answers, "seconds": 6.0}, name=rater)
    return done


def accuracies(folder: pathlib.Path) -> dict[str, float]:
    rows = json.loads((folder / "results.json").read_text())["rows"]
    return {row["label_set"]: row["accuracy"] for row in rows if row["k"] == 1}


def test_from_folders_to_corrected_labels(world):
    folder, truth = world
    shell = Shell(folder, SHORT)
    lines = [command for command in commands(PAGE) if command.startswith("imagenet-real ")]
    train, score, mistakes, review, reviewed, propose, rating, aggregate, last, *corrected = lines[:13]
    said = shell.run(train)
    assert re.search(
        r"step [\d,]+ of [\d,]+: select_original [\d.]+%; loss [\d.]+, learning rate [\d.e-]+, [\d,]+ images/s", said
    )
    assert shell.run(score).count("original") >= 1

    shell.run(mistakes)
    with shell.served(review) as (client, _):
        about, right = client.json("/api/about"), review_mistakes(client, truth)
    assert about["total"] >= 12  # the wrong labels at least, one of each class
    assert right
    shell.run(reviewed)
    reached = accuracies(folder / "runs" / "reviewed_score")
    assert reached["reviewed"] > reached["original"]

    shell.run(propose)
    tasks = json.loads((folder / "runs" / "propose" / "tasks.json").read_text())
    assert set(tasks["names"].values()) <= set(truth.values())  # the names of the folders
    studio = json.loads((folder / "runs" / "propose" / "label_studio.json").read_text())
    assert all((folder / "VALIDATION" / row["data"]["image"].partition("?d=")[2]).is_file() for row in studio)
    names = sorted(tasks["assignments"])
    assert len(names) == RATERS
    with shell.served(rating) as (client, printed):
        assert f"raters: {', '.join(names)}." in printed[0]
        assert "<strong>largest</strong>" in client.json("/api/about")["guidelines"]
        counts = [rate(client, name, truth, lapses) for name, lapses in zip(names, (1000, 9, 13), strict=True)]
    assert all(counts)
    shell.run(aggregate)
    labels = load_label_set(folder / "runs" / "labels" / "label_set.json")
    rated = {task["image_id"] for task in tasks["tasks"]}
    names_of = sorted(set(truth.values()))
    for image_id, row in zip(labels.image_ids.tolist(), labels.labels.tolist(), strict=True):
        if image_id in rated:
            assert [names_of[label] for label in row if label >= 0] == [truth[image_id]], image_id
    shell.run(last)
    reached = accuracies(folder / "runs" / "new_score")
    assert reached["aggregated"] > reached["original"]

    train_on_corrected_labels(shell, corrected, truth)
    assert len(shell.typed) == 13


def train_on_corrected_labels(shell: Shell, lines: list[str], truth: dict[str, str]) -> None:
    """A review of what held-out models doubt, and a run that learns from its labels."""
    clean, doubtful, review, train = lines
    shell.run(clean)
    shell.run(doubtful)
    with shell.served(review) as (client, _):
        assert review_mistakes(client, truth)
    said = shell.run(train)
    (counted,) = re.findall(r"labels\.json has labels of ([\d,]+) of the ([\d,]+) training images", said)
    assert counted[1] == str(len(list((shell.folder / "FOLDER").rglob("*.jpg"))))
    reached = accuracies(shell.folder / "runs" / "train_corrected")
    assert set(reached) == {"original", "aggregated"}
