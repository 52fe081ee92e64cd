"""Pairs of classes that models confuse, under each label set."""

from collections.abc import Mapping

from imagenet_real.mistakes.confusions import count_pairs
from imagenet_real.report.names import label_set_name, label_set_phrase
from imagenet_real.report.page.markup import Html, bar, element, join, paragraph, table
from imagenet_real.report.page.subject import Section, Subject

MAX_PAIRS = 10
MAX_TABLES = 2

Counts = Mapping[str, Mapping[tuple[int, int], int]]  # label set -> pair of classes -> mistakes


def section(subject: Subject) -> Section | None:
    counts = {label_set.name: count_pairs(subject.evidence, label_set) for label_set in subject.compared}
    if not any(counts.values()):
        return None
    mean = f" Counts are means over {len(subject.models)} models." if len(subject.models) > 1 else ""
    text = (
        f"Pairs of a predicted and a correct class, in either order.{mean} "
        "A mistake on an image with several correct classes counts once for each of them."
    )
    tables = [_pairs(subject, name, counts) for name in list(counts)[:MAX_TABLES] if counts[name]]
    body = join([paragraph(text, class_="soft"), element("div", *tables, class_="columns")])
    return Section("confusions", "Confusions", body)


def _pairs(subject: Subject, name: str, counts: Counts) -> Html:
    """The most frequent pairs under one label set, and their counts under all."""
    models, pairs = len(subject.models), counts[name]
    frequent = sorted(pairs, key=lambda pair: (-pairs[pair], pair))[:MAX_PAIRS]
    most = pairs[frequent[0]] / models
    rows = []
    for pair in frequent:
        mean = pairs[pair] / models
        cells = [by_pair.get(pair, 0) / models for by_pair in counts.values()]
        rows.append(
            [
                f"{subject.class_name(pair[0])} and {subject.class_name(pair[1])}",
                bar({f"{mean:,.1f} of {most:,.1f}": mean / most}),
                *(f"{cell:,.0f}" if models == 1 else f"{cell:,.1f}" for cell in cells),
            ]
        )
    head = ["classes", "mistakes" if models == 1 else "mistakes per model", *map(label_set_name, counts)]
    title = element("h4", f"Most confused under {label_set_phrase(name)}")
    return element("div", title, table(head, rows, wide=(1,)))
