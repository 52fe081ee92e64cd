"""Results as a table: for the terminal, and as HTML for notebooks."""

import html
import shutil
from collections.abc import Sequence

from imagenet_real.scoring.results import Results, Row

GAP = "  "


def as_text(results: Results) -> str:
    """One table a model, or one line a model where there are several; fits the terminal's width where it can."""
    blocks = [aligned(*table) if isinstance(table, tuple) else table for table in _blocks(results)]
    return "\n\n".join(block for block in blocks if block)


def as_html(results: Results) -> str:
    """The same tables as HTML, escaped."""
    parts = []
    for block in _blocks(results):
        if isinstance(block, tuple):
            head, rows = ("".join(f"<th>{html.escape(cell)}</th>" for cell in block[0]), block[1])
            body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
            parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")
        elif block:
            parts.append(f"<p>{html.escape(block).replace(chr(10), '<br>')}</p>")
    return "".join(parts)


def _blocks(results: Results) -> list:
    models = list(dict.fromkeys(row["model"] for row in results.rows))
    body = (
        [_many(results, models), _people(results), _rankings(results)]
        if len(models) > 1
        else _one(results, *models)
        if models
        else []
    )
    unavailable = [f"{row['label_set']}: unavailable: {row['reason']}" for row in results.unavailable]
    unread = [f"not read: {row['image_id']}: {row['reason']}" for row in results.missing]
    return [*body, "\n".join(results.notes), "\n".join(unavailable), "\n".join(unread)]


def _one(results: Results, model: str) -> list:
    ks = sorted({row["k"] for row in results.rows})
    rows = []
    for label_set in dict.fromkeys(row["label_set"] for row in results.rows):
        by_k = {row["k"]: row for row in results.rows if row["label_set"] == label_set}
        first = by_k[min(by_k)]
        accuracies = [cell for k in ks for cell in _accuracy(by_k.get(k), with_interval=k == ks[0])]
        missing = [f"{first['missing']:,}"] if any(row["missing"] for row in results.rows) else []
        rows.append(
            [label_set, *accuracies, f"{first['images']:,}", f"{first['excluded']:,}", *missing, _remark(first)]
        )
    head = [
        "label set",
        *(cell for k in ks for cell in ([f"top-{k}", "95 % interval"] if k == ks[0] else [f"top-{k}"])),
    ]
    head += ["images", "excluded", *(["missing"] if any(row["missing"] for row in results.rows) else []), ""]
    lines = [model]
    for row in results.mislabeled:
        told = (
            f"{row['original']:,} as the wrong original label, {row['real']:,} as ReaL's, {row['neither']:,} as neither"
        )
        after = f"Of {row['images']:,} mislabeled images the model predicts {told}."
        return [*lines, (head, rows), after]
    return [*lines, (head, rows)]


def _accuracy(row: Row | None, with_interval: bool) -> list[str]:
    if row is None:
        return ["", ""] if with_interval else [""]
    value = f"{row['accuracy'] * 100:.2f}"
    return [value, f"{row['low'] * 100:.2f} to {row['high'] * 100:.2f}"] if with_interval else [value]


def _remark(row: Row) -> str:
    remarks = [f"mean over {row['classes']:,} classes"] if "classes" in row else []
    remarks += [f"{row['correct']} of {row['images']}"] if "correct" in row else []
    return ", ".join(remarks)


def _many(results: Results, models: Sequence[str]) -> tuple:
    """A line a model, in the order of the first label set's ranking: accuracy, half the interval, change of rank."""
    rankings = {row["label_set"]: {entry["model"]: entry for entry in row["models"]} for row in results.rankings}
    first = next(iter(rankings.values()), {})
    table = {(row["model"], row["label_set"], row["k"]): row for row in results.rows}
    label_sets = list(dict.fromkeys(row["label_set"] for row in results.rows))
    ks = sorted({row["k"] for row in results.rows})
    mislabeled = {row["model"]: row for row in results.mislabeled}
    rows = []
    for model in sorted(models, key=lambda name: first[name]["rank"] if name in first else len(models) + 1):
        cells = [str(first[model]["rank"]) if model in first else "", model]
        for label_set in label_sets:
            cells.append(
                _compact(table.get((model, label_set, ks[0])), rankings.get(label_set, {}).get(model), label_set)
            )
            if label_set == label_sets[0]:
                cells += [_accuracy(table.get((model, label_set, k)), with_interval=False)[0] for k in ks[1:]]
        if mislabeled:
            cells.append(
                "/".join(str(mislabeled[model][key]) for key in ("original", "real", "neither"))
                if model in mislabeled
                else ""
            )
        rows.append(cells)
    head = [
        "",
        "model",
        label_sets[0],
        *(f"top-{k}" for k in ks[1:]),
        *(name.replace("except_", "except ") for name in label_sets[1:]),
    ]
    return [*head, *(["mislabeled: original/ReaL/neither"] if mislabeled else [])], rows


def _people(results: Results) -> tuple | str:
    """A line a person and label set, on the images that the person answered."""
    rows = []
    for row in results.people:
        better = sum(reached > row["accuracy"] for reached in row["models"].values())
        best = next((f"{name} {reached * 100:.2f}" for name, reached in row["models"].items()), "")
        share = f"{better} of {len(row['models'])}" if row["models"] else ""
        accuracy = f"{row['accuracy'] * 100:.2f}"
        rows.append([row["person"], row["label_set"], f"{row['images']:,}", accuracy, share, best])
    head = ["person", "label set", "images answered", "top-1", "models better there", "the best of them there"]
    return (head, rows) if rows else ""


def _compact(row: Row | None, ranked: Row | None, label_set: str) -> str:
    if row is None:
        return ""
    half = (row["high"] - row["low"]) / 2 * 100
    change = ranked["rank_change"] if ranked and label_set != "original" else None
    moved = "" if change is None else f" {change:+d}" if change else "  ="
    return f"{row['accuracy'] * 100:.2f} ±{half:.2f}{moved}"


def _rankings(results: Results) -> str:
    lines = []
    for row in results.rankings:
        moved = sorted(
            (entry for entry in row["models"] if entry["rank_change"]), key=lambda entry: -abs(entry["rank_change"])
        )
        tau = row["tau_with_original"]
        against = (
            f", Kendall's tau with original {tau:.3f}" if tau is not None and row["label_set"] != "original" else ""
        )
        largest = ", ".join(f"{entry['model']} {entry['rank_change']:+d}" for entry in moved[:3])
        changes = f", {len(moved)} models change rank ({largest})" if moved else ""
        lines.append(
            f"{row['label_set']}: the order of {row['resolved']} of {row['neighbours']} neighbours is resolved{against}{changes}."
        )
    return "\n".join(lines)


def aligned(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Text to the left, numbers to the right; columns that do not fit the terminal lose their half intervals."""
    lines = _lines(head, rows)
    if len(lines[0]) > shutil.get_terminal_size((160, 24)).columns:
        lines = _lines(head, [[_without_half(cell) for cell in row] for row in rows])
    return "\n".join(line.rstrip() for line in lines)


def _without_half(cell: str) -> str:
    before, mark, after = cell.partition(" ±")
    return f"{before} {after.partition(' ')[2]}".rstrip() if mark else cell


def _lines(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    columns = list(zip(head, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    right = [all(not cell or cell[0].isdigit() for cell in column[1:]) for column in columns]
    rule = [GAP.join("-" * width for width in widths)]
    texts = [
        GAP.join(
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(line, widths, right, strict=True)
        )
        for line in (head, *rows)
    ]
    return [texts[0], *rule, *texts[1:]]
