"""A small server that speaks the Hub's interface: what a model has, and its files, also from a byte on."""

import contextlib
import hashlib
import http.server
import json
import threading
from collections.abc import Iterator

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Repository:
    """Files by name. `checksums` overrides those that are announced; `cuts` ends the next downloads after some bytes."""

    def __init__(self, files: dict[str, bytes], *, gated: bool = False, checksums: dict[str, str] | None = None):
        self.files, self.gated = files, gated
        self.checksums = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()} | (checksums or {})
        self.cuts: list[int] = []
        self.first_bytes: list[int] = []  # of each download of weights


@contextlib.contextmanager
def hub(repositories: dict[str, Repository]) -> Iterator[str]:
    """Serves the repositories; yields the endpoint."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *arguments: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            path = self.path.partition("?")[0].strip("/").split("/")
            is_listing = path[:2] == ["api", "models"]
            name = "/".join(path[2:4] if is_listing else path[:2])
            repository = repositories.get(name)
            if repository is None:
                return self.fail(404, "RepoNotFound", "Repository not found")
            if is_listing:
                revision = path[5] if path[4:5] == ["revision"] else "main"
                if revision not in ("main", COMMIT):
                    return self.fail(404, "RevisionNotFound", "Revision not found")
                return self.answer(json.dumps(self.listing(name, repository)).encode())
            if repository.gated:
                return self.fail(403, "GatedRepo", "Access to this model is restricted")
            file = "/".join(path[4:])
            if file not in repository.files:
                return self.fail(404, "EntryNotFound", "Entry not found")
            self.send_file(repository, file)

        def listing(self, name: str, repository: Repository) -> dict:
            siblings = [
                {
                    "rfilename": file,
                    "size": len(data),
                    "blobId": "0" * 40,
                    **({} if file.endswith(".json") else {"lfs": self.lfs(repository, file)}),
                }
                for file, data in repository.files.items()
            ]
            return {"id": name, "modelId": name, "sha": COMMIT, "siblings": siblings, "tags": [], "downloads": 0}

        def lfs(self, repository: Repository, file: str) -> dict:
            return {"sha256": repository.checksums[file], "size": len(repository.files[file]), "pointerSize": 130}

        def send_file(self, repository: Repository, file: str) -> None:
            data = repository.files[file]
            start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0])
            self.send_response(206 if start else 200)
            etag = f'"{repository.checksums[file]}"'
            headers = {"X-Repo-Commit": COMMIT, "ETag": etag, "X-Linked-Etag": etag, "X-Linked-Size": len(data)}
            headers |= {"Accept-Ranges": "bytes", "Content-Length": len(data) - start}
            if start:
                headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
            for header, value in headers.items():
                self.send_header(header, str(value))
            self.end_headers()
            if self.command == "HEAD":
                return
            if not file.endswith(".json"):
                repository.first_bytes.append(start)
            if repository.cuts and not file.endswith(".json"):
                self.wfile.write(data[start : start + repository.cuts.pop(0)])
                self.wfile.flush()
                self.close_connection = True
                self.connection.close()
                return
            self.wfile.write(data[start:])

        def fail(self, status: int, code: str, message: str) -> None:
            self.send_response(status)
            for header, value in (("X-Error-Code", code), ("X-Error-Message", message), ("Content-Length", "0")):
                self.send_header(header, value)
            self.end_headers()

        def answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def handle_one_request(self) -> None:
            with contextlib.suppress(ConnectionError, ValueError):
                super().handle_one_request()

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
