"""The doctor on the published predictions of 47 models."""

import dataclasses

import numpy as np
import pytest

from imagenet_real.labels import published
from imagenet_real.labels.image_ids import match
from imagenet_real.predictions.predictions import load_predictions
from imagenet_real.scoring.accuracy import accuracy, label_rank
from imagenet_real.scoring.doctor import TWINS, diagnose

pytestmark = pytest.mark.slow

MODELS = ("resnet50", "vgg16", "pnasnet5large", "squeezenet1_1")


@pytest.fixture(scope="module")
def label_sets(data):
    return {one.name: one for one in published.load(["original", "real"])[0]}


def planted(model, original):
    random = np.random.default_rng(3)
    by_folder = np.argsort(original.original, kind="stable")
    zero = np.array([f"ILSVRC2012_val_{number:08d}" for number in range(50_000)])
    yield "class_off_by_one", {"top": model.top + 1}
    yield "class_off_by_one", {"top": model.top - 1}
    yield "background_class", {"top": model.top + 1, "num_classes": 1001}
    yield "class_order", {"top": random.permutation(1000)[model.top]}
    yield "file_order_off_by_one", {"top": np.roll(model.top, 1, axis=0)}
    yield "file_order_off_by_one", {"image_ids": zero}
    yield "imagefolder_order", {"top": model.top[by_folder]}
    yield "shuffled_rows", {"top": model.top[random.permutation(50_000)]}


@pytest.mark.parametrize("name", MODELS)
def test_every_planted_mistake_is_named_and_its_repair_restores_the_accuracies(data, label_sets, name):
    model = load_predictions(data / "predictions" / f"{name}.npz")
    original, real = label_sets["original"], label_sets["real"]
    for mistake, changes in planted(model, original):
        found = diagnose(dataclasses.replace(model, **changes), original, real)
        assert found is not None, mistake
        assert found.mistake == mistake
        if mistake == "shuffled_rows":
            continue
        for one in (original, real):
            for k in (1, 5):
                before = label_rank(model.top, one.labels) < k
                after = label_rank(found.repaired.top[match(one.image_ids, found.repaired.image_ids)], one.labels) < k
                assert accuracy(after, one.weight) == pytest.approx(accuracy(before, one.weight), abs=1e-6), mistake


def test_untouched_files_get_no_name(data, label_sets):
    for path in sorted((data / "predictions").glob("*.npz")):
        assert diagnose(load_predictions(path), label_sets["original"], label_sets["real"]) is None, path.stem


def test_a_model_at_chance_gets_no_name(label_sets):
    from imagenet_real.predictions.predictions import Predictions

    random = np.random.default_rng(0)
    for top in (random.integers(0, 1000, (50_000, 5)), np.tile(np.arange(5), (50_000, 1))):
        model = Predictions(label_sets["original"].image_ids, top.astype(np.int32))
        assert diagnose(model, label_sets["original"], label_sets["real"]) is None


def test_how_models_answer_twin_classes(data, label_sets):
    """The counts that stand beside `TWINS`."""
    original = label_sets["original"].original
    tops = [np.load(path)["top"] for path in sorted((data / "predictions").glob("*.npz"))]
    agree = []
    for twin in TWINS:
        on = slice(None) if twin["on"] is None else original == twin["on"]
        seen = [
            (top[on, : twin["k"]] == twin["more"]).sum() > (top[on, : twin["k"]] == twin["less"]).sum() for top in tops
        ]
        agree.append(sum(seen))
    assert agree == [44, 47, 47, 47, 45]
