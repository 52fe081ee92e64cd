"""The verdicts of a label set on many models, in two bits an image: 1,500 models and 50,000 images fit into 20 MB."""

from collections.abc import Iterator, Sequence

import numpy as np


class Verdicts:
    """Of M models on N images: 1 right, 0 wrong, -1 no prediction. A sequence of [N] int8."""

    def __init__(self, images: int, verdicts: Sequence[np.ndarray] = ()):
        self.images = images
        self._right: list[np.ndarray] = []  # [N / 8] uint8 each, a bit an image
        self._predicted: list[np.ndarray] = []
        for of_model in verdicts:
            self.append(of_model)

    def append(self, verdicts: np.ndarray) -> None:
        """Adds a model's: [N] int8."""
        predicted = np.packbits(verdicts >= 0)
        if self._predicted and np.array_equal(predicted, self._predicted[-1]):
            predicted = self._predicted[-1]  # usually all models predict the same images
        self._predicted.append(predicted)
        self._right.append(np.packbits(verdicts > 0))

    def __len__(self) -> int:
        return len(self._right)

    def __getitem__(self, model: int) -> np.ndarray:
        right, predicted = (
            np.unpackbits(bits[model], count=self.images).view(np.int8) for bits in (self._right, self._predicted)
        )
        return right + predicted - np.int8(1)

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[model] for model in range(len(self)))

    def take(self, models: Sequence[int]) -> "Verdicts":
        """The verdicts on some of the models."""
        chosen = Verdicts(self.images)
        chosen._right = [self._right[model] for model in models]
        chosen._predicted = [self._predicted[model] for model in models]
        return chosen

    def table(self) -> np.ndarray:
        """[M, N] int8."""
        values = np.empty((len(self), self.images), np.int8)
        for model, verdicts in enumerate(self):
            values[model] = verdicts
        return values
