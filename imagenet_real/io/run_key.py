"""The key of a run: what its results depend on, as plain values. A run checks the saved key before it continues."""

import json
from collections.abc import Mapping
from typing import Any

from imagenet_real.io.mismatch import shorten

MAX_DIFFERENCES = 3  # a message counts the others
MAX_CHARACTERS = 60  # of a value


def differences(saved: Mapping[str, Any], expected: Mapping[str, Any]) -> str:
    """Returns how a saved run key differs from the expected one, as `loss was "softmax", is "sigmoid"`; "" if equal.

    Compares both as JSON, where a tuple is a list.
    """
    saved, expected = (json.loads(json.dumps(dict(run_key))) for run_key in (saved, expected))
    texts = [
        f"{shorten(name, MAX_CHARACTERS)} was {_as_text(saved, name)}, is {_as_text(expected, name)}"
        for name in dict.fromkeys([*expected, *saved])
        if name not in saved or name not in expected or saved[name] != expected[name]
    ]
    more = len(texts) - MAX_DIFFERENCES
    return "; ".join(texts[:MAX_DIFFERENCES]) + (f" and {more} more" if more > 0 else "")


def _as_text(run_key: Mapping[str, Any], name: str) -> str:
    if name not in run_key:
        return "missing"
    return shorten(json.dumps(run_key[name]), MAX_CHARACTERS)
