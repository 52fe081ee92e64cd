"""The report: a single page that loads nothing, with its drawings as files next to it."""

import html
import os
import pathlib
import string
from collections.abc import Sequence

from imagenet_real.io import storage
from imagenet_real.report.names import label_set_name
from imagenet_real.report.page import (
    accuracy,
    answers,
    calibration,
    classes,
    confusions,
    disagreement,
    drops,
    gallery,
    highlights,
    label_ranking,
    provenance,
    ranking,
    reference,
    slices,
)
from imagenet_real.report.page.gallery import Picture
from imagenet_real.report.page.markup import element, join
from imagenet_real.report.page.subject import Section, Subject
from imagenet_real.scoring.results import Results

FILE = "report.html"
_FOLDER = pathlib.Path(__file__).parent


def write_report(
    workdir: str | os.PathLike,
    results: Results,
    class_names: Sequence[str],
    groups: Sequence[str] | None = None,
    picture: Picture | None = None,
) -> None:
    """Writes report.html into `workdir`, and its drawings as PNG and SVG.

    Args:
      workdir: a folder, on a disk or in a bucket.
      results: of `score`, with their evidence.
      class_names: [K], for people.
      groups: [K], the group of each class, or None.
      picture: returns the encoded image of an id, for the gallery; None for a page without gallery.
    """
    workdir = storage.to_path(workdir)
    subject = Subject(results, class_names, groups)
    sections = sections_of(subject, picture)
    for name, drawing in (item for section in sections for item in section.drawings.items()):
        for ending, content in ((".png", drawing.png), (".svg", drawing.svg.encode())):
            with storage.open_atomically(workdir / f"{name}{ending}", "wb") as file:
                file.write(content)
    with storage.open_atomically(workdir / FILE) as file:
        file.write(as_html(subject, sections))


def sections_of(subject: Subject, picture: Picture | None = None) -> list[Section]:
    """The sections of the page, without those that have no content."""
    sections = [
        accuracy.section(subject),
        answers.section(subject),
        reference.section(subject),
        drops.section(subject),
        ranking.against(subject),
        ranking.ranks(subject),
        slices.section(subject),
        classes.section(subject),
        confusions.section(subject),
        calibration.section(subject),
        label_ranking.section(subject),
        disagreement.section(subject),
        gallery.section(subject, picture) if picture else None,
        provenance.section(subject),
    ]
    return [section for section in sections if section]


def as_html(subject: Subject, sections: Sequence[Section]) -> str:
    """The whole page."""
    models = subject.models
    title = models[0] if len(models) == 1 else f"{len(models)} models"
    names = ", ".join(label_set_name(name) for name in subject.label_sets)
    images = max(row["images"] for row in subject.results.rows)
    label_sets = "1 label set" if len(subject.label_sets) == 1 else f"{len(subject.label_sets)} label sets"
    return string.Template((_FOLDER / "page.html").read_text(encoding="utf-8")).substitute(
        style=(_FOLDER / "style.css").read_text(encoding="utf-8"),
        script=(_FOLDER / "script.js").read_text(encoding="utf-8"),
        title=html.escape(title),
        heading=join([title]),
        subtitle=join([f"Scored on {images:,} images under {label_sets}: {names}."]),
        links=join(element("a", section.title, href=f"#{section.anchor}") for section in sections),
        highlights=highlights.highlights(subject),
        sections=join(
            element("section", element("h2", section.title), section.body, id=section.anchor) for section in sections
        ),
    )
