"""Child processes that do not outlive their parent. Workers import this module first: it has no heavy imports."""

import multiprocessing
import os
import signal
import threading


def follow_parent(by: signal.Signals = signal.SIGKILL) -> None:
    """Ends this process when its parent has ended, in whatever way. Call it first in a spawned process.

    Ignores Ctrl-C, which reaches every process of a terminal: the parent ends its children in good order.

    Args:
      by: the signal that ends this process: SIGKILL if nothing is lost, SIGTERM if it must save something.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def wait():
        multiprocessing.parent_process().join()
        os.kill(os.getpid(), by)

    threading.Thread(target=wait, daemon=True).start()
