import dataclasses

import numpy as np
import pytest

from imagenet_real.labels.label_set import LabelSet
from imagenet_real.predictions.predictions import Predictions
from imagenet_real.scoring.doctor import REPAIRS, diagnose
from tests import toy

LABELS, MODEL = toy.large_world()
FOLDER = np.argsort(LABELS.original, kind="stable")
ORDER = np.random.default_rng(5).permutation(50)


def changed(**changes) -> Predictions:
    return dataclasses.replace(MODEL, **changes)


PLANTED = {
    "one too high": ("class_off_by_one", changed(top=MODEL.top + 1)),
    "one too low": ("class_off_by_one", changed(top=MODEL.top - 1)),
    "one too high, wrapped": ("class_off_by_one", changed(top=(MODEL.top + 1) % 50)),
    "background": ("background_class", changed(top=MODEL.top + 1, num_classes=51)),
    "another order": ("class_order", changed(top=ORDER[MODEL.top])),
    "a row late": ("file_order_off_by_one", changed(top=np.roll(MODEL.top, 1, axis=0))),
    "a row early": ("file_order_off_by_one", changed(top=np.roll(MODEL.top, -1, axis=0))),
    "ImageFolder": ("imagefolder_order", changed(top=MODEL.top[FOLDER])),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_mistake_is_named_and_undone(name):
    mistake, planted = PLANTED[name]
    found = diagnose(planted, LABELS)
    assert found.mistake == mistake
    assert mistake in REPAIRS
    order = np.argsort(found.repaired.image_ids)
    assert found.repaired.image_ids[order].tolist() == MODEL.image_ids.tolist()
    np.testing.assert_array_equal(found.repaired.top[order], MODEL.top)
    assert f"--repair={mistake}" in str(found.error("model"))
    assert "70" in found.evidence or "69" in found.evidence  # the accuracy that the repair restores


def test_shuffled_rows_are_named_without_a_repair():
    shuffled = changed(top=MODEL.top[np.random.default_rng(1).permutation(len(MODEL))])
    found = diagnose(shuffled, LABELS)
    assert (found.mistake, found.repaired) == ("shuffled_rows", None)


def test_ids_that_count_from_zero():
    shifted = np.array([f"image_{int(name[6:]) + 1:06d}" for name in LABELS.image_ids])
    labels = dataclasses.replace(LABELS, image_ids=shifted)
    found = diagnose(MODEL, labels)
    assert found.mistake == "file_order_off_by_one"
    assert found.repaired.image_ids.tolist() == shifted.tolist()


def test_a_part_of_the_images_a_row_late():
    part = np.sort(np.random.default_rng(4).choice(len(MODEL), 1000, replace=False))
    late = changed(image_ids=MODEL.image_ids[part], top=np.roll(MODEL.top[part], 1, axis=0))
    assert diagnose(late, LABELS).mistake == "file_order_off_by_one"


def test_background_answers_are_left_out():
    top = MODEL.top + 1
    top[0] = [0, *top[0, :2]]
    found = diagnose(changed(top=top, num_classes=51), LABELS)
    assert found.repaired.top[0].tolist() == [*MODEL.top[0, :2], -1]


def healthy():
    random = np.random.default_rng(2)
    n = len(MODEL)
    yield "good", MODEL
    for share in (0.05, 0.1, 0.3):
        yield f"{share:.0%} right", toy.large_world(share=share, confused=15)[1]
    yield "guesses", changed(top=random.integers(0, 50, (n, 3)))
    yield "one class", changed(top=np.tile([3, 4, 5], (n, 1)))
    yield "untrained", changed(top=np.argsort(random.normal(size=(n, 50)) + 4 * random.normal(size=50), axis=1)[:, :3])
    yield "one answer", changed(top=random.integers(0, 50, (n, 1)))


@pytest.mark.parametrize(("name", "predictions"), list(healthy()))
def test_no_wrong_name(name, predictions):
    assert diagnose(predictions, LABELS) is None


def bad_models():
    """Models of 200 classes that learned little. Their mistakes repeat, as those of real models do."""
    random = np.random.default_rng(8)
    labels, _ = toy.large_world(images_per_class=20, classes=200)
    original, n = labels.original, len(labels)
    noise = random.integers(0, 200, n)
    yield "2% right", labels, np.where(random.random(n) < 0.02, original, noise)
    for share in (0.1, 0.2):  # each class is taken for a certain other one, more often than it is right
        other, draw = random.permutation(200), random.random(n)
        first = np.where(draw < 0.02, original, np.where(draw < 0.02 + share, other[original], noise))
        yield f"2% right, {share:.0%} confused", labels, first
    for predicted in (5, 20, 50):  # few classes are predicted, each for images of many
        chosen, groups = random.permutation(200)[:predicted], random.integers(0, predicted, 200)
        first = np.where(random.random(n) < 0.7, chosen[groups[original]], random.choice(chosen, n))
        yield f"{predicted} classes predicted", labels, first
    rare = LabelSet("original", labels.image_ids, (original > 150)[:, None] * 1, np.ones(n), (original > 150) * 1, 2)
    yield "one class of two, the rare one", rare, np.ones(n, int)


@pytest.mark.parametrize(
    ("name", "labels", "first"), list(bad_models()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_model_that_is_only_bad_is_not_blamed(name, labels, first):
    second = np.random.default_rng(9).permutation(labels.num_classes)[first]
    assert diagnose(Predictions(labels.image_ids, np.stack([first, second], axis=1)), labels) is None


@pytest.mark.parametrize("share", [0.15, 0.3, 0.6])
def test_a_permuted_model_is_caught_though_it_is_not_good(share):
    labels, model = toy.large_world(images_per_class=20, classes=200, share=share, confused=15)
    order = np.random.default_rng(5).permutation(200)
    assert diagnose(dataclasses.replace(model, top=order[model.top]), labels).mistake == "class_order"


def test_few_images_are_no_evidence():
    few = np.arange(12)
    assert diagnose(changed(image_ids=MODEL.image_ids[few], top=MODEL.top[few] + 1), LABELS.take(few)) is None


def test_two_swapped_classes_of_two():
    original = np.random.default_rng(6).integers(0, 2, 400)
    ids = np.array([f"{i:04d}" for i in range(400)])
    labels = LabelSet("original", ids, original[:, None], np.ones(400), original, 2)
    wrong = np.where(np.arange(400) % 10 == 0, original, 1 - original)
    assert diagnose(Predictions(ids, wrong[:, None]), labels).mistake == "class_order"
    assert diagnose(Predictions(ids, np.zeros((400, 1), int)), labels) is None
