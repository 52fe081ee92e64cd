"""Results as a table: as text for the terminal, and as HTML for notebooks."""

import html
from collections.abc import Mapping, Sequence

from imagenet_real.io.names import one_line
from imagenet_real.report import slice_table
from imagenet_real.report.layout import aligned
from imagenet_real.report.names import count_of, label_set_name
from imagenet_real.scoring.label_ranking import asks_for_several
from imagenet_real.scoring.results import Results, Row

Table = tuple[list[str], list[list[str]]]  # head, rows
HALF_LEGEND = "After ±: half of the 95 % interval."
RANK_LEGEND = "+1, -1: ranks gained or lost against the original labels; =: the same rank."
MISLABELED_LEGEND = (
    "Mislabeled: predictions on images whose only ReaL label is not the original one. They are the original label, the\n"
    "ReaL label, or neither."
)
MANUAL = "docs/label_sets.md"


def as_text(results: Results) -> str:
    """One row per label set for a single model, or one row per model for several."""
    blocks = [aligned(*block) if isinstance(block, tuple) else block for block in _blocks(results)]
    text = "\n\n".join(block for block in blocks if block)
    if "mislabeled: original" in text.partition("Not shown")[2]:
        text = text.replace(f"\n{MISLABELED_LEGEND}", "")
    return text if " ±" in text.replace(HALF_LEGEND, "") else text.replace(HALF_LEGEND, _largest_half(results))


def _largest_half(results: Results) -> str:
    """The legend of a table without room for half intervals."""
    half = max((row["high"] - row["low"]) / 2 * 100 for row in results.rows)
    return f"Half of a 95 % interval is at most {half:.2f} points."


def as_html(results: Results) -> str:
    """The same tables as escaped HTML."""
    return "".join(_html_table(*block) if isinstance(block, tuple) else _html_text(block) for block in _blocks(results))


def _html_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top_row = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{top_row}</tr></thead><tbody>{body}</tbody></table>"


def _html_text(text: str) -> str:
    return f"<p>{html.escape(text).replace(chr(10), '<br>')}</p>" if text else ""


def _blocks(results: Results) -> list[Table | str]:
    """Tables and texts, in their order."""
    models = list(dict.fromkeys(row["model"] for row in results.rows))
    if len(models) > 1:
        body = [_model_rows(results, models), _legend(results), _people(results), _rankings(results)]
    else:
        body = [block for model in models for block in _single_model(results, model)]
    unread = [f"not read: {row['image_id']}: {row['reason']}" for row in results.missing]
    body += [slice_table.drops(results), *slice_table.slices(results)]
    body += [_label_ranking(results), *_answers(results), _reference(results)]
    return [*body, "\n".join(results.notes), "\n".join(unavailable(results)), "\n".join(map(one_line, unread))]


def unavailable(results: Results) -> list[str]:
    """The label sets that are not available: with the reason where they were asked for, else in one line."""
    requested = [row for row in results.unavailable if row.get("requested", True)]
    others = [row["label_set"] for row in results.unavailable if not row.get("requested", True)]
    lines = [f"{row['label_set']}: unavailable: {row['reason']}" for row in requested]
    return lines + ([f"Not available: {', '.join(others)}; see {MANUAL}."] if others else [])


def _legend(results: Results) -> str:
    """What the marks of the table of models mean."""
    has_ranks = any(ranking["tau_with_original"] is not None for ranking in results.rankings[1:])
    lines = [f"{HALF_LEGEND} {RANK_LEGEND if has_ranks else ''}".strip()]
    return "\n".join([*lines, *([MISLABELED_LEGEND] if results.mislabeled else [])])


def _single_model(results: Results, model: str) -> list[Table | str]:
    mislabeled = [
        f"Predictions on {count_of(row['images'], 'mislabeled image')}: the original label {row['original']:,}, the ReaL label "
        f"{row['real']:,}, neither {row['neither']:,}."
        for row in results.mislabeled
    ]
    return [one_line(model), _label_set_rows(results), *mislabeled]


def _label_set_rows(results: Results) -> Table:
    ks = sorted({row["k"] for row in results.rows})
    has_missing = any(row["missing"] for row in results.rows)
    rows = []
    for label_set in dict.fromkeys(row["label_set"] for row in results.rows):
        by_k = {row["k"]: row for row in results.rows if row["label_set"] == label_set}
        first = by_k[min(by_k)]
        cells = [label_set, *(cell for k in ks for cell in _accuracy(by_k.get(k), with_interval=k == ks[0]))]
        cells += [f"{first['images']:,}", f"{first['excluded']:,}"]
        rows.append([*cells, *([f"{first['missing']:,}"] if has_missing else []), _remark(first)])
    head = ["label set", f"top-{ks[0]}", "95 % interval", *(f"top-{k}" for k in ks[1:])]
    return [*head, "images", "excluded", *(["missing"] if has_missing else []), ""], rows


def _accuracy(row: Row | None, with_interval: bool) -> list[str]:
    if row is None:
        return ["", ""] if with_interval else [""]
    value = f"{row['accuracy'] * 100:.2f}"
    if "undecided" in row and not with_interval:  # the decided images are mostly right ones, so their share says little
        value = f"{row['lowest'] * 100:.2f} to {row['highest'] * 100:.2f}"
    return [value, f"{row['low'] * 100:.2f} to {row['high'] * 100:.2f}"] if with_interval else [value]


def _remark(row: Row) -> str:
    remarks = [f"mean over {row['classes']:,} classes"] if "classes" in row else []
    remarks += [f"{row['correct']} of {row['images']}"] if "correct" in row else []
    if "undecided" in row:
        bounds = f"{row['lowest'] * 100:.2f} to {row['highest'] * 100:.2f}"
        remarks.append(f"{row['undecided']:,} undecided; with them {bounds}")
    return ", ".join(remarks)


def _model_rows(results: Results, models: Sequence[str]) -> Table:
    """Accuracy, half the interval and change of rank, in the order of the first label set's ranking."""
    ranks = {ranking["label_set"]: {row["model"]: row for row in ranking["models"]} for ranking in results.rankings}
    first = next(iter(ranks.values()), {})
    by_key = {(row["model"], row["label_set"], row["k"]): row for row in results.rows}
    label_sets = list(dict.fromkeys(row["label_set"] for row in results.rows))
    ks = sorted({row["k"] for row in results.rows})
    mislabeled = {row["model"]: row for row in results.mislabeled}
    rows = []
    for model in sorted(models, key=lambda name: first[name]["rank"] if name in first else len(models) + 1):
        cells = [str(first[model]["rank"]) if model in first else "", model]
        for label_set in label_sets:
            ranked = ranks.get(label_set, {}).get(model)
            cells.append(_compact(by_key.get((model, label_set, ks[0])), ranked, label_set))
            if label_set == label_sets[0]:
                cells += [_accuracy(by_key.get((model, label_set, k)), with_interval=False)[0] for k in ks[1:]]
        rows.append([*cells, *([_mislabeled_cell(mislabeled, model)] if mislabeled else [])])
    names = [name.replace("except_", "except ") for name in label_sets[1:]]
    head = ["", "model", label_sets[0], *(f"top-{k}" for k in ks[1:]), *names]
    return [*head, *(["mislabeled: original / ReaL / neither"] if mislabeled else [])], rows


def _mislabeled_cell(mislabeled: Mapping[str, Row], model: str) -> str:
    if model not in mislabeled:
        return ""
    return " / ".join(f"{mislabeled[model][key]:,}" for key in ("original", "real", "neither"))


def _compact(row: Row | None, ranked: Row | None, label_set: str) -> str:
    if row is None:
        return ""
    half = (row["high"] - row["low"]) / 2 * 100
    change = ranked["rank_change"] if ranked and label_set != "original" else None
    change_text = "" if change is None else f" {change:+d}" if change else "  ="
    return f"{row['accuracy'] * 100:.2f} ±{half:.2f}{change_text}"


def _people(results: Results) -> Table | str:
    """One row per person and label set, on the images that the person answered."""
    rows = []
    for row in results.people:
        accuracies = row["models"]
        better = sum(accuracy > row["accuracy"] for accuracy in accuracies.values())
        best = next((f"{name} {accuracy * 100:.2f}" for name, accuracy in accuracies.items()), "")
        share = f"{better} of {len(accuracies)}" if accuracies else ""
        accuracy = f"{row['accuracy'] * 100:.2f}"
        rows.append([row["person"], row["label_set"], f"{row['images']:,}", accuracy, share, best])
    head = ["person", "label set", "images answered", "top-1", "more accurate models", "best model on these images"]
    return (head, rows) if rows else ""


def _rankings(results: Results) -> str:
    """One line per label set: adjacent pairs that differ significantly, Kendall's tau, changes of rank."""
    lines = []
    for row in results.rankings:
        parts = [f"{row['label_set']}: {significant(row)}"]
        tau = row["tau_with_original"]
        if tau is not None and row["label_set"] != "original" and row["neighbours"] > 1:
            parts.append(f"Kendall's tau with original {tau:.3f}")
        changes = [entry for entry in row["models"] if entry["rank_change"]]
        if changes:
            largest = sorted(changes, key=lambda entry: -abs(entry["rank_change"]))[:3]
            names = ", ".join(f"{entry['model']} {entry['rank_change']:+d}" for entry in largest)
            count = f"{len(changes)} models change" if len(changes) > 1 else "1 model changes"
            parts.append(f"{count} rank ({names})")
        lines.append(f"{', '.join(parts)}.")
    return "\n".join(lines)


def significant(row: Row) -> str:
    """How many adjacent models of a ranking differ by more than chance."""
    if row["neighbours"] == 1:
        return f"the two models {'differ' if row['resolved'] else 'do not differ'} significantly"
    return f"{row['resolved']} of {row['neighbours']} pairs of adjacent models differ significantly"


def _label_ranking(results: Results) -> Table | str:
    """One row per model and label set, for predictions with the scores of all classes."""
    rows = [
        [
            row["model"],
            row["label_set"],
            *(f"{row[name] * 100:.2f}" for name in ("mean_average_precision", "precision", "class_recall")),
            f"{row['coverage']:.2f}",
            f"{row['images']:,}",
        ]
        for row in results.label_ranking
    ]
    head = [
        "model",
        "label set",
        "mean average precision",
        "precision at the set's size",
        "recall per class",
        "coverage",
    ]
    return ([*head, "images"], rows) if asks_for_several(results.label_ranking) else ""


def _answers(results: Results) -> list[Table | str]:
    """The bounds of accuracies by answers in words; the counts are among the notes."""
    rows = [
        [
            row["model"],
            bound["label_set"],
            f"{bound['accuracy'] * 100:.2f}",
            f"{bound['highest'] * 100:.2f}",
            "" if bound["of_matched"] is None else f"{bound['of_matched'] * 100:.2f}",
        ]
        for row in results.answers
        for bound in row["bounds"]
    ]
    head = ["answers of", "label set", "top-1", "if ambiguous answers are right", "matched answers alone"]
    return [(head, rows)] if rows else []


def _reference(results: Results) -> str:
    """One line per label set: the place of a single or of the best model among the published ones, and its own accuracy."""
    rows = results.reference.get("rows", [])
    best = results.rankings[0]["models"][0]["model"] if results.rankings else next((row["model"] for row in rows), "")
    lines = []
    for row in (row for row in rows if row["model"] == best):
        place = f"{row['model']} under {label_set_name(row['label_set'])}: {row['accuracy'] * 100:.2f} %"
        if not row["comparable"]:
            lines.append(f"{place} on {row['images']:,} images, which is not comparable with published accuracies.")
            continue
        own = (
            f"; {row['published_model']} is published with {row['published'] * 100:.2f} %" if "published" in row else ""
        )
        lines.append(f"{place}, {row['better']:,} of {row['models']:,} published models are better{own}.")
    return "\n".join(lines)
