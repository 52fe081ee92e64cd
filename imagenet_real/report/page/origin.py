"""Where the numbers of a page come from."""

from collections.abc import Mapping
from typing import Any

from imagenet_real.report.page.markup import Html, details, element, join, paragraph, table
from imagenet_real.report.page.subject import Section, Subject, label_set_name

LISTED = 5  # entries of what is shown open


def section(subject: Subject) -> Section:
    results = subject.results
    parts = [
        element("ul", *(element("li", note) for note in results.notes)) if results.notes else None,
        *(
            paragraph(f"{label_set_name(row['label_set'])} is not available: {row['reason']}", class_="soft")
            for row in results.unavailable
        ),
        _unread(subject),
        *(_entry(name, value) for name, value in results.provenance.items() if isinstance(value, Mapping)),
    ]
    plain = {name: value for name, value in results.provenance.items() if not isinstance(value, Mapping)}
    parts.append(_entry("version", plain))
    told = "All numbers, unrounded: results.json, results.csv and accuracy_by_class.csv, beside this page."
    return Section("provenance", "Provenance", join([paragraph(told), *(part for part in parts if part)]))


def _unread(subject: Subject) -> Html | None:
    missing = subject.results.missing
    if not missing:
        return None
    rows = [[row["image_id"], row["reason"]] for row in missing]
    return details(f"{len(missing):,} images could not be read", table(["image", "reason"], rows, text=(0, 1)))


def _entry(name: str, value: Mapping[str, Any]) -> Html:
    """A table of what was recorded under a name, folded where it is long."""
    if not value:
        return Html("")
    nested = all(isinstance(one, Mapping) for one in value.values())
    columns = list(dict.fromkeys(key for one in value.values() for key in one)) if nested else ["value"]
    lines = [
        [key, *(_text(one.get(column, "") if nested else one) for column in columns)] for key, one in value.items()
    ]
    shown = element("div", table([name, *columns], lines, text=tuple(range(len(columns) + 1))), class_="record")
    return shown if len(lines) <= LISTED or not nested else details(f"{name}: {len(lines)}", shown)


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_text(one)}" for key, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value))
    return "" if value is None else str(value)
