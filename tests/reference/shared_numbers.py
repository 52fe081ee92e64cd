"""Random numbers of NumPy under the names of Python's `random`, so that a reference draws what the package draws."""

import numpy as np


class SharedNumbers:
    """Stands for the modules `random` and `np.random` of a library."""

    def __init__(self, seed: int):
        self.rng = np.random.default_rng(seed)

    def random(self) -> float:
        return self.rng.random()

    def uniform(self, low: float, high: float) -> float:
        return self.rng.uniform(low, high)

    def gauss(self, mean: float, deviation: float) -> float:
        return self.rng.normal(mean, deviation)

    def randint(self, low: int, high: int) -> int:
        """`high` is included."""
        return int(self.rng.integers(low, high + 1))

    def choice(self, values, count=None, replace=True, p=None):
        """As `np.random.choice`, with replacement, of equal probabilities."""
        assert replace
        assert p is None
        if count is None:
            return values[int(self.rng.integers(len(values)))]
        return [values[int(index)] for index in self.rng.integers(len(values), size=count)]
