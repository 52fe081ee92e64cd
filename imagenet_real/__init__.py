"""How good an ImageNet classifier really is: original, ReaL, multi-label and ImageNet-M accuracy with intervals.

    predictions = imagenet_real.load_predictions("resnet50.npz")
    results = imagenet_real.score(predictions)
    print(results)

These functions import NumPy alone. The rooms `models`, `inference`, `training`, `probes`, `relabel` and `duplicates` import JAX.
Begin with `labels/label_set.py`, `predictions/predictions.py` and `scoring/results.py`.
"""

TYPE_CHECKING = False  # of type checkers, which know the name; to import it from typing takes milliseconds
if TYPE_CHECKING:
    from imagenet_real.errors import InputError
    from imagenet_real.labels.json_format import load_label_set, save_label_set
    from imagenet_real.labels.label_set import LabelSet
    from imagenet_real.predictions.predictions import Predictions, load_predictions, save_predictions
    from imagenet_real.report.printed_results import score
    from imagenet_real.scoring.results import Results

__version__ = "0.1.0"

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

# Imported at their first use: the command line must be ready for signals before it imports NumPy.
_MODULES = {
    "InputError": "errors",
    "LabelSet": "labels.label_set",
    "Predictions": "predictions.predictions",
    "Results": "scoring.results",
    "load_label_set": "labels.json_format",
    "load_predictions": "predictions.predictions",
    "save_label_set": "labels.json_format",
    "save_predictions": "predictions.predictions",
    "score": "report.printed_results",
}


def __getattr__(name: str) -> object:
    import importlib

    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value
