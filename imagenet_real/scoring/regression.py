"""A straight line through points, such as pairs of accuracies."""

import dataclasses
import math

import numpy as np

from imagenet_real.errors import InputError


@dataclasses.dataclass(frozen=True)
class Line:
    """y = intercept + slope * x, by least squares over n points, with the slope's 95 % interval by Student's t."""

    points: int
    slope: float
    low: float
    high: float
    intercept: float
    explained: float  # share of the variance of y, in [0, 1]


def regress(x: np.ndarray, y: np.ndarray) -> Line:
    """The line through [n] points. Raises InputError for fewer than 3 points, or if all x are the same."""
    if len(x) < 3 or np.ptp(x) == 0:
        raise InputError(
            f"a regression needs at least 3 models of different accuracy, there are {len(x)}. Give more models."
        )
    from scipy.special import stdtrit

    spread = ((x - x.mean()) ** 2).sum()
    slope = ((x - x.mean()) * (y - y.mean())).sum() / spread
    intercept = y.mean() - slope * x.mean()
    residual = ((y - intercept - slope * x) ** 2).sum()
    half = stdtrit(len(x) - 2, 0.975) * math.sqrt(residual / (len(x) - 2) / spread)
    total = ((y - y.mean()) ** 2).sum()
    explained = 1 - residual / total if total else 1.0
    return Line(len(x), float(slope), float(slope - half), float(slope + half), float(intercept), float(explained))
