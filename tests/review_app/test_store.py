"""Answers in two files: whatever happens to one of them, no acknowledged answer is lost."""

import json
import os
import resource
import sqlite3

import pytest

from imagenet_real.errors import InputError
from imagenet_real.review_app import store as stores
from imagenet_real.review_app.journal import Journal
from imagenet_real.review_app.store import Conflict, Store


def fill(path, count=40):
    store = Store(path)
    for number in range(count):
        store.add_verdict(
            f"key-{number:04d}", f"image{number % 7}", "Ada", False, {"prediction": "correct", "n": number}
        )
    store.undo("Ada", False)
    store.put_votes(3, "Bob", {5: "yes", 6: "no"}, [1.5, None])
    store.put_votes(3, "Bob", {5: "maybe", 6: "no"}, [1.5, None])
    store.belongs_to("mistakes.json", "abc")
    answers = store.verdicts(), store.votes()
    store.close()
    return answers


def answers_of(path):
    store = Store(path)
    answers = store.verdicts(), store.votes()
    store.belongs_to("mistakes.json", "abc")
    store.close()
    return answers


def overwrite(path, start, content):
    with open(path, "r+b") as file:
        file.seek(start)
        file.write(content)


def lose_database(path):
    os.unlink(path)


def lose_everything_but_the_journal(path):
    for ending in ("", "-wal", "-shm"):
        if os.path.exists(f"{path}{ending}"):
            os.unlink(f"{path}{ending}")


def damage_header(path):
    overwrite(path, 0, b"x" * 100)


def zero_a_page(path):
    overwrite(path, 4096, bytes(4096))


def overwrite_a_page(path):
    overwrite(path, 8192, os.urandom(4096))


def truncate(path):
    os.truncate(path, os.path.getsize(path) // 2)


def change_a_row(path):
    database = sqlite3.connect(path)
    database.execute("UPDATE verdict SET content = '{}', reviewer = 'Eve' WHERE key = 'key-0003'")
    database.execute("DELETE FROM verdict WHERE key = 'key-0004'")
    database.commit()
    database.close()


def lose_journal(path):
    os.unlink(path.with_suffix(".log"))


def cut_journal(path):
    os.truncate(path.with_suffix(".log"), os.path.getsize(path.with_suffix(".log")) - 7)


def damage_journal(path):
    overwrite(path.with_suffix(".log"), 500, b"?" * 300)


@pytest.mark.parametrize(
    "damage",
    [
        lose_database,
        lose_everything_but_the_journal,
        damage_header,
        zero_a_page,
        overwrite_a_page,
        truncate,
        change_a_row,
        lose_journal,
        cut_journal,
        damage_journal,
    ],
    ids=lambda damage: damage.__name__,
)
def test_no_answer_is_lost(tmp_path, damage):
    path = tmp_path / "answers.sqlite"
    expected = fill(path)
    damage(path)
    assert answers_of(path) == expected
    assert answers_of(path) == expected
    lose_everything_but_the_journal(path)
    assert answers_of(path) == expected, "the journal is complete again"


def test_a_damaged_database_is_kept_aside(tmp_path, capsys):
    path = tmp_path / "answers.sqlite"
    fill(path)
    damage_header(path)
    answers_of(path)
    assert "answers.log restores its answers" in capsys.readouterr().err
    assert (tmp_path / "answers.sqlite.damaged1").exists()


def test_a_damaged_database_without_a_journal_is_refused(tmp_path):
    path = tmp_path / "answers.sqlite"
    fill(path)
    damage_header(path)
    lose_journal(path)
    with pytest.raises(InputError, match="no database that can be used"):
        Store(path)


def test_a_full_disk_at_the_start_is_an_input_error(tmp_path):
    path = tmp_path / "answers.sqlite"
    expected = fill(path)
    lose_everything_but_the_journal(path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8000, limits[1]))
    try:
        with pytest.raises(InputError, match="answers.sqlite"):
            Store(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert answers_of(path) == expected


def test_a_read_only_store_changes_no_file(tmp_path):
    path = tmp_path / "answers.sqlite"
    expected = fill(path)
    lose_journal(path)
    store = Store(path, read_only=True)
    assert (store.verdicts(), store.votes()) == expected
    store.close()
    assert not path.with_suffix(".log").exists()


def test_answers_stay_in_order_when_the_clock_is_set_back(tmp_path, monkeypatch):
    store = Store(tmp_path / "answers.sqlite")
    for now in (2e9, 1e9, 1.5e9):
        monkeypatch.setattr(stores.time, "time", lambda now=now: now)
        store.add_verdict(f"key-{now}", "image", "Ada", False, {"prediction": str(now)})
    store.close()
    lose_everything_but_the_journal(tmp_path / "answers.sqlite")
    store = Store(tmp_path / "answers.sqlite")
    assert [row.content["prediction"] for row in store.verdicts()] == ["2000000000.0", "1000000000.0", "1500000000.0"]
    assert store.undo("Ada", False).key == "key-1500000000.0"
    store.close()


def test_a_key_is_taken_by_one_verdict(tmp_path):
    store = Store(tmp_path / "answers.sqlite")
    assert store.add_verdict("the-key", "a", "Ada", False, {"n": 1})
    assert not store.add_verdict("the-key", "a", "Ada", False, {"n": 1})
    for other in (("b", "Ada", False, {"n": 1}), ("a", "Bob", False, {"n": 1}), ("a", "Ada", True, {"n": 1})):
        with pytest.raises(Conflict):
            store.add_verdict("the-key", *other)
    store.close()


def test_a_refused_answer_leaves_no_trace_in_the_journal(tmp_path, monkeypatch):
    journal = Journal(tmp_path / "answers.log")
    journal.append([{"n": 1}])

    def fail(descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr("os.fsync", fail)
        with pytest.raises(OSError, match="No space"):
            journal.append([{"n": 2}])
    journal.append([{"n": 3}])
    assert journal.entries() == [{"n": 1}, {"n": 3}]


def test_a_line_that_a_power_cut_left_spoils_no_other(tmp_path):
    journal = Journal(tmp_path / "answers.log")
    journal.append([{"n": 1}, {"n": 2}])
    content = journal.path.read_bytes()
    for size in range(len(content)):
        journal.path.write_bytes(content[:size])
        journal.append([{"n": 3}])
        assert [entry["n"] for entry in journal.entries()][-1] == 3
        assert {json.dumps(entry) for entry in journal.entries()} <= {'{"n": 1}', '{"n": 2}', '{"n": 3}'}
