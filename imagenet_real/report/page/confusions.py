"""Which classes are taken for each other, and what of it other label sets leave."""

import numpy as np

from imagenet_real.labels.label_set import LabelSet
from imagenet_real.mistakes.mistakes import Mistakes, confused_pairs
from imagenet_real.report.page.markup import bar, element, join, paragraph, table
from imagenet_real.report.page.subject import Section, Subject, by, label_set_name

SHOWN = 10  # pairs


def section(subject: Subject) -> Section | None:
    counts = {one.name: _pairs(subject, one) for one in subject.judges}
    if not any(counts.values()):
        return None
    models = len(subject.models)
    unit = "mistakes" if models == 1 else "mistakes a model"
    names = [label_set_name(name) for name in counts]
    parts = [
        paragraph(
            "Pairs of an answer and a right class, in either order"
            + (f"; mistakes are averages over {models} models." if models > 1 else ".")
            + " A mistake on an image with several right classes counts for each of them.",
            class_="soft",
        )
    ]
    tables = []
    for name, pairs in list(counts.items())[:2]:
        shown = sorted(pairs, key=lambda pair: (-pairs[pair], pair))[:SHOWN]
        if not shown:
            continue
        most = pairs[shown[0]] / models
        lines = []
        for pair in shown:
            times = [one.get(pair, 0) / models for one in counts.values()]
            of = pairs[pair] / models
            lines.append(
                [
                    f"{subject.called(pair[0])} and {subject.called(pair[1])}",
                    bar({f"{of:,.1f} of {most:,.1f}": of / most}),
                    *(f"{count:,.0f}" if models == 1 else f"{count:,.1f}" for count in times),
                ]
            )
        told = element("h4", f"Most confused by {by(name)}")
        tables.append(element("div", told, table(["classes", unit, *names], lines, wide=(1,))))
    parts.append(element("div", *tables, class_="columns"))
    return Section("confusions", "Confusions", join(parts))


def _pairs(subject: Subject, label_set: LabelSet) -> dict[tuple[int, int], int]:
    """How often each pair of classes is confused, by all models together."""
    columns, k = subject.rows_of[label_set.name], label_set.num_classes
    codes, times = [], []
    for verdicts, answers in zip(subject.evidence.verdicts[label_set.name], subject.evidence.predicted, strict=True):
        predicted = np.where(columns >= 0, answers[columns], -1).astype(np.int64)
        wrong = label_set.is_scored & (verdicts == 0) & (predicted >= 0)
        ids, right, original = label_set.image_ids[wrong], label_set.labels[wrong], label_set.original[wrong]
        pairs, counts = confused_pairs(Mistakes(ids, predicted[wrong], right, original, np.full(len(ids), np.nan)))
        codes.append(pairs[:, 0].astype(np.int64) * k + pairs[:, 1])
        times.append(counts)
    code, place = np.unique(np.concatenate(codes), return_inverse=True)
    total = np.bincount(place, weights=np.concatenate(times), minlength=len(code)).astype(int)
    return {divmod(one, k): count for one, count in zip(code.tolist(), total.tolist(), strict=True)}
