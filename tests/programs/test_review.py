"""The program that serves the pages, as a process: what it writes when it ends, and what survives when it is killed."""

import contextlib
import dataclasses
import json
import signal
import socket
import threading
import time

import pytest

from configs import review as review_config
from imagenet_real.builders import review as builder
from imagenet_real.errors import InputError
from imagenet_real.io import storage
from imagenet_real.labels.json_format import load_label_set, save_label_set
from imagenet_real.programs import review
from imagenet_real.review_app.review import View
from imagenet_real.review_app.store import Store
from tests import commands, toy
from tests.review_app import small

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path):
    small.write(tmp_path)
    (tmp_path / "names.txt").write_text("\n".join(small.NAMES))
    (tmp_path / "tasks.json").write_text(small.tasks())
    return tmp_path


def fields(folder, **changes):
    return {
        "images": f"{folder}/images",
        "class_names": f"{folder}/names.txt",
        "port": 0,
    } | changes


def start(folder, **changes):
    """The process, and a client of it."""
    arguments = [f"--config.{name}={value}" for name, value in fields(folder, **changes).items()]
    process = commands.Command(["--config=configs/review.py", f"--workdir={folder}/out", *arguments])
    return process, small.Client(int(process.wait_for(r"open http://127\.0\.0\.1:(\d+)/").group(1)))


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_what_a_review_comes_to(folder, how):
    process, client = start(folder, mistakes=f"{folder}/mistakes.json")
    client.judge("Ada", "b", small.CORRECT)
    client.judge("Ada", "c", small.WRONG)
    process.send_signal(how)
    told, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Wrote" in told
    assert load_label_set(folder / "out" / "labels.json").labels[1].tolist() == [0, 1]
    assert list(json.loads((folder / "out" / "judged.json").read_text())) == ["c"]


def test_what_was_acknowledged_outlives_a_kill_and_stands_there_once(folder):
    process, client = start(folder, mistakes=f"{folder}/mistakes.json")
    acknowledged, enough = [], threading.Event()

    def reviewer(number):
        for count in range(200):
            key = f"reviewer-{number}-{count:04d}"
            try:
                client.judge(f"reviewer {number}", "bcef"[count % 4], small.CORRECT, key=key)
            except OSError:
                return
            acknowledged.append(key)
            if len(acknowledged) > 100:
                enough.set()

    threads = [threading.Thread(target=reviewer, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    reached = enough.wait(60)
    process.kill()
    for thread in threads:
        thread.join()
    process.communicate()
    assert reached
    assert len(acknowledged) < 8 * 200
    process, client = start(folder, mistakes=f"{folder}/mistakes.json")
    for key in acknowledged[:20]:  # a page that never heard of it sends it again
        client.judge(key[:10].replace("-", " "), "bcef"[int(key[-4:]) % 4], small.CORRECT, key=key)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    store = Store(folder / "out" / "answers.sqlite")
    stored = [row.key for row in store.verdicts()]
    store.close()
    assert len(stored) == len(set(stored))
    assert set(acknowledged) <= set(stored)


def test_by_default_this_machine_alone_is_listened_to(folder):
    """127.0.0.2 is this machine as well, by an address that was not asked for."""
    process, client = start(folder, tasks=f"{folder}/tasks.json")
    try:
        assert client.ask("/")[0] == 200
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", client.port), timeout=10)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


def test_results_are_written_while_answers_come(folder):
    process, client = start(folder, mistakes=f"{folder}/mistakes.json")
    try:
        client.judge("Ada", "b", small.CORRECT)
        end = time.monotonic() + 20
        while not (folder / "out" / "verdicts.json").exists():
            assert time.monotonic() < end
            time.sleep(0.05)
        assert json.loads((folder / "out" / "verdicts.json").read_text())["verdicts"][0]["image_id"] == "b"
        assert load_label_set(folder / "out" / "labels.json").labels[1].tolist() == [0, 1]
    finally:
        process.send_signal(signal.SIGTERM)
        told, _ = process.communicate(timeout=30)
    assert f"Wrote judged.json, labels.json and verdicts.json to {folder / 'out'}. Next: imagenet-real score" in told
    assert f"--label_sets={folder / 'labels.json'},{folder / 'out' / 'labels.json'}" in told


def test_names_of_raters_are_printed_at_the_start(folder):
    (folder / "tasks.json").write_text(small.tasks({"rater001": [0], "rater002": [1]}))
    arguments = ["review", f"--workdir={folder}/out", f"--tasks={folder}/tasks.json", f"--images={folder}/images"]
    process = commands.Command([*arguments, "--port=0"])
    try:
        line = process.wait_for(r"^.*\n").group()
        assert line == "raters: rater001, rater002. Give each person one of these names.\n"
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


def test_votes_are_written_beside_a_running_server(folder):
    process, client = start(folder, tasks=f"{folder}/tasks.json")
    try:
        client.json("/api/answer", {"task": 0, "answers": {"0": "yes", "1": "no"}, "seconds": 3}, name="Ada")
        config = review_config.get_config()
        config.update(fields(folder, tasks=f"{folder}/tasks.json", export_only=True))
        review.run(config, folder / "out")
        votes = json.loads((folder / "out" / "votes.json").read_text())["votes"]
        assert [(vote["class"], vote["answer"]) for vote in votes] == [(0, "yes"), (1, "no")]
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


def test_the_token_comes_from_a_file_or_the_environment(folder, monkeypatch, capsys):
    (folder / "token.txt").write_text("a-secret-of-24-characters\n")
    config = review_config.get_config()
    config.update(fields(folder, mistakes="x", host="0.0.0.0"))
    config.token_file = f"{folder}/token.txt"
    assert builder.check(config) == "a-secret-of-24-characters"
    config.token_file = ""
    monkeypatch.setenv("IMAGENET_REAL_TOKEN", "another-secret-of-24-chars")
    assert builder.check(config) == "another-secret-of-24-chars"
    assert capsys.readouterr().err == ""
    config.token = "a-secret-in-the-list-of-processes"
    assert builder.check(config) == config.token
    assert "can see --token in the list of processes" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "give one of --mistakes=FILE"),
        ({"mistakes": "x", "tasks": "y"}, "give one of"),
        ({"mistakes": "mistakes.json", "images": ""}, "images is empty"),
        ({"mistakes": "mistakes.json", "reviewers": 0}, "expected at least 1"),
        ({"mistakes": "mistakes.json", "host": "0.0.0.0"}, "can be reached from other machines"),
        ({"mistakes": "none.json"}, "none.json: there is no such file"),
    ],
)
def test_what_is_refused(folder, monkeypatch, changes, message):
    monkeypatch.chdir(folder)
    config = review_config.get_config()
    config.update(fields(folder, **changes))
    with pytest.raises(InputError, match=message):
        review.run(config, folder / "out")


@pytest.mark.parametrize("label_set", ["", "labels.json"])
def test_the_label_set_under_review_is_that_of_the_mistakes(folder, label_set):
    """Until then, the default was multilabel, and 20,000 images of it came out as labels.json."""
    config = review_config.get_config()
    config.update(fields(folder, mistakes=f"{folder}/mistakes.json", export_only=True))
    config.label_set = label_set and f"{folder}/{label_set}"
    review.run(config, folder / "out")
    assert load_label_set(folder / "out" / "labels.json").image_ids.tolist() == list("abcdef")


def test_the_verdict_of_a_single_reviewer_decides_by_default(folder):
    """Two were needed by default, and what one of them said was in no file."""
    config = review_config.get_config()
    config.update(fields(folder, mistakes=f"{folder}/mistakes.json"))
    with contextlib.closing(Store(folder / "answers.sqlite")) as store:
        content = builder.make_content(config, store)
        content.review.judge("key-of-Ada", "b", View("Ada"), small.WRONG)
        files = content.exports("reviewed")
    assert list(json.loads(files["judged.json"])) == ["b"]
    assert "waiting.json" not in files


@pytest.mark.parametrize(("scored", "images", "is_partial"), [(2, 6, True), (6, 6, False)])
def test_the_next_command_fits_predictions_of_a_part(folder, capsys, scored, images, is_partial):
    content = json.loads((folder / "mistakes.json").read_text())
    (folder / "mistakes.json").write_text(json.dumps(content | {"scored": scored, "images": images}))
    config = review_config.get_config()
    config.update(fields(folder, mistakes=f"{folder}/mistakes.json", export_only=True))
    review.run(config, folder / "out")
    assert ("--allow_missing=True" in capsys.readouterr().out) == is_partial


def test_another_label_set_than_that_of_the_mistakes_is_refused(folder):
    save_label_set(folder / "other.json", dataclasses.replace(toy.real(), name="other"))
    content = json.loads((folder / "mistakes.json").read_text())
    checksum = storage.sha256(folder / "labels.json")
    (folder / "mistakes.json").write_text(json.dumps(content | {"provenance": {"labels": {"sha256": checksum}}}))
    config = review_config.get_config()
    config.update(fields(folder, mistakes=f"{folder}/mistakes.json", label_set=f"{folder}/other.json"))
    with pytest.raises(InputError, match="has the mistakes under original, and the label set .* is other. Leave out"):
        review.run(config, folder / "out")
    save_label_set(folder / "other.json", dataclasses.replace(toy.real(), name="original"))
    with pytest.raises(InputError, match="is original of another file"):
        review.run(config, folder / "out")


def test_missing_pictures_are_left_out_and_counted(folder, capsys):
    (folder / "images" / "b.jpg").unlink()
    for name in ("mistakes", "tasks"):
        config = review_config.get_config()
        config.update(fields(folder, **{name: f"{folder}/{name}.json"}, skip_missing=True))
        with contextlib.closing(Store(folder / f"{name}.sqlite")) as store:
            content = builder.make_content(config, store)
            content.check_pictures()
        assert "b" not in (content.review or content.rating).image_ids()
        assert f"lacks 1 of {4 if name == 'mistakes' else 6} pictures, such as b" in capsys.readouterr().err


def test_pictures_that_are_not_there(folder):
    (folder / "images" / "b.jpg").unlink()
    config = review_config.get_config()
    config.update(fields(folder, mistakes=f"{folder}/mistakes.json"))
    with pytest.raises(InputError, match="lacks 1 of the 4 pictures to show, such as b"):
        review.run(config, folder / "out")
