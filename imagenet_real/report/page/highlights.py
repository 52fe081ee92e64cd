"""The most important numbers of a page, as a list of sentences at its top."""

from collections.abc import Iterator

from imagenet_real.report.names import capitalize, count_of, label_set_name, label_set_phrase, listed
from imagenet_real.report.page.markup import Html, element, join, percent
from imagenet_real.report.page.subject import Subject
from imagenet_real.scoring.evidence import contrast
from imagenet_real.scoring.results import Row

MIN_FOR_MEAN = 5  # models, below which a mean of their accuracies says little
MAX_NOTES = 5  # about the images and labels at the top of the page; of more, all are at its end
PERCENT = "\N{NO-BREAK SPACE}%"  # no line break before it


def highlights(subject: Subject) -> Html:
    sentences = _single_model(subject) if len(subject.models) == 1 else _several_models(subject)
    notes = subject.results.notes if len(subject.results.notes) <= MAX_NOTES else []
    return element("ul", *(element("li", sentence) for sentence in [*sentences, *notes]), class_="highlights")


def _single_model(subject: Subject) -> Iterator[str]:
    for label_set in subject.compared:
        row = subject.row(subject.best, label_set.name)
        interval = f"(95{PERCENT} interval {percent(row['low'])} to {percent(row['high'])})"
        value = element("b", f"{percent(row['accuracy'])}{PERCENT}")
        yield join([value, f" under {label_set_phrase(label_set.name)} {interval}."])
    if len(subject.compared) > 1:
        first, second = subject.compared[:2]
        both, only_second, only_first, neither = contrast(subject.evidence, 0, first, second).counts
        wrong, correct = only_second + neither, both + only_first
        if wrong:
            yield (
                f"{capitalize(label_set_name(second.name))} accepts {only_second:,} ({only_second / wrong:.0%}) of the "
                f"{wrong:,} predictions that are wrong under {label_set_phrase(first.name)}. It rejects {only_first:,} of "
                f"the {correct:,} that are correct."
            )


def _several_models(subject: Subject) -> Iterator[str]:
    for label_set in subject.compared:
        rows = [row for model in subject.models if (row := subject.row(model, label_set.name))]
        best = max(rows, key=lambda row: row["accuracy"])
        mean = sum(row["accuracy"] for row in rows) / len(rows)
        parts = [
            f"Under {label_set_phrase(label_set.name)}, the best of {len(rows)} models is ",
            element("b", best["model"]),
            f" with {percent(best['accuracy'])}{PERCENT}",
            f"; the mean is {percent(mean)}{PERCENT}." if len(rows) >= MIN_FOR_MEAN else ".",
        ]
        yield join(parts)
    yield from _significant_pairs(subject)
    yield from _rank_changes(subject)


def _significant_pairs(subject: Subject) -> Iterator[str]:
    rankings = _compared_rankings(subject)
    if rankings and rankings[0]["neighbours"] > 1:
        counts = [f"{row['resolved']} under {label_set_phrase(row['label_set'])}" for row in rankings]
        yield (
            f"Sorted by accuracy, the models form {rankings[0]['neighbours']} pairs of neighbors. The number of pairs with "
            f"a significant difference is {listed(counts)}."
        )
    elif rankings:
        for row in rankings:
            kind = "is" if row["resolved"] else "is not"
            yield f"The difference of the two models {kind} significant under {label_set_phrase(row['label_set'])}."


def _rank_changes(subject: Subject) -> Iterator[str]:
    for row in _compared_rankings(subject)[1:2]:
        changes = [entry for entry in row["models"] if entry["rank_change"]]
        if changes:
            largest = max(changes, key=lambda entry: abs(entry["rank_change"]))
            count = f"{len(changes)} models have" if len(changes) > 1 else "1 model has"
            yield (
                f"{count} a different rank under {label_set_phrase(row['label_set'])} than under the original labels; "
                f"{largest['model']} moves most, {count_of(abs(largest['rank_change']), 'rank')} "
                f"{'up' if largest['rank_change'] > 0 else 'down'}."
            )


def _compared_rankings(subject: Subject) -> list[Row]:
    names = {label_set.name for label_set in subject.compared}
    return [row for row in subject.results.rankings if row["label_set"] in names]
