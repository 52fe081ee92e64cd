import csv
import dataclasses
import json
import math

import numpy as np
import pytest

import imagenet_real
from imagenet_real.errors import InputError, MismatchError
from imagenet_real.predictions.predictions import Predictions
from imagenet_real.report.files import write_results
from imagenet_real.report.table import as_html
from tests import toy


def score_toy(*models, **options):
    return imagenet_real.score(list(models) or toy.predictions(), toy.label_sets(), ks=(1, 2), **options)


def rows(results):
    return {(row["label_set"], row["k"]): row for row in results.rows if row["model"] == results.rows[0]["model"]}


def test_one_pass_scores_every_label_set():
    by = rows(score_toy())
    assert by["original", 1]["accuracy"] == 2 / 6
    assert by["original", 2]["accuracy"] == 6 / 6
    assert by["real", 1]["accuracy"] == 4 / 5
    assert by["multilabel", 1]["accuracy"] == 1 / 4
    assert (by["real", 1]["images"], by["real", 1]["excluded"], by["real", 1]["missing"]) == (5, 1, 0)
    assert by["multilabel", 1]["classes"] == 4
    assert all(row["low"] <= row["accuracy"] <= row["high"] for row in by.values())


@pytest.mark.parametrize("name", ["imagenet_m", "hard"])
def test_a_small_set_is_a_count(name):
    few = dataclasses.replace(toy.real(), name=name)
    results = imagenet_real.score(toy.predictions(), [few], ks=(1,))
    assert results.rows[0]["correct"] == 4
    assert "4 of 5" in str(results)


def test_mislabeled_images_are_told_apart():
    # b is the only one with a single other label; the model says 1, as ReaL does
    expected = {"model": "model", "images": 1, "original": 0, "real": 1, "neither": 0}
    assert score_toy().mislabeled == [expected]


def test_rows_in_any_order_score_the_same():
    order = np.array([3, 1, 5, 0, 2, 4])
    mixed = toy.predictions(image_ids=toy.IDS[order], top=toy.TOP[order])
    assert score_toy(mixed).rows == score_toy().rows


def test_missing_predictions_stop_or_are_counted():
    part = toy.predictions(image_ids=toy.IDS[:4], top=toy.TOP[:4])
    with pytest.raises(
        MismatchError, match="wrong_count: 2 of 6 images of the label set original have no prediction, such as e"
    ):
        score_toy(part)
    by = rows(score_toy(part, allow_missing=True))
    assert (by["original", 1]["images"], by["original", 1]["missing"]) == (4, 2)
    assert by["multilabel", 1]["accuracy"] == 1 / 2  # the mean over the two classes that are left
    assert by["multilabel", 1]["classes"] == 2


def test_label_sets_without_any_image_are_unavailable_not_nan():
    only_d = toy.predictions(image_ids=toy.IDS[3:4], top=toy.TOP[3:4])
    results = score_toy(only_d, allow_missing=True)
    assert {row["label_set"] for row in results.rows} == {"original"}
    assert {row["label_set"] for row in results.unavailable} == {"real", "multilabel"}
    json.dumps(results.rows, allow_nan=False)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (toy.predictions(image_ids=np.array(list("uvwxyz"))), "6 of 6 image ids are in no label set, such as 'u'"),
        (toy.predictions(num_classes=7), "model has 7 classes, the label set original has 4 classes"),
        (toy.predictions(top=toy.TOP + 9, num_classes=None), "model has class index 12"),
    ],
)
def test_predictions_that_cannot_be_scored(model, message):
    with pytest.raises(InputError, match=message):
        score_toy(model)


def test_names_are_told_apart():
    with pytest.raises(InputError, match="several predictions have the name model"):
        score_toy(toy.predictions(), toy.predictions())
    with pytest.raises(InputError, match="unknown repair 'class_ordr': did you mean class_order"):
        score_toy(repair="class_ordr")


def test_a_mistake_stops_and_its_repair_is_recorded():
    labels, model = toy.large_world()
    shifted = dataclasses.replace(model, top=model.top + 1)
    with pytest.raises(MismatchError, match="class_off_by_one") as error:
        imagenet_real.score(shifted, [labels])
    assert error.value.exit_code == 2
    repaired = imagenet_real.score(shifted, [labels], ks=(1,), repair="class_off_by_one")
    assert repaired.rows == imagenet_real.score(model, [labels], ks=(1,)).rows
    assert repaired.provenance["predictions"]["model"]["repair"] == "class_off_by_one"
    assert "repaired class_off_by_one" in repaired.notes[0]
    untouched = imagenet_real.score(model, [labels], ks=(1,), repair="class_off_by_one")
    assert "left as it is" in untouched.notes[0]


def test_ranking_of_three_models():
    labels, good = toy.large_world(share=0.8)
    same = dataclasses.replace(good, name="same")
    weak = dataclasses.replace(toy.large_world(share=0.6, seed=1)[1], image_ids=good.image_ids, name="weak")
    weak = dataclasses.replace(weak, top=np.where(np.arange(len(weak))[:, None] % 5 < 3, good.top, good.top[:, ::-1]))
    ranking = imagenet_real.score([weak, good, same], [labels], ks=(1,)).rankings[0]
    assert [entry["model"] for entry in ranking["models"]] == ["model", "same", "weak"]
    assert [entry["rank"] for entry in ranking["models"]] == [1, 1, 3]
    assert [entry["resolved_from_next"] for entry in ranking["models"]] == [False, True, None]
    assert (ranking["neighbours"], ranking["resolved"]) == (2, 1)
    assert ranking["tau_with_original"] == 1.0


def test_models_that_tie_have_no_tau():
    ranking = score_toy(toy.predictions("a"), toy.predictions("b")).rankings[0]
    assert ranking["tau_with_original"] is None
    json.dumps(ranking, allow_nan=False)


def test_what_looks_like_a_mistake_can_be_scored_as_it_is():
    labels, model = toy.large_world()
    results = imagenet_real.score(
        dataclasses.replace(model, top=(model.top + 1) % 50), [labels], ks=(1,), repair="none"
    )
    assert results.rows[0]["accuracy"] < 0.1
    assert "scored as it is, though it looks like class_off_by_one" in results.notes[0]


@pytest.mark.parametrize("ks", [(), (0,), (-1,), (1.5,), (1, "a")])
def test_impossible_ranks(ks):
    with pytest.raises(InputError, match="expected whole numbers of at least 1"):
        imagenet_real.score(toy.predictions(), toy.label_sets(), ks=ks)


def test_images_without_a_first_answer_are_told():
    top = toy.TOP.copy()
    top[2, 0] = -1
    assert "1 images have no first answer" in score_toy(toy.predictions(top=top)).notes[0]


def test_label_sets_of_one_name_are_refused():
    with pytest.raises(InputError, match="two of the label sets have the same name"):
        imagenet_real.score(toy.predictions(), [toy.real(), toy.real()])


def test_files_are_all_written_or_none(tmp_path, monkeypatch):
    write_results(tmp_path, score_toy())
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    other = score_toy(toy.predictions("other"))
    calls = iter(range(99))
    monkeypatch.setattr("os.fsync", lambda descriptor: None if next(calls) < 2 else 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_results(tmp_path, other)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_classes_of_other_numbers_are_scored_the_same_way():
    for classes in (10, 21_843):
        original = np.arange(200) % classes
        ids = np.array([f"photos/{i}" for i in range(200)])
        labels = imagenet_real.LabelSet("mine", ids, original[:, None], np.ones(200), original, classes)
        model = Predictions(ids, np.where(np.arange(200) < 150, original, (original + 1) % classes)[:, None])
        assert imagenet_real.score(model, [labels], ks=(1,)).rows[0]["accuracy"] == 0.75


def test_the_files(place):
    results = score_toy()
    write_results(place, results)
    content = json.loads((place / "results.json").read_text())
    assert content["schema"] == 1
    assert content["rows"] == results.rows
    assert {"imagenet_real", "commit", "python", "numpy", "labels", "predictions"} <= content["provenance"].keys()
    with (place / "results.csv").open() as file:
        table = list(csv.DictReader(file))
    assert float(table[0]["accuracy"]) == results.rows[0]["accuracy"]
    with (place / "accuracy_by_class.csv").open() as file:
        by_class = list(csv.DictReader(file))
    assert by_class[0] == {"label_set": "original", "class": "0", "wnid": "", "images": "2", "model": "0.5"}
    assert sorted(path.name for path in place.iterdir()) == ["accuracy_by_class.csv", "results.csv", "results.json"]


def test_the_table_of_one_model():
    text = str(score_toy())
    assert "original    33.33" in text
    assert "mean over 4 classes" in text
    assert "Predictions on 1 mislabeled image: the original label 0, the ReaL label 1, neither 0." in text
    assert all(line == line.rstrip() for line in text.splitlines())


def test_the_table_of_several_models_fits_the_terminal(monkeypatch):
    models = [toy.predictions("first"), toy.predictions("second", top=toy.TOP[:, ::-1])]
    monkeypatch.setenv("COLUMNS", "200")
    wide = str(score_toy(*models))
    assert "±" in wide
    monkeypatch.setenv("COLUMNS", "60")
    narrow = str(score_toy(*models))
    assert "±" not in narrow
    assert "Half of a 95 % interval is at most" in narrow
    assert all(len(line) <= 60 for line in narrow.splitlines()[:6] if not line.startswith("Not shown"))
    assert "original: the two models do not differ significantly" in narrow


def test_an_interactive_python_shows_the_table():
    results = score_toy()
    assert repr(results) == str(results)
    assert len(repr(results)) < 2_000


def test_html_is_escaped():
    text = as_html(score_toy(toy.predictions("<script>"), toy.predictions("b")))
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    assert text == score_toy(toy.predictions("<script>"), toy.predictions("b"))._repr_html_()


def test_intervals_are_never_nan_in_rows():
    assert not any(math.isnan(row[key]) for row in score_toy().rows for key in ("accuracy", "low", "high"))


def test_names_of_two_classes_give_bounds():
    """`a` and `c` have the name of classes 0 and 2: one of them is right for `a`, and both are for `c`."""
    top = toy.TOP.copy()
    top[[0, 2], 0] = -1
    readings = tuple(np.where(top < 0, label, top) for label in (0, 2))
    model = toy.predictions(top=top, readings=readings)
    results = score_toy(model, repair="none")
    first = [row for row in results.rows if row["k"] == 1 and row["label_set"] != "multilabel"]
    at_least, at_most = ([row[name] for row in first] for name in ("accuracy", "accuracy_at_most"))
    assert at_least == pytest.approx([1 / 6, 2 / 5])
    assert at_most == pytest.approx([2 / 6, 4 / 5])
    (note,) = [note for note in results.notes if "two classes share" in note]
    assert "2 images have" in note
    assert "16.67 to 33.33 % under original, 40.00 to 80.00 % under real" in note
