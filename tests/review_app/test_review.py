"""Reviewing through the server: what is shown, judged, undone, disputed, decided and exported."""

import json

import pytest

from imagenet_real.data.sources.open import open_source
from imagenet_real.errors import InputError
from imagenet_real.labels.json_format import load_label_set
from imagenet_real.mistakes.judged import load_judged
from imagenet_real.review_app.content import Content
from imagenet_real.review_app.pictures import Pictures, examples_by_class
from imagenet_real.review_app.review import View
from imagenet_real.review_app.store import Store
from imagenet_real.review_app.verdicts import Verdict
from tests import toy
from tests.review_app import small
from tests.review_app.small import CORRECT, WRONG


@pytest.fixture
def folder(tmp_path):
    small.write(tmp_path)
    return tmp_path


def images(client, name, **query):
    """All images that a view shows, in its order."""
    image_ids, start = [], 0
    while True:
        item = client.json("/api/item", name=name, start=start, **query)["item"]
        if item is None or item["image_id"] in image_ids:
            return image_ids
        image_ids.append(item["image_id"])
        start = (item["place"] + 1) % item["total"]


def test_what_is_shown(folder):
    with small.review_server(folder) as client:
        item = client.json("/api/item", name="Ada")["item"]
        assert (item["image_id"], item["place"], item["total"]) == ("b", 0, 4)
        assert item["predicted"]["name"] == "dog"
        assert {name: [label["class"] for label in labels] for name, labels in item["label_sets"].items()} == {
            "original": [0],
            "real": [1],
        }
        assert item["original"]["examples"] == ["a", "b"]  # its only right class
        assert [(row["name"], row["score"]) for row in item["top"]] == [("dog", 0.9), ("cat", 0.1)]
        status, picture, headers = client.ask("/image/main/b")
        assert (status, headers["content-type"]) == (200, "image/jpeg")
        assert picture == (folder / "images" / "b.jpg").read_bytes()


def test_judging_undoing_and_filtering(folder):
    with small.review_server(folder) as client:
        assert images(client, "Ada") == ["b", "c", "e", "f"]
        client.judge("Ada", "b", CORRECT)
        client.judge("Ada", "c", {**WRONG, "category": "Non-prototypical"})
        assert images(client, "Ada") == ["e", "f"]
        assert images(client, "Ada", state="mine") == ["b", "c"]
        assert images(client, "Bob") == ["b", "c", "e", "f"]
        assert images(client, "Bob", state="all", by="Ada") == ["b", "c"]
        assert images(client, "Ada", state="all", category="Non-prototypical") == ["c"]
        assert images(client, "Ada", state="all", **{"class": 3}) == ["e", "f"]  # predicted, and original
        assert client.json("/api/item", name="Ada", start=0, back="1")["item"]["image_id"] == "f"
        assert client.json("/api/undo", {}, name="Ada")["image_id"] == "c"
        assert images(client, "Ada") == ["c", "e", "f"]
        assert client.json("/api/item", name="Ada")["progress"]["mine"] == 1
        assert client.json("/api/undo", {}, name="Bob")["image_id"] is None


def test_a_second_verdict_takes_the_place_of_the_first_until_it_is_undone(folder):
    with small.review_server(folder) as client:
        client.judge("Ada", "b", CORRECT)
        client.judge("Ada", "b", WRONG)
        assert client.json("/api/item", name="Ada", image_id="b")["item"]["verdict"]["prediction"] == "wrong"
        client.json("/api/undo", {}, name="Ada")
        assert client.json("/api/item", name="Ada", image_id="b")["item"]["verdict"]["prediction"] == "correct"


def test_an_answer_sent_twice_is_stored_once_and_outlives_the_server(folder):
    with small.review_server(folder) as client:
        for _ in range(2):
            client.judge("Ada", "b", CORRECT, key="the-same-key")
        client.json("/api/undo", {}, name="Ada")
        client.judge("Ada", "c", CORRECT)
    with small.review_server(folder) as client:
        assert images(client, "Ada", state="mine") == ["c"]


def test_reviewers_are_blind_and_a_panel_decides(folder):
    with small.review_server(folder, needed=2) as client:
        for image_id, bobs in (("b", CORRECT), ("c", {**WRONG, "severity": "Minor"})):
            client.judge("Ada", image_id, WRONG if image_id == "c" else CORRECT)
            client.judge("Bob", image_id, bobs)
        client.judge("Ada", "e", WRONG)
        progress = client.json("/api/item", name="Ada")["progress"]
        assert (progress["final"], progress["disputed"]) == (1, 1)
        assert client.json("/api/item", name="Bob", image_id="c")["item"]["verdicts"] == {}
        assert images(client, "Eve", panel=1) == ["c"]
        verdicts = client.json("/api/item", name="Eve", panel=1, image_id="c")["item"]["verdicts"]
        assert {name: verdict["severity"] for name, verdict in verdicts.items()} == {"Ada": "Major", "Bob": "Minor"}
        client.judge("Eve", "c", {**WRONG, "severity": "Borderline"}, panel=1)
        assert images(client, "Ada", state="decided") == ["b", "c"]
        assert images(client, "Ada", state="disputed") == []
        judged = json.loads(client.ask("/export/mistakes.json")[1])
        assert {name: row["failure severity"] for name, row in judged.items()} == {"c": "Borderline"}


def test_the_guess_is_hidden_until_the_verdict(folder):
    with small.review_server(folder) as client:
        assert client.json("/api/item", name="Ada")["item"]["hint"] is None
        assert "alike" not in json.dumps(client.json("/api/item", name="Ada"))
        client.judge("Ada", "b", CORRECT)
        hint = client.json("/api/item", name="Ada", image_id="b")["item"]["hint"]
        assert (hint["guess"], hint["reason"]) == ("Fine-grained error", "they are alike")
        assert client.json("/api/item", name="Bob", image_id="b")["item"]["hint"] is None
        assert client.json("/api/item", name="Eve", panel=1, image_id="b")["item"]["hint"] is not None


def test_work_is_described_before_it_begins(folder):
    with small.review_server(folder, needed=2, guidelines="<p>Look twice.</p>") as client:
        about = client.json("/api/about")
    assert (about["model"], about["label_set"], about["total"], about["needed"]) == ("model", "original", 4, 2)
    assert (about["seconds"], about["guidelines"]) == (30, "<p>Look twice.</p>")


def test_what_waits_for_a_second_reviewer_is_exported(folder):
    """A single reviewer's verdicts vanished: neither the page nor the files spoke of them."""
    store = Store(folder / "answers.sqlite")
    review, pictures = small.make_review(folder, store, needed=2)
    content = Content(pictures, review=review)
    assert content.open_ends() == ""
    for name, image_id, verdict in (("Ada", "b", CORRECT), ("Ada", "c", CORRECT), ("Bob", "c", WRONG)):
        review.judge(f"key-{name}-{image_id}", image_id, View(name), verdict)
    files = content.exports("reviewed")
    assert json.loads(files["waiting.json"]) == {
        "schema": 1, "reviewers_needed": 2, "waiting": ["b"], "disputed": ["c"]
    }  # fmt: skip
    assert content.open_ends().startswith("1 verdicts wait for another reviewer and 1 are disputed")
    assert review.progress(View("Ada"))["waiting"] == 1
    verdicts = json.loads(files["verdicts.json"])["verdicts"]
    assert [(row["reviewer"], row["image_id"], row["prediction"]) for row in verdicts] == [
        ("Ada", "b", "correct"), ("Ada", "c", "correct"), ("Bob", "c", "wrong")
    ]  # fmt: skip
    store.close()


def test_exports(folder):
    with small.review_server(folder) as client:
        client.judge("Ada", "b", CORRECT)
        client.judge("Ada", "c", {"prediction": "unclear", "also_right": [3]})
        client.judge("Ada", "e", {"prediction": None, "problematic": True})
        spurious = {**WRONG, "category": "Spurious Correlation", "context": "lack", "comment": "a <b>dog</b>"}
        client.judge("Ada", "f", spurious)
        (folder / "new.json").write_bytes(client.ask("/export/labels.json")[1])
        (folder / "judged.json").write_bytes(client.ask("/export/mistakes.json")[1])
    labels = load_label_set(folder / "new.json")
    labels_of = {i: [int(a) for a in row if a >= 0] for i, row in zip(labels.image_ids, labels.labels, strict=True)}
    assert labels_of == {"a": [0], "b": [0, 1], "c": [1, 2, 3], "d": [1], "e": [2], "f": [3]}
    assert dict(zip(labels.image_ids, labels.weight, strict=True)) == {"a": 1, "b": 1, "c": 1, "d": 1, "e": 0, "f": 1}
    judged = load_judged(folder / "judged.json")
    assert (judged.image_ids.tolist(), judged.predicted.tolist(), judged.category.tolist()) == (
        ["f"], [0], ["Spurious Correlation"]
    )  # fmt: skip
    assert json.loads((folder / "judged.json").read_text())["f"]["context"] == "lack"


def test_a_wrong_label_is_replaced_by_the_judged_classes(folder):
    """The prediction stood beside the wrong label: `correct: [1, 8]` for a dog that was filed as six."""
    with small.review_server(folder, needed=2) as client:
        for reviewer in ("Ada", "Bob"):
            client.judge(reviewer, "b", {**CORRECT, "label_wrong": True})
            client.judge(reviewer, "c", {**WRONG, "label_wrong": True, "also_right": [0]})
            client.judge(reviewer, "e", {**WRONG, "label_wrong": True})
            client.judge(reviewer, "f", {**CORRECT, "label_wrong": reviewer == "Ada"})
        assert client.json("/api/item", name="Ada")["progress"]["disputed"] == 1  # the label of f
        assert client.json("/api/item", name="Ada", image_id="b")["item"]["verdict"]["label_wrong"] is True
        (folder / "new.json").write_bytes(client.ask("/export/labels.json")[1])
        body = {"key": "a-good-key", "image_id": "b", "verdict": {**CORRECT, "label_wrong": "yes"}}
        assert "label_wrong is 'yes'" in client.refused("/api/judge", body, name="Ada")
    labels = load_label_set(folder / "new.json")
    labels_of = {i: [int(a) for a in row if a >= 0] for i, row in zip(labels.image_ids, labels.labels, strict=True)}
    assert labels_of == {"a": [0], "b": [1], "c": [0], "d": [1], "e": [], "f": [3]}
    assert dict(zip(labels.image_ids, labels.is_scored, strict=True)) == dict(
        zip("abcdef", [1, 1, 1, 1, 0, 1], strict=True)
    )


def test_category_and_severity_are_optional_for_own_images(folder):
    with small.review_server(folder, needs_category=False) as client:
        assert client.json("/api/about")["needs_category"] is False
        client.judge("Ada", "b", {"prediction": "wrong"})
        client.judge("Ada", "c", WRONG)
        assert list(json.loads(client.ask("/export/mistakes.json")[1])) == ["c"]  # its format requires both


def test_the_filter_takes_names_of_classes(folder):
    with small.review_server(folder) as client:
        assert images(client, "Ada", **{"class": "Lamp"}) == images(client, "Ada", **{"class": 3}) == ["e", "f"]
        assert images(client, "Ada", **{"class": "animal"}) == ["b", "c", "f"]  # a node above cat and dog
        assert images(client, "Ada", **{"class": "whale"}) == []


def test_classes_are_found(folder):
    with small.review_server(folder) as client:
        for text, names in (
            ("do", ["dog"]),
            ("animal", ["cat", "dog"]),
            ("3", ["lamp"]),
            ("animal do", ["dog"]),
            ("", []),
        ):
            assert [row["name"] for row in client.json("/api/classes", q=text)] == names
        assert [row["name"] for row in client.json("/api/classes", near=1)][:2] == ["dog", "cat"]
        assert "no class 7" in client.refused("/api/classes", near=7)


def test_what_is_refused(folder):
    with small.review_server(folder) as client:

        def judge(verdict, key="a-good-key", image_id="b", name="Ada"):
            body = {"key": key, "image_id": image_id, "verdict": verdict}
            return client.refused("/api/judge", body, name=name)

        assert "needs a category and a severity" in judge({"prediction": "wrong"})
        assert "no answer about the prediction" in judge({"prediction": None})
        assert "prediction is 'perhaps'" in judge({"prediction": "perhaps"})
        assert "only a wrong prediction" in judge({**WRONG, "prediction": "correct"})
        assert "divided by its context" in judge({**WRONG, "context": "lack"})
        assert "no field 'score'" in judge({**CORRECT, "score": 1})
        assert "classes from 0 to 3" in judge({**CORRECT, "also_right": [4]})
        assert "longer than 2000" in judge({**CORRECT, "comment": "x" * 2001})
        assert "no mistake on an image 'a'" in judge(CORRECT, image_id="a")
        assert "expected key" in judge(CORRECT, key="<x>")
        assert "enter a name" in judge(CORRECT, name=" ")
        assert "not JSON" in client.refused("/api/judge", "{", name="Ada")
        assert "more than 65536 bytes" in client.refused("/api/judge", {"key": "x" * 70_000}, name="Ada")
        assert "no state 'opened': did you mean open" in client.refused("/api/item", name="Ada", state="opened")
        assert images(client, "Ada", state="mine") == []


def test_answers_belong_to_their_mistakes(folder):
    store = Store(folder / "answers.sqlite")
    small.make_review(folder, store)
    text = (folder / "mistakes.json").read_text()
    (folder / "mistakes.json").write_text(text.replace('"model": "model"', '"model": "other"'))
    with pytest.raises(InputError, match=r"about another mistakes\.json"):
        small.make_review(folder, store)
    store.close()
    (folder / "no.sqlite").write_text("this is no database, but it is long enough to be taken for one" * 20)
    with pytest.raises(InputError, match="no database that can be used"):
        Store(folder / "no.sqlite")


def test_agreement_of_verdicts():
    verdict = Verdict("wrong", category="Non-prototypical", severity="Minor", comment="x")
    assert verdict.agrees(Verdict("wrong", category="Non-prototypical", severity="Minor"))
    assert not verdict.agrees(Verdict("wrong", category="Non-prototypical", severity="Major"))
    assert not Verdict("correct").agrees(Verdict("correct", also_right=(2,)))


def test_what_is_in_doubt_is_no_example_of_its_class(tmp_path):
    small.write(tmp_path)
    pictures = Pictures(open_source(str(tmp_path / "images")))
    everything = examples_by_class(pictures, (), toy.original())
    assert any("a" in images for images in everything.values())
    rest = examples_by_class(pictures, (), toy.original(), {"a"})
    assert rest == {label: kept for label, images in everything.items() if (kept := [i for i in images if i != "a"])}
