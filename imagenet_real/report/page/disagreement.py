"""Where label sets disagree, and which predictions this affects."""

import itertools
from collections.abc import Iterable, Sequence

from imagenet_real.labels import analysis
from imagenet_real.report.names import label_set_name, label_set_phrase
from imagenet_real.report.page.markup import Html, bar, bar_legend, element, join, paragraph, table
from imagenet_real.report.page.subject import Section, Subject
from imagenet_real.scoring.evidence import contrast

MAX_CORRECTIONS = 10
MAX_MODELS = 10
_RELATIONS = {  # name on the page -> names in analysis.RELATIONS
    "identical": ("equal",),
    "subset": ("subset",),
    "superset": ("superset",),
    "overlapping": ("overlapping",),
    "disjoint": ("disjoint",),
    "one is empty": ("first_empty", "second_empty"),
}


def section(subject: Subject) -> Section | None:
    if len(subject.compared) < 2:
        return None
    parts = [element("h3", "Labels"), *_relations(subject), *_corrections(subject)]
    parts += [element("h3", "Predictions"), *_predictions(subject), *_mislabeled(subject)]
    return Section("disagreement", "Where the label sets disagree", join(parts))


def _relations(subject: Subject) -> list[Html]:
    rows = []
    for a, b in itertools.combinations(subject.compared_here, 2):
        images = analysis.agreement(a, b)
        counts = [sum(len(images[key]) for key in keys) for keys in _RELATIONS.values()]
        total = sum(counts)
        if total:
            names = f"{label_set_name(a.name)} and {label_set_name(b.name)}"
            rows.append([names, _shares(_RELATIONS, counts), f"{total:,}", *(f"{count:,}" for count in counts)])
    text = (
        f"How the labels of the first set relate to those of the second, on the {len(subject.evidence.image_ids):,} images "
        "with predictions."
    )
    head = ["label sets", "share of images", "images", *_RELATIONS]
    return [paragraph(text, class_="soft"), bar_legend(_RELATIONS), table(head, rows, wide=(1,))]


def _corrections(subject: Subject) -> list[Html]:
    tables = []
    for label_set in subject.compared_here[1:]:
        pairs, images = analysis.corrections(label_set.take(label_set.is_scored))
        if len(pairs):
            rows = [
                [subject.class_name(original), subject.class_name(label), f"{count:,}"]
                for (original, label), count in zip(
                    pairs[:MAX_CORRECTIONS].tolist(), images[:MAX_CORRECTIONS].tolist(), strict=True
                )
            ]
            name = label_set_name(label_set.name)
            title = element("h4", f"Most frequent corrections by {name} (of {images.sum():,} images)")
            tables.append(element("div", title, table(["original", name, "images"], rows, text=(0, 1))))
    return [element("div", *tables, class_="columns")] if tables else []


def _predictions(subject: Subject) -> list[Html]:
    """How the first label set and each of the others score the best models."""
    parts = []
    first, *rest = subject.compared
    for second in rest:
        names = label_set_name(first.name), label_set_name(second.name)
        kinds = ["both", f"{names[1]} only", f"{names[0]} only", "neither"]
        rows = []
        for model in subject.models[:MAX_MODELS]:
            counts = contrast(subject.evidence, subject.model_index(model), first, second).counts
            if sum(counts):
                rows.append([model, _shares(kinds, counts), *(f"{count:,}" for count in counts)])
        if rows:
            phrases = f"{label_set_phrase(first.name)} and {label_set_phrase(second.name)}"
            text = f"Label sets under which predictions are correct, on images that both {phrases} score{_best_models(subject)}."
            parts += [
                paragraph(text, class_="soft"),
                bar_legend(kinds),
                table(["model", "share", *kinds], rows, wide=(1,)),
            ]
    return parts


def _mislabeled(subject: Subject) -> list[Html]:
    by_model = {row["model"]: row for row in subject.results.mislabeled}
    mislabeled = [by_model[model] for model in subject.models[:MAX_MODELS] if model in by_model]
    if not mislabeled:
        return []
    kinds = {"ReaL label": "real", "original label": "original", "neither": "neither"}
    rows = []
    for row in mislabeled:
        counts = [row[key] for key in kinds.values()]
        cells = [f"{count:,}" for count in (row["images"], *counts)]
        rows.append([row["model"], _shares(kinds, counts), *cells])
    text = f"Predictions for mislabeled images, whose only ReaL label is not the original one{_best_models(subject)}."
    head = ["model", "share", "images", *kinds]
    return [paragraph(text, class_="soft"), bar_legend(kinds), table(head, rows, wide=(1,))]


def _shares(names: Iterable[str], counts: Sequence[int]) -> Html:
    total = sum(counts)
    return bar({name: count / total for name, count in zip(names, counts, strict=True)})


def _best_models(subject: Subject) -> str:
    return f", for the best {MAX_MODELS} of {len(subject.models)} models" if len(subject.models) > MAX_MODELS else ""
