"""Mistakes on a world one can check by eye."""

import dataclasses

import numpy as np
import pytest

from imagenet_real.errors import InputError
from imagenet_real.mistakes import mistakes
from tests import toy


def test_every_wrong_answer_on_an_image_that_counts():
    result = mistakes.find(toy.predictions(), toy.real())
    assert result.image_ids.tolist() == ["e"]  # d has no label, f's answer 0 is one of two right ones
    assert (result.predicted.tolist(), result.labels[0].tolist(), result.original.tolist()) == ([3], [2, -1], [2])
    assert np.isnan(result.confidence).all()
    original = mistakes.find(toy.predictions(), toy.original())
    assert original.image_ids.tolist() == ["b", "c", "e", "f"]


def test_the_most_confident_first():
    scores = np.array([[5, 0], [2, 0], [3, 0], [5, 0], [9, 0], [1, 0]], np.float32)
    logits = toy.predictions(top_scores=scores)
    assert mistakes.find(logits, toy.original()).image_ids.tolist() == ["e", "c", "b", "f"]
    sums = dataclasses.replace(logits, logsumexp=np.array([5, 2, 5, 5, 10, 1], np.float32))
    result = mistakes.find(sums, toy.original())
    assert result.image_ids.tolist() == ["b", "f", "e", "c"]
    assert result.confidence == pytest.approx(np.exp([0, 0, -1, -2]))


def test_other_images_are_refused():
    other = toy.predictions(image_ids=np.array(list("uvwxyz")))
    with pytest.raises(InputError, match="predicts no image that real scores"):
        mistakes.find(other, toy.real())


def test_confused_pairs_in_either_order():
    confused = mistakes.Mistakes(
        np.array(["a", "b", "c"]),
        np.array([2, 1, 2]),
        np.array([[1, -1], [2, 3], [1, -1]]),
        np.array([1, 2, 1]),
        np.zeros(3),
    )
    pairs, times = mistakes.confused_pairs(confused)
    assert (pairs.tolist(), times.tolist()) == ([[1, 2], [1, 3]], [3, 1])
    empty = mistakes.confused_pairs(confused.take(np.zeros(3, bool)))
    assert (empty[0].shape, empty[1].tolist()) == ((0, 2), [])


def test_shared_mistakes_and_agreement():
    first = mistakes.find(toy.predictions(), toy.original())
    top = toy.TOP.copy()
    top[2, 0], top[5, 0] = 3, 3  # c wrong in another way, f right
    other = toy.predictions(top=top)
    ids, same = mistakes.shared_mistakes(first, mistakes.find(other, toy.original()))
    assert (ids.tolist(), same.tolist()) == (["b", "c", "e"], [True, False, True])
    few = toy.predictions(image_ids=toy.IDS[:2], top=toy.TOP[:2])
    assert mistakes.agreement(first, [other, few]).tolist() == [1, 0, 1, 0]
    assert np.isnan(mistakes.agreement(first, [])).all()
