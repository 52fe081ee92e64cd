"""Every command in README.md and docs/ is read, and those that need one machine only are run, on small files."""

import importlib
import importlib.util
import itertools
import pathlib
import re
import sys
import tomllib

import pytest
from absl import flags
from ml_collections import config_flags

from imagenet_real.io import storage
from imagenet_real.labels import store
from imagenet_real.models import catalog
from tests import documented

pytestmark = pytest.mark.slow

ROOT = documented.ROOT
BY_NAME = {path.relative_to(ROOT).as_posix(): path for path in documented.DOCUMENTS}

# What a command needs that is not here. It is read all the same: its program, config and fields have to be there.
NEEDS = {
    "gs://": "a bucket",
    "--distributed=": "several processes",
    "imagenet-real train_resnet50 ": "ImageNet",
    "imagenet-real compare_resnet50 ": "ImageNet",
    "tfds:imagenet2012": "ImageNet",
    "imagenet-real train_relabel ": "ImageNet and its label maps",
    "imagenet-real compare_digits_soft ": "an hour",
    "imagenet-real compare_digits_optimizers ": "half an hour",
}
# Commands that another test runs from end to end; here they are read alone.
EXECUTED = {
    "runs/own": "tests/flows/test_own_run.py",
    "runs/tuned": "tests/programs/test_fine_tuning.py",
    "imagenet-real duplicates --confirmed": "tests/flows/test_reviewers.py",
    "imagenet-real aggregate ": "tests/programs/test_aggregate.py",
    "imagenet-real compare_digits ": "tests/programs/test_compare.py",
    "imagenet-real label_errors ": "tests/programs/test_label_errors.py",
    "imagenet-real label_maps ": "tests/programs/test_label_maps.py",
    "imagenet-real prepare ": "tests/data/writers/test_prepare.py",
    "imagenet-real propose ": "tests/programs/test_propose.py",
    "imagenet-real relabel ": "tests/programs/test_relabel.py",
    "--smoke=True": "tests/programs/test_smoke.py",
    "--help": "tests/cli/test_help.py",
}
# Documents whose commands another test runs, from the first to the last; here they are read alone.
EXECUTED_DOCUMENTS = {"docs/own_images.md": "tests/flows/test_own_images.py"}
# Another file for a name, by program: models of 1,000 classes take pictures of ImageNet's validation set.
INSTEAD = {"evaluate": {"FOLDER": "validation"}}
# The mistakes of the model in FILE.npz are on pictures of the validation set too.
INSTEAD_IN = {"docs/mistakes.md": {"review": {"FOLDER": "validation"}}}
# Fields that make a run short.
SHORT = {
    "evaluate": {"batch_size": 4, "label_sets": "original,real"},
    "models": {"operations": False},
    "review": {"export_only": True},
    "train": {"batch_size": 4, "steps": 2, "epochs": 0, "warmup_steps": 1, "checkpoint_every": 2},
    "clean": {"batch_size": 4, "steps": 2, "epochs": 0, "warmup_steps": 1, "checkpoint_every": 2, "folds": 2},
}
OF_SCENES = {"train_split": "train", "select_split": ""}  # and the small digit scenes


@pytest.fixture(scope="session")
def files_of_commands(tmp_path_factory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("documented")
    documented.write_world(folder)
    return folder


@pytest.fixture(scope="session")
def scenes(tmp_path_factory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("tensorflow_datasets")
    return {"images": documented.write_scenes(folder), "tfds_dir": str(folder)}


@pytest.fixture
def here(files_of_commands, tmp_path, monkeypatch) -> pathlib.Path:
    """A folder with those files, as the current one; no network, and a small model for each that commands name."""
    for file in files_of_commands.iterdir():
        (tmp_path / file.name).symlink_to(file)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMAGENET_REAL_DATA", str(tmp_path))
    monkeypatch.setattr(store, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(store, "is_reachable", lambda host: False)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("vit_tiny_patch16_224", "resnet_digits", "resnet18"):
        monkeypatch.setitem(catalog.models(), name, documented.STAND_IN)
    yield tmp_path
    for name in ("my_models", "my_nets"):
        sys.modules.pop(name, None)


def read(arguments: list[str], monkeypatch):
    """The config and the workdir of a command. Raises where a field is unknown or a value is of another kind."""
    given = [re.sub(r"^--config=configs/", f"--config={ROOT}/configs/", one) for one in arguments if one != "--help"]
    own = flags.FlagValues()
    config = config_flags.DEFINE_config_file("config", lock_config=True, flag_values=own)
    workdir = flags.DEFINE_string("workdir", None, "", flag_values=own)
    monkeypatch.setattr(sys, "argv", ["main.py", *given])
    rest = own(sys.argv)
    assert rest == ["main.py"], f"not an option: {rest[1:]}"
    return config.value, workdir.value


def reason_not_to_run(command: str) -> str:
    if " ..." in command or ("--workdir=" not in command and "imagenet-real models" not in command):
        return "a part of a command"
    reasons = [text for part, text in {**NEEDS, **EXECUTED}.items() if part in command]
    return reasons[0] if reasons else ""


@pytest.mark.parametrize("name", BY_NAME)
def test_commands_are_understood(name, monkeypatch):
    """Also those that are not run: programs, configs, fields, scripts, their options, targets, extras."""
    for command in documented.commands(BY_NAME[name]):
        arguments = documented.program_arguments(command)
        try:
            if arguments is not None:
                config, _ = read(arguments, monkeypatch)
                assert importlib.util.find_spec(f"imagenet_real.programs.{config.program}")
            else:
                check_other(command)
        except Exception as error:
            pytest.fail(f"{command}\n{type(error).__name__}: {error}")


def check_other(command: str) -> None:
    verb, *words = command.split()
    if verb == "make":
        assert all(f"\n{word}:" in (ROOT / "Makefile").read_text() for word in words)
    elif verb == "pip":
        known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
        assert set(re.findall(r"\w+", "".join(re.findall(r"\[(.*?)\]", command)))) <= known.keys()
        assert all((ROOT / word).exists() for option, word in itertools.pairwise(words) if option == "-r")
    elif verb in ("gcloud", "srun"):
        return  # of a cloud and a cluster
    elif verb == "imagenet-real":
        assert words == ["--help"]  # tests/cli/test_help.py runs it
    elif words[0] == "-":
        assert words[1] == "<<END"  # the code is read below
    elif words[0] == "-m":
        assert importlib.util.find_spec(words[1]), words[1]
    else:
        script = (ROOT / words[0]).read_text()
        assert all(word.partition("=")[0].removeprefix("--") in script for word in words if word.startswith("--"))


def shortened(program: str, config, arguments: list[str], name: str, scenes: dict[str, str]) -> list[str]:
    """The arguments with other values of the fields that make a run short, and other files where they are needed."""
    fields = dict(SHORT.get(program, {}))
    if name != "README.md" and "report" in config and config.report:  # the commands of one document write the page
        fields["report"] = False
    if "images" in config and config.images.startswith("tfds:digit_scenes"):
        fields |= OF_SCENES | scenes
    elif program in ("train", "clean"):
        fields |= {"resize": 8, "crop": 8}
    elif any(argument.endswith("weights=runs/net") for argument in arguments):  # a model of the images' own classes
        fields["label_sets"] = "original"
    instead = INSTEAD.get(program, {}) | INSTEAD_IN.get(name, {}).get(program, {})
    kept = [one for one in arguments if one.partition("=")[0].removeprefix("--config.") not in fields]
    kept = [f"{field}={instead.get(value, value)}" for field, _, value in (one.partition("=") for one in kept)]
    return [*kept, *(f"--config.{field}={value}" for field, value in fields.items())]


@pytest.mark.parametrize("name", BY_NAME)
def test_commands_run(name, here, scenes, monkeypatch, capsys):
    """In the order of the document: what one writes the next one may read."""
    if name in EXECUTED_DOCUMENTS:
        assert BY_NAME[name].name in (ROOT / EXECUTED_DOCUMENTS[name]).read_text()
        return
    for command in dict.fromkeys(documented.commands(BY_NAME[name])):
        arguments = documented.program_arguments(command)
        if arguments is None or reason_not_to_run(command):
            continue
        config, _ = read(arguments, monkeypatch)
        config, workdir = read(shortened(config.program, config, arguments, name, scenes), monkeypatch)
        program = importlib.import_module(f"imagenet_real.programs.{config.program}")
        try:
            program.run(config, storage.to_path(workdir) if workdir else None)
        except Exception as error:
            pytest.fail(f"{command}\n{type(error).__name__}: {error}")
        assert not workdir or any((here / workdir).iterdir())


@pytest.mark.parametrize("path", sorted(set(EXECUTED.values())))
def test_what_is_said_to_be_executed_elsewhere_is(path):
    text = (ROOT / path).read_text()
    for part in (part for part, test in EXECUTED.items() if test == path):
        name = re.sub("^imagenet-real |^--|=.*", "", part).strip()
        uses = rf"configs import .*\b{name}\b|\"{name}\"|configs/{name}\.py|config\.{name}\b"
        assert part in text or re.search(uses, text)


@pytest.mark.parametrize("name", BY_NAME)
def test_python_in_documents_compiles_and_imports_what_there_is(name):
    for block in documented.python_blocks(BY_NAME[name]):
        compile(block, name, "exec")
        for module, names in re.findall(r"^from (imagenet_real[\w.]*) import ([\w, ]+)$", block, re.MULTILINE):
            found = importlib.import_module(module)
            for one in names.split(", "):
                assert hasattr(found, one) or importlib.util.find_spec(f"{module}.{one}")


def test_the_python_of_the_readme_runs(here):
    (block,) = documented.python_blocks(BY_NAME["README.md"])
    names = {}
    exec(block, names)
    assert {row["label_set"] for row in names["results"].rows} >= {"original", "real", "multilabel"}


def test_predicting_in_python_as_documented(here):
    (block,) = [one for one in documented.python_blocks(BY_NAME["docs/bring_your_own.md"]) if "predict_images" in one]
    names = {"my_models": importlib.import_module("my_models")}
    exec(block, names)
    assert names["predictions"].image_ids.tolist()[0] == "cats/001"
    assert len(names["predictions"]) == 12
    assert names["unreadable"] == {}


def test_links_between_documents_lead_somewhere():
    for path in documented.DOCUMENTS:
        text = path.read_text()
        for target in re.findall(r"\]\(([^)#\s]+)", text):
            assert target.startswith("http") or (path.parent / target).exists(), f"{path.name}: {target}"


def test_the_label_sets_that_programs_make_have_the_names_in_the_docs():
    rows = re.findall(r"^\| `(\w+)` \| `(\w+\.json)` \|", (ROOT / "docs" / "label_sets.md").read_text(), re.M)
    assert {config for config, _ in rows} == {"aggregate", "review", "duplicates", "mistakes"}
    for config, file in rows:
        source = "review_app/content.py" if config == "review" else f"programs/{config}.py"
        assert f'"{file}"' in (ROOT / "imagenet_real" / source).read_text(), (config, file)


def test_the_speed_of_the_input_is_that_of_the_last_run():
    """Each row of the benchmark's result stands in the table of docs/speed.md."""
    result = (ROOT / "bench" / "results" / "input_pipeline.txt").read_text()
    rows = re.findall(r"^(\w[\w ,.]+?) {2,}(\d+) +\d+ to \d+(?: +(\d\.\d\d of .+))?$", result, re.M)
    assert len(rows) > 5
    text = (ROOT / "docs" / "speed.md").read_text()
    for name, speed, ratio in rows:
        assert f"| {name} | {speed} | {ratio} |" in text, name
