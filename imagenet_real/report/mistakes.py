"""What the program `mistakes` found, as rows and as tables."""

import collections
from collections.abc import Sequence
from typing import Any

import numpy as np

from imagenet_real.mistakes import categories
from imagenet_real.mistakes.judged import CATEGORIES, FINE_GRAINED, SEVERITIES
from imagenet_real.report.printing import tagged
from imagenet_real.report.table import aligned

Summary = dict[str, Any]


def as_rows(summary: Summary) -> list[Summary]:
    """The summary as rows of several tables, all of each."""
    categories_of = [
        {"name": one["name"], "category": name, **dict(zip(SEVERITIES, counts, strict=True))}
        for one in summary["judged"]
        for name, counts in one["categories"].items()
    ]
    return tagged(
        judged=categories_of,
        in_common=summary["in_common"],
        guesses=summary["guesses"],
        mistakes=summary.get("mistakes", []),
        pairs=summary.get("pairs", []),
    )


def as_text(summary: Summary, names: Sequence[str], shown: int) -> str:
    """The summary in a few tables, each with its first rows."""
    blocks = []
    for one in summary["judged"]:
        rows = [[name, *map(str, counts), str(sum(counts))] for name, counts in one["categories"].items()]
        totals = np.sum(list(one["categories"].values()), axis=0)
        rows.append(["all", *map(str, totals), str(totals.sum())])
        blocks += [
            f"{one['name']}: {one['mistakes']} judged mistakes",
            aligned(["category", *SEVERITIES, "together"], rows),
        ]
        blocks.append(_pairs_shown(one["pairs"], names, shown))
    for both in summary["in_common"]:
        a, b = both["models"]
        blocks.append(
            f"{a} and {b} both miss {both['images']} images, {both['same_answer']} with the same answer; "
            f"{both['major_for_both']} are major for both, {both['major_for_the_first']} for {a}."
        )
    if summary["published_pairs"]:
        blocks += _published_pairs_shown(summary["published_pairs"], summary["label_set"], names, shown)
    blocks += [text for one in summary["guesses"] for text in _guesses_shown(one, first=summary["judged"][0]["name"])]
    if "hard" in summary:
        hard = summary["hard"]
        blocks.append(
            f"hard.json: {hard['images']} images with a major mistake that {hard['missed_by']} of {hard['models']} models "
            f"miss; score others on it with --config.label_sets={summary['label_set']},hard.json"
        )
    if summary["model"]:
        blocks += _model_shown(summary, names, shown)
    return "\n\n".join(blocks)


def _guesses_shown(row: Summary, first: str) -> list[str]:
    which = "" if row["of"] == first else f" that {first} does not share"
    told = (
        f"The category guessed on {row['mistakes']} mistakes of {row['of']}{which}: {row['right']} as people said "
        f"({row['right'] / row['mistakes']:.1%}); always answering {FINE_GRAINED!r}: {row['always_fine_grained']} "
        f"({row['always_fine_grained'] / row['mistakes']:.1%}). The mean over the {row['categories']} categories that people "
        f"used: {row['mean_recall']:.1%}; always answering the same: {1 / row['categories']:.1%}."
    )
    lines = [
        [name, *map(str, counts), str(sum(counts))] for name, counts in zip(CATEGORIES, row["confusion"], strict=True)
    ]
    totals = np.sum(row["confusion"], axis=0)
    lines.append(["all", *map(str, totals), str(totals.sum())])
    heads = ["fine-grained", "OOV", "spurious", "non-prototypical", "multilabel", "together"]
    return [told, aligned(["judged, and guessed as", *heads], lines)]


def _model_shown(summary: Summary, names: Sequence[str], shown: int) -> list[str]:
    mistakes = summary["mistakes"]
    missing = sum(one["label_may_be_missing"] for one in mistakes)
    blocks = [
        f"{summary['model']} under {summary['label_set']}: {len(mistakes):,} mistakes; on {missing:,} of them at least "
        f"{categories.AGREEING:.0%} of the other models give the same answer: a label may be missing."
    ]
    guessed = [one["guess"] for one in mistakes if one["guess"]]
    if guessed:
        rows = [[name, f"{guessed.count(name):,}"] for name in CATEGORIES if name in guessed]
        blocks.append(aligned(["guessed category", "mistakes"], rows))
    rows = [
        [
            one["image_id"],
            "" if one["confidence"] is None else f"{one['confidence']:.3f}",
            names[one["predicted"]],
            ", ".join(names[label] for label in one["right"]),
            one["reason"] or "",
        ]
        for one in mistakes[:shown]
    ]
    if rows:
        blocks.append(aligned(["image", "confidence", "predicted", "right", "guess, because"], rows))
    return [*blocks, _pairs_shown(summary["pairs"], names, shown)]


def _published_pairs_shown(row: Summary, label_set: str, names: Sequence[str], shown: int) -> list[str]:
    lines = [
        [names[one["a"]], names[one["b"]], str(one["published"]), str(one["found"])] for one in row["others"][:shown]
    ]
    told = f"counted otherwise from {row['of']} under {label_set}: {len(row['others'])}"
    differing = [told, aligned(["a", "b", "published", "counted"], lines)] if lines else [told]
    return [f"published, {_pairs_shown(row['pairs'], names, shown)}", *differing]


def _pairs_shown(pairs: Sequence[Summary], names: Sequence[str], shown: int) -> str:
    spread = collections.Counter(pair["times"] for pair in pairs)
    told = f"confused: {len(pairs):,} pairs of classes, {sum(pair['times'] for pair in pairs):,} times"
    told += f" ({', '.join(f'{count:,} x {times}' for times, count in sorted(spread.items())[:6])})" if pairs else ""
    rows = [[names[pair["a"]], names[pair["b"]], str(pair["times"])] for pair in pairs[:shown]]
    return f"{told}\n\n{aligned(['a', 'b', 'times'], rows)}" if rows else told
