"""The folder of compiled models: whose it is, and how large it may grow."""

import os

import pytest

from imagenet_real.runtime import compilation_cache
from imagenet_real.runtime.compilation_cache import FOLDER, enable, remove_oldest


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setattr(compilation_cache, "cache_folder", lambda: tmp_path)
    monkeypatch.delenv(FOLDER)
    monkeypatch.delenv(compilation_cache.LEAST_SECONDS, raising=False)
    return tmp_path


def test_compiled_models_go_to_the_cache_folder_of_the_user(home):
    enable()
    assert os.environ[FOLDER].startswith(f"{home}/compiled/")
    assert os.stat(os.environ[FOLDER]).st_mode & 0o777 == 0o700


@pytest.mark.parametrize("folder", ["", "/elsewhere"])
def test_the_users_own_variable_stays_as_it_is(home, monkeypatch, folder):
    monkeypatch.setenv(FOLDER, folder)
    enable()
    assert os.environ[FOLDER] == folder
    assert not list(home.iterdir())


def test_a_folder_that_cannot_be_made_is_no_error(home):
    (home / "compiled").write_text("a file")
    enable()
    assert FOLDER not in os.environ


def test_the_oldest_files_are_removed_first(tmp_path):
    for age, name in enumerate("abc"):
        (tmp_path / name).write_bytes(bytes(10))
        os.utime(tmp_path / name, (100 - age, 100 - age))
    remove_oldest(tmp_path, max_bytes=30)
    assert len(list(tmp_path.iterdir())) == 3
    remove_oldest(tmp_path, max_bytes=20)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]
