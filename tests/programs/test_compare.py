"""The comparison as a user runs it: stopped, continued, and read back from its files."""

import json
import re
import signal
import time

import pytest
from ml_collections import ConfigDict

from configs import compare_digits
from imagenet_real.builders import comparison
from imagenet_real.errors import InputError
from imagenet_real.programs import compare
from tests import commands
from tests.programs import training_world as world

pytestmark = pytest.mark.slow

FIELDS = {
    "config": "compare_digits",
    "steps": None,  # a comparison has lengths
    "losses": "('softmax',)",
    "data": "('all','clean')",
    "lengths.short": 4,
    "lengths.long": 12,
    "seeds": "(3,)",
    "clean.folds": 2,
    "clean.length": 12,
    "jobs": 2,
}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return world.write_images(tmp_path_factory.mktemp("images") / "images", wrong={("blue", 3)})


def run(images, workdir, **fields):
    """The exit code, stdout and stderr of a comparison whose runs are forks of a process that has the libraries."""
    return world.run(images, workdir, before=commands.shared_server(), **FIELDS | fields)


@pytest.fixture(scope="module")
def compared(images, tmp_path_factory):
    """A comparison that was stopped once, while its first runs trained. They were forks of a process of its own."""
    workdir = tmp_path_factory.mktemp("compared")
    process = world.start(images, workdir, **FIELDS)
    while process.poll() is None and not list(workdir.glob("*/*/metrics.jsonl")):
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=300)
    assert process.returncode == 128 + signal.SIGTERM
    code, out, error = run(images, workdir)
    assert code == 0, error
    return workdir, out


def results_of(workdir):
    return sorted((workdir / "runs").glob("*/results.json"))


def test_every_combination_is_there(compared):
    workdir, out = compared
    content = json.loads((workdir / "comparison.json").read_text())
    rows = {(row["loss"], row["data"], row["length"], row["seed"]) for row in content["rows"]}
    assert rows == {("softmax", data, length, 3) for data in ("all", "clean") for length in ("short", "long")}
    assert {row["label_set"] for row in content["rows"]} == {"original"}
    assert len(content["pairs"]) == 4
    assert [row["name"] for row in content["references"]] == ["chance", "original labels"]
    assert [row["accuracy"] for row in content["references"]] == pytest.approx([1 / 3, 1.0])
    assert content["provenance"]["config"]["clean"]["folds"] == 2
    assert (workdir / "comparison.png").exists()
    assert "clean - all" in out
    assert out.index("short") < out.index("long")


def test_accuracies_are_those_of_the_runs(compared):
    workdir, _ = compared
    row = json.loads((workdir / "comparison.json").read_text())["rows"][0]
    folder = workdir / "runs" / f"{row['loss']}_{row['data']}_{row['length']}_seed_{row['seed']}"
    assert row["accuracy"] == json.loads((folder / "results.json").read_text())["rows"][0]["accuracy"]


def test_clean_runs_train_on_the_list(compared):
    workdir, _ = compared
    counts = {
        path.parent.name: json.loads(path.read_text())["provenance"]["training_images"]["count"]
        for path in results_of(workdir)
    }
    listed = len((workdir / "clean" / "clean_ids.txt").read_text().splitlines())
    assert counts["softmax_all_short_seed_3"] == 60
    assert counts["softmax_clean_short_seed_3"] == listed < 60


def test_only_what_is_missing_is_run(images, compared):
    workdir, out = compared
    before = {path: path.stat().st_mtime_ns for path in results_of(workdir)}
    again = workdir / "runs" / "softmax_all_short_seed_3" / "results.json"
    again.unlink()
    code, repeated, error = run(images, workdir)
    assert code == 0, error
    assert "5 of 6 runs are done" in error
    assert repeated == out
    after = {path: path.stat().st_mtime_ns for path in results_of(workdir)}
    assert {path for path in after if after[path] != before[path]} == {again}


def test_a_workdir_of_other_runs_is_refused(images, compared):
    code, _, error = run(images, compared[0], learning_rate=0.001)
    assert code == 1
    last = error.splitlines()[-1]
    assert re.match(r"error: fold \d of the clean list failed: ", last)  # whichever of the two ends first
    assert "learning_rate was 0.015, is 0.001" in last


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"losses": ("softmx",)}, "'softmx' in losses: did you mean softmax"),
        ({"data": ("all", "dirty")}, "'dirty' in data"),
        ({"length_in": "hours"}, "'hours': known are epochs, examples, steps"),
        ({"seeds": ()}, r"seeds=\(\): give at least one"),
        ({"seeds": (1, 1)}, "none of them twice"),
        ({"jobs": -1}, "jobs=-1 is no number of runs"),
        ({"data": ("all", "pooled")}, "Give both or neither"),
        ({"label_maps": "maps"}, "label_maps='maps': 'pooled' trains on label maps"),
        ({"distributed": "auto"}, "distributed=auto, but a comparison trains its runs on one machine"),
    ],
)
def test_impossible_values(fields, message, tmp_path):
    config = compare_digits.get_config()
    config.update(fields)
    with pytest.raises(InputError, match=message):
        compare.run(config, tmp_path)


def test_runs_side_by_side_have_a_core_each():
    config = ConfigDict({"jobs": 2})
    assert "intra_op_parallelism_threads=1" in comparison.job_environment(config, "here")["XLA_FLAGS"]
    config.jobs = 1
    assert "JAX_PLATFORMS" not in comparison.job_environment(config, "here")
