"""Training runs compared: means over seeds, and differences paired by seed."""

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np

from imagenet_real.scoring.results import Row
from imagenet_real.scoring.uncertainty import mean_over_repeats


@dataclasses.dataclass(frozen=True)
class Variant:
    """What a run was trained with. Runs of one variant differ by their seed alone."""

    loss: str
    data: str  # the name of the training labels and images
    length: str  # the name of it

    def __str__(self) -> str:
        return f"{self.loss} {self.data} {self.length}"


@dataclasses.dataclass
class Comparison:
    """What `comparison.json` holds. Accuracies are fractions."""

    rows: list[Row]  # one a run, label set and k
    summary: list[Row]  # one a variant, label set and k: the mean over seeds
    pairs: list[Row]  # one a pair of variants, label set and k: the mean of the differences, seed by seed
    references: list[Row]  # accuracies that need no training, to compare with
    provenance: Row


def compare(rows: Sequence[Row], references: Sequence[Row], provenance: Row) -> Comparison:
    """Summarizes runs.

    Args:
      rows: `loss`, `data`, `length`, `seed`, `label_set`, `k` and `accuracy` of every run. The first loss, data and
        length that occur are those that others are compared with.
      references: `name`, `label_set`, `k` and `accuracy`.
      provenance: where it all comes from.
    """
    table: dict[tuple[Variant, str, int], dict[int, float]] = {}
    for row in rows:
        key = Variant(row["loss"], row["data"], row["length"]), row["label_set"], row["k"]
        table.setdefault(key, {})[row["seed"]] = row["accuracy"]
    summary = [
        {**dataclasses.asdict(variant), "label_set": label_set, "k": k, **_interval("mean", list(accuracies.values()))}
        for (variant, label_set, k), accuracies in table.items()
    ]
    pairs = []
    for a, b in pairs_of(list(dict.fromkeys(variant for variant, _, _ in table))):
        for label_set, k in dict.fromkeys((label_set, k) for _, label_set, k in table):
            ours, theirs = table.get((a, label_set, k), {}), table.get((b, label_set, k), {})
            if both := sorted(ours.keys() & theirs.keys()):
                row = _interval("difference", [ours[seed] - theirs[seed] for seed in both])
                resolved = None if row["low"] is None else bool(row["low"] > 0 or row["high"] < 0)
                names = {"a": dataclasses.asdict(a), "b": dataclasses.asdict(b)}
                pairs.append({**names, "label_set": label_set, "k": k, **row, "resolved": resolved})
    return Comparison(list(rows), summary, pairs, list(references), provenance)


def pairs_of(variants: Sequence[Variant]) -> list[tuple[Variant, Variant]]:
    """Which variants are compared: a with b, where b has the first of the values in which they differ.

    Variants of one length that differ in the loss, in the data, or in both; then those of one loss and data that differ
    in length.
    """
    first = {field: getattr(variants[0], field) for field in ("loss", "data", "length")}

    def change(a: Variant, b: Variant) -> set[str] | None:
        fields = {field for field in first if getattr(a, field) != getattr(b, field)}
        return fields if fields and all(getattr(b, field) == first[field] for field in fields) else None

    wanted = ({"loss"}, {"data"}, {"loss", "data"}, {"length"})
    order = {variant: index for index, variant in enumerate(variants)}
    found = [
        (wanted.index(fields), order[b], order[a], a, b)
        for a, b in itertools.permutations(variants, 2)
        if (fields := change(a, b)) in wanted
    ]
    return [(a, b) for *_, a, b in sorted(found, key=lambda entry: entry[:3])]


def _interval(name: str, values: list[float]) -> Row:
    mean, low, high = mean_over_repeats(np.array(values))
    several = len(values) > 1
    return {name: mean, "low": low if several else None, "high": high if several else None, "seeds": len(values)}
