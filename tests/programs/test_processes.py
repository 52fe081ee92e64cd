"""Several processes on one machine that are one run: what they end in, and what happens where one of them ends early."""

import json
import os
import signal
import socket
import time

import numpy as np
import pytest

from imagenet_real.predictions.predictions import load_predictions
from imagenet_real.runtime import distributed
from tests import commands
from tests.data.pictures import label, write_folder
from tests.data.shards import write_parquet, write_webdataset
from tests.programs import training_world as world
from tests.programs.test_train import arrays, saved_steps, wait_for

pytestmark = pytest.mark.slow

GONE = "error: another process of this run has ended or does not answer"


def frequent_heartbeats():
    """Of a process, before it starts: the others learn of its death within seconds."""
    distributed.HEARTBEAT_TIMEOUT = 5


def start(arguments, *, processes, devices, before=None):
    """The command once a process, with so many devices each."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={devices} --xla_cpu_multi_thread_eigen=false"
    environment = {**os.environ, "XLA_FLAGS": flags}
    environment.pop("IMAGENET_REAL_DATA", None)
    options = {"module": "tests.programs.tiny_model", "env": environment, "before": before}
    joined = [f"--config.distributed=localhost:{port},{processes},{number}" for number in range(processes)]
    return [commands.Command([*arguments, *([] if processes == 1 else [join])], **options) for join in joined]


def ends(started):
    """Exit code, stdout and stderr of each."""
    outputs = [process.communicate(timeout=600) for process in started]
    return [(process.returncode, *texts) for process, texts in zip(started, outputs, strict=True)]


def run(arguments, *, processes, devices):
    """The table that the first process printed; the others print none, and no progress."""
    (_, out, _), *others = results = ends(start(arguments, processes=processes, devices=devices))
    assert [code for code, _, _ in results] == [0] * processes, "\n".join(error for _, _, error in results)
    for _, silent, error in others:
        assert "original" not in silent
        assert not world.PROGRESS.search(error)
    return out[out.index("label set") :]  # before it JAX's transport says who is connected


def evaluate(folder, workdir, **fields):
    fields = {
        "model": "tests.programs.models:colours",
        "images": folder,
        "label_sets": "original",
        "resize": 20,
        "crop": 16,
        "interpolation": "bilinear",
        "mean": "(0.5,0.5,0.5)",
        "std": "(0.5,0.5,0.5)",
        "batch_size": 10,
        "skip_unreadable": True,
    } | fields
    options = [f"--config.{name}={value}" for name, value in fields.items()]
    return ["--config=configs/evaluate.py", "--config.report=False", f"--workdir={workdir}", *options]


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """29 images, one of them damaged, in a folder and as shards; and the evaluation of the folder by one process."""
    root = tmp_path_factory.mktemp("photographs")
    folder = write_folder(root / "folder", range(1, 30))
    sorted(folder.iterdir())[14].write_bytes(b"no picture")
    images, labels = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}, [*map(label, range(1, 30))]
    sources = {
        "folder": folder,
        "webdataset": write_webdataset(root / "webdataset", images, labels),
        "parquet": write_parquet(root / "parquet", images, labels),
    }
    return sources, root / "one", run(evaluate(folder, root / "one"), processes=1, devices=8)


@pytest.mark.parametrize("kind", ["folder", "webdataset", "parquet"])
def test_two_processes_of_four_devices_evaluate_like_one_of_eight(photographs, tmp_path, kind):
    sources, workdir, table = photographs
    shown = run(evaluate(sources[kind], tmp_path), processes=2, devices=4)
    one, two = (load_predictions(place / "predictions.npz") for place in (workdir, tmp_path))
    assert two.image_ids.tolist() == one.image_ids.tolist()
    assert len(two.image_ids) == 28
    np.testing.assert_array_equal(two.top, one.top)
    np.testing.assert_array_equal(two.top_scores, one.top_scores)
    assert shown.partition("Wrote ")[0] == table.partition("Wrote ")[0]
    missing = [json.loads((place / "results.json").read_text())["missing"] for place in (workdir, tmp_path)]
    assert missing[0][0]["image_id"] == missing[1][0]["image_id"] == "ILSVRC2012_val_00000015"


LONG = {"model": "tiny_mlp", "optimizer": "adamw", "steps": 32, "checkpoint_every": 4, "log_every": 8}
LONG |= {"learning_rate": 1e-3, "augmentation.mixup": 0.2, "fsdp": True, "loss": "sigmoid"}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return world.write_images(tmp_path_factory.mktemp("images") / "images")


@pytest.fixture(scope="module")
def undisturbed(images, tmp_path_factory):
    """The workdir of a run of two processes of two devices each."""
    workdir = tmp_path_factory.mktemp("undisturbed")
    assert "original" in run(world.arguments(images, workdir, **LONG), processes=2, devices=2)
    return workdir


def assert_near(workdir, other):
    """The same losses and parameters to the rounding of float32."""
    for one, two in zip(world.metrics(workdir), world.metrics(other), strict=True):
        assert one == pytest.approx(two, rel=1e-5)
    ours, theirs = arrays(workdir, LONG["steps"]), arrays(other, LONG["steps"])
    assert ours.keys() == theirs.keys()
    for name in ours:
        np.testing.assert_allclose(ours[name], theirs[name], atol=1e-3, err_msg=name)


def test_two_processes_of_two_devices_train_like_one_of_four(images, undisturbed, tmp_path):
    run(world.arguments(images, tmp_path, **LONG, model_devices=2), processes=1, devices=4)
    assert_near(tmp_path, undisturbed)


def test_a_run_of_four_processes_stops_and_continues_in_one(images, undisturbed, tmp_path):
    """SIGTERM comes to one of the processes, and all stop after the same step."""
    arguments = world.arguments(images, tmp_path, **LONG)
    started = start(arguments, processes=4, devices=1)
    wait_for(lambda: saved_steps(tmp_path), started[0])
    started[-1].send_signal(signal.SIGTERM)
    for code, out, error in ends(started):
        assert code == 143, error
        assert "SIGTERM stopped the run after step" in error
        assert "original" not in out
    run(arguments, processes=1, devices=4)
    assert_near(tmp_path, undisturbed)


def test_a_killed_process_ends_the_other_and_the_run_continues(images, undisturbed, tmp_path):
    arguments = world.arguments(images, tmp_path, **LONG)
    for killed in (0, 1):
        before = saved_steps(tmp_path)
        started = start(arguments, processes=2, devices=2, before=frequent_heartbeats)
        wait_for(lambda before=before: saved_steps(tmp_path) - before, started[0])
        time.sleep(np.random.default_rng().uniform(0, 0.1))
        start_time = time.monotonic()
        started[killed].kill()
        code, out, error = ends(started)[1 - killed]
        assert time.monotonic() - start_time < 60
        assert (code, "original" in out) == (1, False)
        assert error.splitlines()[-1].startswith(GONE), error
        assert not (tmp_path / "results.json").exists(), "ended before it was killed"

    run(arguments, processes=2, devices=2)
    assert (tmp_path / "metrics.jsonl").read_text() == (undisturbed / "metrics.jsonl").read_text()
    ours, theirs = arrays(tmp_path, LONG["steps"]), arrays(undisturbed, LONG["steps"])
    for name in theirs:
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)


def test_what_the_user_can_mend_ends_all_processes_in_its_line(images, tmp_path):
    fields = {"batch_size": 12}
    for code, _, error in ends(start(world.arguments(images, tmp_path, **fields), processes=2, devices=4)):
        assert code == 1
        assert "error: a batch of 12 images does not divide over 8 devices. Make it 8 or 16." in error.splitlines()


@pytest.mark.parametrize(
    ("distributed", "message"),
    [
        ("pod", "Give none, auto, or HOST:PORT,COUNT,ID"),
        ("localhost:1,2", "Give none, auto, or HOST:PORT,COUNT,ID"),
        ("localhost:8476,2,2", "there is no process 2. Give an ID from 0 to 1"),
        ("auto", "did not connect"),
    ],
)
def test_a_cluster_that_cannot_be_found(tmp_path, distributed, message):
    arguments = [*evaluate(tmp_path, tmp_path / "out"), f"--config.distributed={distributed}"]
    (code, _, error) = ends(start(arguments, processes=1, devices=1))[0]
    assert (code, len(error.splitlines())) == (1, 1), error
    assert message in error
