"""Where the numbers of a page come from."""

from collections.abc import Mapping
from typing import Any

from imagenet_real.report.page.highlights import MAX_NOTES
from imagenet_real.report.page.markup import Html, details, element, join, paragraph, table
from imagenet_real.report.page.subject import Section, Subject
from imagenet_real.report.table import unavailable

MAX_OPEN = 5  # lines of a table of files that is not folded
MAX_VALUES = 20  # lines of a table of values that is not folded: a config has more


def section(subject: Subject) -> Section:
    results = subject.results
    parts = [
        element("ul", *(element("li", note) for note in results.notes)) if len(results.notes) > MAX_NOTES else None,
        *(paragraph(line, class_="soft") for line in unavailable(results)),
        _unread_images(subject),
        *(_record(name, value) for name, value in results.provenance.items() if isinstance(value, Mapping)),
    ]
    plain = {name: value for name, value in results.provenance.items() if not isinstance(value, Mapping)}
    parts.append(_record("version", plain))
    text = "Unrounded numbers are in results.json, results.csv and accuracy_by_class.csv next to this page."
    return Section("provenance", "Provenance", join([paragraph(text), *(part for part in parts if part)]))


def _unread_images(subject: Subject) -> Html | None:
    missing = subject.results.missing
    if not missing:
        return None
    rows = [[row["image_id"], row["reason"]] for row in missing]
    return details(f"{len(missing):,} unreadable images", table(["image", "reason"], rows, text=(0, 1)))


def _record(name: str, values: Mapping[str, Any]) -> Html:
    """A table of recorded values; a long one is folded."""
    if not values:
        return Html("")
    is_nested = all(isinstance(value, Mapping) for value in values.values())
    columns = list(dict.fromkeys(key for value in values.values() for key in value)) if is_nested else ["value"]
    rows = [
        [key, *(_text(value.get(column, "") if is_nested else value) for column in columns)]
        for key, value in values.items()
    ]
    record = element("div", table([name, *columns], rows, text=tuple(range(len(columns) + 1))), class_="record")
    return record if len(rows) <= (MAX_OPEN if is_nested else MAX_VALUES) else details(f"{name}: {len(rows)}", record)


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_text(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value))
    return "" if value is None else str(value)
