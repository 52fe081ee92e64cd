"""Accuracy by class and by group of classes, and the classes that gain and lose most between label sets."""

import numpy as np

from imagenet_real.labels.image_ids import match
from imagenet_real.labels.label_set import LabelSet
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
from imagenet_real.report.page.subject import Section, Subject, label_set_name, share

SHOWN = 10  # classes that gain, and that lose
ENOUGH = 5  # images of a class to speak of its gain
LISTED = 1_000  # classes in the table of all


def section(subject: Subject) -> Section | None:
    if not any(np.isfinite(values).any() for values, _ in subject.by_class.values()):
        return None  # no image tells which class it was collected for
    whose = "" if len(subject.models) == 1 else f", of the answers of all {len(subject.models)} models"
    told = f"The share of right answers on the images collected for each class{whose}."
    parts = [paragraph(told, class_="soft"), _groups(subject)]
    parts += [*_changes(subject), _all(subject)]
    return Section("classes", "Classes and their groups", join(part for part in parts if part))


def _groups(subject: Subject) -> Html | None:
    if subject.groups is None:
        return None
    groups, (_, first) = np.array(subject.groups), next(iter(subject.by_class.values()))
    found = []
    for group in dict.fromkeys(subject.groups):
        here = groups == group
        values = {}
        for name, (accuracy, images) in subject.by_class.items():
            hits = np.nan_to_num(accuracy[here]) * images[here]
            values[label_set_name(name)] = float(share(hits.sum(), images[here].sum()))
        if np.isfinite(list(values.values())).any():
            found.append((group, int(first[here].sum()), values))
    found.sort(key=lambda one: -np.nan_to_num(next(iter(one[2].values()))))
    return join([legend(map(label_set_name, subject.by_class)), _tracks("group", found)])


def _tracks(what: str, found: list[tuple[str, int, dict[str, float]]]) -> Html:
    """A line for each name, its images, and its accuracies by label set."""
    scale = Scale(value for _, _, values in found for value in values.values())
    names = list(found[0][2])
    lines = [[name, f"{size:,}", track(scale, values), *map(percent, values.values())] for name, size, values in found]
    return table([what, "images", scale.head, *(f"{name},\N{NO-BREAK SPACE}%" for name in names)], lines, wide=(2,))


def _changes(subject: Subject) -> list[Html]:
    first = subject.judges[0]
    parts = []
    for second in subject.judges[1:]:
        before, after, images = _on_common_images(subject, first, second)
        change = np.where(images >= ENOUGH, after - before, np.nan)
        order = np.argsort(-np.nan_to_num(change), kind="stable")
        gain = [label for label in order[:SHOWN] if change[label] > 0]
        lose = [label for label in order[::-1][:SHOWN] if change[label] < 0]
        names, tables = (label_set_name(first.name), label_set_name(second.name)), []
        for verb, labels in (("gain", gain), ("lose", lose)):
            if labels:
                values = [dict(zip(names, (before[label], after[label]), strict=True)) for label in labels]
                sizes = [(subject.called(label), int(images[label])) for label in labels]
                found = [(*size, value) for size, value in zip(sizes, values, strict=True)]
                told = f"Classes that {verb} most from {names[0]} to {names[1]}"
                tables.append(element("div", element("h4", told), _tracks("class", found)))
        parts += [element("div", *tables, class_="columns")] if tables else []
    head = element("h3", "Classes that gain and lose most, on the images that count by both")
    return [head, legend([label_set_name(first.name), "the other label set"]), *parts] if parts else []


def _on_common_images(subject: Subject, first: LabelSet, second: LabelSet) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The [K] shares of right answers by either label set, on the [K] images of each class that count by both."""
    rows = match(first.image_ids, second.image_ids)
    here = np.flatnonzero((rows >= 0) & first.is_scored & second.is_scored[rows] & (first.original >= 0))
    a, b = subject.evidence.verdicts[first.name][:, here], subject.evidence.verdicts[second.name][:, rows[here]]
    group, k = first.original[here], first.num_classes
    answered = np.bincount(group, weights=(a >= 0).sum(axis=0), minlength=k)
    before, after = (share(np.bincount(group, weights=(one > 0).sum(axis=0), minlength=k), answered) for one in (a, b))
    return before, after, np.bincount(group[(a >= 0).any(axis=0)], minlength=k)


def _all(subject: Subject) -> Html:
    some = np.max([images for _, images in subject.by_class.values()], axis=0)
    labels = np.flatnonzero(some)
    if len(labels) > LISTED:
        told = (
            f"{len(labels):,} classes have images, which are too many for a page: accuracy_by_class.csv has them all."
        )
        return paragraph(told, class_="soft")
    lines = [
        [
            subject.called(label),
            str(label),
            *(
                cell
                for values, images in subject.by_class.values()
                for cell in (f"{images[label]:,}", percent(values[label]))
            ),
        ]
        for label in labels
    ]
    names = [label_set_name(name) for name in subject.by_class]
    head = ["class", "index", *(cell for name in names for cell in (f"{name}: images", "%"))]
    return details(f"All {len(labels):,} classes", element("div", table(head, lines), class_="tall"))
