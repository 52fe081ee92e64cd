"""docs/pods.md: two terminals that are one run, and images of one's own from a folder to a run in a bucket."""

import json
import os
import socket

import pytest

from tests import ROOT, documented, xla
from tests.documented import commands
from tests.flows.shell import Shell
from tests.programs import training_world

pytestmark = pytest.mark.slow

PAGE = ROOT / "docs" / "pods.md"
FAST = " ".join((*xla.FLAGS, "--xla_cpu_multi_thread_eigen=false"))
NETS = documented.python_blocks(ROOT / "docs" / "training.md")[0]
RUN = "--steps=2 --warmup_steps=1 --checkpoint_every=2 --report=False"


def rows(text: str) -> list[dict]:
    return json.loads(text)["rows"]


def test_two_terminals_are_one_run(tmp_path):
    scenes = documented.write_scenes(tmp_path / "datasets")
    (tmp_path / "my_nets.py").write_text(NETS)  # which compile sooner than the documented one
    fields = (
        f"--images={scenes} --tfds_dir=datasets --train_split=train --select_split= --batch_size=8 --model=my_nets:net"
    )
    fields = f"{fields} {RUN}"
    shell = Shell(tmp_path, {"train_digits": fields}, XLA_FLAGS=FAST)
    lines = [line for line in commands(PAGE, "Two terminals on one machine") if line.startswith("imagenet-real")]
    with socket.socket() as free:
        free.bind(("localhost", 0))
        lines = [line.replace("8476", str(free.getsockname()[1])) for line in lines]
    started = [shell.start(line) for line in lines]
    (first, _), (second, error) = [process.communicate(timeout=120) for process in started]
    assert [process.returncode for process in started] == [0, 0], error
    assert "original" in first  # the first process prints the table
    assert "original" not in second
    assert rows((tmp_path / "runs" / "two" / "results.json").read_text())
    assert len(shell.typed) == 2


def test_a_folder_becomes_a_dataset_in_a_bucket_and_a_run_there(tmp_path, bucket, in_bucket, monkeypatch):
    training_world.write_images(tmp_path / "FOLDER", per_class=8)
    (tmp_path / "my_nets.py").write_text(NETS)
    fields = {
        "prepare": "--workers=1 --shards=1",
        "train": f"--model=my_nets:net --resize=12 --crop=12 --batch_size=8 {RUN}",
    }
    cache = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "XLA_FLAGS": FAST}
    shell = Shell(tmp_path, fields, **cache, **{name: os.environ[name] for name in bucket.environment})
    prepare, copy, train = commands(PAGE, "Google Cloud Storage buckets")[-3:]
    shell.run(prepare)
    assert copy.split()[:4] == ["gcloud", "storage", "cp", "-r"]
    bucket.copy(tmp_path / copy.split()[4], in_bucket / "tensorflow_datasets")
    shell.run(train.replace("gs://BUCKET", os.fspath(in_bucket)))
    (row,) = rows((in_bucket / "runs" / "mine" / "results.json").read_text())
    assert row["images"] == 3  # a tenth of each class, one at least
    assert len(shell.typed) == 2
