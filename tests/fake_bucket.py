"""Google Cloud Storage on this machine: the part of its JSON API that gcsfs, TensorStore and Orbax use.

It is a bucket and no disk: an object is there whole once its upload ends, or not at all; nothing is appended to or
changed in part; there are no folders, only names that have slashes in them.
"""

import dataclasses
import email
import email.policy
import itertools
import json
import os
import pathlib
import re
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit

PAGE = 100  # names a page of a listing; Google's has 1,000


@dataclasses.dataclass(frozen=True)
class Object:
    """The bytes under a name; written anew, it has another generation."""

    data: bytes
    generation: int
    written: float  # seconds since 1970


class FakeBucket(ThreadingHTTPServer):
    """Serves the objects of any bucket while it is open as a context; other processes find it by `environment`."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Requests)
        self.objects: dict[str, Object] = {}  # by BUCKET/NAME
        self.refused: set[str] = set()  # kinds of requests that are answered with an error: read, write
        self.error = 403, "quota exceeded"
        self.requests: list[str] = []
        self.watch: Callable[[str], None] = lambda request: None  # is told of each before it is answered
        self.uploads: dict[str, tuple[str, bytearray]] = {}  # that have begun
        self.lock = threading.Lock()
        self.numbers = itertools.count(1)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which the libraries find it in Google's place, and ask nobody for a password."""
        return {
            "STORAGE_EMULATOR_HOST": self.address,
            "CLOUD_STORAGE_EMULATOR_ENDPOINT": self.address,  # of Google's C++ library, which ArrayRecord uses
            "TENSORSTORE_GCS_HTTP_URL": self.address,
            "GOOGLE_AUTH_TOKEN_FOR_TESTING": "none",
            "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",  # which would ask Google of what kind the bucket is
            "GOOGLE_CLOUD_PROJECT": "none",
            "NO_GCE_CHECK": "true",
        }

    def __enter__(self) -> "FakeBucket":
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *exception) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # of a process that ended
            super().handle_error(request, client_address)

    def put(self, name: str, data: bytes) -> Object:
        """What ends an upload: from now on the object is there, in the place of any other."""
        written = Object(data, next(self.numbers), time.time())
        self.objects[name] = written
        return written

    def copy(self, file: pathlib.Path, to: os.PathLike) -> None:
        """Puts a file, or all files of a folder, into the bucket."""
        files = [file] if file.is_file() else [one for one in file.rglob("*") if one.is_file()]
        for one in files:
            name = os.fspath(to) if one == file else f"{os.fspath(to)}/{one.relative_to(file).as_posix()}"
            self.put(name.removeprefix("gs://"), one.read_bytes())


class _Requests(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: FakeBucket

    def log_message(self, *arguments) -> None:
        pass

    def handle_any(self) -> None:
        body = self._body()
        url = urlsplit(self.path)
        self.query = dict(parse_qsl(url.query, keep_blank_values=True))
        with self.server.lock:
            self.server.requests.append(f"{self.command} {unquote(self.path)}")
            self.server.watch(self.server.requests[-1])
            kind = "read" if self.command == "GET" else "write"
            if kind in self.server.refused:
                code, message = self.server.error
                return self._json({"error": {"code": code, "message": message}}, code)
            for method, pattern, answer in ROUTES:
                if self.command in method and (found := re.fullmatch(pattern, url.path)):
                    return answer(self, body, *map(unquote, found.groups()))
        self._json({"error": {"code": 501, "message": f"unknown request {self.command} {self.path}"}}, 501)

    do_GET = do_POST = do_PUT = do_DELETE = handle_any

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _send(self, status: int, data: bytes = b"", **headers: object) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()

    def _json(self, content: dict, status: int = 200) -> None:
        self._send(status, json.dumps(content).encode(), Content_Type="application/json")

    def _missing(self) -> None:
        self._json({"error": {"code": 404, "message": "No such object"}}, 404)

    def _described(self, name: str, there: Object) -> dict:
        bucket, _, key = name.partition("/")
        written = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(there.written)) + f".{there.written % 1 * 1000:03.0f}Z"
        return {
            "kind": "storage#object",
            "bucket": bucket,
            "name": key,
            "size": str(len(there.data)),
            "generation": str(there.generation),
            "metageneration": "1",
            "timeCreated": written,
            "updated": written,
        }

    def bucket(self, body: bytes, bucket: str) -> None:
        self._json({"kind": "storage#bucket", "name": bucket, "id": bucket})

    def listing(self, body: bytes, bucket: str) -> None:
        prefix, delimiter = self.query.get("prefix", ""), self.query.get("delimiter", "")
        items, prefixes = {}, {}
        for name in sorted(name for name in self.server.objects if name.startswith(f"{bucket}/{prefix}")):
            there, key = self.server.objects[name], name.partition("/")[2]
            if key < self.query.get("startOffset", ""):
                continue
            if key >= self.query.get("endOffset", chr(sys.maxunicode)):
                continue
            head, found, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
            if found:
                prefixes[f"{prefix}{head}{delimiter}"] = None
            else:
                items[key] = self._described(name, there)
        every = sorted([*items, *prefixes])
        start = int(self.query.get("pageToken") or 0)
        stop = start + min(PAGE, int(self.query.get("maxResults") or PAGE))
        page = {"kind": "storage#objects", "items": [items[key] for key in every[start:stop] if key in items]}
        page["prefixes"] = [key for key in every[start:stop] if key in prefixes]
        self._json(page | ({"nextPageToken": str(stop)} if stop < len(every) else {}))

    def read(self, body: bytes, bucket: str, key: str) -> None:
        there = self.server.objects.get(f"{bucket}/{key}")
        if there is None:
            return self._missing()
        if self.query.get("ifGenerationNotMatch") == str(there.generation):
            return self._send(304)
        if self.query.get("alt") != "media":
            return self._json(self._described(f"{bucket}/{key}", there))
        asked = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        marks = {"x_goog_generation": there.generation, "x_goog_stored_content_length": len(there.data)}
        if asked is None:
            return self._send(200, there.data, **marks)
        size = len(there.data)
        begin = int(asked[1]) if asked[1] else size - int(asked[2])
        end = min(size, int(asked[2]) + 1) if asked[1] and asked[2] else size
        if begin >= size:
            return self._send(416, Content_Range=f"bytes */{size}")
        self._send(206, there.data[begin:end], Content_Range=f"bytes {begin}-{end - 1}/{size}", **marks)

    def _refused_by_generation(self, name: str) -> bool:
        wanted = self.query.get("ifGenerationMatch")
        there = self.server.objects.get(name)
        return wanted is not None and int(wanted) != (there.generation if there else 0)

    def _finish(self, name: str, data: bytes) -> None:
        self._json(self._described(name, self.server.put(name, data)))

    def upload(self, body: bytes, bucket: str) -> None:
        kind, data, name = self.query["uploadType"], body, self.query.get("name")
        if kind == "multipart":
            head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
            parts = email.message_from_bytes(head + body, policy=email.policy.HTTP).get_payload()
            name = json.loads(parts[0].get_payload())["name"]
            data = body[body.index(b"\n\n", body.index(b"\n\n") + 2) + 2 : body.rindex(b"\n--")]
        name = f"{bucket}/{name}"
        if self._refused_by_generation(name):
            return self._json({"error": {"code": 412, "message": "conditionNotMet"}}, 412)
        if kind != "resumable":
            return self._finish(name, data)
        upload = str(next(self.server.numbers))
        self.server.uploads[upload] = name, bytearray()
        self._send(200, Location=f"{self.server.address}/resumable/{upload}")

    def resume(self, body: bytes, upload: str) -> None:
        name, data = self.server.uploads[upload]
        data += body
        if self.headers["Content-Range"].rpartition("/")[2] != str(len(data)):
            return self._send(308, Range=f"bytes=0-{len(data) - 1}")
        del self.server.uploads[upload]
        self._finish(name, bytes(data))

    def give_up(self, body: bytes, upload: str) -> None:
        del self.server.uploads[upload]
        self._send(499)

    def delete(self, body: bytes, bucket: str, key: str) -> None:
        if self.server.objects.pop(f"{bucket}/{key}", None) is None:
            return self._missing()
        self._send(204)

    def copy(self, body: bytes, bucket: str, key: str, to_bucket: str, to_key: str) -> None:
        there = self.server.objects.get(f"{bucket}/{key}")
        if there is None:
            return self._missing()
        copied = self.server.put(f"{to_bucket}/{to_key}", there.data)
        self._json({"done": True, "resource": self._described(f"{to_bucket}/{to_key}", copied)})

    def move(self, body: bytes, bucket: str, key: str, to_key: str) -> None:
        there = self.server.objects.pop(f"{bucket}/{key}", None)
        if there is None:
            return self._missing()
        self._finish(f"{bucket}/{to_key}", there.data)


_OBJECT = r"/storage/v1/b/([^/]+)/o/([^/]+)"
ROUTES = (
    ("GET", r"/storage/v1/b/([^/]+)", _Requests.bucket),
    ("GET", r"/storage/v1/b/([^/]+)/o", _Requests.listing),
    ("GET", rf"(?:/download)?{_OBJECT}", _Requests.read),
    ("POST", r"/upload/storage/v1/b/([^/]+)/o", _Requests.upload),
    ("POST PUT", r"/resumable/(\d+)", _Requests.resume),
    ("DELETE", r"/resumable/(\d+)", _Requests.give_up),
    ("DELETE", _OBJECT, _Requests.delete),
    ("POST", rf"{_OBJECT}/rewriteTo/b/([^/]+)/o/([^/]+)", _Requests.copy),
    ("POST", rf"{_OBJECT}/moveTo/o/([^/]+)", _Requests.move),
)
