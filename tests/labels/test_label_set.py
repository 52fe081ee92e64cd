import numpy as np
import pytest

from imagenet_real.errors import InputError
from imagenet_real.labels.label_set import LabelSet, class_weights, pad_labels
from tests import toy


def test_pad_answers_sorts_and_pads():
    assert pad_labels([[3, 1], [], [2]]).tolist() == [[1, 3], [-1, -1], [2, -1]]
    assert pad_labels([[], []]).tolist() == [[-1], [-1]]


def test_class_weights_make_the_mean_over_classes():
    counts = np.array([True, True, False, True])
    assert class_weights(counts, np.array([5, 5, 5, 7])).tolist() == [0.5, 0.5, 0.0, 1.0]


def test_take_weighs_a_mean_over_classes_anew():
    part = toy.multilabel().take(np.array([1, 2, 3]))  # one image of class 0, two of class 1 of which one counts
    assert part.weight.tolist() == [1.0, 1.0, 0.0]
    assert toy.original().take(np.array([0, 1])).weight.tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weight": np.ones(6)}, "1 images have weight but no right answer, for example d"),
        ({"image_ids": np.array(list("abcdee"))}, "duplicate image id: e"),
        ({"weight": np.ones(5)}, "one row per image"),
        ({"num_classes": 3}, "expected class indices from 0 to 2"),
        ({"weight": np.array([1, 1, np.nan, 0, 1, 1])}, "finite"),
        ({"average": "pixels"}, "average is 'pixels'"),
    ],
)
def test_a_label_set_checks_itself(changes, message):
    good = toy.real()
    arrays = {name: getattr(good, name) for name in ("image_ids", "labels", "weight", "original", "num_classes")}
    with pytest.raises(ValueError, match=message):
        LabelSet("real", **(arrays | changes))


def test_one_image_with_thousands_of_labels_is_refused_before_it_fills_the_memory():
    rows = [[1]] * 20_000
    assert pad_labels([*rows, list(range(200))]).shape == (20_001, 200)
    with pytest.raises(InputError, match="image 20001 has 5001 labels, and all 20001 images have 25001"):
        pad_labels([*rows, list(range(5001))])
    assert pad_labels([[]] * 5_000_000).shape == (5_000_000, 1)  # no image is an exception
