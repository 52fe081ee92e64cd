"""What results say about answers in words."""

import numpy as np
import pytest

from imagenet_real.predictions.answer_matching import Matcher
from imagenet_real.predictions.answers import Answers
from imagenet_real.scoring import results
from tests import toy

NAMES = [["cat", "crane"], ["dog"], ["cow"], ["ox", "crane"]]
TEXTS = ("a cat", "a dog", "a crane", "I don't know", "a crane", "a crane")


def model():
    matcher = Matcher(NAMES)
    answers = Answers(TEXTS, tuple(matcher.read(text) for text in TEXTS))
    return toy.predictions("vlm", top=answers.top, answers=answers)


def test_answers_are_counted_and_bounded():
    """ReaL scores a, b, c, e and f: a and b are right, and f may be, because a crane may be a cat or an ox."""
    (row,) = results.score_models(model(), toy.label_sets(), ks=(1, 5)).answers
    assert (row["answers"], row["matched"], row["ambiguous"], row["unmatched"]) == (6, 2, 3, 1)
    bound = next(bound for bound in row["bounds"] if bound["label_set"] == "real")
    assert bound == {
        "label_set": "real",
        "images": 5,
        "accuracy": pytest.approx(2 / 5),
        "highest": pytest.approx(3 / 5),
        "of_matched": pytest.approx(1.0),
    }
    assert row["examples"]["ambiguous"] == [{"answer": "a crane", "images": 3, "classes": [0, 3]}]
    assert row["examples"]["unmatched"] == [{"answer": "I don't know", "images": 1, "classes": []}]


def test_the_accuracy_counts_answers_without_a_class_as_wrong():
    scored = results.score_models(model(), toy.label_sets(), ks=(1, 5))
    accuracies = {row["label_set"]: row["accuracy"] for row in scored.rows}
    assert accuracies["original"] == pytest.approx(1 / 6)
    assert accuracies["real"] == pytest.approx(2 / 5)
    assert {row["k"] for row in scored.rows} == {1}
    assert scored.notes == [
        "vlm: 2 of 6 answers name a class; 3 are ambiguous and 1 name none, and these count as wrong."
    ]


def test_other_predictions_have_no_answers():
    assert results.score_models(toy.predictions(), toy.label_sets()).answers == []
    assert np.isfinite(results.score_models(model(), [toy.real()]).answers[0]["bounds"][0]["highest"])
