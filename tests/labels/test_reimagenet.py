import json

import numpy as np
import pytest

from imagenet_real.errors import InputError
from imagenet_real.labels import analysis, imagenet, published, reimagenet
from imagenet_real.labels.store import LabelStore
from imagenet_real.predictions.predictions import Predictions
from imagenet_real.scoring.results import score_models
from tests.labels import reimagenet_file as synthetic

NAMES = ["reimagenet", *reimagenet.PARTS]


def guesses(images: int) -> Predictions:
    """Right by the original label on 6 of 10 images."""
    random = np.random.default_rng(1)
    labels = imagenet.validation_labels()[:images]
    top = np.where(random.random(images) < 0.6, labels, random.integers(0, 1000, images))
    return Predictions(imagenet.validation_ids()[:images], top[:, None].astype(np.int32), num_classes=1000)


@pytest.mark.parametrize("images", [2_000, pytest.param(50_000, marks=pytest.mark.slow)], ids=["short", "all images"])
def test_every_part_equals_a_plain_loop(nowhere, images):
    lines = synthetic.entries(seed=0, images=images)
    synthetic.write(nowhere, lines)
    model = guesses(images)
    results = score_models(model, NAMES, labels_dir=str(nowhere), ks=(1,), allow_missing=True)
    predicted = dict(zip(model.image_ids.tolist(), model.top[:, 0].tolist(), strict=True))
    expected = synthetic.oracle(lines, synthetic.PAIRS, predicted)
    scored = {part: value for part, value in expected.items() if part != "n"}
    assert {row["label_set"]: (row["images"], round(row["accuracy"], 12)) for row in results.rows} == {
        part: (count, round(share, 12)) for part, (count, share) in scored.items()
    }
    by_name = {row["label_set"]: row for row in results.rows}
    assert by_name["reimagenet"]["excluded"] == expected["n"][0]
    assert min(row["images"] for row in results.rows) > 10  # all parts are tried


def test_neither_order_nor_repeated_lines_change_labels(nowhere):
    lines = synthetic.entries(seed=3, images=300)
    random = np.random.default_rng(0)
    shuffled = [lines[row] for row in random.permutation(len(lines))]
    once = list({line["image_name"]: line for line in lines}.values())
    sets = [
        reimagenet.labels(synthetic.write(nowhere / str(n), part)) for n, part in enumerate((lines, shuffled, once))
    ]
    for other in sets[1:]:
        np.testing.assert_array_equal(sets[0].labels, other.labels)
        np.testing.assert_array_equal(sets[0].image_ids, other.image_ids)
    assert sets[0].origin["counts"] == sets[1].origin["counts"]
    assert sets[0].origin["sha256"] != sets[1].origin["sha256"]


def line(number: int, labels: list, **changes) -> dict:
    return {"image_name": f"ILSVRC2012_val_{number:08d}.JPEG", "reannotated_labels": labels} | changes


def test_parts_and_notes_by_eye(nowhere):
    originals = imagenet.validation_labels()
    original = int(originals[0])
    rows = [[original, -1], [7], [original, 7], [3, 4], [-1], [], [638, 639], [1000, 5]]
    lines = [line(number, labels) for number, labels in enumerate(rows, start=1)]
    lines[2]["reannotated_labels"] = [int(originals[2]), 7]
    lines[0]["reannotated_labels"] = [original, -1]
    label_set = reimagenet.labels(synthetic.write(nowhere, lines, [[638, 639]]))
    parts = {name: reimagenet.part_of(label_set, name).is_scored.tolist() for name in reimagenet.PARTS}
    assert parts["reimagenet_s_plus"] == [True, *[False] * 7]
    assert parts["reimagenet_s_minus"] == [False, True, False, False, False, False, True, True]
    assert parts["reimagenet_m_plus"] == [False, False, True, *[False] * 5]
    assert parts["reimagenet_m_minus"] == [False, False, False, True, *[False] * 4]
    assert label_set.is_scored.tolist() == [True, True, True, True, False, False, True, True]
    assert label_set.origin["counts"] == "S+ 1, S- 3, M+ 1, M- 1, N 2"
    assert "1 labels are no class" in label_set.notes[0]
    assert analysis.labels_per_image(label_set).tolist() == [1, 1, 2, 2, 0, 0, 1, 1]


def test_without_its_class_file_no_classes_are_equivalent(nowhere):
    label_set = reimagenet.labels(synthetic.write(nowhere, [line(1, [638, 639])], None))
    assert reimagenet.part_of(label_set, "reimagenet_m").is_scored.tolist() == [True]
    assert "class_update_config.json is not beside" in label_set.notes[0]


def test_equivalent_classes_agree_with_another_label_set(nowhere):
    label_set = reimagenet.labels(synthetic.write(nowhere, [line(1, [638])], [[638, 639]]))
    other = published.load(["original"])[0][0].take(np.array([0]))
    other = other.__class__("other", other.image_ids, np.array([[639]]), np.ones(1), other.original, 1000)
    assert [name for name, ids in analysis.agreement(label_set, other).items() if len(ids)] == ["equal"]


def test_attributes_are_of_images_with_one_label(nowhere):
    def boxes(*flags):
        return [dict.fromkeys(names, True) for names in flags]

    lines = [
        line(1, [1], bboxes=boxes(["crowd_flag"])),
        line(2, [1], bboxes=boxes(["crowd_flag"], ["crowd_flag"], [])),
        line(3, [1], bboxes=boxes(["crowd_flag", "reflected_flag"])),
        line(4, [1], bboxes=boxes(["rendition_flag"], ["ocr_needed_flag"])),
        line(5, [1], bboxes=[]),
        line(6, [1, 2], bboxes=boxes(["crowd_flag"])),
        line(7, [1], bboxes=boxes(["ocr_needed_flag"])),
    ]
    attribute = reimagenet.attribute(synthetic.write(nowhere, lines))
    values = [attribute.values[place] for place in attribute.value]
    assert values == ["crowd", "crowd", "mix", "mix", "none", "text"]
    assert [str(name)[-1] for name in attribute.image_ids[attribute.row]] == ["1", "2", "3", "4", "5", "7"]


def test_it_is_unavailable_with_the_way_to_get_it(nowhere):
    label_sets, unavailable = published.load(["original", "reimagenet", "reimagenet_s"])
    assert [label_set.name for label_set in label_sets] == ["original"]
    assert [row["label_set"] for row in unavailable] == ["reimagenet", "reimagenet_s"]
    assert all("vrg-prague/ReImageNet" in row["reason"] and "labels_dir" in row["reason"] for row in unavailable)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("{}\n", "line 1: image_name is missing"),
        ("not json\n", "line 1"),
        (json.dumps(line(1, ["5"])), "reannotated_labels"),
        (json.dumps({"image_name": "cat.jpg", "reannotated_labels": [1]}), "cat is no image of ImageNet's validation"),
        (json.dumps(line(1, [1])) + "\n" + json.dumps(line(1, [2])), "entries 1 and 2 have different annotations"),
        ('{"image_id": 1, "label": 2}', "image_name is missing"),
    ],
)
def test_wrong_files_are_one_line(nowhere, text, message):
    (nowhere / "reannotation.jsonl").write_text(text)
    with pytest.raises(InputError, match=message) as error:
        published.load(["reimagenet"], LabelStore(nowhere))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", ['{"equivalent": []}', '{"equivalent_classes": [[1, 1000]]}', "[[1]]"])
def test_wrong_class_files_are_one_line(nowhere, content):
    path = synthetic.write(nowhere, [line(1, [1])])
    (nowhere / "class_update_config.json").write_text(content)
    with pytest.raises(InputError, match="class_update_config.json") as error:
        reimagenet.labels(path)
    assert "\n" not in str(error.value)
