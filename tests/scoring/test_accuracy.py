import numpy as np

from imagenet_real.labels.image_ids import match
from imagenet_real.scoring.accuracy import accuracy, accuracy_by_class, errors_on_mislabeled, label_rank
from tests import toy


def test_match_joins_by_id():
    assert match(np.array(["b", "x", "a"]), np.array(["a", "b", "c"])).tolist() == [1, -1, 0]
    assert match(toy.IDS, toy.IDS).tolist() == list(range(6))
    assert match(toy.IDS[:2], toy.IDS[:0]).tolist() == [-1, -1]


def test_answer_rank_equals_a_plain_loop():
    random = np.random.default_rng(0)
    top = np.argsort(random.random((300, 12)), axis=1)[:, :5]
    labels = np.where(random.random((300, 4)) < 0.5, np.argsort(random.random((300, 12)), axis=1)[:, :4], -1)
    top[0] = -1  # an unknown answer is never right
    for row, right, rank in zip(top, labels, label_rank(top, labels), strict=True):
        expected = [place for place, label in enumerate(row) if label >= 0 and label in right]
        assert rank == (expected[0] if expected else 5)


def test_accuracies_of_the_toy_world():
    hits = {one.name: label_rank(toy.TOP, one.labels) < 1 for one in toy.label_sets()}
    # a 0=0, b 1!=0, c 2!=1, d 1=1, e 3!=2, f 0!=3
    assert hits["original"].tolist() == [True, False, False, True, False, False]
    assert accuracy(hits["original"], toy.original().weight) == 2 / 6
    # ReaL: b's label is 1, c may be 2, f may be 0; d has none and is left out
    assert accuracy(hits["real"], toy.real().weight) == 4 / 5
    # multi-label, a mean over classes: class 0 (a, b right) 1, class 1 (only c, wrong) 0, class 2 and 3 wrong
    assert accuracy(hits["multilabel"], toy.multilabel().weight) == 1 / 4
    assert np.isnan(accuracy(hits["real"], np.zeros(6)))


def test_accuracy_by_class():
    values, images = accuracy_by_class(label_rank(toy.TOP, toy.real().labels) < 1, toy.real())
    assert images.tolist() == [2, 1, 1, 1]
    assert values.tolist() == [1.0, 1.0, 0.0, 1.0]


def test_errors_on_mislabeled():
    counted = errors_on_mislabeled(np.array([0, 1, 3]), np.array([0, 0, 0]), np.array([1, 1, 1]))
    assert counted == {"images": 3, "original": 1, "real": 1, "neither": 1}
