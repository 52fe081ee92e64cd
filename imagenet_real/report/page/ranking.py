"""Several models: accuracy under one label set against accuracy under another, and changes of rank."""

from collections.abc import Mapping

import numpy as np

from imagenet_real.report.names import capitalize, label_set_name, label_set_phrase
from imagenet_real.report.page.markup import Html, element, figure, join, paragraph, rank_change, table
from imagenet_real.report.page.subject import Section, Subject
from imagenet_real.report.plots import bump, drawing, scatter
from imagenet_real.report.plots.drawing import Drawing
from imagenet_real.scoring.label_set_regression import lines_through
from imagenet_real.scoring.results import Row

MIN_MODELS = 3  # for a plot
MAX_CHANGES = 3  # models in the table of ranks


def against(subject: Subject) -> Section | None:
    """A scatter plot of models under two label sets, if there are enough models for a line."""
    if len(subject.compared) < 2 or subject.ks[0] != 1:
        return None
    first, second = (label_set.name for label_set in subject.compared[:2])
    rows = [(subject.row(model, first), subject.row(model, second)) for model in subject.models]
    rows = [(a, b) for a, b in rows if a and b]
    x, y = np.array([(a["accuracy"], b["accuracy"]) for a, b in rows]).reshape(-1, 2).T
    if len(x) < MIN_MODELS or np.ptp(x) == 0:
        return None
    lines = lines_through(x, y)
    phrases = label_set_phrase(first), label_set_phrase(second)
    difference = np.mean(y - x) * 100
    direction = "higher" if difference > 0 else "lower"
    sentences = [
        f"Accuracy under {phrases[1]} is {abs(difference):.2f} points {direction} than under {phrases[0]} on average."
    ]
    sentences += [
        f"Across {name} ({line.points}), one point under {phrases[0]} corresponds to {line.slope:.2f} points under "
        f"{phrases[1]} (95 % interval {line.low:.2f} to {line.high:.2f})."
        for name, line in lines.items()
    ]
    description = (
        f"One point for each of {len(x)} models: {min(x) * 100:.1f} to {max(x) * 100:.1f} % under {phrases[0]}, "
        f"{min(y) * 100:.1f} to {max(y) * 100:.1f} % under {phrases[1]}. A dotted line marks equal accuracy."
    )
    if lines:
        description += f" The line through them has slope {lines['all models'].slope:.2f}."
    with drawing.style():
        plot = scatter.figure(x, y, [a["model"] for a, _ in rows], lines, x_name=phrases[0], y_name=phrases[1])
        picture = drawing.save(plot, f"Accuracy under {phrases[1]} against accuracy under {phrases[0]}", description)
    title = f"{capitalize(label_set_name(first))} against {label_set_name(second)}"
    body = join([paragraph(" ".join(sentences)), figure(picture, wide=len(lines) > 1)])
    return Section("against", title, body, {"accuracy_scatter": picture})


def ranks(subject: Subject) -> Section | None:
    """A table of the rankings, with a bump chart where several label sets rank the same models."""
    rankings = subject.results.rankings
    if not rankings:
        return None
    names = {row["label_set"]: label_set_name(row["label_set"]) for row in rankings}
    head = ["label set", "significant differences", "Kendall's tau with original", "changes of rank", "largest changes"]
    text = (
        "A pair is two models next to each other in a ranking. Its difference is significant by an exact McNemar test, or by "
        "a sign-flip test if the accuracy is a mean over classes, with Holm's correction for all pairs of a label set. The "
        "order within other pairs may be chance. Kendall's tau is 1 if two rankings are equal, and -1 if one is the reverse "
        "of the other."
    )
    rows = [_ranking_row(row, names) for row in rankings]
    columns = 2 if len(rows) == 1 else 5 if any(row[4] for row in rows) else 4  # without changes, no largest ones
    head, rows = head[:columns], [row[:columns] for row in rows]
    parts = [paragraph(text), table(head, rows, text=(0, 4), kinds={4: "list"})]
    if len(rankings) < 2 or len(subject.models) < MIN_MODELS or len({len(row["models"]) for row in rankings}) > 1:
        return Section("ranks", "Ranks", join(parts))
    picture = _bump_chart(subject, names)
    is_partial = len(subject.models) > bump.MAX_MODELS
    models = f" of the best {bump.MAX_MODELS} of {len(subject.models)} models" if is_partial else ""
    caption = f"Ranks{models} under each label set; one line per model. Gray bands join neighbors without a significant difference."
    if any(entry["rank_change"] for row in rankings for entry in row["models"]):
        caption += " Colored models move most."
    parts += [figure(picture, wide=True), paragraph(caption, class_="soft")]
    return Section("ranks", "Ranks", join(parts), {"ranks": picture})


def _ranking_row(row: Row, names: Mapping[str, str]) -> list[str]:
    changes = [entry for entry in row["models"] if entry["rank_change"]]
    largest = sorted(changes, key=lambda entry: -abs(entry["rank_change"]))[:MAX_CHANGES]
    is_original, tau = row["label_set"] == "original", row["tau_with_original"]
    return [
        names[row["label_set"]],
        f"{row['resolved']} of {row['neighbours']} pairs",
        "" if tau is None or is_original else f"{tau:.3f}",
        "" if is_original else f"{len(changes):,}",
        Html(", ".join(map(_change, largest))),
    ]


def _change(entry: Row) -> Html:
    """A model with the number of ranks by which it goes up or down."""
    change = rank_change(entry["rank_change"])
    return element("span", f"{entry['model']} ", change, class_="nowrap")


def _bump_chart(subject: Subject, names: Mapping[str, str]) -> Drawing:
    rankings = subject.results.rankings
    description = (
        f"One line for each of {min(bump.MAX_MODELS, len(subject.models))} models, from its rank under one label set to its "
        "rank under the next. Gray bands join neighbors without a significant difference. The table before it names the largest "
        "changes; the table of accuracies has all of them."
    )
    with drawing.style():
        return drawing.save(bump.figure(rankings, names), f"Ranks under {len(rankings)} label sets", description)
