"""Child processes that do not outlive their parent. Imported by workers that must start fast: nothing heavy here."""

import multiprocessing
import os
import signal
import threading


def follow_parent(by: signal.Signals = signal.SIGKILL) -> None:
    """Called first in a process that `multiprocessing` spawned: it ends when its parent is gone, however that ended.

    Ctrl-C, which reaches every process of a terminal, is left to the parent, which ends its children in good order.

    Args:
      by: the signal that ends this process: SIGKILL where nothing is lost, SIGTERM where it has something to save.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def wait():
        multiprocessing.parent_process().join()
        os.kill(os.getpid(), by)

    threading.Thread(target=wait, daemon=True).start()
