"""What --help prints of a config, from its source."""

import subprocess
import sys

import pytest

from imagenet_real.cli import help
from tests import ROOT

CONFIGS = sorted((ROOT / "configs").glob("[a-z]*.py"))
BASE = '''"""What it is for.

More of it.
"""

from ml_collections import ConfigDict, config_dict


def get_config():
    return ConfigDict(
        {
            "program": "score",  # what runs
            # How it runs.
            "colour": "green",  # of the hash # sign
            "size": config_dict.placeholder(int),  # in pixels
            # Explained above alone.
            "nested": {
                "inner": (1, 2),  # a pair
                "other": 0.5,
            },
        }
    )
'''
DERIVED = '''"""A change of it."""

from configs import base


def get_config():
    config = base.get_config()
    config.size, config.colour = 7, "red"
    config.nested.inner = (3,)  # one alone
    config.added = {"short": 1}
    return config
'''


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "__init__.py").touch()
    (tmp_path / "configs" / "base.py").write_text(BASE)
    (tmp_path / "configs" / "derived.py").write_text(DERIVED)
    monkeypatch.syspath_prepend(tmp_path)
    real = _pop_configs()
    yield tmp_path / "configs"
    _pop_configs()
    sys.modules |= real


def _pop_configs():
    return {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] == "configs"}


def test_fields_have_the_comments_of_their_source(folder):
    found = {field.name: (field.default, field.remark) for field in help.fields(folder / "base.py")}
    assert list(found) == ["program", "colour", "size", "nested.inner", "nested.other"]
    assert found["colour"] == ("'green'", help.Remark("of the hash # sign", "How it runs."))
    assert found["size"] == ("none (int)", help.Remark("in pixels"))
    assert found["nested.inner"] == ("(1, 2)", help.Remark("a pair", "Explained above alone."))
    assert found["nested.other"] == ("0.5", help.Remark())


def test_a_derived_config_has_its_own_defaults_and_inherited_meanings(folder):
    found = {field.name: (field.default, field.remark.meaning) for field in help.fields(folder / "derived.py")}
    assert found["size"] == ("7", "in pixels")
    assert found["colour"] == ("'red'", "of the hash # sign")
    assert found["nested.inner"] == ("(3,)", "one alone")
    assert found["added.short"] == ("1", "")
    assert list(found)[:2] == ["program", "colour"]


def test_the_text_is_aligned_and_fits(folder, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    lines = help.text_of(folder / "base.py", "base").splitlines()
    assert lines[:3] == ["What it is for.", "", "More of it."]
    assert "  --colour        'green'     of the hash # sign" in lines
    assert lines[lines.index("How it runs.") - 1] == ""
    assert all(len(line) <= 60 for line in lines)
    assert "imagenet-real base [--FIELD=VALUE ...] --workdir=DIR" in lines


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_field_of_every_config_has_a_meaning(path):
    found = help.fields(path)
    assert not [field.name for field in found if not field.remark.meaning]
    assert len(found) > 1


def test_a_base_is_found_beside_a_config_before_the_shipped_one(folder, tmp_path):
    """So it is for Python too (`make_bases_importable`)."""
    (folder / "score.py").write_text(BASE)
    mine = DERIVED.replace("base", "score")
    (folder / "mine.py").write_text(mine)
    (tmp_path / "mine.py").write_text(mine.replace("config.size", "config.ks").replace("config.nested.inner", "_"))
    assert help.remarks_of(folder / "mine.py")["size"].meaning == "in pixels"
    assert help.remarks_of(tmp_path / "mine.py")["allow_missing"].meaning.startswith("score the images")


def run(*arguments):
    return subprocess.run([sys.executable, "main.py", *arguments], cwd=ROOT, capture_output=True, text=True)


def test_help_needs_no_workdir():
    done = run("score", "--help")
    assert done.returncode == 0, done.stderr
    assert "  --allow_missing" in done.stdout
    assert "\nimagenet-real score [--FIELD=VALUE ...] --workdir=DIR\n" in done.stdout
    assert done.stdout.startswith("Score saved predictions")
    assert not done.stderr


def test_help_of_a_file():
    done = run("--config=configs/score.py", "--help")
    assert done.returncode == 0, done.stderr
    assert "\nimagenet-real --config=configs/score.py [--FIELD=VALUE ...] --workdir=DIR\n" in done.stdout


@pytest.mark.parametrize("arguments", [(), ("--help",)])
def test_without_a_config_the_command_lists_them(arguments):
    done = run(*arguments)
    assert done.returncode == 0, done.stderr
    assert all(f"  {path.stem} " in done.stdout for path in CONFIGS)
