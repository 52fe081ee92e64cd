"""Votes are the same arrays in whatever order they come."""

import numpy as np
import pytest

from imagenet_real.errors import InputError
from imagenet_real.raters.votes import MAYBE, NO, YES, collect, match_questions, with_rater


def small_votes(order=slice(None)):
    question, rater = np.array([0, 0, 1, 2, 2])[order], np.array([0, 1, 1, 0, 1])[order]
    answer, seconds = np.array([YES, NO, MAYBE, YES, YES])[order], np.array([1.0, 2, 3, 4, 5])[order]
    images, classes = np.array(["b", "a", "b"]), np.array([3, 0, 1])
    return collect(images, classes, np.array(["zoe", "al"]), question, rater, answer, seconds)


def test_questions_raters_and_votes_are_in_order():
    votes = small_votes()
    assert votes.image_ids.tolist() == ["a", "b", "b"]
    assert votes.classes.tolist() == [0, 1, 3]
    assert votes.raters.tolist() == ["al", "zoe"]
    rows = list(zip(votes.question, votes.rater, votes.answer, votes.seconds, strict=True))
    assert rows == [(0, 0, MAYBE, 3), (1, 0, YES, 5), (1, 1, YES, 4), (2, 0, NO, 2), (2, 1, YES, 1)]
    assert votes.votes_of_questions.tolist() == [[0, 1, 0], [0, 0, 2], [1, 0, 1]]
    assert votes.votes_of_raters.tolist() == [[1, 1, 1], [0, 0, 2]]


def test_another_order_is_the_same():
    once, again = small_votes(), small_votes([3, 1, 4, 0, 2])
    for field in ("question", "rater", "answer", "seconds"):
        np.testing.assert_array_equal(getattr(once, field), getattr(again, field))


def test_votes_of_some_questions():
    votes = small_votes().of_questions(np.array([True, False, True]))
    assert votes.classes.tolist() == [0, 3]
    assert list(zip(votes.question, votes.rater, votes.answer, votes.seconds, strict=True)) == [
        (0, 0, MAYBE, 3), (1, 0, NO, 2), (1, 1, YES, 1),
    ]  # fmt: skip


def test_one_more_rater():
    votes = with_rater(small_votes(), "bo", np.array([2]), np.array([YES]))
    assert votes.raters.tolist() == ["al", "bo", "zoe"]
    assert votes.votes_of_raters.tolist() == [[1, 1, 1], [0, 0, 1], [0, 0, 2]]


@pytest.mark.parametrize(
    ("raters", "question", "rater", "classes", "message"),
    [
        (["x", "x"], [0], [0], [0, 1], "rater x occurs 2 times"),
        (["x", "y"], [0, 0], [1, 1], [0, 1], "rater y answers 1 questions more than once, such as class 0 of a"),
        (["x", "y"], [0, 1], [1, 1], [0, 0], "rater y answers 1 questions more than once"),  # the same question in two rows
        (["x", "y"], [], [], [0, 1], "has no vote"),
        (["x", "y"], [0], [0], [-1, 1], "-1 is no class"),
    ],
)  # fmt: skip
def test_what_is_refused(raters, question, rater, classes, message):
    with pytest.raises(InputError, match=message):
        collect(
            np.array(["a", "a"]),
            np.array(classes),
            np.array(raters),
            np.array(question, int),
            np.array(rater, int),
            np.full(len(question), YES),
        )


def test_questions_are_matched_by_image_and_class():
    rows = match_questions(
        np.array(["a", "b", "c", "a"]), np.array([1, 1, 1, 7]), np.array(["b", "a", "b"]), np.array([1, 1, 0])
    )
    assert rows.tolist() == [1, 0, -1, -1]
