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
    recipe: str = ""  # the name of the changes to the other fields; empty if the runs have none

    def __str__(self) -> str:
        return " ".join(filter(None, (self.loss, self.data, self.length, self.recipe)))


FIELDS = tuple(field.name for field in dataclasses.fields(Variant))


@dataclasses.dataclass
class Comparison:
    """The content of `comparison.json`. Accuracies are fractions."""

    rows: list[Row]  # a row for each run, label set and k
    summary: list[Row]  # a row for each variant, label set and k: the mean over seeds
    pairs: list[Row]  # a row for each pair of variants, label set and k: the mean of the differences by seed
    references: list[Row]  # accuracies without training
    provenance: Row
    # The same for the mean average precision over classes: a row has no k. Empty unless the runs save all scores.
    label_ranking: list[Row] = dataclasses.field(default_factory=list)
    label_ranking_summary: list[Row] = dataclasses.field(default_factory=list)
    label_ranking_pairs: list[Row] = dataclasses.field(default_factory=list)


def compare(
    rows: Sequence[Row], references: Sequence[Row], provenance: Row, label_ranking: Sequence[Row] = ()
) -> Comparison:
    """Summarizes runs.

    Args:
      rows: `loss`, `data`, `length`, `recipe`, `seed`, `label_set`, `k` and `accuracy` of every run. The first loss, data,
        length and recipe are the reference for the others.
      references: `name`, `label_set`, `k` and `accuracy`.
      provenance: of the runs.
      label_ranking: as `rows`, with `mean_average_precision` and without `k`.
    """
    summary, pairs = _summarize(rows, ("label_set", "k"), "accuracy")
    ranking_summary, ranking_pairs = _summarize(label_ranking, ("label_set",), "mean_average_precision")
    return Comparison(
        list(rows), summary, pairs, list(references), provenance, list(label_ranking), ranking_summary, ranking_pairs
    )


def _summarize(rows: Sequence[Row], about: Sequence[str], value: str) -> tuple[list[Row], list[Row]]:
    """Returns the mean of each variant, and the differences of pairs by seed, for each value of the fields `about`."""
    table: dict[tuple[Variant, tuple], dict[int, float]] = {}
    for row in rows:
        variant = Variant(**{name: row[name] for name in FIELDS if name in row})
        table.setdefault((variant, tuple(row[name] for name in about)), {})[row["seed"]] = row[value]
    summary = [
        {
            **dataclasses.asdict(variant),
            **dict(zip(about, key, strict=True)),
            **_interval("mean", list(values.values())),
        }
        for (variant, key), values in table.items()
    ]
    pairs = []
    for a, b in pairs_of(list(dict.fromkeys(variant for variant, _ in table))):
        for key in dict.fromkeys(key for _, key in table):
            values_a, values_b = table.get((a, key), {}), table.get((b, key), {})
            if seeds := sorted(values_a.keys() & values_b.keys()):
                row = _interval("difference", [values_a[seed] - values_b[seed] for seed in seeds])
                resolved = None if row["low"] is None else bool(row["low"] > 0 or row["high"] < 0)
                variants = {"a": dataclasses.asdict(a), "b": dataclasses.asdict(b)}
                pairs.append({**variants, **dict(zip(about, key, strict=True)), **row, "resolved": resolved})
    return summary, pairs


def pairs_of(variants: Sequence[Variant]) -> list[tuple[Variant, Variant]]:
    """The pairs of variants to compare. In each field in which they differ, b has the first value; a recipe is compared with
    each one before it.

    First variants of one length that differ in the loss, in the data, in both, or in the recipe; then variants that differ
    in the length alone.
    """
    if not variants:
        return []
    first = {field: getattr(variants[0], field) for field in FIELDS}
    recipes = list(dict.fromkeys(variant.recipe for variant in variants))

    def change(a: Variant, b: Variant) -> set[str] | None:
        fields = {field for field in first if getattr(a, field) != getattr(b, field)}
        if fields == {"recipe"}:
            return fields if recipes.index(b.recipe) < recipes.index(a.recipe) else None
        return fields if fields and all(getattr(b, field) == first[field] for field in fields) else None

    changes = ({"loss"}, {"data"}, {"loss", "data"}, {"recipe"}, {"length"})
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
