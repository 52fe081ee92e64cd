"""What a client may send: whatever it is, the server answers with one line, and goes on."""

import concurrent.futures
import contextlib
import json
import socket
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


HOST = b"Host: 127.0.0.1\r\n"
JSON = b"Content-Type: application/json\r\n"
GOOD = b"GET /api/about HTTP/1.1\r\n" + HOST + b"\r\n"
JUDGE = b"POST /api/judge?name=Ada HTTP/1.1\r\n" + HOST + JSON
RAW = {
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\n" + HOST + b"Host: evil.com\r\n\r\n",
    "user in host": b"GET / HTTP/1.1\r\nHost: 127.0.0.1@evil.com\r\n\r\n",
    "half an address": b"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n",
    "bytes in host": b"GET / HTTP/1.1\r\nHost: \xff\xfe\r\n\r\n",
    "another site as a proxy asks": b"GET http://evil.com/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "another site by slashes": b"GET //evil.com/%2e%2e HTTP/1.1\r\n" + HOST + b"\r\n",
    "star": b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n",
    "trace": b"TRACE / HTTP/1.1\r\n" + HOST + b"\r\n",
    "connect": b"CONNECT evil.com:443 HTTP/1.1\r\n" + HOST + b"\r\n",
    "an unknown verb": b"BREW / HTTP/1.1\r\n" + HOST + b"\r\n",
    "version 2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "version 0.9": b"GET /\r\n",
    "garbage": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40) + b"\r\n\r\n",
    "garbage behind a request": GOOD + b"\x00\xff garbage\r\n\r\n",
    "two requests at once": GOOD + GOOD,
    "NUL in a file": b"GET /static/%00 HTTP/1.1\r\n" + HOST + b"\r\n",
    "a long file": b"GET /static/" + b"a" * 5000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "a long address": b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "a surrogate in an image": b"GET /image/main/%ed%a0%80 HTTP/1.1\r\n" + HOST + b"\r\n",
    "odd ranges": b"GET /static/review.js HTTP/1.1\r\nRange: bytes=9-1,x-,-0,0-0\r\n" + HOST + b"\r\n",
    "many ranges": b"GET /static/review.js HTTP/1.1\r\nRange: bytes=" + b"0-1," * 5000 + b"0-1\r\n" + HOST + b"\r\n",
    "odd conditions": b"GET /static/review.js HTTP/1.1\r\nIf-Modified-Since: x\r\nIf-Range: \xff\r\n" + HOST + b"\r\n",
    "an odd cookie": b"GET / HTTP/1.1\r\nCookie: =;a=\"\\777\\\";\xff=\x80\r\n" + HOST + b"\r\n",
    "a socket": b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: eA==\r\n"
    + b"Sec-WebSocket-Version: 13\r\n" + HOST + b"\r\n",
    "a negative length": JUDGE + b"Content-Length: -1\r\n\r\n",
    "two lengths": JUDGE + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
    "an odd length": JUDGE + b"Content-Length: 0x10\r\n\r\n",
    "length and chunks": JUDGE + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "an odd chunk": JUDGE + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
    "a large body in chunks": JUDGE + b"Transfer-Encoding: chunked\r\n\r\n" + b"ffff\r\n" + b"x" * 0xFFFF + b"\r\n2\r\n{}\r\n0\r\n\r\n",
    "a large body to come": JUDGE + b"Content-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n" + b"x" * 70_000,
    "a compressed body": JUDGE + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    "a name twice": b"GET /api/item?name=Ada&name=Bob HTTP/1.1\r\n" + HOST + b"\r\n",
    "no name": b"GET /api/item HTTP/1.1\r\n" + HOST + b"\r\n",
    "a surrogate in a name": b"GET /api/item?name=%ED%A0%80 HTTP/1.1\r\n" + HOST + b"\r\n",
    "an unknown filter": b"GET /api/item?name=Ada&by=%FF&state=%FF HTTP/1.1\r\n" + HOST + b"\r\n",
    "a slow header": b"GET / HTTP/1.1\r\nX: " + b"a" * 70_000,
}  # fmt: skip


def test_no_bytes_break_the_server(clients, capfd):
    """The requests wait at once: most connections stay open for more."""

    def ask(request_bytes):
        content = b""
        with socket.create_connection(("127.0.0.1", clients["review"].port), timeout=5) as connection:
            connection.sendall(request_bytes)
            connection.settimeout(0.3)
            with contextlib.suppress(TimeoutError, ConnectionError):
                while piece := connection.recv(2**16):
                    content += piece
        return content, clients["review"].json("/api/about")

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        results = dict(zip(RAW, pool.map(ask, RAW.values()), strict=True))
    for name, (content, about) in results.items():
        for head in content.split(b"HTTP/1.1 ")[1:]:
            status = int(head[:3])
            assert status < 500, (name, content[:300])
            assert status == 100 or b"\r\ncontent-security-policy: default-src 'none'" in head.lower(), (name, content)
        assert b"location: //" not in content.lower(), name
        assert about, name
    assert "Traceback" not in capfd.readouterr().err
