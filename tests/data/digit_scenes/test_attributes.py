"""What scenes are built with, as attributes, and the slices of a model that names the most prominent digit."""

import numpy as np
import pytest

from imagenet_real.data.digit_scenes import attributes, digits
from imagenet_real.data.digit_scenes.drawing import CONTRASTS, SIZES
from imagenet_real.data.sources.open import open_source
from imagenet_real.data.sources.records import label_sets_of
from imagenet_real.errors import InputError
from imagenet_real.predictions.predictions import Predictions
from imagenet_real.scoring.results import score_models


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tfds")
    place = digits.prepare_digit_scenes(str(folder), train_scenes=20, validation_scenes=400)
    name = f"tfds:digit_scenes/{place.parent.name}"
    return name, folder, place, {one.column: one for one in attributes.attributes(name, "validation", str(folder))}


def test_attributes_are_those_of_the_recipe(world):
    _, _, place, by_column = world
    annotations = digits.annotations(place)
    counts = by_column["digits"]
    assert counts.image_ids.tolist() == annotations.image_ids.tolist()
    of_image = [int(counts.values[value]) for value in counts.value]
    assert of_image == [len(labels) for labels in annotations.box_labels]
    for column, (low, high) in (("size", SIZES), ("contrast", CONTRASTS)):
        bounds = [float(bound) for value in by_column[column].values for bound in value.split(" to ")]
        assert low <= min(bounds) <= max(bounds) <= high
        assert len(by_column[column].image_ids) == sum(count > 0 for count in of_image)


def test_slices_show_what_the_scenes_are_built_with(world):
    """One digit: 90.7 % of the original labels are right. Several: 65 %, 75 % of 87 %. None: a label by chance."""
    name, folder, place, by_column = world
    annotations = digits.annotations(place)
    best = annotations.best_predictions()[:, None].astype(np.int32)
    model = Predictions(annotations.image_ids, best, num_classes=10, name="best")
    label_sets = label_sets_of(open_source(name, split="validation", tfds_dir=str(folder)))
    sets = [label_sets["original"], label_sets["real"]]
    results = score_models(model, sets, ks=(1,), slices=[by_column["digits"]])
    original, real = ({row["value"]: row for row in part.rows()} for part in results.slices)
    assert original["1"]["accuracy"] == pytest.approx(35_716 / 39_394, abs=0.02)
    several = [original[value] for value in original if int(value) > 1]
    right = sum(row["accuracy"] * row["images"] for row in several) / sum(row["images"] for row in several)
    assert right == pytest.approx(0.75 * 6_448 / 7_443, abs=0.15)
    assert original["0"]["accuracy"] < 0.4
    assert original["0"]["images"] / 400 == pytest.approx(3_163 / 50_000, abs=0.01)
    assert {value: row["accuracy"] for value, row in real.items()} == dict.fromkeys(set(original) - {"0"}, 1.0)


def test_a_second_call_reads_the_cache(world, monkeypatch):
    name, folder, _, by_column = world
    monkeypatch.setattr(attributes.scenes, "compose", None)
    again = attributes.attributes(name, "validation[:10]", str(folder))
    assert [one.column for one in again] == list(by_column)


def test_other_datasets_have_no_scenes(tmp_path):
    with pytest.raises(InputError):
        attributes.attributes("tfds:nothing", "validation", str(tmp_path))
