"""Models beside each other: accuracy by one label set against that by another, and how ranks change."""

import numpy as np

from imagenet_real.report.page.markup import Html, element, join, paragraph, table
from imagenet_real.report.page.subject import Section, Subject, by, label_set_name
from imagenet_real.report.plots import bump, drawing, scatter
from imagenet_real.report.plots.drawing import Drawing
from imagenet_real.scoring.regression import regress


def figure(picture: Drawing, *, wide: bool = False) -> Html:
    """A drawing as part of a page; a wide one scrolls on a phone."""
    return element("figure", Html(picture.svg), class_="drawing wide" if wide else "drawing", tabindex="0")


def against(subject: Subject) -> Section | None:
    """The scatter of all models by two judges, where there are enough for a line."""
    if len(subject.judges) < 2 or subject.ks[0] != 1:
        return None
    first, second = (one.name for one in subject.judges[:2])
    rows = [(subject.row(model, first), subject.row(model, second)) for model in subject.models]
    x, y = np.array([(a["accuracy"], b["accuracy"]) for a, b in rows if a and b]).reshape(-1, 2).T
    if len(x) < 3 or np.ptp(x) == 0:
        return None
    names = [a["model"] for a, b in rows if a and b]
    line = regress(x, y)
    lines, better = {"all models": line}, np.argsort(-x, kind="stable")[: (len(x) + 1) // 2]
    if len(better) > 2 and np.ptp(x[better]):
        lines["the better half"] = regress(x[better], y[better])
    with drawing.style():
        picture = drawing.save(
            scatter.figure(x, y, names, label_set_name(second), lines, against=by(first)),
            f"Accuracy by {by(second)} against accuracy by {by(first)}",
            f"A point for each of {len(x)} models: {min(x) * 100:.1f} to {max(x) * 100:.1f} % by {by(first)}, "
            f"{min(y) * 100:.1f} to {max(y) * 100:.1f} % by {by(second)}. The line through them has the slope "
            f"{line.slope:.2f}; a dotted line shows where both would be the same.",
        )
    difference = np.mean(y - x) * 100
    told = f"By {by(second)}, models stand {abs(difference):.2f} points {'higher' if difference > 0 else 'lower'} on average. "
    told += " ".join(
        f"Over {name} ({one.points}) a point of accuracy by {by(first)} "
        f"goes with {one.slope:.2f} points by {by(second)} (95 % interval {one.low:.2f} to {one.high:.2f})."
        for name, one in lines.items()
    )
    title = f"{_capital(label_set_name(first))} against {label_set_name(second)}"
    return Section(
        "against", title, join([paragraph(told), figure(picture, wide=len(lines) > 1)]), {"accuracy_scatter": picture}
    )


def ranks(subject: Subject) -> Section | None:
    """The bump chart of all label sets, where there are several."""
    rankings = subject.results.rankings
    if not rankings:
        return None
    names = {row["label_set"]: label_set_name(row["label_set"]) for row in rankings}
    lines = []
    for row in rankings:
        moved = sorted((one for one in row["models"] if one["rank_change"]), key=lambda one: -abs(one["rank_change"]))
        tau = row["tau_with_original"]
        lines.append(
            [
                names[row["label_set"]],
                f"{row['resolved']} of {row['neighbours']}",
                "" if tau is None or row["label_set"] == "original" else f"{tau:.3f}",
                f"{len(moved):,}" if row["label_set"] != "original" else "",
                ", ".join(f"{one['model']} {one['rank_change']:+d}" for one in moved[:3]),
            ]
        )
    head = ["label set", "neighbours told apart", "Kendall's tau with original", "change rank", "most"]
    parts = [
        paragraph(
            "Neighbours are compared by exact McNemar tests (a sign-flip test for a mean over classes), with Holm's "
            "correction over all of them: what is not told apart may be chance."
        ),
        table(head, lines, text=(0, 4)),
    ]
    if len(rankings) < 2 or len({len(row["models"]) for row in rankings}) > 1:
        return Section("ranks", "Ranks", join(parts))
    some = len(subject.models) > bump.SHOWN
    with drawing.style():
        picture = drawing.save(
            bump.figure(rankings, names),
            f"Ranks by {len(rankings)} label sets",
            f"A line for each of {min(bump.SHOWN, len(subject.models))} models from its rank by one label set to that by the "
            "next. Grey bands join neighbours that no test tells apart. The table before it names the largest changes, and "
            "the table of accuracies has all of them.",
        )
    of = f"the best {bump.SHOWN} of {len(subject.models)} models, a line each" if some else "a line a model"
    told = f"Ranks by each label set, {of}. A grey band joins neighbours that no test tells apart."
    if any(one["rank_change"] for row in rankings for one in row["models"]):
        told += " Coloured are those that move most."
    parts += [figure(picture, wide=True), paragraph(told, class_="soft")]
    return Section("ranks", "Ranks", join(parts), {"ranks": picture})


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
