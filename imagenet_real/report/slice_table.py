"""Tables of drops to other images, and of the slices that differ most."""

import numpy as np

from imagenet_real.report.names import label_set_name
from imagenet_real.scoring.results import Results

SHOWN = 8  # slices, those that differ most clearly

Table = tuple[list[str], list[list[str]]]  # head, rows


def drops(results: Results) -> Table | str:
    """What each model loses on other images of the same classes, and how much more than published models it keeps."""
    k = min((row["k"] for row in results.drops), default=1)
    rows = []
    for row in (row for row in results.drops if row["k"] == k):
        effective = f"{row['effective_robustness'] * 100:+.2f}" if "effective_robustness" in row else ""
        rows.append(
            [
                row["model"],
                label_set_name(row["label_set"]),
                label_set_name(row["twin"]),
                f"{row['accuracy'] * 100:.2f}",
                f"{row['twin_accuracy'] * 100:.2f}",
                f"{row['difference'] * 100:+.2f}",
                f"{row['low'] * 100:+.2f} to {row['high'] * 100:+.2f}",
                effective,
            ]
        )
    head = ["model", "images", "beside", f"top-{k}", "beside", "difference", "95 % interval", "effective robustness"]
    if not any(row[-1] for row in rows):
        head, rows = head[:-1], [row[:-1] for row in rows]
    return (head, rows) if rows else ""


def slices(results: Results) -> list[Table | str]:
    """The slices of the best model that differ most clearly from the rest, under the first label set, and how many do."""
    if not results.slices:
        return []
    part = results.slices[0]
    ranked = next((row["models"][0]["model"] for row in results.rankings if row["label_set"] == part.label_set), None)
    model = part.models.index(ranked) if ranked in part.models else 0
    defined = np.flatnonzero(np.isfinite(part.p_value[model]))
    clearest = defined[np.lexsort((-np.abs(part.difference[model][defined]), part.p_value[model][defined]))][:SHOWN]
    chosen = clearest[np.argsort(part.difference[model][clearest], kind="stable")]
    rows = [
        [
            part.columns[s],
            part.values[s],
            f"{part.images[model, s]:,}",
            f"{part.accuracy[model, s] * 100:.2f}",
            f"{part.low[model, s] * 100:.2f} to {part.high[model, s] * 100:.2f}",
            f"{part.difference[model, s] * 100:+.2f}",
            "yes" if part.resolved[model, s] else "no",
        ]
        for s in chosen.tolist()
    ]
    count, resolved = int((part.images[model] > 0).sum()), int(part.resolved[model].sum())
    text = (
        f"{part.models[model]} under {label_set_name(part.label_set)}: {resolved:,} of {count:,} slices differ from the other "
        "images of their column by more\nthan chance, corrected for their number. All slices are in slices.csv."
    )
    head = ["column", "value", "images", f"top-{part.k}", "95 % interval", "difference", "more than chance"]
    return [(head, rows), text]
