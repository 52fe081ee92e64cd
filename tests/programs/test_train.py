"""Training as a user runs it: killed, stopped, moved to other devices, and given what it cannot use."""

import functools
import json
import resource
import signal
import time

import jax
import numpy as np
import pytest
import safetensors.numpy
from etils import epath
from ml_collections import ConfigDict

from configs import evaluate as evaluate_config
from configs import relabel as relabel_config
from configs import train_digits
from imagenet_real.builders import annotator, models, training, training_data, training_run
from imagenet_real.data.sources.open import open_source
from imagenet_real.errors import InputError
from imagenet_real.models import catalog
from imagenet_real.predictions.predictions import load_predictions
from imagenet_real.programs import evaluate, train
from imagenet_real.training.checkpoint import Checkpoints
from imagenet_real.training.metrics import Metrics
from tests.programs import training_world as world

pytestmark = pytest.mark.slow

STEPS = 150
LONG = {"steps": STEPS, "checkpoint_every": 15, "average_decay": 0.9, "loss": "sigmoid"}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return world.write_images(tmp_path_factory.mktemp("images") / "images")


@pytest.fixture(scope="module")
def uninterrupted(images, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("uninterrupted")
    code, out, error = world.run(images, workdir, **LONG, report=True)
    assert code == 0, error
    assert "original" in out
    return workdir


def arrays(workdir, step):
    """The arrays of a checkpoint by name, on however many devices they were."""
    import orbax.checkpoint as ocp

    folder = epath.Path(workdir).absolute() / "checkpoints" / str(step) / "state"
    reader = ocp.PyTreeCheckpointHandler()
    as_numpy = {name: ocp.RestoreArgs(restore_type=np.ndarray) for name in reader.metadata(folder).tree}
    return reader.restore(folder, args=ocp.args.PyTreeRestore(restore_args=as_numpy))


def assert_same_run(workdir, other):
    assert (workdir / "metrics.jsonl").read_text() == (other / "metrics.jsonl").read_text()
    ours, theirs = arrays(workdir, STEPS), arrays(other, STEPS)
    assert ours.keys() == theirs.keys()
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)


def saved_steps(workdir):
    return {int(path.name) for path in (workdir / "checkpoints").glob("*") if path.name.isdigit()}


def last_logged(workdir):
    metrics = workdir / "metrics.jsonl"
    return world.metrics(workdir)[-1]["step"] if metrics.exists() and metrics.stat().st_size else 0


def wait_for(condition, process):
    for _ in range(30_000):
        if condition():
            return
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.01)
    raise TimeoutError


def errors(stderr):
    """The lines of stderr beside those of the progress."""
    return [line for line in stderr.splitlines() if line.strip() and not world.PROGRESS.search(line)]


def test_it_learns_and_reports(uninterrupted):
    rows = world.metrics(uninterrupted)
    assert [row["step"] for row in rows] == [*range(5, STEPS + 1, 5)]
    assert rows[-1]["loss"] < rows[0]["loss"] / 3
    results = json.loads((uninterrupted / "results.json").read_text())
    assert [row["label_set"] for row in results["rows"]] == ["original"]
    assert results["rows"][0]["accuracy"] > 0.9
    assert results["provenance"]["config"]["loss"] == "sigmoid"
    assert next((uninterrupted / "tensorboard").glob("events*")).stat().st_size > 0
    page = (uninterrupted / "report.html").read_text()
    assert f"<b>{results['rows'][0]['accuracy'] * 100:.2f}\N{NO-BREAK SPACE}%</b>" in page
    assert '<th scope="row">blue</th>' in page  # a class, by the name of its folder


def test_a_killed_run_continues_bit_for_bit_also_after_a_full_disk(images, uninterrupted, tmp_path):
    random = np.random.default_rng()
    for _ in range(2):
        process, before = world.start(images, tmp_path, **LONG), saved_steps(tmp_path)
        wait_for(lambda before=before: saved_steps(tmp_path) - before, process)
        time.sleep(random.uniform(0, 0.15))
        process.kill()
        process.communicate()
    assert not (tmp_path / "results.json").exists(), "ended before it was killed"
    saved = saved_steps(tmp_path)
    assert saved

    limit = 3500  # bytes in a file: room for the metrics, and not for a checkpoint
    full_disk = functools.partial(resource.setrlimit, resource.RLIMIT_FSIZE, (limit, limit))
    code, out, error = world.run(images, tmp_path, before=full_disk, **LONG)
    assert (code, out) == (1, "")
    assert len(errors(error)) == 1, error
    assert f"error: a checkpoint in {tmp_path / 'checkpoints'} could not be written (" in error
    assert "Check the disk and run the same command again: it continues from the newest complete checkpoint." in error
    assert max(saved) in saved_steps(tmp_path) <= saved

    code, _, error = world.run(images, tmp_path, **LONG)
    assert code == 0, error
    assert_same_run(tmp_path, uninterrupted)


def test_a_run_stopped_by_sigterm_goes_on_on_other_devices(images, uninterrupted, tmp_path):
    """From 8 devices to 2 to 1. Sums over other devices round differently, so the ends are near, not equal."""
    for count in (8, 2):
        process, before = world.start(images, tmp_path, devices=count, **LONG), last_logged(tmp_path)
        wait_for(lambda before=before: last_logged(tmp_path) > before, process)
        with pytest.raises(InputError, match="in use by another run. Wait for that run, or give another --workdir"):
            train.run(brief(images), tmp_path)
        process.send_signal(signal.SIGTERM)
        out, error = process.communicate()
        step = max(saved_steps(tmp_path))
        assert (process.returncode, out) == (128 + signal.SIGTERM, ""), error
        assert errors(error) == [
            "stopping after this step; its checkpoint is saved",
            f"error: SIGTERM stopped the run after step {step}. The same command continues from there.",
        ]
        assert before <= step < STEPS
    code, _, error = world.run(images, tmp_path, **LONG)
    assert code == 0, error
    ours, theirs = world.metrics(tmp_path), world.metrics(uninterrupted)
    assert [row["step"] for row in ours] == [row["step"] for row in theirs]
    np.testing.assert_allclose([row["loss"] for row in ours], [row["loss"] for row in theirs], rtol=1e-2)


def test_fields_of_the_command_line_replace_those_of_the_recipe(images, tmp_path):
    """`jitter`, and `steps`, where the recipe has `epochs`."""
    jittered = {"augmentation.jitter": 0.4, "fsdp": True, "steps": 3, "workers": 0}
    code, _, error = world.run(images, tmp_path, config="train_resnet50", **jittered)
    assert code == 0, error
    config = json.loads((tmp_path / "results.json").read_text())["provenance"]["config"]
    assert (config["augmentation"]["jitter"], config["steps"], config["epochs"]) == (0.4, 3, 0.0)
    assert saved_steps(tmp_path) == {3}
    code, _, error = world.run(images, tmp_path, config="train_resnet50", epochs=2, **jittered)
    assert (code, error) == (1, "error: steps=3 and epochs=2.0 are alternatives: give one of them.\n")


def test_metrics_on_a_full_disk(tmp_path):
    metrics, (soft, hard) = Metrics(tmp_path, done=0), resource.getrlimit(resource.RLIMIT_FSIZE)

    def write_many():
        for step in range(100):
            metrics.write(step, {"loss": 0.5})

    resource.setrlimit(resource.RLIMIT_FSIZE, (400, hard))
    try:
        with pytest.raises(InputError, match=r"metrics of step \d+ could not be written to .* Check the disk and run"):
            write_many()
        metrics.close()  # which hides no other error
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    Metrics(tmp_path, done=2).close()
    assert [row["step"] for row in world.metrics(tmp_path)] == [0, 1, 2]


def config_of(images, **fields):
    config = train_digits.get_config()
    defaults = {"images": str(images), "validation_images": str(images), "select_split": "", "crop": world.SIZE}
    config.update(defaults | {"batch_size": 8, "warmup_steps": 0, "report": False} | fields)
    return config


@pytest.fixture
def tiny(monkeypatch):
    from tests.programs import tiny_model

    monkeypatch.setitem(catalog.models(), "tiny", tiny_model.SPECS["tiny"])


def brief(images, **fields):
    config = config_of(images, **({"model": "tiny", "steps": 2, "checkpoint_every": 1, "log_every": 1} | fields))
    config.augmentation.shift = 1
    return config


def test_a_loss_that_is_not_finite_names_its_step_and_is_not_saved(images, tmp_path, tiny):
    config = brief(images, steps=9, optimizer="sgd", warmup_steps=0, learning_rate=1e30, clip_norm=0.0, log_every=4)
    with pytest.raises(InputError, match=r"step 2 failed \(loss nan, gradient_norm nan\); the checkpoints in "):
        train.run(config, tmp_path)
    assert [path.name for path in (tmp_path / "checkpoints").glob("[0-9]*")] == ["1"]


def test_a_checkpoint_of_another_config_or_model_is_refused(images, tmp_path, tiny):
    train.run(brief(images), tmp_path)
    before = (tmp_path / "metrics.jsonl").read_bytes()
    with pytest.raises(InputError, match=r"different run: learning_rate was 0\.015, is 0\.1"):
        train.run(brief(images, learning_rate=0.1), tmp_path)
    with pytest.raises(InputError, match='different run: model was "tiny", is "resnet_digits"'):
        train.run(brief(images, model="resnet_digits"), tmp_path)
    (images / "blue" / "new.png").write_bytes((images / "blue" / "000.png").read_bytes())
    try:
        with pytest.raises(InputError, match="different run: training_images was 60, is 61"):
            train.run(brief(images), tmp_path)
    finally:
        (images / "blue" / "new.png").unlink()
    assert (tmp_path / "metrics.jsonl").read_bytes() == before
    train.run(brief(images, log_every=2, workers=0, cache=False), tmp_path)  # none of which the parameters depend on


def test_selection_chooses_the_best_checkpoint(images, tmp_path, tiny, monkeypatch):
    monkeypatch.setattr(training_run, "selection_source", lambda config, data: open_source(str(images)))
    train.run(brief(images, steps=4, select_split="train[90%:]", eval_every=2), tmp_path)
    rows = [row for row in world.metrics(tmp_path) if "select_original" in row]
    assert [row["step"] for row in rows] == [2, 4]
    with Checkpoints(tmp_path / "checkpoints", {}) as checkpoints:
        assert checkpoints.best_step() in (2, 4)


@pytest.fixture
def selected(images, tmp_path, tiny, monkeypatch):
    """A run of 6 steps whose state after step 2 is the best by `select_split`."""
    monkeypatch.setattr(training_run, "_selection", lambda *_: lambda state: {"select_original": 1 / int(state.step)})
    config = brief(images, steps=6, select_split="train[90%:]", eval_every=2, mean=(0.25, 0.5, 0.5))
    train.run(config, epath.Path(tmp_path / "run"))
    return config, epath.Path(tmp_path / "run")


def evaluated(images, run, folder, **fields):
    config = evaluate_config.get_config()
    config.update({"model": "tiny", "weights": str(run), "images": str(images), "batch_size": 8, "report": False})
    config.update(fields | {"ks": (1,)})
    evaluate.run(config, epath.Path(folder))
    return load_predictions(folder / "predictions.npz"), json.loads((folder / "results.json").read_text())["provenance"]


def test_a_run_is_reported_on_by_its_last_or_its_best_checkpoint(images, selected, tmp_path):
    """And evaluated: by default with its own preprocessing, from the same checkpoint, to the same scores."""
    config, run = selected
    scores = {"last": load_predictions(run / "predictions.npz").top_scores}
    config.report_checkpoint = "best"
    results = train.run(config, run)
    assert results.provenance["config"]["report_checkpoint"] == "best"
    scores["best"] = load_predictions(run / "predictions.npz").top_scores
    assert not np.allclose(scores["best"], scores["last"], atol=1e-3)
    checksums = {}
    for checkpoint, step in (("last", 6), ("best", 2)):
        predicted, provenance = evaluated(images, run, tmp_path / checkpoint, report_checkpoint=checkpoint)
        np.testing.assert_allclose(predicted.top_scores, scores[checkpoint], atol=1e-5)
        assert provenance["preprocessing"]["mean"] == [0.25, 0.5, 0.5]
        assert (provenance["model"], provenance["weights"]["run"]) == ("tiny", str(run))
        assert provenance["weights"]["step"] == step
        checksums[checkpoint] = provenance["weights"]["sha256"]
    assert checksums["best"] != checksums["last"]
    other, provenance = evaluated(images, run, tmp_path / "other", mean=(0.5, 0.5, 0.5))
    assert provenance["preprocessing"]["mean"] == [0.5, 0.5, 0.5]
    assert not np.allclose(other.top_scores, scores["last"], atol=1e-3)


def test_an_annotator_that_is_a_run_has_its_preprocessing(selected):
    config = relabel_config.get_config()
    config.update({"model": "tiny", "weights": str(selected[1]), "image_size": 12, "report_checkpoint": "best"})
    run = models.load_run(config)
    assert run.step == 2
    assert annotator._preprocessing(config, run)["mean"] == (0.25, 0.5, 0.5)
    config.mean = (0.5, 0.25, 0.5)
    assert annotator._preprocessing(config, run)["mean"] == (0.5, 0.25, 0.5)


def test_what_has_no_best_checkpoint(images, tmp_path, tiny):
    with pytest.raises(InputError, match="report_checkpoint=best needs images to select by"):
        train.run(brief(images, report_checkpoint="best"), epath.Path(tmp_path / "run"))
    train.run(brief(images), epath.Path(tmp_path / "run"))
    with pytest.raises(InputError, match="run has no best checkpoint: its run had no select_split"):
        evaluated(images, tmp_path / "run", tmp_path / "out", report_checkpoint="best")
    with pytest.raises(InputError, match="not a run of resnet_digits: it is one of tiny. Give --model=tiny"):
        evaluated(images, tmp_path / "run", tmp_path / "out", model="resnet_digits")
    with pytest.raises(InputError, match="unknown report_checkpoint 'bets': did you mean best"):
        evaluated(images, tmp_path / "run", tmp_path / "out", report_checkpoint="bets")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"report_checkpoint": "bets"}, "unknown report_checkpoint 'bets': did you mean best"),
        ({"model": "resnet51"}, "no model is called 'resnet51': did you mean resnet"),
        ({"loss": "sigmod"}, "unknown loss 'sigmod': did you mean sigmoid"),
        ({"schedule": "linear"}, "unknown schedule 'linear'"),
        ({"dtype": "float16"}, "unknown dtype 'float16'"),
        ({"epochs": 2.0}, "Set exactly one of them"),
        ({"steps": 0}, "Set exactly one of them"),
        ({"log_every": 0}, "log_every=0 is no number of steps"),
        ({"train_labels": "real"}, "has no label set 'real'"),
        ({"split": "test", "validation_images": ""}, "has no splits: train uses all its images"),
        ({"select_split": "train[90%:]"}, "has no splits: train uses all its images"),
        ({"crop": 16}, r"blue/\d+ has 12 x 12 pixels, expected 16 x 16|(green|red)/\d+ has 12 x 12 pixels"),
    ],
)
def test_mistakes(images, tmp_path, tiny, fields, message):
    with pytest.raises(InputError, match=message):
        train.run(brief(images, **fields), tmp_path)


def test_a_folder_without_classes_has_no_labels(images, tmp_path):
    with pytest.raises(InputError, match="has no label set 'original': put the images into one folder per class"):
        training_data.training_data(config_of(images / "blue"))


def test_a_batch_that_does_not_divide_over_the_devices(images, tmp_path):
    code, out, error = world.run(images, tmp_path, devices=8, batch_size=12)
    assert (code, out) == (1, "")
    assert error == "error: a batch of 12 images does not divide over 8 devices. Make it 8 or 16.\n"


def write_list(path, lines):
    path.write_text("".join(f"{line}\n" for line in lines))
    return str(path)


def test_clean_list(images, tmp_path, capsys):
    listed = [f"blue/{number:03d}.png" for number in range(5)] + [f"red/{number:03d}" for number in range(3)]
    data = training_data.training_data(
        config_of(images, clean_list=write_list(tmp_path / "a.txt", [*listed, "red/999", ""]))
    )
    assert data.image_ids.tolist() == [line.removesuffix(".png") for line in listed]
    assert data.labels[:, 0].tolist() == [0] * 5 + [2] * 3
    assert [data.source[row]["image_id"] for row in range(8)] == data.image_ids.tolist()
    assert "8 of 60 training images are on" in capsys.readouterr().err
    assert training.total_steps(config_of(images, steps=0, epochs=3.0), len(data)) == 3


@pytest.mark.parametrize("ours", [0, 4])
def test_a_clean_list_of_other_images(images, tmp_path, ours):
    lines = [f"red/{number:03d}" for number in range(ours)] + [f"n01440764_{number}.JPEG" for number in range(4)]
    with pytest.raises(InputError, match=r"4 of them are not among the 60 .* such as n01440764_0; .* such as blue/000"):
        training_data.training_data(config_of(images, clean_list=write_list(tmp_path / "list.txt", lines)))


def test_training_goes_on_without_some_images_and_lists_them(tmp_path):
    images = world.write_images(tmp_path / "images")
    (images / "green" / "003.png").write_bytes(b"no image")
    code, _, error = world.run(images, tmp_path / "stopped")
    assert code == 1
    assert "training image green/003 is unreadable (not an image" in error
    code, _, error = world.run(images, tmp_path / "run", max_unreadable=1)
    assert code == 0, error
    assert "unreadable: 1 images of training and 1 images of evaluation." in error
    assert "training image green/003 is unreadable (not an image" in error
    listed = json.loads((tmp_path / "run" / "unreadable.json").read_text())
    assert [list(listed[name]) for name in ("training", "evaluation")] == [["green/003"]] * 2
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["provenance"]["training_images"]["unreadable"] == listed["training"]
    assert [row["image_id"] for row in results["missing"]] == ["green/003"]


def test_a_share_of_each_class_is_kept_for_selection(images):
    config = config_of(images, select_fraction=0.1)
    data, selected = training_data.training_data(config), training_data.selection_source(config)
    kept, chosen = set(data.image_ids), set(selected.label_fields().image_ids)
    assert len(kept) == 54
    assert len(chosen) == 6
    assert not kept & chosen
    assert sorted(np.bincount(selected.label_fields().fields["label"])) == [2, 2, 2]
    again = training_data.selection_source(config_of(images, select_fraction=0.1, seed=5))
    assert set(again.label_fields().image_ids) == chosen
    config.validation_images = ""
    assert set(training_data.open_split(config, config.split).label_fields().image_ids) == chosen
    with pytest.raises(InputError, match="are alternatives. Give one"):
        training_data.selection_source(config_of(images, select_fraction=0.1, select_split="train"))
    with pytest.raises(InputError, match="select_fraction=1.0 is out of range"):
        training_data.training_data(config_of(images, select_fraction=1.0))


OWN_MODEL = """
from flax import nnx


class Net(nnx.Module):
    def __init__(self, classes, rngs):
        self.conv = nnx.Conv(3, 8, (3, 3), strides=2, rngs=rngs)
        self.bn, self.drop = nnx.BatchNorm(8, rngs=rngs), nnx.Dropout(0.1, rngs=rngs)
        self.head = nnx.Linear(8, classes, rngs=rngs)

    def __call__(self, images):
        return self.head(self.drop(nnx.relu(self.bn(self.conv(images))).mean(axis=(1, 2))))


def net(num_classes, rngs):
    return Net(num_classes, rngs)


def two(rngs):
    return Net(2, rngs)
"""


def test_a_model_of_ones_own(images, tmp_path, monkeypatch, capsys):
    """It is trained with curves, continued, evaluated from its workdir, and exported."""
    (tmp_path / "own_models.py").write_text(OWN_MODEL)
    monkeypatch.syspath_prepend(str(tmp_path))
    config = brief(
        images, model="own_models:net", loss="sigmoid", steps=4, eval_every=2, select_fraction=0.1, export="safetensors"
    )
    train.run(config, epath.Path(tmp_path / "run"))
    told = capsys.readouterr()
    assert "step 2 of 4: select_original" in told.err
    assert "learning rate" in told.err
    assert "model.safetensors" in told.out
    rows = world.metrics(tmp_path / "run")
    assert [row["step"] for row in rows if "select_original" in row] == [2, 4]
    assert all("learning_rate" in row for row in rows if "loss" in row)
    bias = arrays(tmp_path / "run", 4)["params.head.bias"]
    assert np.all(bias < -0.5)  # it began at -log(3), for the sigmoid loss
    assert safetensors.numpy.load_file(tmp_path / "run" / "model.safetensors")["head.bias"].tolist() == bias.tolist()

    again = evaluate_config.get_config()
    again.update({"model": "own_models:net", "weights": str(tmp_path / "run"), "images": str(images), "report": False})
    evaluate.run(again, epath.Path(tmp_path / "evaluated"))
    first, second = (load_predictions(tmp_path / name / "predictions.npz") for name in ("run", "evaluated"))
    np.testing.assert_array_equal(first.top, second.top)
    with pytest.raises(InputError, match=r"returns logits of shape \(2, 2\) for 2 images, expected \(2, 3\)"):
        train.run(brief(images, model="own_models:two"), epath.Path(tmp_path / "two"))
    with pytest.raises(InputError, match="own_models has no function 'ten'"):
        train.run(brief(images, model="own_models:ten"), epath.Path(tmp_path / "ten"))


def test_exported_weights_are_those_of_the_run(images, tmp_path, tiny):
    train.run(brief(images, export="safetensors", average_decay=0.5), epath.Path(tmp_path))
    _, params = catalog.load("tiny", tmp_path / "model.safetensors", image_size=world.SIZE)
    run = models.load_run(ConfigDict({"model": "tiny", "weights": str(tmp_path), "report_checkpoint": "last"}))
    for exported, trained in zip(jax.tree.leaves(params), jax.tree.leaves(run.params), strict=True):
        np.testing.assert_array_equal(exported, trained)
