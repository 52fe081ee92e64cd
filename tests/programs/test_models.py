import csv
import subprocess
import sys

import pytest

from configs import models as config_file
from imagenet_real.errors import InputError
from imagenet_real.models import catalog, overview
from imagenet_real.models.overview import FAMILIES, family_of
from imagenet_real.programs import models
from tests import ROOT


def run(capsys, workdir=None, **fields):
    config = config_file.get_config()
    config.update(fields)
    models.run(config, workdir)
    return capsys.readouterr().out


def test_published_operations(tmp_path, capsys):
    """torchvision publishes 1.814 and 17.564 billion operations of these two (the metadata of their weights)."""
    shown = run(capsys, tmp_path, models="resnet18,vit_b_16")
    with open(tmp_path / "models.csv", newline="") as file:
        rows = {row["weights"]: row for row in csv.DictReader(file)}
    assert len(rows) == 9
    assert round(int(rows["resnet18.tv_in1k"]["multiply_adds"]) / 1e9, 3) == 1.814
    assert round(int(rows["vit_b_16.tv_in1k"]["multiply_adds"]) / 1e9, 3) == 17.564
    assert (rows["resnet18.tv_in1k"]["top1"], rows["resnet18.tv_in1k"]["real"]) == ("69.752", "77.291")
    line = next(line for line in shown.splitlines() if line.startswith("resnet18.tv_in1k"))
    assert line.split() == [
        "resnet18.tv_in1k",
        "11.69",
        "M",
        "1.81",
        "224",
        "256",
        "bilinear",
        "69.75",
        "77.29",
        "57.35",
        "1.12",
        "33.02",
        "20.24",
        "timm",
    ]


def test_every_model_and_all_its_weights_are_listed(capsys):
    shown = run(capsys, operations=False)
    for name, spec in catalog.models().items():
        for tag in spec.weights:
            assert f"\n{catalog.full_name(name, tag)} " in shown


def test_filters(capsys):
    shown = run(capsys, family="convnext v2,Swin V2", max_parameters=60.0, min_real=88.5)
    names = [line.split()[0] for line in shown.splitlines() if "." in line.split(" ")[0]]
    assert names
    assert {overview.family_of(name) for name in names} <= {"ConvNeXt V2", "Swin V2"}
    with pytest.raises(InputError, match="no family is called 'Swim': did you mean Swin"):
        run(capsys, family="Swim")
    with pytest.raises(InputError, match="no set of weights has all that is asked for"):
        run(capsys, max_parameters=0.001)


def test_the_list_builds_no_model():
    code = "import sys, imagenet_real.programs.models; print('jax' in sys.modules, 'flax' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == ["False", "False"]


def test_every_model_has_a_family():
    families = {family_of(catalog.full_name(name)) for name in catalog.models()}
    assert families == set(FAMILIES)


def test_an_unknown_model(capsys):
    with pytest.raises(InputError, match="no model is called 'resnet19': did you mean resnet18"):
        run(capsys, models="resnet19")
