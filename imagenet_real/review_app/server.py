"""Serves the application until it is stopped."""

import contextlib
import signal
import socket

import uvicorn
from starlette.types import ASGIApp

from imagenet_real.errors import InputError


def serve(app: ASGIApp, host: str, port: int) -> None:
    """Serves at `host` and `port` until Ctrl-C or SIGTERM, and prints the address. Port 0 takes any free port.

    Raises InputError if the address is not available.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
            listening.listen(1024)  # before the address is printed, so that an early browser waits
        except (OSError, OverflowError) as error:
            raise InputError(f"cannot listen on {host} port {port} ({error}). Give another --port.") from None
        name = f"[{host}]" if ":" in host else host
        print(f"open http://{name}:{listening.getsockname()[1]}/ in a browser; Ctrl-C ends it.", flush=True)
        config = uvicorn.Config(app, log_level="warning", server_header=False, proxy_headers=False, lifespan="off")
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with contextlib.suppress(KeyboardInterrupt):  # uvicorn ends the open requests, and then raises the signal again
            uvicorn.Server(config).run(sockets=[listening])
