"""Ranks of several models under a label set, and which of them are more than chance."""

import dataclasses
import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from imagenet_real.labels.label_set import LabelSet
from imagenet_real.scoring.accuracy import accuracy
from imagenet_real.scoring.uncertainty import holm, kendall_tau, paired_p_value

SIGNIFICANCE = 0.05


@dataclasses.dataclass(frozen=True, eq=False)
class Ranking:
    """M models from best to worst under one label set."""

    label_set: str
    images: int  # scored ones, which every model has a prediction for
    order: np.ndarray  # [M] int, the caller's numbers of the models, best first
    accuracy: np.ndarray  # [M] float, in that order
    p_next: np.ndarray  # [M - 1] float: that a model and the next are equally good, adjusted by Holm's method

    @property
    def resolved(self) -> np.ndarray:
        """[M - 1] bool: whether the order of a model and the next is more than chance."""
        return self.p_next < SIGNIFICANCE

    @property
    def rank(self) -> np.ndarray:
        """[M] int: each model's rank, from 1; models of exactly the same accuracy share the better one."""
        rank = np.empty(len(self.order), dtype=np.int64)
        rank[self.order] = 1 + np.searchsorted(-self.accuracy, -self.accuracy)
        return rank

    def by_model(self) -> np.ndarray:
        """[M] float: the accuracies in the caller's order of models."""
        values = np.empty(len(self.order))
        values[self.order] = self.accuracy
        return values


def rank(correct: np.ndarray, label_set: LabelSet) -> Ranking:
    """Ranks M models on the same N images: [M, N] bool, a label set of N images."""
    values = np.array([accuracy(of_model, label_set.weight) for of_model in correct])
    order = np.argsort(-values, kind="stable")
    pairs = list(itertools.pairwise(order.tolist()))
    with ThreadPoolExecutor() as threads:  # the random numbers of the sign-flip test are most of the work
        tests = threads.map(lambda pair: paired_p_value(correct[pair[0]], correct[pair[1]], label_set.weight), pairs)
        p_values = np.array(list(tests))
    return Ranking(label_set.name, int(label_set.is_scored.sum()), order, values[order], holm(p_values))


def agreement(a: Ranking, b: Ranking) -> float:
    """Kendall's tau between two rankings of the same models."""
    return kendall_tau(a.by_model(), b.by_model())
