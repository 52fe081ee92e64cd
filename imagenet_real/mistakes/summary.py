"""What the program `mistakes` prints and writes: a model's mistakes, judged mistakes, and how they compare."""

import csv
import dataclasses
import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from imagenet_real.labels.image_ids import match
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.mistakes import categories
from imagenet_real.mistakes.guesses import Guesser, GuessQuality
from imagenet_real.mistakes.judged import CATEGORIES, MAJOR, JudgedMistakes
from imagenet_real.mistakes.mistakes import Mistakes, agreement, confused_pairs, find, shared_mistakes
from imagenet_real.predictions.predictions import Predictions

TOP_K = 5  # best classes of the model that the list shows for each mistake


@dataclasses.dataclass(frozen=True)
class PairCount:
    """How often two classes are confused, in either order."""

    a: int
    b: int
    times: int


@dataclasses.dataclass(frozen=True)
class JudgedSummary:
    """The categories and severities of judged mistakes, and the classes that are confused."""

    name: str
    mistakes: int
    categories: dict[str, list[int]]  # by category, the number of each severity
    pairs: list[PairCount]


@dataclasses.dataclass(frozen=True)
class SharedSummary:
    """The mistakes that two models share."""

    models: tuple[str, str]
    images: int
    same_answer: int  # both predict the same class
    major_for_both: int
    major_for_the_first: int


@dataclasses.dataclass(frozen=True)
class PairDifference:
    """A pair of classes whose published count differs from the count of judged mistakes."""

    a: int
    b: int
    published: int
    found: int


@dataclasses.dataclass(frozen=True)
class PublishedPairs:
    """Published pairs of confused classes, and where they differ from those of a judged file."""

    pairs: list[PairCount]
    judged: str  # name of the file
    differences: list[PairDifference]


@dataclasses.dataclass(frozen=True)
class ModelMistake:
    """A mistake of a model, as the list shows it. None means unknown."""

    image_id: str
    predicted: int
    confidence: float | None
    labels: list[int]
    original: int
    top: list[int]  # best classes of the model
    top_scores: list[float] | None
    guess: str | None  # category
    reason: str | None
    agreeing: float | None  # share of other models with the same prediction
    label_may_be_missing: bool


@dataclasses.dataclass(frozen=True)
class ModelSummary:
    """All mistakes of a model, and the classes it confuses."""

    name: str
    mistakes: list[ModelMistake]
    pairs: list[PairCount]
    scored: int  # images that the label set scores and the model predicts
    images: int  # images that the label set scores
    score_name: str  # of what `confidence` is: "confidence" is a probability, "score" another number, such as a logit


@dataclasses.dataclass(frozen=True)
class HardSubset:
    """The size of the subset of hard images, and how it was made."""

    images: int
    missed_by: int
    models: int


@dataclasses.dataclass(frozen=True)
class MistakesSummary:
    """The summary of the program `mistakes`."""

    label_set: str
    classes: int
    judged: list[JudgedSummary]
    shared: list[SharedSummary]
    published_pairs: PublishedPairs | None
    guesses: list[GuessQuality]
    model: ModelSummary | None
    hard: HardSubset | None


def summarize_judged(judged: JudgedMistakes, label_set: LabelSet) -> JudgedSummary:
    """Counts categories, severities and confused classes."""
    return JudgedSummary(
        name=judged.name,
        mistakes=len(judged),
        categories=dict(zip(CATEGORIES, judged.counts().tolist(), strict=True)),
        pairs=_pair_counts(*confused_pairs(judged.mistakes(label_set))),
    )


def summarize_shared(a: JudgedMistakes, b: JudgedMistakes, label_set: LabelSet) -> SharedSummary:
    """Counts the mistakes that two models share."""
    ids, is_same = shared_mistakes(a.mistakes(label_set), b.mistakes(label_set))
    major_a, major_b = (judged.image_ids[judged.severity == MAJOR] for judged in (a, b))
    return SharedSummary(
        models=(a.name, b.name),
        images=len(ids),
        same_answer=int(is_same.sum()),
        major_for_both=int(np.isin(major_a, major_b).sum()),
        major_for_the_first=int(np.isin(major_a, b.image_ids).sum()),
    )


def compare_pairs(
    published: tuple[np.ndarray, np.ndarray], judged: JudgedMistakes, label_set: LabelSet
) -> PublishedPairs:
    """Compares published pairs of confused classes, [Q, 2] and [Q] times, with those of judged mistakes."""
    pairs = _pair_counts(*published)
    published_times, judged_times = (
        {(pair.a, pair.b): pair.times for pair in counts}
        for counts in (pairs, _pair_counts(*confused_pairs(judged.mistakes(label_set))))
    )
    differences = [
        PairDifference(*pair, published_times.get(pair, 0), judged_times.get(pair, 0))
        for pair in sorted(published_times | judged_times)
        if published_times.get(pair) != judged_times.get(pair)
    ]
    return PublishedPairs(pairs, judged.name, differences)


def summarize_model(
    model: Predictions, label_set: LabelSet, models: Sequence[Predictions], guesser: Guesser | None
) -> ModelSummary:
    """Lists every mistake of a model, with guesses if there is a guesser.

    Args:
      model: whose mistakes are listed.
      label_set: gives the right classes.
      models: other models; the model itself among them is ignored.
      guesser: guesses the category.
    """
    mistakes = find(model, label_set)
    shares = agreement(mistakes, [other for other in models if other.name != model.name])
    guesses = [None] * len(mistakes) if guesser is None else guesser.guess(mistakes, model.name)
    rows = match(mistakes.image_ids, model.image_ids)
    entries = [
        _model_mistake(model, row, mistakes, number, guesses[number], float(shares[number]))
        for number, row in enumerate(rows.tolist())
    ]
    scored_ids = label_set.image_ids[label_set.is_scored]
    scored = int((match(scored_ids, model.image_ids) >= 0).sum())
    pairs = _pair_counts(*confused_pairs(mistakes))
    return ModelSummary(model.name, entries, pairs, scored, len(scored_ids), _score_name(model))


def _score_name(model: Predictions) -> str:
    """Returns "confidence" if the first score of each image can be given as a probability, else "score"."""
    if model.top_scores is None or model.logsumexp is not None:
        return "confidence"
    first = model.top_scores[:, 0]
    return "confidence" if ((first >= 0) & (first <= 1)).all() else "score"


def _model_mistake(
    model: Predictions, row: int, mistakes: Mistakes, number: int, guess: categories.Guess | None, share: float
) -> ModelMistake:
    return ModelMistake(
        image_id=str(mistakes.image_ids[number]),
        predicted=int(mistakes.predicted[number]),
        confidence=_finite(mistakes.confidence[number]),
        labels=[int(label) for label in mistakes.labels[number] if label >= 0],
        original=int(mistakes.original[number]),
        top=model.top[row, :TOP_K].tolist(),
        top_scores=_top_scores(model, row),
        guess=guess.category if guess else None,
        reason=guess.reason if guess else None,
        agreeing=_finite(share),
        label_may_be_missing=share >= categories.AGREEING_SHARE,
    )


def _top_scores(model: Predictions, row: int) -> list[float] | None:
    """Returns the probabilities of the best classes, or their scores if the probabilities are unknown."""
    if model.top_scores is None:
        return None
    scores = model.top_scores[row, :TOP_K].astype(np.float64)
    return (scores if model.logsumexp is None else np.exp(scores - model.logsumexp[row])).tolist()


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _pair_counts(pairs: np.ndarray, times: np.ndarray) -> list[PairCount]:
    return [PairCount(a, b, count) for (a, b), count in zip(pairs.tolist(), times.tolist(), strict=True)]


def as_json(summary: MistakesSummary) -> dict[str, Any]:
    """Returns the content of mistakes.json."""
    content = dataclasses.asdict(summary)
    model, hard, published = content.pop("model"), content.pop("hard"), content["published_pairs"]
    content["in_common"] = content.pop("shared")
    content["guesses"] = [_renamed(row, model="of") for row in content["guesses"]]
    if published:
        content["published_pairs"] = _renamed(published, judged="of", differences="others")
    content["model"] = model and model["name"]
    if model:
        content |= {"mistakes": [_renamed(row, labels="right") for row in model["mistakes"]], "pairs": model["pairs"]}
        content |= {name: model[name] for name in ("scored", "images")}
    return content | ({"hard": hard} if hard else {})


def as_csv(model: ModelSummary, names: Sequence[str]) -> str:
    """Returns a model's mistakes as CSV, with the names of the classes: a list of images whose label may be wrong."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["image_id", "labels", "predicted", model.score_name])
    for mistake in model.mistakes:
        confidence = "" if mistake.confidence is None else f"{mistake.confidence:.4f}"
        labels = "; ".join(names[label] for label in mistake.labels)
        writer.writerow([mistake.image_id, labels, names[mistake.predicted], confidence])
    return file.getvalue()


def _renamed(row: dict[str, Any], **names: str) -> dict[str, Any]:
    return {names.get(name, name): value for name, value in row.items()}
