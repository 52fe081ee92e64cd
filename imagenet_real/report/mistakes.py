"""The summary of `mistakes` as rows and as text."""

import collections
from collections.abc import Sequence
from typing import Any

import numpy as np

from imagenet_real.mistakes import categories
from imagenet_real.mistakes.guesses import GuessQuality
from imagenet_real.mistakes.judged import CATEGORIES, FINE_GRAINED, SEVERITIES
from imagenet_real.mistakes.summary import (
    HardSubset,
    JudgedSummary,
    MistakesSummary,
    ModelSummary,
    PairCount,
    PublishedPairs,
    SharedSummary,
    as_json,
)
from imagenet_real.report.layout import aligned
from imagenet_real.report.names import count_of
from imagenet_real.report.printing import tagged


def as_rows(summary: MistakesSummary) -> list[dict[str, Any]]:
    """Returns the summary as all rows of several tables."""
    content = as_json(summary)
    judged = [
        {"name": file.name, "category": category, **dict(zip(SEVERITIES, counts, strict=True))}
        for file in summary.judged
        for category, counts in file.categories.items()
    ]
    return tagged(
        judged=judged,
        in_common=content["in_common"],
        guesses=content["guesses"],
        mistakes=content.get("mistakes", []),
        pairs=content.get("pairs", []),
    )


def as_text(summary: MistakesSummary, names: Sequence[str], max_rows: int) -> str:
    """Returns the summary as a few tables with at most `max_rows` rows each. `names` are the names of the classes."""
    blocks = [block for file in summary.judged for block in _judged(file, names, max_rows)]
    blocks += [_shared(pair) for pair in summary.shared]
    if summary.published_pairs:
        blocks += _published_pairs(summary.published_pairs, summary.label_set, names, max_rows)
    blocks += [block for quality in summary.guesses for block in _guesses(quality, first=summary.judged[0].name)]
    if summary.hard:
        blocks.append(_hard(summary.hard, summary.label_set))
    if summary.model:
        blocks += _model(summary.model, summary.label_set, names, max_rows)
    return "\n\n".join(blocks)


def _judged(file: JudgedSummary, names: Sequence[str], max_rows: int) -> list[str]:
    rows = [[name, *map(str, counts), str(sum(counts))] for name, counts in file.categories.items()]
    rows.append(_totals(list(file.categories.values())))
    table = aligned(["category", *SEVERITIES, "together"], rows)
    return [f"{file.name}: {count_of(file.mistakes, 'judged mistake')}", table, _pairs(file.pairs, names, max_rows)]


def _totals(counts: Sequence[Sequence[int]]) -> list[str]:
    totals = np.sum(counts, axis=0)
    return ["all", *map(str, totals), str(totals.sum())]


def _shared(pair: SharedSummary) -> str:
    a, b = pair.models
    return (
        f"{a} and {b} both miss {count_of(pair.images, 'image')}, {pair.same_answer} with the same answer; "
        f"{pair.major_for_both} are major for both, {pair.major_for_the_first} for {a}."
    )


def _guesses(quality: GuessQuality, first: str) -> list[str]:
    images = "" if quality.model == first else f" that {first} does not share"
    text = (
        f"Guessed categories of {quality.mistakes} mistakes of {quality.model}{images}: {quality.right} are as people "
        f"said ({quality.right / quality.mistakes:.1%}). Guessing {FINE_GRAINED!r} every time gives "
        f"{quality.always_fine_grained} ({quality.always_fine_grained / quality.mistakes:.1%}). The mean recall over the "
        f"{quality.categories} categories that people used is {quality.mean_recall:.1%}; one guess for all gives "
        f"{1 / quality.categories:.1%}."
    )
    rows = [
        [name, *map(str, counts), str(sum(counts))] for name, counts in zip(CATEGORIES, quality.confusion, strict=True)
    ]
    rows.append(_totals(quality.confusion))
    heads = ["fine-grained", "OOV", "spurious", "non-prototypical", "multilabel", "together"]
    return [text, aligned(["judged, and guessed as", *heads], rows)]


def _hard(hard: HardSubset, label_set: str) -> str:
    return (
        f"hard.json: {hard.images} images with a major mistake that {hard.missed_by} of {hard.models} models miss; "
        f"score others on it with --label_sets={label_set},hard.json"
    )


def _model(model: ModelSummary, label_set: str, names: Sequence[str], max_rows: int) -> list[str]:
    mistakes, images = count_of(len(model.mistakes), "mistake"), count_of(model.scored, "image")
    blocks = [f"{model.name} under {label_set}: {mistakes} on {images}."]
    if model.scored < model.images:
        blocks[0] += f" The other {model.images - model.scored:,} of the {model.images:,} images have no prediction."
    if any(mistake.agreeing is not None for mistake in model.mistakes):
        missing = sum(mistake.label_may_be_missing for mistake in model.mistakes)
        blocks[0] += (
            f" On {missing:,} of them at least {categories.AGREEING_SHARE:.0%} of the other models predict the same "
            "class: a label may be missing."
        )
    guesses = [mistake.guess for mistake in model.mistakes if mistake.guess]
    if guesses:
        rows = [[name, f"{guesses.count(name):,}"] for name in CATEGORIES if name in guesses]
        blocks.append(aligned(["guessed category", "mistakes"], rows))
    rows = [
        [
            mistake.image_id,
            "" if mistake.confidence is None else f"{mistake.confidence:.3f}",
            names[mistake.predicted],
            ", ".join(names[label] for label in mistake.labels),
            mistake.reason or "",
        ]
        for mistake in model.mistakes[:max_rows]
    ]
    if rows:
        blocks.append(aligned(["image", model.score_name, "predicted", "right", "guess, because"], rows))
    return [*blocks, _pairs(model.pairs, names, max_rows)]


def _published_pairs(published: PublishedPairs, label_set: str, names: Sequence[str], max_rows: int) -> list[str]:
    rows = [
        [names[pair.a], names[pair.b], str(pair.published), str(pair.found)]
        for pair in published.differences[:max_rows]
    ]
    count = f"pairs with another count from {published.judged} under {label_set}: {len(published.differences)}"
    differences = [count, aligned(["a", "b", "published", "counted"], rows)] if rows else [count]
    return [f"published, {_pairs(published.pairs, names, max_rows)}", *differences]


def _pairs(pairs: Sequence[PairCount], names: Sequence[str], max_rows: int) -> str:
    pairs_by_times = collections.Counter(pair.times for pair in pairs)
    text = f"confused: {count_of(len(pairs), 'pair')} of classes, {count_of(sum(pair.times for pair in pairs), 'time')}"
    if pairs:
        parts = (
            f"{count_of(count, 'pair')} {count_of(times, 'time')}"
            for times, count in sorted(pairs_by_times.items())[:6]
        )
        text += f" ({', '.join(parts)})"
    rows = [[names[pair.a], names[pair.b], str(pair.times)] for pair in pairs[:max_rows]]
    return f"{text}\n\n{aligned(['a', 'b', 'times'], rows)}" if rows else text
