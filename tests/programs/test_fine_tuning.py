"""Runs that start from other weights, that freeze some of them, and that are made longer."""

import json

import numpy as np
import pytest
from etils import epath

from configs import evaluate as evaluate_config
from imagenet_real.builders import training_run
from imagenet_real.errors import InputError
from imagenet_real.models import catalog
from imagenet_real.predictions.predictions import load_predictions
from imagenet_real.programs import evaluate, train
from tests.programs import tiny_model
from tests.programs import training_world as world
from tests.programs.test_train import arrays, brief, saved_steps

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    for name, spec in tiny_model.SPECS.items():
        monkeypatch.setitem(catalog.models(), name, spec)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return world.write_images(tmp_path_factory.mktemp("images") / "images", per_class=8)


@pytest.fixture(scope="module")
def two_classes(tmp_path_factory):
    return world.write_images(tmp_path_factory.mktemp("two") / "two", per_class=8, classes=("cyan", "gold"))


@pytest.fixture(scope="module")
def vit_run(images, tmp_path_factory):
    workdir = epath.Path(tmp_path_factory.mktemp("vit") / "run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(catalog.models(), "tiny_vit", tiny_model.SPECS["tiny_vit"])
        train.run(brief(images, model="tiny_vit", export="safetensors"), workdir)
    return workdir


def resized(images, **fields):
    """A run at another size of images."""
    config = brief(images, **({"model": "tiny_vit", "crop": 18} | fields))
    config.augmentation.crop = "inception"
    config.augmentation.min_area = 0.9
    return config


def test_it_starts_from_a_run_at_another_size_with_other_classes(vit_run, two_classes, tmp_path, capsys):
    workdir = epath.Path(tmp_path / "runs/tuned")
    config = resized(two_classes, init=str(vit_run), freeze="blocks,patch_embed.proj.bias", average_decay=0.5)
    config.resize = 18
    train.run(config, workdir)
    error = capsys.readouterr().err
    assert "pos_embed resized from [1, 5, 64] to [1, 10, 64]" in error
    assert "with a new head: 2 classes instead of 3" in error
    assert "parameters stay frozen" in error
    before, after = arrays(vit_run, 2), arrays(workdir, 2)
    frozen = [name for name in before if name.startswith(("params.blocks.", "params.patch_embed.proj.bias"))]
    assert len(frozen) == 13
    for name in frozen:
        assert before[name].tobytes() == after[name].tobytes(), name
        assert before[name].tobytes() == after[name.replace("params", "average.0")].tobytes(), name
    assert not [name for name in after if name.startswith("opt_state") and ".blocks." in name]
    moved = after["params.patch_embed.proj.kernel"] - before["params.patch_embed.proj.kernel"]
    assert 0 < np.abs(moved).max() < 0.1
    results = json.loads((workdir / "results.json").read_text())
    assert results["provenance"]["init"]["step"] == 2

    again = evaluate_config.get_config()
    again.update({"model": "tiny_vit", "weights": str(workdir), "images": str(two_classes), "report": False})
    evaluate.run(again, epath.Path(tmp_path / "evaluated"))
    first, second = (load_predictions(folder / "predictions.npz") for folder in (workdir, tmp_path / "evaluated"))
    np.testing.assert_array_equal(first.top, second.top)
    train.run(config, workdir)  # and the finished run reports again, also without the weights it started from
    config.init = str(vit_run / "checkpoints" / "..")
    with pytest.raises(InputError, match="belongs to a different run: init was"):
        train.run(config, workdir)


def test_it_starts_from_a_file_and_keeps_the_head_of_the_same_classes(vit_run, images, tmp_path, capsys):
    workdir = epath.Path(tmp_path / "kept")
    train.run(resized(images, crop=12, init=str(vit_run / "model.safetensors"), freeze="head"), workdir)
    assert "arrays of " + str(vit_run / "model.safetensors") + ", with its head" in capsys.readouterr().err
    before, after = arrays(vit_run, 2), arrays(workdir, 2)
    assert before["params.head.kernel"].tobytes() == after["params.head.kernel"].tobytes()


@pytest.mark.parametrize(
    ("classes", "fields", "message"),
    [
        (tuple(world.COLORS), {"new_head": True}, "with a new head: new_head is set"),
        (("blue", "green", "rose"), {}, "with a new head: its classes are others, such as 'rose' instead of 'red'"),
        (tuple(world.COLORS), {"mean": (0.1, 0.5, 0.5)}, "these weights were trained with mean (0.5, 0.5, 0.5)"),
    ],
)
def test_what_the_log_says_of_the_head(vit_run, classes, fields, message, tmp_path, capsys, monkeypatch):
    def fit(*positional, **named):
        raise InputError("the training begins")

    monkeypatch.setattr(training_run, "fit", fit)
    images = world.write_images(tmp_path / "images", per_class=8, classes=classes)
    with pytest.raises(InputError, match="the training begins"):
        train.run(brief(images, model="tiny_vit", init=str(vit_run), **fields), epath.Path(tmp_path / "run"))
    assert message in capsys.readouterr().err


def test_frozen_norms_keep_their_statistics(images, tmp_path):
    first, second = epath.Path(tmp_path / "first"), epath.Path(tmp_path / "second")
    train.run(brief(images), first)
    train.run(brief(images, init=str(first), freeze="backbone", average_decay=0.5, new_head=True), second)
    before, after = arrays(first, 2), arrays(second, 2)
    names = ["params.conv.kernel", "params.bn.scale", "params.bn.bias", "batch_stats.bn.mean", "batch_stats.bn.var"]
    for name in names:
        average = name.replace("params", "average.0").replace("batch_stats", "average.1")
        assert before[name].tobytes() == after[name].tobytes() == after[average].tobytes(), name
    assert np.abs(before["params.head.kernel"] - after["params.head.kernel"]).max() > 0


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"init": "resnet51"}, "init=resnet51 is no file, no workdir of a run with checkpoints, and no model: did you"),
        ({"init": "resnet50"}, "init=resnet50 is another model than model=tiny_vit. Give --model=resnet50"),
        ({"init": "RUN", "model": "tiny"}, "is not a run of tiny: it is one of tiny_vit. Give --model=tiny_vit"),
        ({"freeze": "block"}, "freeze has 'block', and no parameter or module has this name: did you mean blocks"),
        ({"layer_decay": 1.5}, r"layer_decay=1\.5 is out of range"),
        ({"layer_decay": 0.5, "model": "tiny"}, "no parameters of tiny are in blocks"),
        ({"optimizer": "schedule_free_adamw"}, "has averages of its own and needs no decay: schedule=cosine"),
        ({"decay_share": 1.5}, r"decay_share=1\.5 is out of range"),
        ({"optimizer": "lmab"}, "unknown optimizer 'lmab': did you mean lamb"),
    ],
)
def test_mistakes(vit_run, images, tmp_path, fields, message):
    fields = {name: str(vit_run) if value == "RUN" else value for name, value in fields.items()}
    with pytest.raises(InputError, match=message):
        train.run(brief(images, **({"model": "tiny_vit"} | fields)), epath.Path(tmp_path / "run"))


def test_layers_learn_at_their_own_rates(images, tmp_path):
    """With Lion and no decay, every element moves by the rate of its layer."""
    workdir = epath.Path(tmp_path)
    fields = {"optimizer": "lion", "schedule": "constant", "warmup_steps": 0, "weight_decay": 0.0}
    config = brief(images, model="tiny_vit", steps=1, layer_decay=0.5, learning_rate=0.25, **fields)
    train.run(config, workdir)
    config.steps = 2
    first = arrays(workdir, 1)
    train.run(config, workdir)
    second = arrays(workdir, 2)
    for name, rate in (
        ("patch_embed.proj.kernel", 0.0625),
        ("blocks.0.mlp.fc1.kernel", 0.125),
        ("norm.bias", 0.125),
        ("head.kernel", 0.25),
    ):
        moved = np.abs(second[f"params.{name}"] - first[f"params.{name}"])
        np.testing.assert_allclose(moved[moved > 0], rate, rtol=1e-4, err_msg=name)


@pytest.mark.parametrize("optimizer", ["adamw", "muon", "schedule_free_adamw"])
def test_a_finished_run_made_longer_is_the_run_of_that_length(images, tmp_path, capsys, optimizer):
    schedule = "constant" if optimizer == "schedule_free_adamw" else "wsd"
    fields = {"optimizer": optimizer, "schedule": schedule, "warmup_steps": 2, "checkpoint_every": 3, "log_every": 5}
    longer, whole = epath.Path(tmp_path / "longer"), epath.Path(tmp_path / "whole")
    train.run(brief(images, steps=5, **fields), longer)
    train.run(brief(images, steps=10, **fields), longer)
    error = capsys.readouterr().err
    if schedule == "wsd":
        assert "the run of 5 steps goes on to 10 from step 4: later checkpoints, of the shorter run, are" in error
    else:
        assert "the run of 5 steps goes on to 10 from step 5\n" in error
    train.run(brief(images, steps=10, **fields), whole)
    assert (longer / "metrics.jsonl").read_text() == (whole / "metrics.jsonl").read_text()
    ours, theirs = arrays(longer, 10), arrays(whole, 10)
    assert ours.keys() == theirs.keys()
    for name, array in ours.items():
        np.testing.assert_array_equal(array, theirs[name], err_msg=name)
    np.testing.assert_array_equal(
        load_predictions(longer / "predictions.npz").top_scores, load_predictions(whole / "predictions.npz").top_scores
    )
    if schedule == "wsd":
        assert 8 in saved_steps(longer)  # kept for the next time
        with pytest.raises(InputError, match="has 10 steps, and this one has 5: no checkpoint is left"):
            train.run(brief(images, steps=5, **fields), longer)


def test_a_run_with_cosine_says_what_would_change(images, tmp_path):
    train.run(brief(images), epath.Path(tmp_path))
    with pytest.raises(InputError) as caught:
        train.run(brief(images, steps=4), epath.Path(tmp_path))
    assert str(caught.value) == (
        f"the run in {tmp_path} has 2 steps, and this one has 4: with schedule=cosine the learning rate of every step "
        "depends on the length, with wsd it does not. Give --steps=2, or start from its weights in another --workdir with "
        f"--init={tmp_path}."
    )
    with pytest.raises(InputError, match="learning_rate was .* a run continues with other epochs, examples, steps"):
        train.run(brief(images, learning_rate=0.1), epath.Path(tmp_path))
