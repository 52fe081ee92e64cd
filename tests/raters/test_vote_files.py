"""Votes from arrays, CSV, the rating page's JSON and Label Studio's export, and what is wrong with them, in one line."""

import json

import numpy as np
import pytest

from imagenet_real.errors import InputError
from imagenet_real.raters.vote_files import load_votes
from imagenet_real.raters.votes import MAYBE, NO, YES
from tests import toy

EXPECTED = [("a/1", 0, "al", YES), ("a/1", 0, "zoe", NO), ("b", 2, "al", MAYBE)]


def write_npz(path, change=None, ids=("zoe", "al", "idle")):
    tensor = np.zeros((3, 2, 3))
    tensor[0, 1, 0] = tensor[1, 1, 2] = tensor[1, 0, 1] = 1
    if change:
        change(tensor)
    toy.save(np.savez, path, tensor=tensor, info=np.array([["b.JPEG", "2"], ["a/1.png", "0"]]), ids=np.array(ids))
    return path


def rows(votes):
    return [
        (votes.image_ids[question], votes.classes[question], votes.raters[rater], answer)
        for question, rater, answer in zip(votes.question, votes.rater, votes.answer, strict=True)
    ]


def test_published_arrays(place):
    votes = load_votes(write_npz(place / "votes.npz"))
    assert rows(votes) == EXPECTED
    assert votes.raters.tolist() == ["al", "idle", "zoe"]  # who was never asked is a rater still
    assert votes.seconds is None


def test_csv(place):
    path = place / "votes.csv"
    path.write_text("rater,image_id,class,answer,seconds\nzoe,a/1.png,0,no,1.5\nal,a/1.png,0,yes,\nal,b,2,maybe,3\n")
    votes = load_votes(path)
    assert rows(votes) == EXPECTED
    np.testing.assert_array_equal(votes.seconds, [np.nan, 1.5, 3])


def test_json_of_the_rating_page(place):
    path = place / "votes.json"
    names = ("image_id", "class", "rater", "answer")
    words = [("a/1", 0, "zoe", "no"), ("b", 2, "al", "maybe"), ("a/1", 0, "al", "yes")]
    path.write_text(json.dumps({"schema": 1, "votes": [dict(zip(names, row, strict=True)) for row in words]}))
    assert rows(load_votes(path)) == EXPECTED


def studio_task(image, labels, annotations):
    data = {"image": f"{image}.png", "image_id": image, "labels": [{"class": label, "name": "x"} for label in labels]}
    return {"id": 1, "data": data, "annotations": annotations}


def annotation(by, answers, **more):
    results = [
        {"from_name": f"answer_{at}", "to_name": "image", "type": "choices", "value": {"choices": [answer]}}
        for at, answer in answers.items()
    ]
    return {"completed_by": by, "result": results, "lead_time": 6.0, "was_cancelled": False} | more


def test_label_studio_export(place):
    path = place / "export.json"
    tasks = [
        studio_task("a/1", [5, 0], [annotation("zoe", {1: "no"}), annotation({"id": "al"}, {1: "yes", 0: "no"})]),
        studio_task("b", [2], [annotation("al", {0: "maybe"}), annotation("zoe", {0: "yes"}, was_cancelled=True)]),
    ]
    path.write_text(json.dumps(tasks))
    votes = load_votes(path)
    assert rows(votes) == [*EXPECTED[:2], ("a/1", 5, "al", NO), EXPECTED[2]]
    assert votes.seconds.tolist() == [3, 6, 3, 6]


def test_label_studio_export_with_an_annotation_twice(place):
    """A rater who submits again counts once, by the later answer; a task that is exported twice counts once."""
    path = place / "export.json"
    first, second = (
        annotation("al", {0: answer}, updated_at=f"2026-01-0{day}T08:00:00.000000Z")
        for answer, day in (("no", 2), ("yes", 1))
    )
    zoe = studio_task("b", [2], [annotation("zoe", {0: "Yes"})])
    path.write_text(json.dumps([studio_task("a/1", [5], [first, second]), zoe, zoe]))
    votes = load_votes(path)
    assert rows(votes) == [("a/1", 5, "al", NO), ("b", 2, "zoe", YES)]
    assert votes.repeated == 2


@pytest.mark.parametrize("answer", ["Yes", "YES", "yes"])
def test_answers_in_capital_letters(place, answer):
    (place / "votes.csv").write_text(f"image_id,class,rater,answer\na,0,al,{answer}\n")
    assert rows(load_votes(place / "votes.csv")) == [("a", 0, "al", YES)]


def both(tensor):
    tensor[1, 0, 2] = 1


def weighty(tensor):
    tensor[1, 0, 1] = 0.5


@pytest.mark.parametrize(
    ("change", "ids", "message"),
    [
        (both, ("zoe", "al", "idle"), "rater al answers both maybe and yes about class 2 of b. Give one-hot rows"),
        (weighty, ("zoe", "al", "idle"), "other numbers than 0 and 1"),
        (None, ("al", "al", "idle"), "rater al occurs 2 times"),
        (None, ("al", "zoe"), r"ids has shape \(2,\), expected \(R,\) with R = 3"),
        (lambda tensor: tensor.fill(0), ("zoe", "al", "idle"), "has no vote"),
    ],
)  # fmt: skip
def test_arrays_that_are_refused(place, change, ids, message):
    with pytest.raises(InputError, match=message):
        load_votes(write_npz(place / "votes.npz", change, ids))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it has no column image_id; its columns are none. Give a CSV with image_id,class,rater,answer"),
        ("image_id,class,rater,answer\na,0,al,perhaps\n", 'line 2 column answer is "perhaps", expected "no" or "maybe" or "yes"'),
        ("image_id,class,rater,answer\na,cat,al,yes\n", 'line 2 column class is "cat", expected an integer from 0'),
        ("image_id,class,rater,answer\na,0,,yes\n", "line 2 column rater is empty"),
        ("image_id,class,rater,answer\n", "has no vote"),
        ("image_id,class,rater,answer\na,0,al,yes\na,0,al,no\n", "al answers 1 questions more than once"),
    ],
)  # fmt: skip
def test_csv_that_is_refused(place, text, message):
    path = place / "votes.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        load_votes(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("votes.json", b'{"schema": 1}', "votes is missing. Give"),
        ("votes.json", b'[{"id": 3}]', r"\[0\].data is missing. Give"),
        ("votes.json", b"[", "it is not JSON"),
        (
            "votes.json",
            b'{"schema": 1, "votes": [{"image_id": "a", "class": "5"}]}',
            'class is "5", expected an integer',
        ),
        ("votes.npz", b"not a zip", "damaged"),
        ("votes.txt", b"", "ends in '.txt'. Give an .npz, .csv or .json file of votes"),
        ("votes.npz", None, "there is no file of votes"),
    ],
)
def test_files_that_are_none(place, name, content, message):
    if content is not None:
        (place / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        load_votes(place / name)
    assert "\n" not in str(caught.value)
