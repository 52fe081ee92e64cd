"""Accuracy per class and per group of classes, and the classes that gain and lose most between label sets."""

import numpy as np

from imagenet_real.labels.label_set import LabelSet
from imagenet_real.report.names import label_set_name
from imagenet_real.report.page.markup import (
    Html,
    Scale,
    details,
    element,
    join,
    legend,
    paragraph,
    percent,
    table,
    track,
)
from imagenet_real.report.page.subject import Section, Subject
from imagenet_real.scoring import class_accuracy

MAX_CHANGES = 10  # classes that gain, and classes that lose
MIN_IMAGES = 5  # of a class in the tables of changes
MAX_CLASSES = 1_000  # in the table of all classes
MAX_OPEN = 50  # classes in a table that is not folded

Line = tuple[str, int, dict[str, float]]  # name, images, accuracy by label set


def section(subject: Subject) -> Section | None:
    if not any(np.isfinite(classes.accuracy).any() for classes in subject.by_class.values()):
        return None  # no image has an original class
    over = "" if len(subject.models) == 1 else f", over all {len(subject.models)} models"
    text = f"Share of correct predictions on the images that were collected for each class{over}."
    parts = [paragraph(text, class_="soft"), _groups(subject), *_changes(subject), _all_classes(subject)]
    title = "Classes" if subject.groups is None else "Classes and groups"
    return Section("classes", title, join(part for part in parts if part))


def _groups(subject: Subject) -> Html | None:
    if subject.groups is None:
        return None
    by_label_set = {
        name: class_accuracy.by_group(classes, subject.groups) for name, classes in subject.by_class.items()
    }
    first = next(iter(by_label_set.values()))
    lines = []
    for group, (_, images) in first.items():
        accuracies = {label_set_name(name): groups[group][0] for name, groups in by_label_set.items()}
        if np.isfinite(list(accuracies.values())).any():
            lines.append((group, images, accuracies))
    lines.sort(key=lambda line: -np.nan_to_num(first[line[0]][0]))
    return join([legend(map(label_set_name, subject.by_class)), _tracks("group", lines)])


def _tracks(kind: str, lines: list[Line]) -> Html:
    """A table of classes or groups with a track of accuracies."""
    scale = Scale(value for _, _, accuracies in lines for value in accuracies.values())
    head = [kind, "images", scale.head, *(f"{name},\N{NO-BREAK SPACE}%" for name in lines[0][2])]
    rows = [
        [name, f"{images:,}", track(scale, accuracies), *map(percent, accuracies.values())]
        for name, images, accuracies in lines
    ]
    return table(head, rows, wide=(2,))


def _changes(subject: Subject) -> list[Html]:
    """Tables of the classes that gain and lose most from the first label set to each of the others."""
    first, *rest = subject.compared
    parts = []
    for second in rest:
        tables = _changes_between(subject, first, second)
        parts += [element("div", *tables, class_="columns")] if tables else []
    head = element("h3", "Largest changes, on the images that both label sets score")
    return [head, legend([label_set_name(first.name), "the other label set"]), *parts] if parts else []


def _changes_between(subject: Subject, first: LabelSet, second: LabelSet) -> list[Html]:
    before, after, images = class_accuracy.change(subject.evidence, first, second)
    difference = np.where(images >= MIN_IMAGES, after - before, np.nan)
    order = np.argsort(-np.nan_to_num(difference), kind="stable")
    gains = [label for label in order[:MAX_CHANGES] if difference[label] > 0]
    losses = [label for label in order[::-1][:MAX_CHANGES] if difference[label] < 0]
    names = label_set_name(first.name), label_set_name(second.name)
    tables = []
    for kind, labels in (("gains", gains), ("losses", losses)):
        lines = [
            (subject.class_name(label), int(images[label]), {names[0]: before[label], names[1]: after[label]})
            for label in labels
        ]
        if lines:
            title = element("h4", f"Largest {kind} from {names[0]} to {names[1]}")
            tables.append(element("div", title, _tracks("class", lines)))
    return tables


def _all_classes(subject: Subject) -> Html:
    labels = np.flatnonzero(np.max([classes.images for classes in subject.by_class.values()], axis=0)).tolist()
    if len(labels) <= MAX_OPEN and subject.groups is None:
        lines = [
            (
                subject.class_name(label),
                int(max(classes.images[label] for classes in subject.by_class.values())),
                {label_set_name(name): float(classes.accuracy[label]) for name, classes in subject.by_class.items()},
            )
            for label in labels
        ]
        return join([legend(map(label_set_name, subject.by_class)), _tracks("class", lines)])
    if len(labels) > MAX_CLASSES:
        text = f"{len(labels):,} classes have images, too many for this page. All are in accuracy_by_class.csv."
        return paragraph(text, class_="soft")
    rows = []
    for label in labels:
        cells = [
            cell
            for accuracy, images in subject.by_class.values()
            for cell in (f"{images[label]:,}", percent(accuracy[label]))
        ]
        rows.append([subject.class_name(label), str(label), *cells])
    names = [label_set_name(name) for name in subject.by_class]
    head = ["class", "index", *(cell for name in names for cell in (f"{name}: images", "%"))]
    return details(f"All {len(labels):,} classes", table(head, rows))
