"""Serves the application until it is stopped."""

import contextlib
import signal
import socket

import uvicorn
from starlette.types import ASGIApp

from imagenet_real.errors import InputError


def serve(app: ASGIApp, host: str, port: int) -> None:
    """Serves at `host` and `port` (0: any free one), whose address is printed, until Ctrl-C or SIGTERM.

    Raises InputError where the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
            listening.listen(1024)  # before the address is told: who is early waits
        except (OSError, OverflowError) as error:
            raise InputError(f"cannot listen on {host} port {port} ({error}): give another --config.port.") from None
        shown = f"[{host}]" if ":" in host else host
        print(f"open http://{shown}:{listening.getsockname()[1]}/ in a browser; Ctrl-C ends it.", flush=True)
        config = uvicorn.Config(app, log_level="warning", server_header=False, proxy_headers=False, lifespan="off")
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with contextlib.suppress(KeyboardInterrupt):  # uvicorn ends what is under way, and then sends itself the signal
            uvicorn.Server(config).run(sockets=[listening])
