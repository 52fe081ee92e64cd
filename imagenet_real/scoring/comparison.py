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
    length: str  # the name of the length

    def __str__(self) -> str:
        return f"{self.loss} {self.data} {self.length}"


@dataclasses.dataclass
class Comparison:
    """The content of `comparison.json`. Accuracies are fractions."""

    rows: list[Row]  # a row for each run, label set and k
    summary: list[Row]  # a row for each variant, label set and k: the mean over seeds
    pairs: list[Row]  # a row for each pair of variants, label set and k: the mean of the differences by seed
    references: list[Row]  # accuracies without training
    provenance: Row


def compare(rows: Sequence[Row], references: Sequence[Row], provenance: Row) -> Comparison:
    """Summarizes runs.

    Args:
      rows: `loss`, `data`, `length`, `seed`, `label_set`, `k` and `accuracy` of every run. The first loss, data and
        length are the reference for the others.
      references: `name`, `label_set`, `k` and `accuracy`.
      provenance: of the runs.
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
            accuracy_a, accuracy_b = table.get((a, label_set, k), {}), table.get((b, label_set, k), {})
            if seeds := sorted(accuracy_a.keys() & accuracy_b.keys()):
                row = _interval("difference", [accuracy_a[seed] - accuracy_b[seed] for seed in seeds])
                resolved = None if row["low"] is None else bool(row["low"] > 0 or row["high"] < 0)
                variants = {"a": dataclasses.asdict(a), "b": dataclasses.asdict(b)}
                pairs.append({**variants, "label_set": label_set, "k": k, **row, "resolved": resolved})
    return Comparison(list(rows), summary, pairs, list(references), provenance)


def pairs_of(variants: Sequence[Variant]) -> list[tuple[Variant, Variant]]:
    """The pairs of variants to compare. In each field in which they differ, b has the first value.

    First variants of one length that differ in the loss, in the data, or in both; then variants that differ in the length
    alone.
    """
    first = {field: getattr(variants[0], field) for field in ("loss", "data", "length")}

    def change(a: Variant, b: Variant) -> set[str] | None:
        fields = {field for field in first if getattr(a, field) != getattr(b, field)}
        return fields if fields and all(getattr(b, field) == first[field] for field in fields) else None

    changes = ({"loss"}, {"data"}, {"loss", "data"}, {"length"})
    order = {variant: index for index, variant in enumerate(variants)}
    pairs = [
        (changes.index(fields), order[b], order[a], a, b)
        for a, b in itertools.permutations(variants, 2)
        if (fields := change(a, b)) in changes
    ]
    return [(a, b) for *_, a, b in sorted(pairs, key=lambda pair: pair[:3])]


def _interval(name: str, values: list[float]) -> Row:
    mean, low, high = mean_over_repeats(np.array(values))
    several = len(values) > 1
    return {name: mean, "low": low if several else None, "high": high if several else None, "seeds": len(values)}
