"""The accuracies of models and people under every label set, as tables."""

from collections.abc import Mapping

from imagenet_real.report.names import label_set_name
from imagenet_real.report.page.markup import Html, Scale, element, join, paragraph, percent, table, track
from imagenet_real.report.page.subject import Section, Subject
from imagenet_real.scoring.results import Row


def section(subject: Subject) -> Section:
    is_single = len(subject.models) == 1 and not subject.people
    parts = [_label_set_rows(subject) if is_single else _model_rows(subject)]
    if subject.people:
        parts += [element("h3", "People beside models"), _people(subject)]
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
    """The table of several models: one row per model or person, one column per label set."""
    ranks = {
        ranking["label_set"]: {row["model"]: row for row in ranking["models"]} for ranking in subject.results.rankings
    }
    best = {
        name: max(row["accuracy"] for model in subject.models if (row := subject.row(model, name)))
        for name in subject.label_sets
    }
    lines = [_model_row(subject, model, ranks, best) for model in [*subject.models, *subject.people]]
    names = [label_set_name(name) for name in subject.label_sets]
    head = [
        "",
        "model",
        join([names[0], " ", _nowrap(f"top-{subject.ks[0]}")]),
        *(_nowrap(f"top-{k}") for k in subject.ks[1:]),
        *names[1:],
    ]
    text = "Accuracy in %, ± half of its 95 % interval. The best value of each column is bold."
    if any(row["rank_change"] for by_model in ranks.values() for row in by_model.values()):
        text += " Arrows show how many ranks a model gains or loses relative to the original labels."
    return join([paragraph(text, class_="soft"), element("div", table(head, lines, text=(1,)), class_="tall")])


def _model_row(
    subject: Subject, model: str, ranks: Mapping[str, Mapping[str, Row]], best: Mapping[str, float]
) -> list[str]:
    """`ranks` is by label set and model, `best` by label set."""
    first = subject.label_sets[0]
    ranked = ranks.get(first, {}).get(model)
    cells = [str(ranked["rank"]) if ranked else "", model]
    for name in subject.label_sets:
        row = subject.row(model, name)
        cells.append(_cell(row, ranks.get(name, {}).get(model), best[name]) if row else "")
        if name == first:
            larger_k = [subject.rows.get((model, name, k)) for k in subject.ks[1:]]
            cells += [percent(entry["accuracy"]) if entry else "" for entry in larger_k]
    return cells


def _cell(row: Row, ranked: Row | None, best: float) -> Html:
    value = percent(row["accuracy"])
    half = element("small", f" ±{percent((row['high'] - row['low']) / 2)}")
    change = (ranked or {}).get("rank_change")
    arrow = None
    if change:
        arrow = element("span", f" {'▲' if change > 0 else '▼'}{abs(change)}", class_="up" if change > 0 else "down")
    return join([element("b", value) if row["accuracy"] == best else value, half, arrow])


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
