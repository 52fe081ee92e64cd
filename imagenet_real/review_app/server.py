"""Serves the application until it is stopped."""

import contextlib
import socket
from collections.abc import Callable, Iterator
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from imagenet_real.errors import InputError
from imagenet_real.review_app.guard import HEADERS


@contextlib.contextmanager
def listen(host: str, port: int) -> Iterator[socket.socket]:
    """Yields a socket that listens at `host` and `port`; port 0 takes any free port.

    Raises InputError if the address is not available.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
            listening.listen(1024)  # an early browser waits until the images are read
        except (OSError, OverflowError, ValueError) as error:
            raise InputError(f"cannot listen on {host} port {port} ({error}). Give another --port.") from None
        yield listening


def serve(app: ASGIApp, listening: socket.socket, is_stopped: Callable[[], object]) -> None:
    """Serves on a socket until `is_stopped` returns something true, and prints the address."""
    host, port, *_ = listening.getsockname()
    name = f"[{host}]" if ":" in host else host
    print(f"open http://{name}:{port}/ in a browser; Ctrl-C ends it.", flush=True)
    _Server(make_config(app), is_stopped).run(sockets=[listening])


def make_config(app: ASGIApp, **options: Any) -> uvicorn.Config:
    """Returns how uvicorn serves the application."""
    return uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        **options,
    )


class _Server(uvicorn.Server):
    """A server that leaves signals to the program: one that comes before the server has begun must stop it, too."""

    def __init__(self, config: uvicorn.Config, is_stopped: Callable[[], object]):
        super().__init__(config)
        self._is_stopped = is_stopped

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def on_tick(self, counter: int) -> bool:
        return bool(self._is_stopped()) or await super().on_tick(counter)


class _Protocol(H11Protocol):
    """HTTP whose answers to what is no HTTP carry the headers of the guard, too."""

    def send_400_response(self, msg: str) -> None:
        headers = {**HEADERS, "content-type": "text/plain; charset=utf-8", "connection": "close"}
        response = h11.Response(status_code=400, headers=list(headers.items()), reason=b"Bad Request")
        for event in (response, h11.Data(data=msg.encode("ascii", "replace")), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event))
        self.transport.close()
