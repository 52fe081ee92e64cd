"""Answers in words: how many name a class, those that do not, and the bounds of the accuracy."""

from collections.abc import Iterator

from imagenet_real.report.names import label_set_name
from imagenet_real.report.page.markup import Html, bar, bar_legend, details, element, join, paragraph, percent, table
from imagenet_real.report.page.subject import Section, Subject
from imagenet_real.scoring.results import Row

MAX_NAMES = 4  # classes that an ambiguous answer may mean, in a table
KINDS = ("matched", "ambiguous", "unmatched")
TEXT = (
    "An answer is matched if its subject has the name or a synonym of exactly one class. It is ambiguous if it names several "
    "classes, or a name that several classes share. Ambiguous and unmatched answers count as wrong; nothing is guessed."
)


def section(subject: Subject) -> Section | None:
    """Counts, bounds and examples of each model that answers in words."""
    rows = subject.results.answers
    if not rows:
        return None
    counts = [
        [
            row["model"],
            bar({kind: row[kind] / row["answers"] for kind in KINDS}),
            f"{row['answers']:,}",
            *(f"{row[kind]:,}" for kind in KINDS),
        ]
        for row in rows
    ]
    parts = [paragraph(TEXT), bar_legend(KINDS), table(["model", "share", "answers", *KINDS], counts, wide=(1,))]
    parts += [element("h3", "Bounds of the accuracy"), _bounds(rows)]
    parts += [part for row in rows for part in _examples(subject, row)]
    return Section("answers", "Answers in words", join(parts))


def _bounds(rows: list[Row]) -> Html:
    lines = [
        [row["model"], label_set_name(bound["label_set"]), f"{bound['images']:,}"]
        + [percent(bound[name]) for name in ("accuracy", "highest", "of_matched")]
        for row in rows
        for bound in row["bounds"]
    ]
    head = ["model", "label set", "images", "as scored, %", "if every ambiguous answer that may be right is, %"]
    return table([*head, "of matched answers alone, %"], lines, text=(0, 1))


def _examples(subject: Subject, row: Row) -> Iterator[Html]:
    for kind, examples in row["examples"].items():
        if examples:
            lines = [
                [example["answer"], _classes(subject, example["classes"]), f"{example['images']:,}"]
                for example in examples
            ]
            head = ["answer", "may mean", "images"]
            yield details(f"{row['model']}: frequent {kind} answers", table(head, lines, text=(0, 1)))


def _classes(subject: Subject, classes: list[int]) -> str:
    names = [subject.class_name(label) for label in classes[:MAX_NAMES]]
    return ", ".join(names) + (f" and {len(classes) - MAX_NAMES} others" if len(classes) > MAX_NAMES else "")
