"""The wheel, built from the working tree: what is in it, and that it runs from an empty folder."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import zipfile

import pytest

from imagenet_real.labels.json_format import save_label_set
from imagenet_real.predictions.predictions import save_predictions
from tests import ROOT, toy

pytestmark = pytest.mark.slow

SOURCES = ("imagenet_real", "configs", "pyproject.toml", "setup.py", "README.md", "LICENSE")
BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> pathlib.Path:
    """The folder of an unpacked wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / "source" / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder / "source" / name)
    command = [sys.executable, "-c", BUILD, str(folder)]
    done = subprocess.run(command, cwd=folder / "source", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (file,) = folder.glob("*.whl")
    zipfile.ZipFile(file).extractall(folder / "unpacked")
    return folder / "unpacked"


@pytest.fixture
def run(wheel, tmp_path, monkeypatch):
    """Runs the command from an empty folder, in which only the wheel can be imported."""
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    environment = {**os.environ, "PYTHONPATH": str(wheel)}

    def run_command(*words):
        command = [sys.executable, "-m", "imagenet_real", *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True)

    return run_command


def test_the_wheel_has_every_file_of_the_package_and_the_configs(wheel):
    files = {path.relative_to(wheel).as_posix() for path in wheel.rglob("*") if path.is_file()}
    package = [
        path for path in (ROOT / "imagenet_real").rglob("*") if path.is_file() and "__pycache__" not in path.parts
    ]
    assert {path.relative_to(ROOT).as_posix() for path in package} <= files
    assert {f"imagenet_real/configs/{path.name}" for path in (ROOT / "configs").glob("*.py")} <= files
    assert {name.split("/")[0] for name in files if not name.split("/")[0].endswith(".dist-info")} == {"imagenet_real"}
    (entry_points,) = wheel.glob("*.dist-info/entry_points.txt")
    assert "imagenet-real = imagenet_real.cli.main:run" in entry_points.read_text()


def test_help_runs_from_an_empty_folder(run):
    done = run("--help")
    assert done.returncode == 0, done.stderr
    assert "  score " in done.stdout
    done = run("train_relabel_cutmix", "--help")  # its bases are shipped configs
    assert done.returncode == 0, done.stderr
    assert "  --label_maps " in done.stdout


def test_score_runs_from_an_empty_folder(run, tmp_path):
    save_predictions(tmp_path / "model.npz", toy.predictions())
    save_label_set(tmp_path / "mine.json", toy.original())
    files = [f"--predictions={tmp_path}/model.npz", f"--label_sets={tmp_path}/mine.json"]
    done = run("score", *files, "--ks=(1,2)", "--workdir=out")
    assert done.returncode == 0, done.stderr
    assert len(json.loads((tmp_path / "empty" / "out" / "results.json").read_text())["rows"]) == 2
    assert (tmp_path / "empty" / "out" / "report.html").exists()


def test_a_config_of_the_users_own_starts_from_a_shipped_one(run, tmp_path):
    text = "from configs import train_digits\n\ndef get_config():\n    config = train_digits.get_config()\n"
    (tmp_path / "empty" / "mine.py").write_text(f'{text}    config.program = "trian"\n    return config\n')
    done = run("--config=mine.py", "--workdir=out")
    assert (done.returncode, done.stderr) == (1, "error: there is no program 'trian': did you mean train?\n")
