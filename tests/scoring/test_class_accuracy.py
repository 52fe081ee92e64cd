"""Accuracy per class, on a world one can check by eye."""

import numpy as np

from imagenet_real.scoring import class_accuracy
from imagenet_real.scoring.class_accuracy import ClassAccuracy
from imagenet_real.scoring.results import score_models
from tests import toy


def test_models_are_pooled_by_their_images():
    rows = [
        {"accuracy": np.array([1.0, 0.5, np.nan]), "images": np.array([2, 2, 0])},
        {"accuracy": np.array([0.0, 0.5, np.nan]), "images": np.array([6, 2, 0])},
    ]
    accuracy, images = class_accuracy.pool(rows)
    np.testing.assert_array_equal(accuracy, [0.25, 0.5, np.nan])
    assert images.tolist() == [6, 2, 0]


def test_a_group_is_the_mean_over_its_images():
    classes = ClassAccuracy(np.array([1.0, 0.5, np.nan]), np.array([1, 3, 0]))
    groups = class_accuracy.by_group(classes, ["pets", "pets", "cattle"])
    assert groups["pets"] == (2.5 / 4, 4)
    assert np.isnan(groups["cattle"][0])
    assert groups["cattle"][1] == 0


def test_change_as_a_loop():
    results = score_models(
        [toy.predictions("a"), toy.predictions("b", top=toy.TOP[:, ::-1])], toy.label_sets(), ks=(1,)
    )
    first, second = toy.original(), toy.real()
    change = class_accuracy.change(results.evidence, first, second)
    for label in range(first.num_classes):
        correct, pairs, images = np.zeros(2), 0, 0
        for row in range(len(first)):
            if first.original[row] == label and first.is_scored[row] and second.is_scored[row]:
                images += 1
                for top in (toy.TOP[row], toy.TOP[row, ::-1]):
                    pairs += 1
                    correct += [top[0] in first.labels[row], top[0] in second.labels[row]]
        assert change.images[label] == images
        np.testing.assert_allclose([change.first[label], change.second[label]], correct / pairs if pairs else np.nan)
