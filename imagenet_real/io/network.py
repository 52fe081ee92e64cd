"""Whether a host answers, before a library waits for it for minutes."""

import functools
import socket
import threading

CONNECT_SECONDS = 6.0  # without a network, an error comes within this time


@functools.cache
def is_reachable(host: str) -> bool:
    """Returns whether `host` answers. A name lookup can hang longer than any timeout, so it has a thread of its own."""
    reachable, finished = threading.Event(), threading.Event()

    def connect() -> None:
        try:
            socket.create_connection((host, 443), timeout=CONNECT_SECONDS).close()
            reachable.set()
        except OSError:
            pass
        finally:
            finished.set()

    threading.Thread(target=connect, daemon=True).start()
    finished.wait(CONNECT_SECONDS)
    return reachable.is_set()
