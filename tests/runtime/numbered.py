"""Batches that say their number. Worker processes import this file, and nothing that takes long."""

import os
import signal
import time

import numpy as np

from imagenet_real.runtime.workers import ALIGNMENT

ROWS = 1000


class Numbers:
    """Batch n is n in every row; `waits`, `fails` and `dies` tell what happens before it is made."""

    nbytes = 8 * ROWS + 3 * ALIGNMENT

    def __init__(self, count, waits=None, fails=None, dies=()):
        self.count, self.waits, self.fails, self.dies = count, waits or {}, fails or {}, dies
        self.table = np.arange(count)

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        time.sleep(self.waits.get(index, 0))
        if index in self.fails:
            raise self.fails[index]
        if index in self.dies:
            os.kill(os.getpid(), signal.SIGKILL)
        value = self.table[index]
        return {
            "wide": np.full((ROWS // 2, 2), value, np.float32),
            "empty": np.zeros((0, 3), np.uint8),
            "narrow": np.full(3, value % 2, bool),
            "names": [str(value), os.getpid(), self.table.flags.writeable],
        }


class NotThere:
    """Cannot be made in a worker."""

    nbytes = 1

    def __len__(self):
        return 1

    def __reduce__(self):
        return os.mkdir, ("/",)


class Pickled(Numbers):
    times = 0

    def __getstate__(self):
        Pickled.times += 1
        return self.__dict__
