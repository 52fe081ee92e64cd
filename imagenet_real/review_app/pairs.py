"""Pairs of pictures that may be the same one, shown side by side."""

import json
import os
import threading
from typing import Any

from imagenet_real.errors import InputError
from imagenet_real.io import storage
from imagenet_real.review_app.store import Store


class Pairs:
    """The candidates of `duplicates.json`, and which of them people confirmed. Raises InputError."""

    def __init__(self, path: str | os.PathLike, store: Store):
        try:
            self._pairs = [
                {name: pair[name] for name in ("image_id", "other", "similarity", "bits", "embedding")}
                for pair in json.loads(storage.read_bytes(path))["pairs"]
            ]
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{path} cannot be read as pairs ({error!r}): give duplicates.json of duplicates."
            ) from None
        if not self._pairs:
            raise InputError(f"{path} has no pair to look at.")
        store.belongs_to("duplicates.json", storage.sha256(path))
        self._store, self._lock = store, threading.Lock()
        self._said: dict[int, dict[str, bool]] = {}  # pair -> person -> same
        self._load()

    def _load(self) -> None:
        self._said = {}
        for row in self._store.verdicts():
            self._said.setdefault(row.content["pair"], {})[row.reviewer] = row.content["same"]

    def image_ids(self) -> set[str]:
        """The images that are compared with those of the other source."""
        return {pair["image_id"] for pair in self._pairs}

    def next(self, name: str, start: int) -> dict[str, Any]:
        """The first pair from `start` on that a person has not looked at; `pair` is None where none is left."""
        with self._lock:
            total = len(self._pairs)
            places = ((start + offset) % total for offset in range(total))
            place = next((place for place in places if name not in self._said.get(place, {})), None)
            progress = {"total": total, "done": sum(name in said for said in self._said.values())}
            if place is None:
                return {"pair": None, **progress}
            return {"pair": place, **self._pairs[place], **progress}

    def judge(self, key: str, pair: int, name: str, same: bool) -> None:
        """Stores whether a pair is one picture; once this returns it is kept."""
        if not 0 <= pair < len(self._pairs):
            raise InputError(f"there is no pair {pair}.")
        with self._lock:
            if self._store.add_verdict(key, self._pairs[pair]["image_id"], name, False, {"pair": pair, "same": same}):
                self._said.setdefault(pair, {})[name] = same

    def undo(self, name: str) -> int | None:
        """Takes back a person's last answer; the pair it was about."""
        with self._lock:
            row = self._store.undo(name, False)
            self._load()
            return None if row is None else row.content["pair"]

    def as_json(self) -> str:
        """The confirmed pairs: those that somebody looked at, and all who did call the same."""
        with self._lock:
            confirmed = [
                {name: self._pairs[pair][name] for name in ("image_id", "other")}
                for pair, said in sorted(self._said.items())
                if all(said.values())
            ]
        return json.dumps({"schema": 1, "pairs": confirmed}, indent=1) + "\n"
