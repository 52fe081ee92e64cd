"""The commands as a user runs them: what they write, and the one line that a mistake ends in."""

import fnmatch
import functools
import importlib
import json
import os
import re
import resource
import subprocess
import sys
import tomllib

import numpy as np
import pytest

from imagenet_real.cli.programs import PROGRAMS
from imagenet_real.io import extras
from imagenet_real.labels.json_format import save_label_set
from imagenet_real.predictions.predictions import save_predictions
from tests import ROOT, commands, toy

pytestmark = pytest.mark.slow


def run(*arguments, config="score", before=None, **environment):
    return commands.run([f"--config=configs/{config}.py", *arguments], before=before, env={**os.environ, **environment})


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
        (["--config.ks=(True,)"], "expected whole numbers of at least 1"),
        (["--config.program=train"], "names the program train and lacks its fields, such as accumulate"),
        (["--ks=(1,)", "--config.ks=(2,)"], "--ks is given twice"),
        (["--report=False", "--noreport"], "--report is given twice"),
    ],
)
def test_wrong_arguments(world, arguments, message):
    folder, good = world
    given = {argument.partition("=")[0] for argument in arguments}
    good = [argument for argument in good if argument.partition("=")[0] not in given]
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
            "several fields below 'augmentation'. Set one of them, such as --augmentation.crop",
        ),
        ("lr=0.1", "no field 'lr': did you mean learning_rate?"),
        ("learning_rate=nan", "learning_rate=nan is no finite number. Give one."),
        ("augmentation.mixup=inf", "augmentation.mixup=inf is no finite number"),
        ("seed=-1", "seed=-1 is negative. Give 0 or more."),
        ("augmentation.mixup=much", "augmentation.mixup=much: could not convert string to float: 'much'"),
    ],
)
def test_wrong_fields_at_any_depth(tmp_path, argument, message):
    assert message in one_line(run(f"--config.{argument}", f"--workdir={tmp_path}/out", config="train_resnet50"))
    assert not (tmp_path / "out").exists()


def test_missing_flags_and_configs(tmp_path):
    assert "Add --workdir=DIR" in one_line(run())
    assert "nothing.py" in one_line(run(f"--workdir={tmp_path}", config="nothing"))


def short(*words):
    return commands.run(words)


def test_the_short_form_is_the_long_one(world):
    folder, arguments = world
    words = [argument.replace("--config.", "--") for argument in arguments]
    done = short("score", *words, "--ks", "(1,2)", "--report=False")
    assert done.returncode == 0, done.stderr
    assert done.stdout == run(*arguments, "--config.ks=(1,2)", "--config.report=False").stdout
    assert "report.html" not in {path.name for path in (folder / "out").iterdir()}


def test_a_config_of_the_users_own_starts_from_a_shipped_one(world):
    folder, arguments = world
    text = "from configs import score\n\ndef get_config():\n    config = score.get_config()\n    config.ks = (2,)\n    return config\n"
    (folder / "mine.py").write_text(text)
    done = short(f"--config={folder}/mine.py", *arguments, "--report=False")
    assert done.returncode == 0, done.stderr
    rows = json.loads((folder / "out" / "results.json").read_text())["rows"]
    assert [row["k"] for row in rows] == [2]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["scor"], "there is no config scor: did you mean score"),
        (["configs/scor.py"], "there is no config configs/scor.py: did you mean score"),
        (["score", "--config=configs/score.py"], "score and configs/score.py are two configs. Name one of them."),
        (["--workdir=x"], "the config is missing"),
        (["score", "--predictons=x"], "score has no field 'predictons': did you mean predictions"),
        (["score", "--wrkdir=x"], "score has no field 'wrkdir': did you mean workdir"),
        (["train_resnet50", "--augmentation.jiter=1"], "'augmentation.jiter': did you mean augmentation.jitter"),
        (["train_resnet50", "--jitter=1"], "'jitter': did you mean augmentation.jitter?"),
        (["score", "--allow_missing", "--report=perhaps", "--workdir=x"], "perhaps"),
        (["score", "stray", "--workdir=x"], "unexpected argument 'stray'"),
    ],
)
def test_wrong_words(words, message):
    assert message in one_line(short(*words))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def get_config():\n    return colour\n", "raises NameError: name 'colour' is not defined"),
        ("import nothing_of_that_name\n", "raises ModuleNotFoundError"),
        ("x = 1\n", "has no function get_config that returns an ml_collections.ConfigDict"),
        ("def get_config():\n    return {}\n", "has no function get_config that returns an ml_collections.ConfigDict"),
    ],
)
def test_a_config_that_does_not_run_ends_in_one_line(tmp_path, text, message):
    (tmp_path / "mine.py").write_text(text)
    assert message in one_line(short(f"--config={tmp_path}/mine.py", f"--workdir={tmp_path}/out"))


def test_every_program_is_in_the_list():
    """A config names one of them; what else is in `programs` has no `run` that takes a config."""
    files = (ROOT / "imagenet_real" / "programs").glob("[a-z]*.py")
    assert [path.stem for path in sorted(files) if "\ndef run(config: ConfigDict" in path.read_text()] == list(PROGRAMS)


MISSING = """
import sys
for name in {names}:
    sys.modules[name] = None
sys.path.insert(0, ".")
sys.argv = ["imagenet-real", *sys.argv[1:]]
from imagenet_real.cli.main import run
sys.exit(run())
"""


@pytest.mark.parametrize(
    ("words", "names", "message"),
    [
        (["evaluate"], ["jax"], "evaluate needs the extra jax: the package jax is missing."),
        (["train_digits"], ["flax"], "train needs the extra jax: the package flax is missing."),
        (["probe"], ["jax"], "pip install 'imagenet_real[jax]'"),
        (["review", "--export_only"], ["starlette"], "imagenet_real[review]"),
        (["score", "--predictions=gs://bucket/*.npz"], ["gcsfs"], "imagenet_real[gcs]"),
    ],
)
def test_a_missing_package_ends_in_a_line_with_its_extra(tmp_path, words, names, message):
    code = MISSING.format(names=names)
    command = [sys.executable, "-c", code, *words, f"--workdir={tmp_path}/out"]
    assert message in one_line(subprocess.run(command, cwd=ROOT, capture_output=True, text=True))


def test_every_extra_that_is_named_is_one_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(extras.MODULES) | {"cuda", "tpu"} == set(project["optional-dependencies"])


def test_no_input_is_replaced_by_the_results(world):
    folder, arguments = world
    (folder / "out").mkdir()
    (folder / "out" / "results.csv").write_text("the names of the classes")
    message = one_line(run(*arguments, f"--class_names={folder}/out/results.csv"))
    assert "results.csv, an input of this run (class_names). Give another --workdir" in message
    assert (folder / "out" / "results.csv").read_text() == "the names of the classes"


def test_the_folder_of_the_images_is_no_workdir(tmp_path):
    words = [f"--images={tmp_path}", f"--workdir={tmp_path}", "--weights=x"]
    assert "is the folder of images. Give another folder" in one_line(run(*words, config="evaluate"))


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_names_the_files_that_it_writes(program):
    """`OUTPUTS` must have the files that the recorded commands write directly into the workdir."""
    recorded = json.loads((ROOT / "tests" / "golden" / "expected" / f"{program}.json").read_text())
    files = {file for command in recorded.values() for file in command["files"] if "/" not in file}
    patterns = getattr(importlib.import_module(f"imagenet_real.programs.{program}"), "OUTPUTS", ())
    assert not {file for file in files if not any(fnmatch.fnmatch(file, pattern) for pattern in patterns)}


def test_a_file_in_the_current_folder_replaces_no_library(world, tmp_path):
    """Neither as a script, nor as a module, nor as the installed command."""
    _, arguments = world
    here = tmp_path / "here"
    here.mkdir()
    for name in ("numpy", "json", "etils", "scipy", "matplotlib"):
        (here / f"{name}.py").write_text("raise SystemExit('a file of the current folder was imported')")
    environment = {**os.environ, "PYTHONPATH": ""}
    code = "import sys; sys.path[0] = sys.argv.pop(1); from imagenet_real.cli.main import run; sys.exit(run())"
    for command in ([str(ROOT / "main.py")], ["-c", code, str(ROOT)]):
        words = [sys.executable, *command, "score", *arguments, "--ks=(1,2)", "--report=False"]
        done = subprocess.run(words, cwd=here, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_mismatch_ends_with_code_2_and_nothing_written(tmp_path):
    labels, model = toy.large_world()
    np.savez(tmp_path / "model.npz", image_ids=model.image_ids, top=model.top + 1)
    save_label_set(tmp_path / "mine.json", labels)
    arguments = [f"--config.predictions={tmp_path}/model.npz", f"--config.label_sets={tmp_path}/mine.json"]
    arguments += [f"--workdir={tmp_path}/out", "--config.ks=(1,)"]
    message = one_line(run(*arguments), code=2)
    assert "class_off_by_one" in message
    assert "--repair=class_off_by_one" in message
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
        full = run(*arguments, before=functools.partial(resource.setrlimit, resource.RLIMIT_FSIZE, (limit, limit)))
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


BASE = ("aggregate", "labels", "mistakes", "propose", "review", "score")


def test_the_programs_of_the_base_import_no_package_of_an_extra():
    """The extra review is in a function of its own: without it, `review` names it."""
    missing = sorted({module for modules in extras.MODULES.values() for module in modules} - {"google"})
    code = f"import sys; sys.modules.update(dict.fromkeys({missing})); import imagenet_real"
    code = "\n".join([code, *(f"import imagenet_real.programs.{program}" for program in BASE)])
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
