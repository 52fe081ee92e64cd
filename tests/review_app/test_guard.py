"""Who may speak to the server, and what no address leads to."""

import json
import socket

import pytest

from imagenet_real.errors import InputError
from imagenet_real.review_app.app import make_app
from imagenet_real.review_app.content import Content
from tests.review_app import small

TOKEN = "a-secret-of-24-characters"
VERDICT = {"key": "a-good-key", "image_id": "b", "verdict": small.CORRECT}


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    folder = tmp_path_factory.mktemp("guard") / "world"
    small.write(folder)
    with small.review_server(folder) as client:
        yield client


@pytest.fixture(scope="module")
def closed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("guard") / "world"
    small.write(folder)
    with small.review_server(folder, host="0.0.0.0", token=TOKEN) as client:
        yield client


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.7", "example.org"])
def test_no_other_address_without_a_token(host):
    for token in ("", "short"):
        with pytest.raises(InputError, match="can be reached from other machines. Give --token_file"):
            make_app(Content({}), host, token)
    make_app(Content({}), host, TOKEN)
    make_app(Content({}), "127.0.0.1", "")


def test_the_token_is_asked_for(closed):
    for path in ("/", "/api/item?name=Ada", "/image/main/b", "/export/labels.json", "/static/review.js"):
        assert closed.ask(path)[0] == 401
    assert b"Enter the token" in closed.ask("/")[1]
    assert closed.ask("/", headers={"cookie": "imagenet_real_token=wrong"})[0] == 401
    assert closed.ask("/api/judge?name=Ada", VERDICT)[0] == 401
    for path in ("/static/login.js", "/static/style.css"):
        assert closed.ask(path)[0] == 200


@pytest.mark.parametrize("wrong", ["wrong", "", 7, None, ["x"], TOKEN + "x", "\u00e9"])
def test_a_wrong_token_opens_nothing(closed, wrong):
    status, _, headers = closed.ask("/login", {"token": wrong})
    assert (status, "set-cookie" in headers) == (401, False)


def test_the_token_becomes_a_cookie_and_is_in_no_address(closed):
    status, _, headers = closed.ask("/login", {"token": TOKEN})
    assert status == 200
    assert "httponly" in headers["set-cookie"].lower()
    assert "samesite=strict" in headers["set-cookie"].lower()
    cookie = {"cookie": headers["set-cookie"].partition(";")[0]}
    assert closed.ask("/", headers=cookie)[0] == 200
    assert closed.ask("/login", {"token": TOKEN}, headers={"origin": "https://evil.example"})[0] == 403


@pytest.mark.parametrize("path", ["/", "//evil.example/", "/\\evil.example/", "/static/", "/%2f%2fevil.example"])
def test_a_token_in_the_address_leads_to_the_first_page_alone(closed, path):
    status, _, headers = closed.ask(f"{path}?token={TOKEN}")
    assert (status, headers["location"]) == (303, "/")
    assert closed.ask(f"{path}?token=wrong")[0] == 401


@pytest.mark.parametrize(
    "path",
    [
        "/image/main/../secret.txt",
        "/image/main/..%2fsecret.txt",
        "/image/main/%2e%2e/secret.txt",
        "/image/main/....//secret.txt",
        "/image/main//etc/passwd",
        "/image/../secret.txt",
        "/image/other/b",
        "/image/main/b.jpg",
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2f..%2f__init__.py",
        "/static//etc/passwd",
        "/static/",
    ],
)
def test_no_path_leads_outside(client, path):
    status, content, _ = client.ask(path)
    assert status == 404
    assert b"not a picture" not in content
    assert b"import" not in content


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "http://[half"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"host": "evil.example"},
    ],
    ids=str,
)
def test_pages_of_other_sites_write_nothing(client, headers):
    for path in ("/api/judge?name=Mallory", "/api/undo?name=Mallory"):
        assert client.ask(path, json.dumps(VERDICT), headers=headers)[0] == 403
    assert "Mallory" not in client.json("/api/item", name="Ada")["progress"]["reviewers"]


def test_pages_of_other_sites_read_nothing(client):
    for path in ("/", "/image/main/b", "/api/item?name=Ada"):
        assert client.ask(path, headers={"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"})[0] == 403
    assert client.ask("/", headers={"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"})[0] == 200


def test_another_name_of_this_server_is_not_answered(client):
    assert client.ask("/api/item?name=Ada", headers={"host": "evil.example"})[0] == 403
    for host in (f"localhost:{client.port}", f"127.0.0.1:{client.port}", f"[::1]:{client.port}"):
        assert client.ask("/api/item?name=Ada", headers={"host": host})[0] == 200


def test_reading_never_writes(client):
    assert client.ask("/api/judge?name=Ada", method="GET")[0] == 405
    assert client.ask("/api/undo?name=Ada", method="GET")[0] == 405


SECURE = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/", {}, 200),
        ("/api/item?name=Ada", {}, 200),
        ("/api/item", {}, 400),
        ("/image/main/b", {}, 200),
        ("/image/main/none", {}, 404),
        ("/static/style.css", {}, 200),
        ("/api/judge", {}, 405),
        ("/", {"host": "evil.example"}, 403),
        ("/static", {}, 404),
        ("/a\x00b", {}, None),
    ],
)
def test_every_answer_lets_no_foreign_script_run(client, path, headers, status):
    if status is None:  # what is no HTTP
        with socket.create_connection(("127.0.0.1", client.port), timeout=10) as connection:
            connection.sendall(b"NO HTTP\r\n\r\n")
            lines = connection.makefile("rb").read().decode().split("\r\n")
        answer = dict(line.split(": ", 1) for line in lines if ": " in line)
    else:
        code, _, answer = client.ask(path, headers=headers)
        assert code == status
    assert SECURE.items() <= answer.items()
    assert "default-src 'none'" in answer["content-security-policy"]
    assert "unsafe" not in answer["content-security-policy"]


def test_pages_hold_no_inline_script_and_no_outside_address(client):
    scripts = ("review.js", "page.js", "rate.js", "pairs.js", "login.js")
    for path in (
        "/",
        *(f"/static/{name}" for name in (*scripts, "style.css", "rate.html", "pairs.html", "login.html")),
    ):
        text = client.ask(path)[1].decode()
        assert "http://" not in text
        assert "https://" not in text
        assert "innerHTML" not in text
        assert "<script>" not in text
        assert "onclick=" not in text
