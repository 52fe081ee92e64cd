import csv
import json
import time

import numpy as np
import pytest

from imagenet_real.io.csv_writer import csv_records
from imagenet_real.labels import imagenet_x
from imagenet_real.labels.attributes import Attribute, cross, numbers
from imagenet_real.labels.image_ids import match
from imagenet_real.labels.label_set import LabelSet, class_weights
from imagenet_real.labels.store import LabelStore
from imagenet_real.predictions.predictions import load_predictions
from imagenet_real.report.slice_files import write_slices
from imagenet_real.scoring.accuracy import accuracy
from imagenet_real.scoring.results import score_models
from imagenet_real.scoring.slices import COLUMNS, by_attributes
from imagenet_real.scoring.uncertainty import interval
from tests import toy

IMAGES = 600


def world(average="images", weights="equal", seed=0):
    random = np.random.default_rng(seed)
    ids = np.array([f"i{number:05d}" for number in range(IMAGES)])
    original = random.integers(0, 20, IMAGES)
    scored = random.random(IMAGES) < 0.9
    weight = scored * (random.random(IMAGES) + 0.1 if weights == "other" else 1.0)
    weight = class_weights(scored, original) if average == "classes" else weight
    label_set = LabelSet("set", ids, original[:, None], weight, original, 20, average=average)
    verdicts = (random.random((3, IMAGES)) < [[0.7], [0.9], [1.0]]).astype(np.int8)
    verdicts[1][random.random(IMAGES) < 0.1] = -1
    known = np.flatnonzero(random.random(IMAGES) < 0.8)
    values = [[str(value) for value in random.choice(5, random.integers(0, 3), replace=False)] for _ in known]
    return label_set, verdicts, Attribute.of_values("column", ids[known], values)


@pytest.mark.parametrize(
    ("average", "weights"), [("images", "equal"), ("images", "other"), ("classes", "equal")], ids=lambda text: text
)
def test_every_number_equals_that_of_the_slice_as_a_label_set(average, weights):
    label_set, verdicts, attribute = world(average, weights)
    slices = by_attributes(verdicts, label_set, [attribute], ["a", "b", "c"], 1)
    known, members = attribute.members(label_set.image_ids)
    for model, of_model in enumerate(verdicts):
        usable = known & label_set.is_scored & (of_model >= 0)
        for place, value in enumerate(attribute.values):
            inside, outside = np.flatnonzero(usable & members[:, place]), np.flatnonzero(usable & ~members[:, place])
            part, rest, both = (label_set.take(rows) for rows in (inside, outside, np.flatnonzero(usable)))
            share = accuracy(of_model[inside] > 0, part.weight)
            low, high = interval(of_model[inside] > 0, part)
            overall = accuracy(of_model[usable] > 0, both.weight)
            expected = [len(inside), share, low, high, share - accuracy(of_model[outside] > 0, rest.weight)]
            ratio = (1 - share) / (1 - overall) if overall < 1 else np.nan
            got = [getattr(slices, name)[model, place] for name in COLUMNS[5:11]]
            np.testing.assert_allclose(got, [*expected, ratio], rtol=0, atol=1e-12, err_msg=value)


def test_p_values_are_corrected_for_the_number_of_slices():
    label_set, verdicts, _ = world()
    random = np.random.default_rng(6)
    verdicts[0] = random.random(IMAGES) < 0.7
    chance = [
        Attribute.of_values(f"c{n}", label_set.image_ids, random.choice(["x", "y"], IMAGES).tolist()) for n in range(60)
    ]
    alone = [by_attributes(verdicts[:1], label_set, [attribute], ["a"], 1).p_value.min() for attribute in chance]
    together = by_attributes(verdicts[:1], label_set, chance, ["a"], 1)
    assert min(alone) < 0.05  # one of 60 columns of noise looks like an effect
    assert not together.resolved.any()
    real = Attribute.of_values("real", label_set.image_ids, ["right" if right else "wrong" for right in verdicts[0]])
    assert by_attributes(verdicts[:1], label_set, [*chance, real], ["a"], 1).resolved[0, -2:].all()


def test_few_images_have_an_exact_p_value():
    """Three of three wrong among 600 with 10 % wrong: 0.001 by the exact test, and 1e-7 by a normal one."""
    label_set, verdicts, _ = world()
    verdicts[:] = 1
    verdicts[:, :60] = 0
    values = ["few" if row < 3 else "rest" for row in range(IMAGES)]
    slices = by_attributes(verdicts, label_set, [Attribute.of_values("c", label_set.image_ids, values)], list("abc"), 1)
    assert 1e-4 < slices.p_value[0, 0] < 0.01


def test_rows_leave_out_slices_without_images_and_have_no_nan(tmp_path):
    label_set, verdicts, _ = world()
    values = ["all"] * IMAGES
    whole = Attribute.of_values("c", label_set.image_ids, values, order=("all", "none"))
    slices = by_attributes(verdicts[2:], label_set, [whole], ["perfect"], 1)
    [row] = slices.rows()
    assert (row["value"], row["difference"], row["error_ratio"], row["p_value"]) == ("all", None, None, None)
    write_slices(tmp_path, [slices], {"c": {"file": "c.csv"}})
    content = json.loads((tmp_path / "slices.json").read_text())
    assert content["rows"] == [row]
    with (tmp_path / "slices.csv").open() as file:
        [line] = csv.DictReader(file)
    assert list(line) == list(row) == list(COLUMNS)
    assert (line["accuracy"], line["difference"]) == ("1.0", "")


def test_files_hold_the_rows_as_csv_and_json_write_them(tmp_path):
    label_set, verdicts, _ = world()
    values = (
        np.random.default_rng(0).choice(['a, "b"', "=1+1", "\u00e9", "rare"], IMAGES, p=[0.4, 0.3, 0.29, 0.01]).tolist()
    )
    attributes = [Attribute.of_values(column, label_set.image_ids, values) for column in ("c", "d,e")]
    slices = [by_attributes(verdicts, label_set, attributes, ["m,1", "b", "c"], k) for k in (1, 5)]
    write_slices(tmp_path, slices)
    rows = [row for part in slices for row in part.rows()]
    assert len(rows) == 2 * 3 * 2 * 4
    assert (tmp_path / "slices.csv").read_text() == csv_records(COLUMNS, rows)
    lines = (tmp_path / "slices.json").read_text().splitlines()
    assert [line.strip().rstrip(",") for line in lines if '"model"' in line] == [json.dumps(row) for row in rows]


@pytest.mark.parametrize("average", ["images", "classes"])
def test_an_attribute_of_other_images_has_no_rows(average):
    label_set, verdicts, _ = world(average)
    other = Attribute.of_values("c", np.array(["u", "v"]), ["x", "y"])
    slices = by_attributes(verdicts, label_set, [other], ["a", "b", "c"], 1)
    assert list(slices.rows()) == []
    assert not slices.resolved.any()


def test_numbers_are_values_if_few_and_bins_of_equal_size_if_many():
    ids = np.array([f"i{number}" for number in range(1000)])
    few = numbers("digits", ids, np.arange(1000) % 3 + 0.0)
    assert few.values == ("0", "1", "2")
    many = numbers("size", ids, np.arange(1000) / 10)
    assert many.values == ("0 to 19.9", "20 to 39.9", "40 to 59.9", "60 to 79.9", "80 to 99.9")
    assert np.bincount(many.value).tolist() == [200] * 5
    ties = numbers("mostly zero", ids, np.maximum(np.arange(1000) - 900.0, 0))
    assert len(ties.values) == len(set(ties.values))
    assert np.bincount(ties.value).sum() == 1000


def test_combinations_of_two_attributes():
    ids = toy.IDS
    weather = Attribute.of_values("weather", ids, ["sun", "rain", "sun", "rain", "sun", "sun"])
    kind = Attribute.of_values("kind", ids[:5], [["cat"], ["cat"], ["dog", "cat"], [], ["dog"]])
    both = cross(weather, kind)
    pairs = {value: ids[both.row[both.value == place]].tolist() for place, value in enumerate(both.values)}
    assert pairs == {"rain x cat": ["b"], "sun x cat": ["a", "c"], "sun x dog": ["c", "e"]}
    assert cross(kind, kind).values == ("cat x dog",)
    assert cross(weather, weather).values == ()


def test_slices_of_results_are_of_every_label_set_and_k():
    attribute = Attribute.of_values("c", toy.IDS, list("xxyyxy"))
    results = score_models(
        [toy.predictions("a"), toy.predictions("b")], toy.label_sets(), ks=(1, 2), slices=[attribute]
    )
    assert [(part.label_set, part.k) for part in results.slices] == [
        (name, k) for name in ("original", "real", "multilabel") for k in (1, 2)
    ]
    whole = {(row["label_set"], row["k"]): row for row in results.rows}
    for part in results.slices:
        rows = [row for row in part.rows() if row["model"] == "a"]
        assert sum(row["images"] for row in rows) == whole[part.label_set, part.k]["images"]


def test_published_accuracies_by_factor_of_imagenet_x(data):
    folder = data / "predictions_imagenet_x"
    models = [load_predictions(folder / f"{name}_imagenetx.npz") for name in ("resnet50", "vit")]
    attributes = [imagenet_x.attribute(name, LabelStore()) for name in imagenet_x.FILES]
    results = score_models(models, ["original", "real"], ks=(1,), slices=attributes)
    names = {"ResNet50": "resnet50_imagenetx", "ViT": "vit_imagenetx"}
    original, real = (
        {(row["model"], row["column"], row["value"]): row for row in part.rows()} for part in results.slices
    )
    for column, file in zip(imagenet_x.FILES, ("top", "multi"), strict=True):
        with (folder / f"expected_{file}_factor.csv").open() as lines:
            for expected in csv.DictReader(lines):
                for factor in attributes[0].values:
                    row = original[names[expected["model"]], column, factor]
                    assert row["accuracy"] == pytest.approx(float(expected[factor]), abs=1e-12)
                    share = (1 - float(expected[factor])) / (1 - float(expected["average"]))
                    assert row["error_ratio"] == pytest.approx(share, abs=1e-12)
                    assert real[names[expected["model"]], column, factor]["images"] <= row["images"]
    assert original["resnet50_imagenetx", "imagenet_x", "pose"]["error_ratio"] == pytest.approx(0.694739, abs=1e-6)
    assert [len(attribute.image_ids) for attribute in attributes] == [46_110, 46_110]


@pytest.mark.slow
def test_a_thousand_slices_of_47_models_take_seconds():
    random = np.random.default_rng(0)
    ids = np.array([f"i{number:05d}" for number in range(50_000)])
    labels = random.integers(0, 1000, (50_000, 1))
    label_set = LabelSet("original", ids, labels, np.ones(50_000), labels[:, 0], 1000)
    verdicts = (random.random((47, 50_000)) < 0.75).astype(np.int8)
    columns = random.integers(0, 10, (100, 50_000))
    rows = np.arange(50_000)
    attributes = [Attribute(f"c{n}", ids, tuple("0123456789"), rows, column) for n, column in enumerate(columns)]
    start = time.process_time()
    slices = by_attributes(verdicts, label_set, attributes, [f"m{n}" for n in range(47)], 1)
    assert time.process_time() - start < 20
    place = 417
    inside = match(ids, ids[columns[41] == 7]) >= 0
    assert (slices.columns[place], slices.values[place]) == ("c41", "7")
    assert slices.accuracy[3, place] == verdicts[3, inside].mean()
