"""Measures of several right classes, against plain loops."""

import numpy as np
import pytest

from imagenet_real.labels.label_set import LabelSet, pad_labels
from imagenet_real.scoring import label_ranking, results
from tests import toy


def world(images=60, classes=7, seed=0, integers=False):
    random = np.random.default_rng(seed)
    labels = [sorted(random.choice(classes, random.integers(1, 4), replace=False)) for _ in range(images)]
    scores = random.integers(0, 4, (images, classes)) if integers else random.normal(size=(images, classes))
    ids = np.array([f"image{number}" for number in range(images)])
    weight = random.uniform(0.5, 2, images)
    original = np.array([row[0] for row in labels])
    return scores.astype(np.float32), LabelSet("mine", ids, pad_labels(labels), weight, original, classes), labels


def by_loops(scores, labels, weight):
    """The measures as one writes them down, an image and a class at a time."""
    classes = scores.shape[1]
    order = [sorted(range(classes), key=lambda label: (-row[label], label)) for row in scores]
    named = [set(best[: len(right)]) for best, right in zip(order, labels, strict=True)]
    precision = sum(w * len(a & {*b}) / len(b) for a, b, w in zip(named, labels, weight, strict=True)) / sum(weight)
    depth = [1 + max(best.index(label) for label in right) for best, right in zip(order, labels, strict=True)]
    averages, precisions, recalls = [], [], []
    for label in range(classes):
        positive = [label in right for right in labels]
        if not any(positive):
            continue
        values = []
        for row, is_positive in enumerate(positive):
            if is_positive:
                at_least = [other for other in range(len(scores)) if scores[other][label] >= scores[row][label]]
                values.append(sum(positive[other] for other in at_least) / len(at_least))
        averages.append(np.mean(values))
        claimed = [label in chosen for chosen in named]
        both = sum(a and b for a, b in zip(claimed, positive, strict=True))
        precisions.append(both / max(1, sum(claimed)))
        recalls.append(both / sum(positive))
    coverage = sum(w * d for w, d in zip(weight, depth, strict=True)) / sum(weight)
    return np.mean(averages), precision, np.mean(precisions), np.mean(recalls), coverage


@pytest.mark.parametrize(("seed", "integers"), [(0, False), (1, True), (2, True)])  # integers tie
def test_measures_equal_plain_loops(seed, integers):
    scores, label_set, labels = world(seed=seed, integers=integers)
    measured = label_ranking.measure(scores, label_set)
    expected = by_loops(scores, labels, label_set.weight)
    names = ("mean_average_precision", "precision", "class_precision", "class_recall", "coverage")
    np.testing.assert_allclose([getattr(measured, name) for name in names], expected, rtol=1e-12)


def test_average_precision_equals_scikit_learns():
    metrics = pytest.importorskip("sklearn.metrics")
    scores, label_set, labels = world(images=200, integers=True, seed=3)
    truth = np.array([[label in right for label in range(7)] for right in labels])
    measured = label_ranking.measure(scores, label_set)
    assert measured.mean_average_precision == pytest.approx(
        metrics.average_precision_score(truth, scores, average="macro")
    )


def test_scores_that_name_every_label_are_perfect():
    _, label_set, labels = world()
    scores = np.array([[label in right for label in range(7)] for right in labels], np.float32)
    measured = label_ranking.measure(scores, label_set)
    assert (measured.mean_average_precision, measured.precision, measured.class_recall) == (1, 1, 1)
    assert measured.coverage == pytest.approx(np.average([len(right) for right in labels], weights=label_set.weight))


def test_results_have_measures_where_predictions_keep_their_scores():
    """By the original labels, which are one an image, the precision is the accuracy."""
    scores = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    top = np.argsort(-scores, axis=1)[:, :2]
    scored = results.score_models(toy.predictions(top=top, scores=scores, num_classes=4), toy.label_sets())
    rows = {row["label_set"]: row for row in scored.label_ranking}
    assert list(rows) == ["original", "real", "multilabel"]
    assert rows["original"]["precision"] == next(row["accuracy"] for row in scored.rows if row["k"] == 1)
    assert (rows["real"]["images"], rows["real"]["model"]) == (5, "model")
    assert results.score_models(toy.predictions(), toy.label_sets()).label_ranking == []


def test_images_without_a_prediction_are_left_out():
    scores = np.eye(4, dtype=np.float32)[:3]
    some = toy.predictions(image_ids=toy.IDS[:3], top=np.argmax(scores, 1)[:, None], scores=scores)
    assert [row["images"] for row in label_ranking.rows(some, [toy.real()])] == [3]
