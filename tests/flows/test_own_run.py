"""docs/training.md: a run of one's own goes on in every program that takes weights, and to other tools."""

import json

import pytest
import safetensors.numpy

from imagenet_real.relabel.label_maps import load_label_maps
from tests import ROOT
from tests.documented import commands
from tests.flows.shell import Shell
from tests.programs import training_world

pytestmark = pytest.mark.slow

PAGE = ROOT / "docs" / "training.md"
HEADING = "A run, its mistakes, and what to train on next"
FOLDER_OF_RUNS = "runs/own"  # in test_documentation: these commands are run here
# resnet18 of the documents is resnet_digits here, on pictures of 12 pixels.
NET = "--model=resnet_digits --resize=16 --crop=16 --epochs=2 --log_every=2 --batch_size=16 --augmentation.min_area=0.5 --report=False"
SHORT = {
    "train": NET,
    "evaluate": "--model=resnet_digits --batch_size=32 --report=False",
    "mistakes": "--batch_size=32",
    "relabel": "--batch_size=32 --places=2",
}


def test_a_run_is_a_model_for_every_program(tmp_path):
    training_world.write_images(tmp_path / "FOLDER", wrong={("blue", 3)})
    training_world.write_images(tmp_path / "VALIDATION", per_class=5)
    shell = Shell(tmp_path, SHORT)
    train, evaluate, mistakes, relabel, train_on_maps, exported = commands(PAGE, HEADING)[:6]

    said = shell.run(train)
    assert "select_original" in said
    assert "Next: imagenet-real mistakes --predictions=runs/own/predictions.npz --images=FOLDER" in said
    runs = tmp_path / "runs"
    lines = [json.loads(line) for line in (runs / "own" / "metrics.jsonl").read_text().splitlines()]
    assert any({"loss", "learning_rate"} <= line.keys() for line in lines)
    assert any("select_original" in line for line in lines)
    assert list((runs / "own" / "tensorboard").glob("events.*"))

    shell.run(evaluate)
    of_run, of_evaluation = (rows(runs / name)[0] for name in ("own", "own_evaluated"))
    assert of_evaluation["images"] == 15 != of_run["images"]  # the run kept a tenth of its images out
    shell.run(mistakes)
    listed = json.loads((runs / "own_mistakes" / "mistakes.json").read_text())
    wrong = round(15 * (1 - of_evaluation["accuracy"]))
    assert len(listed["mistakes"]) == wrong

    shell.run(relabel)
    assert len(load_label_maps(runs / "own_maps").image_ids) == 60
    shell.run(train_on_maps)
    assert rows(runs / "own_relabeled")

    weights = safetensors.numpy.load_file(runs / "own" / "model.safetensors")
    assert {"conv1.weight", "fc.bias"} <= weights.keys()  # timm's names
    shell.short["evaluate"] += " --resize=16 --crop=16 --interpolation=bilinear"
    shell.short["evaluate"] += " --mean=(0.485,0.456,0.406) --std=(0.229,0.224,0.225)"  # resnet18 has these
    shell.run(exported)
    assert rows(runs / "own_exported")[0]["accuracy"] == of_evaluation["accuracy"]
    assert len(shell.typed) == 6


def rows(workdir) -> list[dict]:
    return json.loads((workdir / "results.json").read_text())["rows"]
