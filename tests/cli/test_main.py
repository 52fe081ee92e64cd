"""The commands as a user runs them: what they write, and the one line that a mistake ends in."""

import json
import os
import re
import resource
import subprocess
import sys

import numpy as np
import pytest

from imagenet_real.labels.json_format import save_label_set
from imagenet_real.predictions.predictions import save_predictions
from tests import ROOT, toy


def run(*arguments, config="score", preexec=None, **environment):
    command = [sys.executable, "main.py", f"--config=configs/{config}.py", *arguments]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, preexec_fn=preexec, env={**os.environ, **environment}
    )


@pytest.fixture
def world(tmp_path):
    """A predictions file, a label set file, and the arguments that score the one on the other."""
    save_predictions(tmp_path / "model.npz", toy.predictions())
    save_label_set(tmp_path / "mine.json", toy.original())
    return tmp_path, [
        f"--config.predictions={tmp_path}/*.npz",
        f"--config.label_sets={tmp_path}/mine.json",
        f"--workdir={tmp_path}/out",
    ]


def one_line(done, code=1):
    assert done.returncode == code, done.stderr
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Traceback" not in done.stdout
    return done.stderr


def test_score_writes_results_and_prints_the_table(world):
    folder, arguments = world
    done = run(*arguments, "--config.ks=(1,2)")
    assert done.returncode == 0, done.stderr
    assert re.search(r"original +33\.33 +4\.33 to 77\.72 +100\.00 +6 +0\n", done.stdout)
    assert {path.name for path in (folder / "out").iterdir()} == {
        "results.json",
        "results.csv",
        "accuracy_by_class.csv",
        "report.html",
    }
    rows = json.loads((folder / "out" / "results.json").read_text())["rows"]
    assert [row["accuracy"] for row in rows] == [2 / 6, 1.0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--config.predictons=x"], "no field 'predictons': did you mean predictions"),
        (["--config.predictions=nowhere/*.npz"], "no file matches predictions='nowhere/*.npz'"),
        (["--config.allow_missing=perhaps"], "perhaps"),
        (["--config.repair=shuffle"], "unknown repair 'shuffle': did you mean shuffled_rows|known are"),
        (["--wrkdir=x"], "wrkdir"),
        (["stray"], "unexpected argument 'stray'"),
        (["--config.program=scor"], "there is no program 'scor': did you mean score"),
        (["--config.program=workdir"], "there is no program 'workdir': known are aggregate"),
        (["--config.ks=(0,)"], "expected whole numbers of at least 1"),
    ],
)
def test_wrong_arguments(world, arguments, message):
    folder, good = world
    assert re.search(message.replace("*", r"\*"), one_line(run(*good, *arguments)))
    assert not (folder / "out").exists()


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        (
            "augmentation.jiter=0.4",
            "train_resnet50.py has no field 'augmentation.jiter': did you mean augmentation.jitter",
        ),
        ("jitter=0.4", "train_resnet50.py has no field 'jitter': did you mean augmentation.jitter?"),
        ("label_pooling.unlistd=zero", "no field 'label_pooling.unlistd': did you mean label_pooling.unlisted"),
        ("loss.name=softmax", "no field 'loss.name': did you mean"),
        ("ks[0]=3", "no field 'ks[0]': did you mean ks"),
        (
            "augmentation=busy",
            "several fields below 'augmentation': give one of them, such as --config.augmentation.crop",
        ),
        ("augmentation.mixup=much", "augmentation.mixup=much: could not convert string to float: 'much'"),
    ],
)
def test_wrong_fields_at_any_depth(tmp_path, argument, message):
    assert message in one_line(run(f"--config.{argument}", f"--workdir={tmp_path}/out", config="train_resnet50"))
    assert not (tmp_path / "out").exists()


def test_missing_flags_and_configs(tmp_path):
    assert "--workdir are needed" in one_line(run())
    assert "nothing.py" in one_line(run(f"--workdir={tmp_path}", config="nothing"))


def test_a_mismatch_ends_with_code_2_and_nothing_written(tmp_path):
    labels, model = toy.large_world()
    np.savez(tmp_path / "model.npz", image_ids=model.image_ids, top=model.top + 1)
    save_label_set(tmp_path / "mine.json", labels)
    arguments = [f"--config.predictions={tmp_path}/model.npz", f"--config.label_sets={tmp_path}/mine.json"]
    arguments += [f"--workdir={tmp_path}/out", "--config.ks=(1,)"]
    message = one_line(run(*arguments), code=2)
    assert "class_off_by_one" in message
    assert "--config.repair=class_off_by_one" in message
    assert not (tmp_path / "out").exists()
    done = run(*arguments, "--config.repair=class_off_by_one")
    assert done.returncode == 0, done.stderr
    assert "repaired class_off_by_one" in done.stdout


def test_a_full_disk_leaves_nothing_half_written(world):
    folder, arguments = world
    assert run(*arguments).returncode == 0
    before = {path.name: path.read_bytes() for path in (folder / "out").iterdir()}
    sizes = sorted(len(content) for content in before.values())
    for limit in (64, sizes[1] + 1):  # room for none of the files, and for all but the largest
        full = run(*arguments, preexec=lambda limit=limit: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
        assert f"{folder}/out" in one_line(full)
        assert {path.name: path.read_bytes() for path in (folder / "out").iterdir()} == before


def test_score_imports_neither_jax_nor_tensorflow_datasets(world):
    _, arguments = world
    code = (
        "import sys, runpy; sys.argv = ['main.py', '--config=configs/score.py', *sys.argv[1:]]\n"
        "try: runpy.run_path('main.py', run_name='__main__')\n"
        "except SystemExit as end: assert not end.code\n"
        "print('loaded', sorted({'jax', 'tensorflow_datasets', 'tensorflow', 'flax'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "loaded []", done.stderr
