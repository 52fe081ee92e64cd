"""What a run's results depend on, as plain values: written beside them, and compared before they are continued."""

import json
from collections.abc import Mapping
from typing import Any

SHOWN = 3  # differences, beyond which they are counted


def differences(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """In what an identity differs from the wanted one, such as `loss was "softmax", is "sigmoid"`; "" where in nothing.

    Both are compared as they are in JSON, where a tuple is a list.
    """
    there, wanted = (json.loads(json.dumps(dict(identity))) for identity in (there, wanted))
    found = [
        f"{name} was {_shown(there, name)}, is {_shown(wanted, name)}"
        for name in dict.fromkeys([*wanted, *there])
        if name not in there or name not in wanted or there[name] != wanted[name]
    ]
    return "; ".join(found[:SHOWN]) + (f" and {len(found) - SHOWN} more" if found[SHOWN:] else "")


def _shown(identity: Mapping[str, Any], name: str) -> str:
    if name not in identity:
        return "not there"
    text = json.dumps(identity[name])
    return text if len(text) <= 60 else f"{text[:57]}..."
