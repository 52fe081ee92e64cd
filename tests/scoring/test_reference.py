"""Models among published ones."""

import numpy as np
import pytest

from imagenet_real.scoring.published_models import PublishedModels
from imagenet_real.scoring.reference import around, flags, same_model, standings

PUBLISHED = PublishedModels(
    ("big.a_in1k", "net.a_in1k", "net.b_in1k", "small_net.a_in1k"),
    (224, 224, 224, 224),
    {"original": np.array([0.9, 0.8, 0.7, 0.6]), "real": np.array([0.95, np.nan, 0.8, 0.7])},
)


def row(model, label_set="original", accuracy=0.75, images=50_000, **fields):
    content = {"low": accuracy - 0.004, "high": accuracy + 0.004, "images": images, "missing": 0, "k": 1, **fields}
    return {"model": model, "label_set": label_set, "accuracy": accuracy, **content}


def test_a_standing_counts_the_better_published_models():
    (standing,) = standings([row("mine", accuracy=0.75)], PUBLISHED)
    assert (standing["better"], standing["models"], standing["comparable"]) == (2, 4, True)
    assert "agrees" not in standing
    (standing,) = standings([row("mine", "real", 0.75, images=46_837)], PUBLISHED)
    assert (standing["better"], standing["models"]) == (2, 3)  # a model without ReaL accuracy is not counted


def test_the_interval_decides_whether_an_accuracy_is_the_published_one():
    for accuracy, agrees in ((0.7039, True), (0.7041, False)):
        (standing,) = standings([row("net.b_in1k", accuracy=accuracy)], PUBLISHED)
        assert (standing["agrees"], standing["published"]) == (agrees, 0.7)
    text, causes = flags([standing])
    assert text == "net.b_in1k: 70.41 % (70.01 to 70.81) is not the published 70.00 % under original of net.b_in1k."
    assert "preprocessing" in causes
    assert "tag" in causes


def test_without_a_tag_the_closest_weights_are_compared():
    (standing,) = standings([row("net", accuracy=0.79)], PUBLISHED)
    assert (standing["published_model"], standing["weights"], standing["agrees"]) == ("net.a_in1k", 2, False)
    assert "the closest of 2 published weights" in flags([standing])[0]
    (standing,) = standings([row("predictions", accuracy=0.7)], PUBLISHED, {"predictions": "net.b_in1k"})
    assert standing["agrees"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("net", [1, 2]), ("timm/net.a_in1k", [1]), ("smallnet", [3]), ("net.c_in1k", []), ("unknown", []), ("Big", [0])],
)
def test_a_name_means_weights_of_a_tag_or_of_an_architecture(name, expected):
    assert same_model(name, PUBLISHED.models) == expected


def test_a_part_of_the_images_is_not_compared():
    for fields in ({"images": 1_000}, {"missing": 3}):
        (standing,) = standings([row("net.b_in1k", **fields)], PUBLISHED)
        assert standing["comparable"] is False
        assert not {"better", "published", "agrees"} & standing.keys()
    assert standings([row("net", "mine"), row("net", k=5)], PUBLISHED) == []
    assert flags([standing]) == []


def test_neighbors_are_the_published_models_next_to_an_accuracy():
    assert around([0.75], PUBLISHED, "original", 1) == [1, 2]
    assert around([0.95, 0.75], PUBLISHED, "original", 1) == [0, 1, 2]
    assert around([0.1], PUBLISHED, "real", 2) == [2, 3]
