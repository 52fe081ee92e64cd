"""Fifty reviewers at once on a review of 50,000 mistakes, with a SIGKILL in the middle: what is kept, and how long a page takes.

python bench/review.py
"""

import http.client
import io
import json
import os
import pathlib
import re
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import numpy as np
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from imagenet_real.labels.json_format import save_label_set  # noqa: E402
from imagenet_real.labels.label_set import LabelSet  # noqa: E402

MISTAKES, REVIEWERS, SECONDS = 50_000, 50, 12


def write(folder: pathlib.Path) -> None:
    """A picture under 50,000 names, and a mistake on each."""
    (folder / "images").mkdir()
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (250, 330, 3), np.uint8)).save(buffer, "JPEG")
    (folder / "one.jpg").write_bytes(buffer.getvalue())
    ids = [f"image{at:05d}" for at in range(MISTAKES)]
    for one in ids:
        os.link(folder / "one.jpg", folder / "images" / f"{one}.jpg")
    group = np.arange(MISTAKES) % 1000
    save_label_set(
        folder / "mine.json", LabelSet("mine", np.array(ids), group[:, None], np.ones(MISTAKES), group, 1000)
    )
    rest = {"guess": None, "reason": None, "agreeing": None, "label_may_be_missing": False, "confidence": 0.5}
    mistakes = [
        {
            "image_id": one,
            "predicted": (at + 1) % 1000,
            "right": [at % 1000],
            "original": at % 1000,
            "top": [1],
            "top_scores": None,
        }
        | rest
        for at, one in enumerate(ids)
    ]
    (folder / "mistakes.json").write_text(json.dumps({"model": "model", "mistakes": mistakes}))


def start(folder: pathlib.Path) -> tuple[subprocess.Popen, int]:
    fields = {"mistakes": folder / "mistakes.json", "images": folder / "images", "label_set": folder / "mine.json"}
    fields |= {"also": "", "port": 0}
    command = [sys.executable, "main.py", "--config=configs/review.py", f"--workdir={folder}/out"]
    command += [f"--config.{name}={value}" for name, value in fields.items()]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    return process, int(re.search(r":(\d+)/", process.stdout.readline()).group(1))


def review(
    port: int, name: str, offset: int, until: float, times: list[float], kept: list[str], sent: list[str]
) -> None:
    """Looks and judges, as a page does, until the time is over or the server is gone."""
    connection, place, headers = http.client.HTTPConnection("127.0.0.1", port, timeout=30), offset, {}
    try:
        while time.monotonic() < until:
            begun = time.perf_counter()
            connection.request("GET", f"/api/item?name={name}&start={place}")
            item = json.loads(connection.getresponse().read())["item"]
            times.append(time.perf_counter() - begun)
            key = f"{name}-{item['image_id']}-{len(kept)}"
            sent.append(key)
            body = json.dumps({"key": key, "image_id": item["image_id"], "verdict": {"prediction": "correct"}})
            headers["content-type"] = "application/json"
            connection.request("POST", f"/api/judge?name={name}", body, headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status == 200:
                kept.append(key)
            place = (item["place"] + 1) % MISTAKES
            time.sleep(0.5)  # faster than anybody looks
    except (OSError, http.client.HTTPException, ValueError):
        pass


def crowd(port: int, seconds: float, process: subprocess.Popen | None, tag: str) -> tuple[list[float], list[str]]:
    times, kept, sent = [], [], []
    until = time.monotonic() + seconds
    threads = [
        threading.Thread(target=review, args=(port, f"{tag}{n}", n * 900, until, times, kept, sent))
        for n in range(REVIEWERS)
    ]
    for thread in threads:
        thread.start()
    if process:
        time.sleep(seconds / 2)
        process.kill()
    for thread in threads:
        thread.join()
    return times, kept


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write(folder)
        process, port = start(folder)
        _, first = crowd(port, SECONDS, process, "before")
        process.wait()
        process, port = start(folder)
        times, second = crowd(port, SECONDS, None, "after")
        process.terminate()
        process.wait()
        with sqlite3.connect(folder / "out" / "answers.sqlite") as database:
            stored = [key for (key,) in database.execute("SELECT key FROM verdict")]
    lost, twice = set(first + second) - set(stored), len(stored) - len(set(stored))
    lines = [
        "$ python bench/review.py",
        f"{os.cpu_count()} cores, {MISTAKES:,} mistakes, {REVIEWERS} reviewers at once, each two a second",
        "",
        f"answers acknowledged before the SIGKILL {len(first):,}, after the next start {len(second):,}",
        f"of them not in the database {len(lost)}, there twice {twice}",
        f"a mistake to look at: median {statistics.median(times) * 1e3:.0f} ms, 95th percentile "
        f"{statistics.quantiles(times, n=20)[-1] * 1e3:.0f} ms, of {len(times):,}",
    ]
    print("\n".join(lines))
    (ROOT / "bench" / "results" / "review.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
