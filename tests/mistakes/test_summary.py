"""The summary of mistakes, on a world one can check by eye."""

import numpy as np

from imagenet_real.mistakes import guesses, judged, summary
from tests import toy

PATHS = (("all", "animal", "cat"), ("all", "animal", "dog"), ("all", "thing", "bone"), ("all", "thing", "lamp"))


def judged_mistakes(name, images, severity="Major"):
    rows = len(images)
    return judged.JudgedMistakes(
        name,
        np.array(list(images)),
        np.ones(rows, int),
        np.full(rows, judged.FINE_GRAINED),
        np.full(rows, severity),
    )


def test_judged_and_shared_mistakes():
    first, second = judged_mistakes("x", "ac"), judged_mistakes("y", "cd", "Minor")
    row = summary.summarize_judged(first, toy.original())
    assert (row.name, row.mistakes, row.categories[judged.FINE_GRAINED]) == ("x", 2, [2, 0, 0])
    shared = summary.summarize_shared(first, second, toy.original())
    assert (shared.models, shared.images, shared.same_answer) == (("x", "y"), 1, 1)
    assert (shared.major_for_both, shared.major_for_the_first) == (0, 1)


def test_published_pairs_that_differ():
    published = np.array([[0, 1], [1, 2]]), np.array([1, 5])
    compared = summary.compare_pairs(published, judged_mistakes("x", "a"), toy.original())
    assert [pair.times for pair in compared.pairs] == [1, 5]
    # a, of class 0, is predicted as 1: the first pair has the same count, the second is missing.
    assert compared.differences == [summary.PairDifference(1, 2, published=5, found=0)]


def test_mistakes_of_a_model_with_and_without_guesses():
    model = toy.predictions()
    plain = summary.summarize_model(model, toy.original(), [model], None)
    assert [row.image_id for row in plain.mistakes] == ["b", "c", "e", "f"]
    assert all(
        row.guess is row.reason is row.agreeing is row.confidence is row.top_scores is None for row in plain.mistakes
    )
    guesser = guesses.Guesser(PATHS, toy.original(), [], ("cat", "dog", "bone", "lamp"), [model])
    guessed = summary.summarize_model(model, toy.original(), [model], guesser)
    assert all(row.guess in judged.CATEGORIES for row in guessed.mistakes)
    assert not any(row.label_may_be_missing for row in guessed.mistakes)  # no other model agrees


def test_keys_of_the_file():
    model = summary.summarize_model(toy.predictions(), toy.original(), [], None)
    content = summary.as_json(
        summary.MistakesSummary("original", 4, [], [], None, [], model, summary.HardSubset(1, 2, 3))
    )
    assert content["model"] == "model"
    assert content["mistakes"][0]["right"] == [int(toy.ORIGINAL[1])]
    assert content["hard"] == {"images": 1, "missed_by": 2, "models": 3}
    empty = summary.as_json(summary.MistakesSummary("original", 4, [], [], None, [], None, None))
    assert empty["model"] is None
    assert not {"mistakes", "pairs", "hard"} & set(empty)


def test_guesses_against_judgments():
    files = [judged_mistakes("x", "ac"), judged_mistakes("y", "cd")]
    guesser = guesses.Guesser(PATHS, toy.original(), [], ("cat", "dog", "bone", "lamp"), [])
    rows = guesses.compare(guesser, files, toy.original())
    assert [(row.model, row.mistakes, row.always_fine_grained) for row in rows] == [
        ("x", 2, 2),
        ("y", 1, 1),
    ]  # c is x's
    assert np.sum(rows[0].confusion) == 2
