"""The comparison as a user runs it: stopped, continued, and read back from its files."""

import json
import re
import signal
import time

import pytest
from ml_collections import ConfigDict

from configs import compare_digits, compare_digits_relabel, compare_resnet50, demo
from imagenet_real.builders import training_data
from imagenet_real.data.digit_scenes import digits
from imagenet_real.errors import InputError
from imagenet_real.programs import compare
from tests.programs import training_world as world

FIELDS = {
    "config": "compare_digits",
    "losses": "('softmax',)",
    "data": "('all','clean')",
    "lengths.short": 5,
    "lengths.long": 30,
    "seeds": "(3,)",
    "clean.folds": 2,
    "clean.length": 25,
    "jobs": 2,
}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return world.write_images(tmp_path_factory.mktemp("images") / "images", wrong={("blue", 3)})


@pytest.fixture(scope="module")
def compared(images, tmp_path_factory):
    """A comparison that was stopped once, while its first runs trained."""
    workdir = tmp_path_factory.mktemp("compared")
    process = world.start(images, workdir, **FIELDS)
    while process.poll() is None and not list(workdir.glob("*/*/metrics.jsonl")):
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=300)
    assert process.returncode == 128 + signal.SIGTERM
    code, out, error = world.run(images, workdir, **FIELDS)
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
    code, repeated, error = world.run(images, workdir, **FIELDS)
    assert code == 0, error
    assert "5 of 6 runs are there" in error
    assert repeated == out
    after = {path: path.stat().st_mtime_ns for path in results_of(workdir)}
    assert {path for path in after if after[path] != before[path]} == {again}


def test_a_workdir_of_other_runs_is_refused(images, compared):
    code, _, error = world.run(images, compared[0], **FIELDS | {"learning_rate": 0.001})
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
        ({"jobs": -1}, "jobs=-1"),
        ({"data": ("all", "pooled")}, "Give both or neither"),
        ({"label_maps": "maps"}, "label_maps='maps': 'pooled' is trained on label maps"),
        ({"distributed": "auto"}, "distributed=auto: a comparison trains its runs side by side on one machine"),
    ],
)
def test_impossible_values(fields, message, tmp_path):
    config = compare_digits.get_config()
    config.update(fields)
    with pytest.raises(InputError, match=message):
        compare.run(config, tmp_path)


@pytest.mark.parametrize("module", [compare_digits, compare_resnet50, demo])
def test_the_plan_of_every_config(module, tmp_path):
    config = module.get_config()
    plan = compare.planned(config, tmp_path)
    runs = [one for one in plan if one.variant]
    variants = len(config.losses) * len(config.data) * len(config.lengths)
    assert len(runs) == len({one.folder for one in runs}) == variants * len(config.seeds)
    assert len(plan) - len(runs) == config.clean.folds
    for one in plan:
        lengths = [one.config[name] for name in compare.LENGTHS]
        assert sorted(map(bool, lengths)) == [False, False, True]
        assert not set(compare.OWN) & set(one.config) or one.clean_dir
    clean = next(one for one in runs if one.variant.data == "clean")
    assert clean.config.clean_list == str(tmp_path / "clean" / "clean_ids.txt")
    assert clean.needs == tuple(one.name for one in plan if not one.variant)
    everything = next(one for one in runs if one.variant.data == "all")
    assert everything.needs == ()


def test_a_given_clean_list_is_used(tmp_path):
    config = compare_digits.get_config()
    config.clean_list = "mine.txt"
    plan = compare.planned(config, tmp_path)
    assert {one.config.clean_list for one in plan if one.variant.data == "clean"} == {"mine.txt"}
    assert {one.config.clean_list for one in plan if one.variant.data == "all"} == {""}
    assert all(one.variant for one in plan)


def test_true_labels_are_those_of_real(tmp_path):
    plan = compare.planned(compare_digits.get_config(), tmp_path)
    assert {one.config.train_labels for one in plan if one.variant and one.variant.data == "real"} == {"real"}


def test_labels_of_crops(tmp_path):
    config = compare_digits_relabel.get_config()
    config.label_maps = "maps"
    runs = {one.variant.data: one.config for one in compare.planned(config, tmp_path)}
    assert {data: (one.label_maps, one.train_labels) for data, one in runs.items()} == {
        "all": ("", "original"),
        "real": ("", "real"),
        "pooled": ("maps", "original"),
        "shown": ("", "shown"),
    }
    assert all((one.augmentation.crop, one.steps) == ("inception", 1536) for one in runs.values())


def test_references_of_digit_scenes(tmp_path):
    digits.prepare_digit_scenes(str(tmp_path), train_scenes=10, validation_scenes=200)
    name = next((tmp_path / "digit_scenes").iterdir()).name
    config = compare_digits.get_config()
    config.images, config.tfds_dir = f"tfds:digit_scenes/{name}", str(tmp_path)
    reported = training_data.open_split(config, config.split)
    found = {(row["name"], row["label_set"]): row["accuracy"] for row in compare.references(config, reported)}
    assert found["true digits known", "real"] == 1
    assert found["original labels", "original"] == 1
    assert found["original labels", "real"] == pytest.approx(0.9, abs=0.01)
    assert found["chance", "original"] == pytest.approx(0.1)
    assert found["chance", "real"] == pytest.approx(0.123, abs=0.01)


def test_runs_side_by_side_have_a_core_each():
    config = ConfigDict({"jobs": 2})
    assert "intra_op_parallelism_threads=1" in compare.environment(config, "here")["XLA_FLAGS"]
    config.jobs = 1
    assert "JAX_PLATFORMS" not in compare.environment(config, "here")
