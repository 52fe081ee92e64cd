import dataclasses

import numpy as np

import imagenet_real
from imagenet_real.labels.readers import except_all_errors, except_mislabeled
from imagenet_real.scoring.evidence import contrast, judges
from tests import toy


def evidence_of(*models, **options):
    return imagenet_real.score(list(models), toy.label_sets(), ks=(1,), **options).evidence


def test_answers_and_verdicts_of_the_toy_world():
    found = evidence_of(toy.predictions("a"), toy.predictions("b", top=toy.TOP[:, ::-1]))
    assert found.models == ["a", "b"]
    assert found.predicted.dtype == np.int16
    assert found.predicted.tolist() == [[0, 1, 2, 1, 3, 0], [1, 0, 1, 0, 2, 3]]
    assert found.verdicts["original"].table().tolist() == [[1, 0, 0, 1, 0, 0], [0, 1, 1, 0, 1, 1]]
    assert found.confidence is None


def test_models_of_other_images_are_joined_by_id():
    part = toy.predictions("b", image_ids=toy.IDS[[3, 1]], top=toy.TOP[[3, 1]])
    found = evidence_of(toy.predictions("a"), part, allow_missing=True)
    assert found.image_ids.tolist() == list("abcdef")
    assert found.predicted[1].tolist() == [-1, 1, -1, 1, -1, -1]
    assert found.verdicts["real"][1].tolist() == [-1, 1, -1, 0, -1, -1]


def test_confidence_is_the_probability_of_the_first_answer():
    scores = np.array([[2.0, 1.0]] * 6, dtype=np.float32)
    sure = toy.predictions("sure", top_scores=scores, logsumexp=np.full(6, 2.0 + np.log(2), np.float32))
    found = evidence_of(sure, toy.predictions("silent"))
    np.testing.assert_allclose(found.confidence[0], 0.5, rtol=1e-6)
    assert np.isnan(found.confidence[1]).all()


def test_label_sets_that_repeat_another_are_no_judges():
    original, real = toy.original(), toy.real()
    own = dataclasses.replace(original, name="own", labels=(original.labels + 1) % 4)
    sets = [original, real, except_mislabeled(real), except_all_errors(real), own, toy.multilabel()]
    assert [one.name for one in judges(sets)] == ["original", "real", "own", "multilabel"]


def test_images_that_two_label_sets_judge_differently():
    found = evidence_of(toy.predictions())
    seen = contrast(found, 0, toy.original(), toy.real())
    assert seen.image_ids.tolist() == ["a", "b", "c", "e", "f"]  # d has no ReaL label
    assert seen.flipped(to_right=True).tolist() == ["b", "c", "f"]
    assert seen.flipped(to_right=False).tolist() == []
    assert seen.counts == (1, 3, 0, 1)
    assert contrast(found, 0, toy.real(), toy.multilabel()).flipped(to_right=False).tolist() == ["c", "f"]
