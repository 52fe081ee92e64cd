"""What models propose, on a world one can check by eye."""

import numpy as np
import pytest

from imagenet_real.errors import InputError
from imagenet_real.predictions.predictions import Predictions
from imagenet_real.raters import proposals
from tests import toy

OTHER = toy.predictions(
    "other", image_ids=toy.IDS[::-1], top=np.array([[3, 0], [2, 3], [1, 0], [1, 2], [1, 0], [0, 3]])
)
MODELS = [toy.predictions(), OTHER]


def pairs(image, classes):
    return list(zip(image.tolist(), classes.tolist(), strict=True))


def test_models_are_joined_by_id():
    rows = proposals.match_images(MODELS, toy.IDS)
    assert [row.tolist() for row in rows] == [[0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0]]
    with pytest.raises(InputError, match="other has no prediction of 1 of 2 images, such as z"):
        proposals.match_images([OTHER], np.array(["a", "z"]))


def test_the_best_of_each_image():
    candidates = proposals.top_k(MODELS, proposals.match_images(MODELS, toy.IDS), 1)
    assert candidates[:, :, 0].tolist() == [[0, 1, 2, 1, 3, 0], [0, 1, 1, 1, 2, 3]]
    image, classes = proposals.union(candidates, 4)
    assert pairs(image, classes) == [(0, 0), (1, 1), (2, 1), (2, 2), (3, 1), (4, 2), (4, 3), (5, 0), (5, 3)]
    with pytest.raises(InputError, match="k=3: model has 2 predicted classes an image"):
        proposals.top_k(MODELS, proposals.match_images(MODELS, toy.IDS), 3)


def test_recall_and_precision():
    image, classes = proposals.union(proposals.top_k(MODELS, proposals.match_images(MODELS, toy.IDS), 1), 4)
    # Under ReaL a, b, c, e and f count, with seven right labels; all of them are among eight proposals.
    quality = proposals.quality(image, classes, toy.real())
    assert quality == proposals.Quality(images=5, recall=1.0, precision=7 / 8, per_image=8 / 5)


def test_the_highest_of_all_images():
    scores = np.array([[9.0, 5.0], [8.0, 1.0], [3.0, 2.5], [2.0, 0.0]])
    model = Predictions(
        np.array(list("abcd")), np.array([[0, 1], [1, 2], [2, 3], [3, 0]]), scores.astype(np.float32), 4
    )
    candidates = proposals.highest_scores([model], [np.arange(4)], 3)[0]
    assert candidates.tolist() == [[0, 1], [1, -1], [2, -1], [3, -1]]  # 9, 8 and 5; and the best of every image
    normal = Predictions(
        model.image_ids, model.top, model.top_scores, 4, logsumexp=np.array([9.5, 8.1, 3.1, 2.1], np.float32)
    )
    candidates = proposals.highest_scores([normal], [np.arange(4)], 5)[0]
    assert candidates.tolist() == [[0, -1], [1, -1], [2, 3], [3, -1]]  # of probabilities, c's second is the fifth
    with pytest.raises(InputError, match="highest=9: predictions has 8 scores"):
        proposals.highest_scores([model], [np.arange(4)], 9)
    with pytest.raises(InputError, match="model has no top_scores"):
        proposals.highest_scores([toy.predictions()], [np.arange(6)], 3)


def test_unanimous_images():
    rows = proposals.match_images(MODELS, toy.IDS)
    assert proposals.is_unanimous(MODELS, rows, toy.ORIGINAL).tolist() == [True, False, False, True, False, False]
