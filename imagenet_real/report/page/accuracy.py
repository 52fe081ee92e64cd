"""The accuracies of models and people under every label set, as tables."""

from collections.abc import Mapping, Sequence

from imagenet_real.report.names import DESCRIPTIONS, label_set_name
from imagenet_real.report.page.markup import (
    Html,
    Scale,
    details,
    element,
    join,
    paragraph,
    percent,
    rank_change,
    table,
    track,
)
from imagenet_real.report.page.subject import Section, Subject
from imagenet_real.scoring.results import Row

MAX_LABEL_SETS = 6  # columns of a table that is as wide as the page


def section(subject: Subject) -> Section:
    is_single = len(subject.models) == 1 and not subject.people
    parts = [_label_set_rows(subject) if is_single else _model_rows(subject)]
    if subject.people:
        parts += [element("h3", "People beside models"), _people(subject)]
    described = [name for name in subject.label_sets if name in DESCRIPTIONS]
    if len(described) > 1:
        lines = [element("li", element("b", label_set_name(name)), f": {DESCRIPTIONS[name]}") for name in described]
        parts.append(details("What the label sets are", element("ul", *lines)))
    return Section("accuracy", "Accuracy", join(parts))


def _label_set_rows(subject: Subject) -> Html:
    """The table of a single model: one row per label set."""
    rows = [row for row in subject.results.rows if row["k"] == subject.ks[0]]
    scale = Scale(value for row in rows for value in (row["low"], row["high"]))
    has_missing = any(row["missing"] for row in rows)
    lines = []
    for row in rows:
        name = label_set_name(row["label_set"])
        larger_k = [subject.rows.get((row["model"], row["label_set"], k)) for k in subject.ks[1:]]
        lines.append(
            [
                join([name, element("small", _remark(row)) if _remark(row) else None]),
                track(scale, {name: row["accuracy"]}, {name: (row["low"], row["high"])}),
                element("b", percent(row["accuracy"])),
                f"{percent(row['low'])} to {percent(row['high'])}",
                *(percent(entry["accuracy"]) if entry else "" for entry in larger_k),
                f"{row['images']:,}",
                f"{row['excluded']:,}",
                *([f"{row['missing']:,}"] if has_missing else []),
            ]
        )
    head = ["label set", scale.head, _nowrap(f"top-{subject.ks[0]}, %"), "95 % interval"]
    head += [
        *(_nowrap(f"top-{k}, %") for k in subject.ks[1:]),
        "images",
        "excluded",
        *(["missing"] if has_missing else []),
    ]
    return join([table(head, lines, wide=(1,)), *map(_mislabeled, subject.results.mislabeled)])


def _mislabeled(row: Row) -> Html:
    return paragraph(
        f"{row['images']:,} images are mislabeled: their only ReaL label is not the original one. For these, the model "
        f"predicts the original label {row['original']:,} times, the ReaL label {row['real']:,} times, and neither "
        f"{row['neither']:,} times."
    )


def _nowrap(text: str) -> Html:
    return element("span", text, class_="nowrap")


def _remark(row: Row) -> str:
    remarks = [f"mean over {row['classes']:,} classes"] if "classes" in row else []
    remarks += [f"{row['correct']} of {row['images']}"] if "correct" in row else []
    return ", ".join(remarks)


def _model_rows(subject: Subject) -> Html:
    """The tables of several models: one row per model or person, one column per label set."""
    ranks = {
        ranking["label_set"]: {row["model"]: row for row in ranking["models"]} for ranking in subject.results.rankings
    }
    text = "The best value of each column is bold."
    if any(row["rank_change"] for by_model in ranks.values() for row in by_model.values()):
        text += " ▲ and ▼: how many ranks a model gains or loses relative to the original labels."
    halves = element("span", ", ± half of its 95 % interval", class_="halves")
    first, *others = (
        subject.label_sets[start : start + MAX_LABEL_SETS]
        for start in range(0, len(subject.label_sets), MAX_LABEL_SETS)
    )
    parts = [paragraph("Accuracy in %", halves, f". {text}", class_="soft"), _models_table(subject, first, ranks)]
    for label_sets in others:
        parts += [element("h3", "More label sets"), _models_table(subject, label_sets, ranks)]
    return join(parts)


def _models_table(subject: Subject, label_sets: Sequence[str], ranks: Mapping[str, Mapping[str, Row]]) -> Html:
    """`ranks` is by label set and model. The first label set of all also has its accuracy at the larger ks."""
    first = subject.label_sets[0]
    larger_ks = subject.ks[1:] if first in label_sets else []
    columns = [(name, k) for name in label_sets for k in [subject.ks[0], *(larger_ks if name == first else [])]]
    best = {
        (name, k): max(row["accuracy"] for model in subject.models if (row := subject.rows.get((model, name, k))))
        for name, k in columns
    }
    lines = []
    for model in [*subject.models, *subject.people]:
        ranked = ranks.get(first, {}).get(model)
        cells = [str(ranked["rank"]) if ranked else "", model]
        for name, k in columns:
            row = subject.rows.get((model, name, k))
            if k == subject.ks[0]:
                cells.append(_cell(row, ranks.get(name, {}).get(model), best[name, k]) if row else "")
            else:
                cells.append(_value(row, best[name, k]) if row else "")
        lines.append(cells)
    heads = [
        _nowrap(f"top-{k}") if k != subject.ks[0]
        else join([label_set_name(name), " ", _nowrap(f"top-{k}")]) if name == first
        else label_set_name(name)
        for name, k in columns
    ]  # fmt: skip
    kinds = {0: "rank", 1: "model"}
    kinds |= {
        at: "extra" if k != subject.ks[0] else "real" if name == "real" else ""
        for at, (name, k) in enumerate(columns, start=2)
    }
    return element("div", table(["", "model", *heads], lines, text=(1,), kinds=kinds), class_="models")


def _cell(row: Row, ranked: Row | None, best: float) -> Html:
    half = element("small", f" ±{percent((row['high'] - row['low']) / 2)}")
    change = (ranked or {}).get("rank_change")
    return join([_value(row, best), half, *([" ", rank_change(change)] if change else [])])


def _value(row: Row, best: float) -> str:
    value = percent(row["accuracy"])
    return element("b", value) if row["accuracy"] == best else value


def _people(subject: Subject) -> Html:
    """One row per person and label set, on the images that the person answered."""
    lines = []
    for row in subject.results.people:
        accuracies = row["models"]
        better = sum(accuracy > row["accuracy"] for accuracy in accuracies.values())
        best = next((f"{name} {percent(accuracy)}" for name, accuracy in accuracies.items()), "")
        share = f"{better} of {len(accuracies)}" if accuracies else ""
        name = label_set_name(row["label_set"])
        lines.append([row["person"], name, f"{row['images']:,}", percent(row["accuracy"]), share, best])
    head = ["person", "label set", "images", "accuracy, %", "more accurate models", "best model, %"]
    text = "Each person is compared with the models on the images that the person answered."
    return join([paragraph(text, class_="soft"), table(head, lines, text=(0, 1, 5))])
