"""The published predictions of 47 models against accuracies that were computed independently."""

import csv

import numpy as np
import pytest

import imagenet_real
from imagenet_real.labels.imagenet import validation_ids, validation_labels
from imagenet_real.predictions.predictions import Predictions

pytestmark = pytest.mark.slow

COLUMNS = {
    "original_top1": ("original", 1),
    "original_top5": ("original", 5),
    "real_top1": ("real", 1),
    "multilabel_top1": ("multilabel", 1),
}


@pytest.fixture(scope="module")
def results(data):
    files = sorted((data / "predictions").glob("*.npz"))
    return imagenet_real.score([imagenet_real.load_predictions(file) for file in files])


def test_all_models_within_a_ten_thousandth_of_a_point(data, results):
    found = {(row["model"], row["label_set"], row["k"]): row["accuracy"] * 100 for row in results.rows}
    with (data / "predictions" / "expected.csv").open() as file:
        expected = list(csv.DictReader(file))
    assert len(expected) == 47
    for row in expected:
        for column, (label_set, k) in COLUMNS.items():
            assert found[row["model"], label_set, k] == pytest.approx(float(row[column]), abs=1e-4), row["model"]


def test_mislabeled_images_of_resnet50(results):
    (row,) = [row for row in results.mislabeled if row["model"] == "resnet50"]
    assert row == {"model": "resnet50", "images": 3678, "original": 1298, "real": 1367, "neither": 1013}


def test_images_that_count(results):
    images = {row["label_set"]: (row["images"], row["excluded"]) for row in results.rows}
    assert images["real"] == (46_837, 3_163)
    assert images["multilabel"] == (18_692, 1_308)
    assert images["except_mislabeled"] == (46_322, 3_678)
    assert images["except_all_errors"] == (35_716, 14_284)


def test_original_labels_scored_as_predictions(data):
    labels = Predictions(validation_ids(), np.array(validation_labels())[:, None], name="labels")
    rows = {row["label_set"]: row for row in imagenet_real.score(labels, ks=(1,)).rows}
    assert rows["real"]["accuracy"] == 42_164 / 46_837
    assert rows["multilabel"]["accuracy"] == 1.0
    assert rows["multilabel"]["images"] == 18_692


def test_the_rankings_that_the_readme_shows(results):
    shown = {row["label_set"]: (row["resolved"], round(row["tau_with_original"], 3)) for row in results.rankings}
    assert shown["original"] == (10, 1.0)
    assert shown["real"] == (11, 0.943)
    assert shown["multilabel"] == (8, 0.970)
    moves = {
        entry["model"]: entry["rank_change"]
        for row in results.rankings
        if row["label_set"] == "real"
        for entry in row["models"]
    }
    assert (moves["resnet_v2_101_tf"], moves["resnet_v2_152_tf"], moves["resnext101_64x4d"]) == (6, 4, -4)
