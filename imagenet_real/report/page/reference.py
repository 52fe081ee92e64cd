"""The models among published ones: their places, their neighbors, and a plot of all."""

import numpy as np

from imagenet_real.report.names import capitalize, label_set_name, label_set_phrase, listed
from imagenet_real.report.page.markup import Html, details, element, figure, join, paragraph, percent, table
from imagenet_real.report.page.subject import Section, Subject
from imagenet_real.report.plots import drawing, published
from imagenet_real.report.plots.drawing import Drawing
from imagenet_real.scoring.published_models import PublishedModels
from imagenet_real.scoring.reference import CAUSES, MAIN, around
from imagenet_real.scoring.results import Row

NEIGHBORS = 4  # published models above a model and as many below it, in the table of a single model
MAX_OPEN = 40  # rows of a table that is not folded
MANY_MODELS = 5  # from which one neighbor above and one below is enough


def section(subject: Subject) -> Section | None:
    """A table and a plot, if published models were given as a reference."""
    models = subject.results.published
    if models is None:
        return None
    rows = subject.results.reference["rows"]
    parts = [
        paragraph(f"{len(models):,} published models, from {models.source}", class_="soft"),
        *_sentences(subject, rows),
    ]
    placed = [row for row in rows if row["comparable"]]
    drawings = {}
    if placed:
        main = next(name for name in MAIN if any(row["label_set"] == name for row in placed))
        parts.append(_neighbors(placed, models, main))
        picture = _picture(placed, models)
        if picture:
            parts.append(figure(picture))
            drawings["published_models"] = picture
    return Section("reference", "Among published models", join(parts), drawings)


def _sentences(subject: Subject, rows: list[Row]) -> list[Html]:
    """The best model's place, and the models whose accuracy is not the published one."""
    best = [row for row in rows if row["model"] == subject.best]
    placed = [row for row in best if row["comparable"]]
    lines = []
    if placed:
        places = [
            f"{row['better']:,} of {row['models']:,} under {label_set_phrase(row['label_set'])}" for row in placed
        ]
        lines.append(f"Published models that are more accurate than {subject.best}: {listed(places)}.")
    elif best:
        lines.append(
            f"{subject.best} is scored on {best[0]['images']:,} images. Published accuracies are those of all images, so they "
            "are not comparable."
        )
    checked = [row for row in rows if "agrees" in row]
    if len(subject.models) == 1 and checked:
        published = [f"{percent(row['published'])} % under {label_set_phrase(row['label_set'])}" for row in checked]
        outside = [label_set_phrase(row["label_set"]) for row in checked if not row["agrees"]]
        verdict = f"outside of the interval under {listed(outside)}. {CAUSES}" if outside else "within the interval."
        lines.append(f"{checked[0]['published_model']} is published with {listed(published)}, {verdict}")
    elif checked:
        agreeing = sum(row["agrees"] for row in checked)
        lines.append(
            f"{len(checked)} accuracies are of models that are published themselves. In {agreeing} of them the interval holds "
            "the published value."
        )
    return [paragraph(line) for line in lines]


def _neighbors(placed: list[Row], models: PublishedModels, main: str) -> Html:
    """The models and the published ones next to them, with every test set that is published."""
    own: dict[str, dict[str, Row]] = {}
    for row in placed:
        own.setdefault(row["model"], {})[row["label_set"]] = row
    names = [name for name in MAIN if name in models.accuracy]
    neighbors = around(
        [by[main]["accuracy"] for by in own.values() if main in by],
        models,
        main,
        NEIGHBORS if len(own) < MANY_MODELS else 1,
    )
    lines = []
    for model, by in own.items():
        cells = [_own_cell(by.get(name)) for name in names]
        lines.append((by[main]["accuracy"] if main in by else 0.0, ["", element("b", model), *cells]))
    for at in neighbors:
        cells = [percent(models.accuracy[name][at]) for name in names]
        accuracy = models.accuracy[main][at]
        place = 1 + int((models.accuracy[main] > accuracy).sum())
        lines.append((accuracy, [f"{place:,}", f"{models.models[at]}, {models.pixels[at]} px", *cells]))
    lines.sort(key=lambda line: -line[0])
    head = ["", "model, size of images", *(f"{capitalize(label_set_name(name))}, %" for name in names)]
    text = (
        f"The models of this report are bold, beside published models of similar accuracy under {label_set_phrase(main)}. "
        "* marks an accuracy whose interval does not hold the published one."
    )
    whole = table(head, [cells for _, cells in lines], text=(1,))
    if len(lines) > MAX_OPEN:
        whole = details(f"The {len(own)} models and their {len(neighbors)} neighbors", whole)
    return join([paragraph(text, class_="soft"), whole])


def _own_cell(row: Row | None) -> Html | str:
    if row is None:
        return ""
    return element("b", percent(row["accuracy"]) + (" *" if row.get("agrees") is False else ""))


def _picture(placed: list[Row], models: PublishedModels) -> Drawing | None:
    """The first two test sets that the models have, of the published ones and of these models."""
    names = [name for name in MAIN if name in models.accuracy and any(row["label_set"] == name for row in placed)]
    if len(names) < 2:
        return None
    y_name, x_name = names[:2]
    by_model: dict[str, dict[str, float]] = {}
    for row in placed:
        by_model.setdefault(row["model"], {})[row["label_set"]] = row["accuracy"]
    own = {model: (by[x_name], by[y_name]) for model, by in by_model.items() if {x_name, y_name} <= by.keys()}
    if not own:
        return None
    x, y = models.accuracy[x_name], models.accuracy[y_name]
    is_known = np.isfinite(x) & np.isfinite(y)
    phrases = label_set_phrase(x_name), label_set_phrase(y_name)
    description = (
        f"{is_known.sum():,} published models as gray dots, from {x[is_known].min() * 100:.1f} to "
        f"{x[is_known].max() * 100:.1f} % under {phrases[0]}, and {len(own)} models of this report in color."
    )
    with drawing.style():
        plot = published.figure(x[is_known], y[is_known], own, x_name=phrases[0], y_name=phrases[1])
        return drawing.save(plot, f"Published models under {phrases[0]} and {phrases[1]}", description)
