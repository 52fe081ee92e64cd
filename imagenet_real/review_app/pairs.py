"""Pairs of pictures that may be the same picture, side by side."""

import json
import os
import threading
from collections.abc import Collection
from typing import Any, TypedDict

from imagenet_real.errors import InputError
from imagenet_real.io import readers, storage
from imagenet_real.io.readers import FileError, Name
from imagenet_real.review_app.store import Store

SECONDS = 10  # assumed for a pair


class _Pair(TypedDict):
    image_id: Name
    other: Name
    similarity: float | None
    bits: float | None
    embedding: float | None


class _File(TypedDict):
    pairs: list[_Pair]


class Pairs:
    """The candidates of `duplicates.json`, and people's verdicts on them. Raises InputError."""

    def __init__(self, path: str | os.PathLike, store: Store):
        pairs = readers.read_json(path, _File, "Give the duplicates.json of duplicates.")["pairs"]
        self._pairs = [{name: pair[name] for name in _Pair.__annotations__} for pair in pairs]
        if not self._pairs:
            raise FileError(path, "it has no pair", "There is nothing to compare.")
        store.belongs_to("duplicates.json", storage.sha256(path))
        self._store, self._lock, self._left_out = store, threading.Lock(), set()
        self._verdicts: dict[int, dict[str, bool]] = {}  # pair -> person -> the same picture
        self._load()

    def _load(self) -> None:
        self._verdicts = {}
        for row in self._store.verdicts():
            self._verdicts.setdefault(row.content["pair"], {})[row.reviewer] = row.content["same"]

    def about(self) -> dict[str, Any]:
        """Returns the number of pairs, and the seconds for one."""
        return {"total": sum(not self._is_left_out(place) for place in range(len(self._pairs))), "seconds": SECONDS}

    def image_ids(self) -> set[str]:
        """Returns the images that are compared with images of the other source."""
        return {pair["image_id"] for pair in self._pairs} - self._left_out

    def leave_out(self, image_ids: Collection[str]) -> None:
        """Shows nobody the pairs with these images."""
        self._left_out |= set(image_ids)

    def next(self, name: str, start: int) -> dict[str, Any]:
        """Returns the first pair from `start` on without a verdict of this person; `pair` is None if there is none."""
        with self._lock:
            total = len(self._pairs)
            places = (place for offset in range(total) if not self._is_left_out(place := (start + offset) % total))
            place = next((place for place in places if name not in self._verdicts.get(place, {})), None)
            progress = {
                "total": sum(not self._is_left_out(place) for place in range(total)),
                "done": sum(name in verdicts for verdicts in self._verdicts.values()),
            }
            if place is None:
                return {"pair": None, **progress}
            return {"pair": place, **self._pairs[place], **progress}

    def _is_left_out(self, place: int) -> bool:
        return self._pairs[place]["image_id"] in self._left_out

    def judge(self, key: str, pair: int, name: str, same: bool) -> None:
        """Stores whether a pair is the same picture. It is on the disk when this returns."""
        if not 0 <= pair < len(self._pairs):
            raise InputError(f"there is no pair {pair}. Give a number from 0 to {len(self._pairs) - 1}.")
        with self._lock:
            if self._store.add_verdict(key, self._pairs[pair]["image_id"], name, False, {"pair": pair, "same": same}):
                self._verdicts.setdefault(pair, {})[name] = same

    def undo(self, name: str) -> int | None:
        """Deletes a person's last verdict, and returns its pair."""
        with self._lock:
            row = self._store.undo(name, False)
            self._load()
            return None if row is None else row.content["pair"]

    def as_json(self) -> str:
        """Returns the confirmed pairs: everybody with a verdict says that it is the same picture."""
        with self._lock:
            confirmed = [
                {name: self._pairs[pair][name] for name in ("image_id", "other")}
                for pair, verdicts in sorted(self._verdicts.items())
                if all(verdicts.values())
            ]
        return json.dumps({"schema": 1, "pairs": confirmed}, indent=1) + "\n"
