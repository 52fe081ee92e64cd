"""The program that serves the pages, as a process: what it writes when it ends, and what survives when it is killed."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading

import pytest

from configs import review as review_config
from imagenet_real.errors import InputError
from imagenet_real.labels.json_format import load_label_set
from imagenet_real.programs import review
from imagenet_real.review_app.store import Store
from tests import ROOT
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
        "label_set": f"{folder}/labels.json",
        "also": "",
        "class_names": f"{folder}/names.txt",
        "reviewers": 1,
        "port": 0,
    } | changes


def start(folder, **changes):
    """The process, and a client of it."""
    arguments = [f"--config.{name}={value}" for name, value in fields(folder, **changes).items()]
    command = [sys.executable, "main.py", "--config=configs/review.py", f"--workdir={folder}/out", *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ})
    line = process.stdout.readline()
    return process, small.Client(int(re.search(r"open http://127\.0\.0\.1:(\d+)/", line).group(1)))


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_what_a_review_comes_to(folder, how):
    process, client = start(folder, mistakes=f"{folder}/mistakes.json")
    client.judge("Ada", "b", small.CORRECT)
    client.judge("Ada", "c", small.WRONG)
    process.send_signal(how)
    told, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "wrote" in told
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
    process.terminate()
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
        process.terminate()
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
        process.terminate()
        process.communicate(timeout=30)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "give one of --mistakes=FILE"),
        ({"mistakes": "x", "tasks": "y"}, "give one of"),
        ({"mistakes": "mistakes.json", "images": ""}, "images is empty"),
        ({"mistakes": "mistakes.json", "reviewers": 0}, "expected at least 1"),
        ({"mistakes": "mistakes.json", "host": "0.0.0.0"}, "can be reached from other machines"),
        ({"mistakes": "none.json"}, "cannot be read as mistakes"),
    ],
)
def test_what_is_refused(folder, monkeypatch, changes, message):
    monkeypatch.chdir(folder)
    config = review_config.get_config()
    config.update(fields(folder, **changes))
    with pytest.raises(InputError, match=message):
        review.run(config, folder / "out")


def test_pictures_that_are_not_there(folder):
    (folder / "images" / "b.jpg").unlink()
    config = review_config.get_config()
    config.update(fields(folder, mistakes=f"{folder}/mistakes.json"))
    with pytest.raises(InputError, match="lacks 1 of the 4 pictures to show, such as b"):
        review.run(config, folder / "out")
