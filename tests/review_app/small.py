"""A review of four mistakes on drawn pictures, and a running server, for the tests of the pages."""

import contextlib
import http.client
import io
import json
import pathlib
import threading
import time
import urllib.parse
from collections.abc import Iterator

import numpy as np
import uvicorn
from PIL import Image

from imagenet_real.data.sources.open import open_source
from imagenet_real.labels.classes import ClassSet
from imagenet_real.labels.json_format import save_label_set
from imagenet_real.review_app.app import make_app
from imagenet_real.review_app.classes import ClassFinder
from imagenet_real.review_app.content import MAIN, OTHER, Content
from imagenet_real.review_app.mistakes_file import read_mistakes
from imagenet_real.review_app.pairs import Pairs
from imagenet_real.review_app.pictures import Pictures, examples_by_class
from imagenet_real.review_app.rating import Rating
from imagenet_real.review_app.review import Review
from imagenet_real.review_app.server import make_config
from imagenet_real.review_app.store import Store
from tests import toy

NAMES = ("cat", "dog", "bone", "lamp")
PATHS = (("all", "animal", "cat"), ("all", "animal", "dog"), ("all", "thing", "bone"), ("all", "thing", "lamp"))
WRONG = {"prediction": "wrong", "category": "Fine-grained error", "severity": "Major"}
CORRECT = {"prediction": "correct"}


def write(folder: pathlib.Path) -> None:
    """Pictures a to f, the label set, and the mistakes of `toy.predictions` under it."""
    (folder / "images").mkdir(parents=True)
    for row, name in enumerate(toy.IDS):
        buffer = io.BytesIO()
        Image.fromarray(np.full((40, 60, 3), 40 * row, np.uint8)).save(buffer, "JPEG")
        (folder / "images" / f"{name}.jpg").write_bytes(buffer.getvalue())
    (folder / "secret.txt").write_text("not a picture")
    save_label_set(folder / "labels.json", toy.original())
    rows = [
        {
            "image_id": image_id,
            "predicted": int(top[0]),
            "confidence": 0.9,
            "right": [int(label)],
            "original": int(label),
            "top": top.tolist(),
            "top_scores": [0.9, 0.1],
            "guess": "Fine-grained error",
            "reason": "they are alike",
            "agreeing": None,
            "label_may_be_missing": False,
        }
        for image_id, top, label in zip(toy.IDS.tolist(), toy.TOP, toy.ORIGINAL, strict=True)
        if top[0] != label
    ]
    content = {"schema": 1, "label_set": "original", "model": "model", "mistakes": rows}
    content["provenance"] = {"config": {"label_set": str(folder / "labels.json")}}
    (folder / "mistakes.json").write_text(json.dumps(content))


def tasks(assignments=None, per_task: int = 2, gold=(0,), count: int = 6) -> str:
    """The content of a tasks.json: a task an image, about two classes."""
    return json.dumps(
        {
            "schema": 1,
            "answers": ["no", "maybe", "yes"],
            "raters_per_task": per_task,
            "names": {label: NAMES[label] for label in range(4)},
            "tasks": [
                {"task": n, "image_id": str(toy.IDS[n]), "labels": [0, 1 + n % 3], "gold": n in gold}
                for n in range(count)
            ],
            "assignments": assignments,
        }
    )


def make_review(folder: pathlib.Path, store: Store, needed: int = 1, **fields) -> tuple[Review, dict[str, Pictures]]:
    """The review of what `write` wrote."""
    pictures = Pictures(open_source(str(folder / "images")))
    examples = examples_by_class(pictures, (), toy.original())
    classes = ClassFinder(ClassSet(NAMES, paths=PATHS), examples, MAIN)
    file, label_sets = read_mistakes(folder / "mistakes.json"), [toy.original(), toy.real()]
    return Review(file, label_sets, classes, store, needed, **fields), {MAIN: pictures}


@contextlib.contextmanager
def served(app) -> Iterator[int]:
    """The port of a running server."""
    server = uvicorn.Server(make_config(app, port=0))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join()


@contextlib.contextmanager
def review_server(
    folder: pathlib.Path, host: str = "127.0.0.1", token: str = "", needed: int = 1, guidelines: str = "", **fields
) -> Iterator["Client"]:
    """A server of the review. `guidelines` is HTML."""
    store = Store(folder / "answers.sqlite")
    review, pictures = make_review(folder, store, needed, **fields)
    with served(make_app(Content(pictures, review=review, guidelines=guidelines), host, token)) as port:
        yield Client(port)
    store.close()


@contextlib.contextmanager
def rating_server(folder: pathlib.Path, store: str = "answers.sqlite") -> Iterator["Client"]:
    """A server of the tasks in tasks.json."""
    store = Store(folder / store)
    pictures = {MAIN: Pictures(open_source(str(folder / "images")))}
    rating = Rating(folder / "tasks.json", store)
    with served(make_app(Content(pictures, rating=rating), "127.0.0.1", "")) as port:
        yield Client(port)
    store.close()


@contextlib.contextmanager
def pairs_server(folder: pathlib.Path, images: pathlib.Path | None = None) -> Iterator["Client"]:
    """A server of three pairs: a and d, b and e, c and f."""
    folder.mkdir(exist_ok=True)
    rows = [
        {"image_id": a, "other": b, "similarity": 0.99, "bits": 3.0, "embedding": None} for a, b in ("ad", "be", "cf")
    ]
    (folder / "duplicates.json").write_text(json.dumps({"pairs": rows}))
    store = Store(folder / "answers.sqlite")
    pictures = Pictures(open_source(str(images or folder / "images")))
    pairs = Pairs(folder / "duplicates.json", store)
    with served(make_app(Content({MAIN: pictures, OTHER: pictures}, pairs=pairs), "127.0.0.1", "")) as port:
        yield Client(port)
    store.close()


class Client:
    """Asks a server, as the pages do, or with other headers."""

    def __init__(self, port: int):
        self.port = port

    def ask(self, path: str, body=None, method=None, headers=None, **query) -> tuple[int, bytes, dict[str, str]]:
        """Status, content and headers; the path is sent as it stands."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        sent = {"content-type": "application/json"} if body is not None else {}
        content = json.dumps(body) if isinstance(body, dict) else body
        address = f"{path}?{urllib.parse.urlencode(query)}" if query else path
        connection.request(method or ("GET" if body is None else "POST"), address, content, {**sent, **(headers or {})})
        response = connection.getresponse()
        result = response.status, response.read(), {name.lower(): value for name, value in response.getheaders()}
        connection.close()
        return result

    def json(self, path: str, body=None, **query):
        """The content of a good answer."""
        status, content, _ = self.ask(path, body, **query)
        assert status == 200, content
        return json.loads(content)

    def refused(self, path: str, body=None, **query) -> str:
        """Why the server refuses what was sent."""
        status, content, _ = self.ask(path, body, **query)
        assert status == 400, (status, content)
        return json.loads(content)["error"]

    def judge(self, name: str, image_id: str, verdict: dict, key: str = "", **query):
        """Stores a verdict."""
        key = key or f"key-{threading.get_ident()}-{time.monotonic_ns()}"
        return self.json("/api/judge", {"key": key, "image_id": image_id, "verdict": verdict}, name=name, **query)
