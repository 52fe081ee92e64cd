"""What a client may send: whatever it is, the server answers with one line, and goes on."""

import json
import sqlite3

import pytest

from tests.review_app import small

VERDICT = {"key": "a-good-key", "image_id": "b", "verdict": small.CORRECT}


@pytest.fixture(scope="module")
def clients(tmp_path_factory):
    folder = tmp_path_factory.mktemp("attacks") / "world"
    small.write(folder)
    (folder / "tasks.json").write_text(small.tasks())
    (folder / "rating").mkdir()
    with (
        small.review_server(folder) as review,
        small.pairs_server(folder / "pairs", images=folder / "images") as pairs,
        small.rating_server(folder, store="rating/answers.sqlite") as rating,
    ):
        yield {"review": review, "pairs": pairs, "rating": rating}


def line(content):
    error = json.loads(content)["error"]
    assert len(error) <= 300
    assert error.isprintable()
    return error


BODIES = {
    "deep": "[" * 30_000 + "]" * 30_000,
    "deep object": '{"a":' * 10_000 + "1" + "}" * 10_000,
    "no JSON": "{",
    "a list": "[1]",
    "empty": "",
    "long integer": '{"key": ' + "9" * 5000 + "}",
    "duplicate key": '{"key": "a-good-key", "key": "another-key", "image_id": "b", "verdict": {}}',
    "surrogate": json.dumps({**VERDICT, "verdict": {"prediction": "correct", "comment": "\ud800"}}),
    "surrogate key": json.dumps({**VERDICT, "key": "\ud800"}),
    "NaN": '{"key": "a-good-key", "image_id": "b", "verdict": NaN}',
    "bytes": b"\xff\xfe\x00",
    "NUL": '{"key": "a-good-key", "image_id": "b\\u0000", "verdict": {"prediction": "correct"}}',
}


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize(
    ("kind", "path"), [("review", "/api/judge"), ("pairs", "/api/same"), ("rating", "/api/answer")]
)
def test_any_body_is_refused_in_a_line(clients, kind, path, body):
    status, content, _ = clients[kind].ask(f"{path}?name=Ada", BODIES[body])
    assert status == 400
    assert line(content)


VALUES = {
    "pairs": [
        {"key": "a-good-key", "pair": 2**70, "same": True},
        {"key": "a-good-key", "pair": -1, "same": True},
        {"key": "a-good-key", "pair": 1.0, "same": True},
        {"key": "a-good-key", "pair": 0, "same": 1},
    ],
    "rating": [
        {"task": 0, "answers": {"\u00b2": "yes"}},
        {"task": 0, "answers": {"\u0660": "yes"}},
        {"task": 0, "answers": {"1" * 5000: "yes"}},
        {"task": 0, "answers": {"0": ["yes"]}},
        {"task": 2**70, "answers": {"0": "yes"}},
        {"task": True, "answers": {"0": "yes"}},
        {"task": 0, "answers": [["0", "yes"]]},
    ],
    "review": [
        {**VERDICT, "verdict": {"prediction": ["correct"]}},
        {**VERDICT, "verdict": {"prediction": "correct", "comment": {"a": 1}}},
        {**VERDICT, "verdict": {"prediction": "correct", "also_right": [True]}},
        {**VERDICT, "verdict": {"prediction": "correct", "also_right": [2**70]}},
        {**VERDICT, "image_id": ["b"]},
        {**VERDICT, "key": "x" * 65},
    ],
}
PATHS = {"review": "/api/judge", "pairs": "/api/same", "rating": "/api/answer"}


@pytest.mark.parametrize(("kind", "body"), [(kind, body) for kind in VALUES for body in VALUES[kind]], ids=str)
def test_a_value_of_another_kind_is_refused_in_a_line(clients, kind, body):
    status, content, _ = clients[kind].ask(f"{PATHS[kind]}?name=Ada", body)
    assert status == 400
    assert line(content)


@pytest.mark.parametrize(
    "query",
    [
        "start=%C2%B2",
        "start=-1",
        "start=" + "9" * 40,
        "class=%00",
        "start=1e3",
        "state=%0a",
        "category=%F0%9F",
        "back=%00",
    ],
)
def test_an_odd_address_is_answered(clients, query):
    status, content, _ = clients["review"].ask(f"/api/item?name=Ada&{query}")
    assert status in (200, 400)
    json.loads(content)
    for text in ("%C2%B2", "%D9%A3", "9" * 5000, "%00"):
        assert clients["review"].ask(f"/api/classes?q={text}")[0] == 200


@pytest.mark.parametrize("name", ["", "%00", "a%0Ab", "%1b[31m", "%E2%80%AEgnp", "x" * 61, "%C2%85"])
def test_a_name_with_codes_is_refused(clients, name):
    for kind, path in (("review", "/api/item"), ("pairs", "/api/pair"), ("rating", "/api/task")):
        assert clients[kind].ask(f"{path}?name={name}")[0] == 400


def test_a_key_of_another_reviewer_is_refused(clients):
    client = clients["review"]
    client.judge("Ada", "b", small.CORRECT, key="the-key-of-ada")
    client.judge("Ada", "b", small.CORRECT, key="the-key-of-ada")
    for name, image_id, verdict in (
        ("Bob", "b", small.CORRECT),
        ("Ada", "c", small.CORRECT),
        ("Ada", "b", small.WRONG),
    ):
        body = {"key": "the-key-of-ada", "image_id": image_id, "verdict": verdict}
        status, content, _ = client.ask("/api/judge", body, name=name)
        assert status == 409
        assert "is not stored" in line(content)
    client.json("/api/undo", {}, name="Ada")
    body = {"key": "the-key-of-ada", "image_id": "b", "verdict": small.CORRECT}
    assert client.ask("/api/judge", body, name="Ada")[0] == 409, "it was undone, and would not count"


def test_a_locked_database_refuses_aloud_and_takes_the_answer_later(tmp_path, monkeypatch):
    monkeypatch.setattr("imagenet_real.review_app.store.SECONDS_LOCKED", 0.05)
    small.write(tmp_path)
    with small.review_server(tmp_path) as client:
        other = sqlite3.connect(tmp_path / "answers.sqlite", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        status, content, _ = client.ask("/api/judge?name=Ada", VERDICT)
        assert status == 503
        assert "locked" in line(content)
        assert client.json("/api/item", name="Ada")["progress"]["mine"] == 0
        other.execute("ROLLBACK")
        other.close()
        client.json("/api/judge", VERDICT, name="Ada")
        assert client.json("/api/item", name="Ada")["progress"]["mine"] == 1


def test_a_full_disk_refuses_aloud_and_takes_the_answer_later(tmp_path, monkeypatch):
    small.write(tmp_path)
    with small.review_server(tmp_path) as client:
        with monkeypatch.context() as full:
            full.setattr("os.fsync", raise_full)
            status, content, _ = client.ask("/api/judge?name=Ada", VERDICT)
            assert status == 503
            assert "No space left" in line(content)
        client.json("/api/judge", VERDICT, name="Ada")
        assert json.loads(client.ask("/export/labels.json")[1])["images"]["b"]["correct"] == [0, 1]


def raise_full(descriptor):
    raise OSError(28, "No space left on device")
