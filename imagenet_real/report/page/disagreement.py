"""Where label sets disagree, and what that means for the models."""

import itertools

from imagenet_real.labels import analysis
from imagenet_real.report.page.markup import Html, bar, element, join, paragraph, table
from imagenet_real.report.page.subject import Section, Subject, by, label_set_name
from imagenet_real.scoring.evidence import contrast

SHOWN = 10  # corrections, and models
_RELATIONS = {  # as analysis.RELATIONS has them, from the same to nothing in common
    "the same": ("equal",),
    "some of the other's": ("subset",),
    "the other's and more": ("superset",),
    "some in common": ("overlapping",),
    "none in common": ("disjoint",),
    "one has none": ("first_empty", "second_empty"),
}


def section(subject: Subject) -> Section | None:
    if len(subject.judges) < 2:
        return None
    parts = [element("h3", "The labels"), *_relations(subject), *_corrections(subject)]
    parts += [element("h3", "The verdicts"), *_verdicts(subject), *_mislabeled(subject)]
    return Section("disagreement", "Where the label sets disagree", join(parts))


def _keys(names: list[str]) -> Html:
    keys = []
    for turn, name in enumerate(names):
        mark = f'<svg class="key" viewBox="0 0 14 14" aria-hidden="true"><rect class="b{turn}" width="14" height="14"/></svg>'
        keys.append(element("span", Html(mark), name))
    return element("p", *keys, class_="legend")


def _relations(subject: Subject) -> list[Html]:
    lines = []
    for a, b in itertools.combinations(subject.judges, 2):
        found = analysis.agreement(a, b)
        counts = {name: sum(len(found[key]) for key in keys) for name, keys in _RELATIONS.items()}
        total = sum(counts.values())
        if total:
            shares = bar({name: count / total for name, count in counts.items()})
            lines.append([f"{label_set_name(a.name)} and {label_set_name(b.name)}", shares, f"{total:,}"])
            lines[-1] += [f"{count:,}" for count in counts.values()]
    told = "What the labels of the first are to those of the second, image by image."
    head = ["label sets", "share of images", "images", *_RELATIONS]
    return [paragraph(told, class_="soft"), _keys(list(_RELATIONS)), table(head, lines, wide=(1,))]


def _corrections(subject: Subject) -> list[Html]:
    tables = []
    for one in subject.judges[1:]:
        pairs, images = analysis.corrections(one.take(one.is_scored))
        if len(pairs):
            lines = [
                [subject.called(before), subject.called(after), f"{count:,}"]
                for (before, after), count in zip(pairs[:SHOWN].tolist(), images[:SHOWN].tolist(), strict=True)
            ]
            told = f"One other label than the original by {by(one.name)}: {images.sum():,} images, most often"
            head = ["original", label_set_name(one.name), "images"]
            tables.append(element("div", element("h4", told), table(head, lines, text=(0, 1))))
    return [element("div", *tables, class_="columns")] if tables else []


def _verdicts(subject: Subject) -> list[Html]:
    parts = []
    first = subject.judges[0]
    for second in subject.judges[1:]:
        names = label_set_name(first.name), label_set_name(second.name)
        kinds = ["right by both", f"right by {names[1]} alone", f"right by {names[0]} alone", "wrong by both"]
        lines = []
        for model in subject.models[:SHOWN]:
            seen = contrast(subject.evidence, subject.number(model), first, second)
            a, b = seen.first, seen.second
            counts = [int(kind.sum()) for kind in (a & b, b & ~a, a & ~b, ~a & ~b)]
            if total := sum(counts):
                shares = bar({kind: count / total for kind, count in zip(kinds, counts, strict=True)})
                lines.append([model, shares, *(f"{count:,}" for count in counts)])
        if lines:
            told = f"On images that count by {by(first.name)} and by {by(second.name)}{_of(subject)}."
            parts += [paragraph(told, class_="soft"), _keys(kinds), table(["model", "share", *kinds], lines, wide=(1,))]
    return parts


def _mislabeled(subject: Subject) -> list[Html]:
    rows = {row["model"]: row for row in subject.results.mislabeled}
    shown = [rows[model] for model in subject.models[:SHOWN] if model in rows]
    if not shown:
        return []
    kinds = {"ReaL's label": "real", "the wrong original one": "original", "neither": "neither"}
    lines = []
    for row in shown:
        shares = bar({kind: row[key] / row["images"] for kind, key in kinds.items()})
        lines.append([row["model"], shares, f"{row['images']:,}", *(f"{row[key]:,}" for key in kinds.values())])
    told = f"On mislabeled images, whose only ReaL label is not the original one, models answer{_of(subject)}:"
    return [
        paragraph(told, class_="soft"),
        _keys(list(kinds)),
        table(["model", "share", "images", *kinds], lines, wide=(1,)),
    ]


def _of(subject: Subject) -> str:
    return f", the best {SHOWN} of {len(subject.models)} models" if len(subject.models) > SHOWN else ""
