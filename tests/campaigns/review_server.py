"""Attacks the review server: kills, cut and overwritten files, full disks, locks, and 200 connections that send nothing.

    python -m tests.campaigns.review_server --rounds=40 --seed=0

Reviewers judge images all the while. At the end, every acknowledged answer must be in the database, in the journal and in
labels.json. Prints a line a round, and exits with 1 if an answer is lost or the server gave an error of its own.
"""

import argparse
import contextlib
import http.client
import io
import json
import os
import pathlib
import random
import re
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from imagenet_real.labels.json_format import load_label_set, save_label_set
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.review_app.journal import Journal
from tests import ROOT

PAGE = 4096  # bytes of the database
REVIEWERS = 8
CORRECT = {"prediction": "correct"}


class RefusedToStart(Exception):
    """The server ended with one line before it served."""


class World:
    """Mistakes on many images, a server, and what it acknowledged."""

    def __init__(self, folder: pathlib.Path, images: int, seed: int):
        self.folder, self.random, self.workdir = folder, random.Random(seed), folder / "work"
        self.ids = [f"image_{number:05d}" for number in range(images)]
        self.acknowledged: dict[str, str] = {}  # key -> image
        self.statuses: Counter[int] = Counter()
        self.next_image, self.lock = 0, threading.Lock()
        write(folder, self.ids)

    def start(self, limit: int = 0) -> tuple[subprocess.Popen, int]:
        """Starts a server; returns it and its port. `limit` is the size of the largest file that its disk takes."""
        words = [
            f"--mistakes={self.folder}/mistakes.json",
            f"--images={self.folder}/images",
            "--also=",
            "--reviewers=1",
        ]
        words += [f"--label_set={self.folder}/labels.json", "--port=0", f"--workdir={self.workdir}"]

        def prepare() -> None:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            if limit:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

        process = subprocess.Popen(
            [sys.executable, "main.py", "review", *words],
            cwd=ROOT, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=prepare,
        )  # fmt: skip
        line = process.stdout.readline()
        match = re.search(r"http://127\.0\.0\.1:(\d+)/", line)
        if not match:
            _, error = process.communicate(timeout=120)
            assert re.fullmatch("error: .{1,400}\n", error), error
            raise RefusedToStart(error)
        return process, int(match[1])

    def review(self, port: int, end: threading.Event) -> None:
        """Judges one image after the other, and sends an answer again until it is acknowledged or the server is gone."""
        while not end.is_set():
            with self.lock:
                if self.next_image == len(self.ids):
                    return
                image_id, self.next_image = self.ids[self.next_image], self.next_image + 1
            body = {"key": f"key-of-{image_id.replace('_', '-')}", "image_id": image_id, "verdict": CORRECT}
            for _ in range(200):
                status = self.ask(port, "/api/judge?name=Ada", body)
                if status == 200:
                    self.acknowledged[body["key"]] = image_id
                if status == 0:
                    return
                if status != 503 or end.is_set():
                    break
                time.sleep(0.02)

    def ask(self, port: int, path: str, body: dict | None = None) -> int:
        """The status of an answer; 0 if the server is gone."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            content = None if body is None else json.dumps(body)
            connection.request("POST" if body else "GET", path, content, {"content-type": "application/json"})
            response = connection.getresponse()
            response.read()
            self.statuses[response.status] += 1
            return response.status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()

    def round(self, attack: Callable[["World", subprocess.Popen, int], None], seconds: float, limit: int = 0) -> None:
        """Serves, reviews and attacks at a random moment."""
        try:
            process, port = self.start(limit)
        except RefusedToStart:
            assert limit, "only a full disk may keep the server from starting"
            return
        end = threading.Event()
        threads = [threading.Thread(target=self.review, args=(port, end)) for _ in range(REVIEWERS)]
        for thread in threads:
            thread.start()
        time.sleep(self.random.uniform(0.1, seconds))
        attack(self, process, port)
        end.set()
        for thread in threads:
            thread.join()
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        _, error = process.communicate(timeout=120)
        if "Traceback" in error:
            self.statuses[599] += 1
            print(error[-2000:])

    def lost(self) -> list[str]:
        """The acknowledged answers that are missing in the database, in the journal, or in the labels."""
        process, _ = self.start()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=120)
        with contextlib.closing(sqlite3.connect(self.workdir / "answers.sqlite")) as database:
            stored = dict(database.execute("SELECT key, image_id FROM verdict WHERE NOT undone"))
        entries = Journal(self.workdir / "answers.log").entries()
        journaled = {entry["row"][0]: entry["row"][1] for entry in entries if entry["table"] == "verdict"}
        labels = load_label_set(self.workdir / "labels.json")
        right = {image: set(row.tolist()) for image, row in zip(labels.image_ids.tolist(), labels.labels, strict=True)}
        return [
            key
            for key, image_id in self.acknowledged.items()
            if stored.get(key) != image_id or journaled.get(key) != image_id or 1 not in right[image_id]
        ]


def kill(world: World, process: subprocess.Popen, port: int) -> None:
    process.kill()
    process.wait()


def stop(world: World, process: subprocess.Popen, port: int) -> None:
    process.send_signal(world.random.choice((signal.SIGTERM, signal.SIGINT)))


def kill_and_cut_the_log_of_the_database(world: World, process: subprocess.Popen, port: int) -> None:
    kill(world, process, port)
    path = world.workdir / "answers.sqlite-wal"
    if path.exists():
        os.truncate(path, world.random.randrange(path.stat().st_size + 1))


def kill_and_overwrite_a_page(world: World, process: subprocess.Popen, port: int) -> None:
    kill(world, process, port)
    overwrite_a_page(world, process, port)


def overwrite_a_page(world: World, process: subprocess.Popen, port: int) -> None:
    path = world.workdir / "answers.sqlite"
    if pages := path.stat().st_size // PAGE:
        with open(path, "r+b") as file:
            file.seek(world.random.randrange(pages) * PAGE)
            file.write(world.random.choice((bytes(PAGE), world.random.randbytes(PAGE))))
    time.sleep(0.2)


def kill_and_delete_the_database(world: World, process: subprocess.Popen, port: int) -> None:
    kill(world, process, port)
    for ending in world.random.choice((("",), ("", "-wal", "-shm"), ("-wal",))):
        (world.workdir / f"answers.sqlite{ending}").unlink(missing_ok=True)


def kill_and_damage_the_journal(world: World, process: subprocess.Popen, port: int) -> None:
    kill(world, process, port)
    path = world.workdir / "answers.log"
    if path.exists():
        os.truncate(path, world.random.randrange(path.stat().st_size + 1))


def lock(world: World, process: subprocess.Popen, port: int) -> None:
    with contextlib.closing(
        sqlite3.connect(world.workdir / "answers.sqlite", isolation_level=None, timeout=20)
    ) as other:
        other.execute("BEGIN IMMEDIATE")
        time.sleep(2.5)
        other.execute("ROLLBACK")
    time.sleep(0.2)


def connect_200_times(world: World, process: subprocess.Popen, port: int) -> None:
    with contextlib.ExitStack() as stack:
        for number in range(200):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
            connection.sendall((b"", b"POST /api/judge?name=Eve HTTP/1.1\r\n", b"GARBAGE \x00\r\n\r\n")[number % 3])
        assert world.ask(port, "/api/item?name=Ada") == 200
        time.sleep(0.3)


def start_a_second_server(world: World, process: subprocess.Popen, port: int) -> None:
    command = [sys.executable, "main.py", "review", f"--workdir={world.workdir}", "--mistakes=x", "--images=x"]
    second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert second.returncode == 1
    assert "is in use by another run" in second.stderr


ATTACKS = (
    kill,
    stop,
    kill_and_cut_the_log_of_the_database,
    kill_and_overwrite_a_page,
    overwrite_a_page,
    kill_and_delete_the_database,
    kill_and_damage_the_journal,
    lock,
    connect_200_times,
    start_a_second_server,
)


def write(folder: pathlib.Path, ids: Sequence[str]) -> None:
    """Writes the images, the label set and the mistakes: class 1 is predicted where class 0 is right."""
    (folder / "images").mkdir(parents=True)
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(buffer, "JPEG")
    for image_id in ids:
        (folder / "images" / f"{image_id}.jpg").write_bytes(buffer.getvalue())
    zeros = np.zeros(len(ids), int)
    label_set = LabelSet("mine", np.array(ids), zeros[:, None], np.ones(len(ids)), zeros, 3)
    save_label_set(folder / "labels.json", label_set)
    fields = {"predicted": 1, "confidence": 0.9, "right": [0], "original": 0, "top": [1, 0], "top_scores": [0.9, 0.1]}
    fields |= {"guess": None, "reason": None, "agreeing": None, "label_may_be_missing": False}
    rows = [{"image_id": image_id, **fields} for image_id in ids]
    content = {"schema": 1, "model": "model", "classes": 3, "label_set": "mine", "mistakes": rows}
    (folder / "mistakes.json").write_text(json.dumps(content))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=1.5, help="of reviewing before an attack, at most")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="review_") as folder:
        world = World(pathlib.Path(folder), options.images, options.seed)
        for number in range(options.rounds):
            attack, limit = ATTACKS[number % len(ATTACKS)], 0
            if attack is stop and number >= len(ATTACKS):  # its disk fills meanwhile
                limit = (world.workdir / "answers.log").stat().st_size + 20_000
            before = len(world.acknowledged)
            world.round(attack, options.seconds, limit)
            print(f"{attack.__name__}: {len(world.acknowledged) - before} answers acknowledged", flush=True)
        lost = world.lost()
    failures = sum(count for status, count in world.statuses.items() if status >= 500 and status != 503)
    print(f"statuses: {dict(sorted(world.statuses.items()))}")
    print(f"{len(world.acknowledged)} answers acknowledged in {options.rounds} rounds, {len(lost)} lost {lost[:5]}")
    return bool(lost or failures)


if __name__ == "__main__":
    sys.exit(main())
