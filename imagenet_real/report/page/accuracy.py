"""The accuracies of one or many models under all label sets, and what they come to in a few sentences."""

from collections.abc import Iterator

from imagenet_real.report.page.markup import Html, Scale, element, join, paragraph, percent, table, track
from imagenet_real.report.page.subject import Section, Subject, by, label_set_name
from imagenet_real.scoring.evidence import contrast
from imagenet_real.scoring.results import Row


def section(subject: Subject) -> Section:
    alone = len(subject.models) == 1 and not subject.people
    parts = [_one(subject) if alone else _many(subject)]
    if subject.people:
        parts += [element("h3", "People beside models"), _people(subject)]
    return Section("accuracy", "Accuracy", join(parts))


def in_short(subject: Subject) -> Html:
    """What a reader should take home, as a list of sentences."""
    sentences = _about_one(subject) if len(subject.models) == 1 else _about_many(subject)
    return element("ul", *(element("li", sentence) for sentence in sentences), class_="short")


def _about_one(subject: Subject) -> Iterator[str]:
    for one in subject.judges:
        row = subject.row(subject.best, one.name)
        yield join(
            [
                element("b", f"{percent(row['accuracy'])} %"),
                f" by {by(one.name)} (95 % interval {percent(row['low'])} to {percent(row['high'])})",
            ]
        )
    if len(subject.judges) > 1:
        first, second = subject.judges[:2]
        seen = contrast(subject.evidence, 0, first, second)
        wrong = int((~seen.first).sum())
        mended, broken = len(seen.flipped(to_right=True)), len(seen.flipped(to_right=False))
        if wrong:
            yield (
                f"Of the {wrong:,} answers that are wrong by {by(first.name)}, {mended:,} ({mended / wrong:.0%}) are right by "
                f"{by(second.name)}; of the {len(seen.first) - wrong:,} that are right, {broken:,} are wrong by it."
            )


def _about_many(subject: Subject) -> Iterator[str]:
    for one in subject.judges:
        rows = [row for model in subject.models if (row := subject.row(model, one.name))]
        best = max(rows, key=lambda row: row["accuracy"])
        mean = sum(row["accuracy"] for row in rows) / len(rows)
        told = f"By {by(one.name)}, the best of {len(rows)} models is "
        yield join(
            [
                told,
                element("b", best["model"]),
                f" with {percent(best['accuracy'])} %; their mean is {percent(mean)} %.",
            ]
        )
    rankings = [row for one in subject.judges for row in subject.results.rankings if row["label_set"] == one.name]
    if rankings:
        counts = [f"{row['resolved']} by {by(row['label_set'])}" for row in rankings]
        told = f"Of {rankings[0]['neighbours']} pairs of neighbours in the ranking, the order of some is more than chance: "
        yield f"{told}{', '.join(counts)}."
    for row in rankings[1:2]:
        moved = [one for one in row["models"] if one["rank_change"]]
        if moved:
            most = max(moved, key=lambda one: abs(one["rank_change"]))
            told = f"{len(moved)} models have another rank by {by(row['label_set'])} than by {by(rankings[0]['label_set'])}"
            yield f"{told}, most of all {most['model']} ({most['rank_change']:+d})."


def _one(subject: Subject) -> Html:
    rows = [row for row in subject.results.rows if row["k"] == subject.ks[0]]
    scale = Scale(value for row in rows for value in (row["low"], row["high"]))
    missing = any(row["missing"] for row in rows)
    lines = []
    for row in rows:
        name = label_set_name(row["label_set"])
        marked = track(scale, {name: row["accuracy"]}, {name: (row["low"], row["high"])})
        others = [subject.rows.get((row["model"], row["label_set"], k)) for k in subject.ks[1:]]
        lines.append(
            [
                join([name, element("small", _remark(row)) if _remark(row) else None]),
                marked,
                element("b", percent(row["accuracy"])),
                f"{percent(row['low'])} to {percent(row['high'])}",
                *(percent(other["accuracy"]) if other else "" for other in others),
                f"{row['images']:,}",
                f"{row['excluded']:,}",
                *([f"{row['missing']:,}"] if missing else []),
            ]
        )
    head = [
        "label set",
        scale.head,
        f"top-{subject.ks[0]}, %",
        "95 % interval",
        *(f"top-{k}, %" for k in subject.ks[1:]),
    ]
    head += ["images", "excluded", *(["missing"] if missing else [])]
    parts = [table(head, lines, wide=(1,))]
    for row in subject.results.mislabeled:
        parts.append(
            paragraph(
                f"Of {row['images']:,} mislabeled images, whose only ReaL label is not the original one, the model predicts "
                f"{row['original']:,} as the wrong original label, {row['real']:,} as ReaL's, and {row['neither']:,} as "
                "neither."
            )
        )
    return join(parts)


def _remark(row: Row) -> str:
    remarks = [f"mean over {row['classes']:,} classes"] if "classes" in row else []
    remarks += [f"{row['correct']} of {row['images']}"] if "correct" in row else []
    return ", ".join(remarks)


def _many(subject: Subject) -> Html:
    ranked = {one["label_set"]: {row["model"]: row for row in one["models"]} for one in subject.results.rankings}
    first = subject.label_sets[0]
    best = {
        name: max(row["accuracy"] for model in subject.models if (row := subject.row(model, name)))
        for name in subject.label_sets
    }
    lines = []
    for model in [*subject.models, *subject.people]:
        place = ranked.get(first, {}).get(model)
        cells = [str(place["rank"]) if place else "", model]
        for name in subject.label_sets:
            row = subject.row(model, name)
            cells.append(_cell(row, ranked.get(name, {}).get(model), best[name]) if row else "")
            if name == first:
                others = [subject.rows.get((model, name, k)) for k in subject.ks[1:]]
                cells += [percent(other["accuracy"]) if other else "" for other in others]
        lines.append(cells)
    called = [label_set_name(name) for name in subject.label_sets]
    head = ["", "model", f"{called[0]} top-{subject.ks[0]}", *(f"top-{k}" for k in subject.ks[1:]), *called[1:]]
    told = (
        "In per cent, with half of the 95 % interval; the best of each column is bold. Arrows tell how many ranks a model "
        "gains or loses against the original labels."
    )
    if not any(row["rank_change"] for one in ranked.values() for row in one.values()):
        told = told.partition(" Arrows")[0]
    return join([paragraph(told, class_="soft"), element("div", table(head, lines, text=(1,)), class_="tall")])


def _people(subject: Subject) -> Html:
    """A line a person and label set, on the images that the person answered."""
    lines = []
    for row in subject.results.people:
        better = sum(reached > row["accuracy"] for reached in row["models"].values())
        best = next((f"{name} {percent(reached)}" for name, reached in row["models"].items()), "")
        share = f"{better} of {len(row['models'])}" if row["models"] else ""
        name = label_set_name(row["label_set"])
        lines.append([row["person"], name, f"{row['images']:,}", percent(row["accuracy"]), share, best])
    head = ["person", "label set", "images answered", "accuracy, %", "models better there", "the best of them there"]
    told = "Every person is compared with the models on the images that the person answered."
    return join([paragraph(told, class_="soft"), table(head, lines, text=(0, 1, 5))])


def _cell(row: Row, ranked: Row | None, best: float) -> Html:
    value = percent(row["accuracy"])
    half = element("small", f" ±{percent((row['high'] - row['low']) / 2)}")
    change = (ranked or {}).get("rank_change")
    moved = f" {'▲' if change > 0 else '▼'}{abs(change)}" if change else ""
    arrow = element("span", moved, class_="up" if change and change > 0 else "down") if moved else None
    return join([element("b", value) if row["accuracy"] == best else value, half, arrow])
