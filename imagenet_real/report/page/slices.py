"""Accuracy by attributes of the images: the slices that differ most, and a table for each attribute."""

import numpy as np

from imagenet_real.report.names import label_set_name, label_set_phrase
from imagenet_real.report.page.markup import (
    Html,
    Scale,
    details,
    element,
    figure,
    join,
    legend,
    paragraph,
    percent,
    table,
    track,
)
from imagenet_real.report.page.subject import Section, Subject
from imagenet_real.report.plots import drawing
from imagenet_real.report.plots import slices as plot
from imagenet_real.report.plots.drawing import Drawing
from imagenet_real.scoring.slices import Slices

MAX_DRAWN = 30  # slices in the plot
MIN_IMAGES = 10  # of a slice in the plot
MAX_ROWS = 40  # slices of an attribute in its table
MAX_COLUMNS = 12  # attributes with a table
MAX_OPEN = 3  # attributes whose table is not folded
MAX_LABEL_SETS = 3  # side by side in a table


def section(subject: Subject) -> Section | None:
    """The best model on each slice, under the label sets that the page compares."""
    parts = _compared(subject)
    if not parts:
        return None
    first = parts[0]
    model = first.models.index(subject.best) if subject.best in first.models else 0
    count, significant = int((first.images[model] > 0).sum()), int(first.resolved[model].sum())
    text = (
        f"{first.models[model]} under {label_set_phrase(first.label_set)}: {significant:,} of {count:,} slices differ "
        "significantly from the other images of their attribute, after Holm's correction for the number of slices."
    )
    ratio = (
        "The error ratio is the error on the slice divided by that on all images of the attribute: above 1 the slice is "
        "harder. "
    )
    explanation = paragraph(
        "The difference is to the images of the attribute that do not have this value. ",
        element("span", ratio, class_="extra"),
        "Significant differences are bold. Unrounded numbers of all models are in slices.csv.",
        class_="soft",
    )
    body = [paragraph(text), explanation]
    picture = _picture(first, model)
    if picture:
        body.append(figure(picture, wide=True))
    body += [legend(label_set_name(part.label_set) for part in parts), *_tables(parts, model)]
    return Section("slices", "Slices of the images", join(body), {"slices": picture} if picture else {})


def _compared(subject: Subject) -> list[Slices]:
    """At the smallest k: the label sets that the page compares, or else the first that have slices."""
    slices = [part for part in subject.results.slices if part.k == subject.ks[0] and part.images.any()]
    names = {label_set.name for label_set in subject.compared}
    return ([part for part in slices if part.label_set in names] or slices)[:MAX_LABEL_SETS]


def _picture(part: Slices, model: int) -> Drawing | None:
    """The slices with the largest differences of the model, those where it is worst first."""
    known = np.isfinite(part.difference[model]) & (part.images[model] >= MIN_IMAGES)
    order = np.argsort(np.where(known, part.difference[model], np.inf), kind="stable")[: known.sum()]
    if len(order) < 2:
        return None
    chosen = order if len(order) <= MAX_DRAWN else np.concatenate([order[: MAX_DRAWN // 2], order[-MAX_DRAWN // 2 :]])
    others = [at for at in range(len(part.models)) if at != model]
    names = [f"{part.columns[s]}: {part.values[s]} ({part.images[model, s]:,})" for s in chosen]
    phrase = label_set_phrase(part.label_set)
    description = (
        f"Differences of {part.models[model]} on {len(chosen)} slices under {phrase}, from "
        f"{part.difference[model, chosen[0]] * 100:+.1f} to {part.difference[model, chosen[-1]] * 100:+.1f} points. "
        "The tables below have all numbers."
    )
    with drawing.style():
        chart = plot.figure(
            names,
            part.difference[[model, *others]][:, chosen],
            part.resolved[model, chosen],
            model=part.models[model],
            label_set=phrase,
        )
        return drawing.save(chart, f"Accuracy on slices of the images under {phrase}", description)


def _tables(parts: list[Slices], model: int) -> list[Html]:
    """A table for each attribute, those with the largest differences first if there are too many."""
    first = parts[0]
    columns = list(dict.fromkeys(first.columns))
    slices_of = {column: [s for s, name in enumerate(first.columns) if name == column] for column in columns}
    largest = {
        column: float(np.nanmax(np.abs(np.nan_to_num(first.difference[model, rows])), initial=0.0))
        for column, rows in slices_of.items()
    }
    shown = columns if len(columns) <= MAX_COLUMNS else sorted(columns, key=lambda name: -largest[name])[:MAX_COLUMNS]
    tables = []
    for position, column in enumerate(shown):
        title, content = f"By {column}", _table(parts, model, slices_of[column])
        tables += [element("h3", title), content] if position < MAX_OPEN else [details(title, content)]
    if len(shown) < len(columns):
        rest = len(columns) - len(shown)
        tables.append(paragraph(f"{rest:,} attributes with smaller differences are in slices.csv.", class_="soft"))
    return tables


def _table(parts: list[Slices], model: int, rows: list[int]) -> Html:
    """The slices of one attribute; of many, those with the largest differences."""
    first = parts[0]
    rows = [s for s in rows if first.images[model, s]]
    note = ""
    if len(rows) > MAX_ROWS:
        note = f"{MAX_ROWS} of {len(rows):,} values, those with the largest differences."
        rows = sorted(rows, key=lambda s: -abs(np.nan_to_num(first.difference[model, s])))[:MAX_ROWS]
        rows.sort(key=lambda s: np.nan_to_num(first.difference[model, s]))
    ends = [part.accuracy[model, s] for part in parts for s in rows]
    ends += [end[model, s] for part in parts for end in (part.low, part.high) for s in rows]
    scale = Scale(ends)
    lines = [_line(parts, model, s, scale) for s in rows]
    names = [label_set_name(part.label_set) for part in parts]
    head = ["value", "images", scale.head, *(f"{name},\N{NO-BREAK SPACE}%" for name in names)]
    head += ["difference, points", "error ratio"]
    if len(first.models) > 1:
        head.append("mean difference of all models")
    extra = dict.fromkeys(range(4 + len(parts), len(head)), "extra")  # beside the difference
    whole = table(head, lines, wide=(2,), kinds=extra)
    return join([paragraph(note, class_="soft"), whole]) if note else whole


def _line(parts: list[Slices], model: int, s: int, scale: Scale) -> list[str]:
    first = parts[0]
    accuracies = {label_set_name(part.label_set): float(part.accuracy[model, s]) for part in parts}
    intervals = {
        label_set_name(part.label_set): (float(part.low[model, s]), float(part.high[model, s]))
        for part in parts
        if np.isfinite(part.low[model, s])
    }
    difference, ratio = first.difference[model, s], first.error_ratio[model, s]
    text = f"{difference * 100:+.2f}" if np.isfinite(difference) else ""
    cells = [
        first.values[s],
        f"{first.images[model, s]:,}",
        track(scale, accuracies, intervals),
        *map(percent, accuracies.values()),
        element("b", text) if first.resolved[model, s] else text,
        f"{ratio:.2f}" if np.isfinite(ratio) else "",
    ]
    if len(first.models) > 1:
        known = first.difference[:, s][np.isfinite(first.difference[:, s])]
        cells.append(f"{known.mean() * 100:+.2f}" if len(known) else "")
    return cells
