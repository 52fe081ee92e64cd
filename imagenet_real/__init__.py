"""How good an ImageNet classifier really is: original, ReaL, multi-label and ImageNet-M accuracy with intervals.

    predictions = imagenet_real.load_predictions("resnet50.npz")
    results = imagenet_real.score(predictions)
    print(results)

This package imports NumPy alone. The rooms `models`, `inference`, `training`, `relabel` and `duplicates` import JAX.
Begin with `labels/label_set.py`, `predictions/predictions.py` and `scoring/results.py`.
"""

__version__ = "0.1.0"

from imagenet_real.errors import InputError
from imagenet_real.labels.json_format import load_label_set, save_label_set
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.predictions.predictions import Predictions, load_predictions, save_predictions
from imagenet_real.report.printed_results import score
from imagenet_real.scoring.results import Results

__all__ = [
    "InputError",
    "LabelSet",
    "Predictions",
    "Results",
    "load_label_set",
    "load_predictions",
    "save_label_set",
    "save_predictions",
    "score",
]
