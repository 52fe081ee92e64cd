"""The report: one page with all that results tell, which loads nothing, and its drawings as files beside it."""

import os
import pathlib
import string
from collections.abc import Sequence

from imagenet_real.io import storage
from imagenet_real.report.page import accuracy, certainty, classes, confusions, disagreement, gallery, origin, ranking
from imagenet_real.report.page.gallery import Picture
from imagenet_real.report.page.markup import element, join
from imagenet_real.report.page.subject import Section, Subject, label_set_name
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
      class_names: [K], what the classes are called.
      groups: [K], the group of each class, or None.
      picture: gives the encoded image of an id, for the gallery; or None.
    """
    workdir = storage.to_path(workdir)
    subject = Subject(results, class_names, groups)
    sections = sections_of(subject, picture)
    for name, drawing in (pair for section in sections for pair in section.drawings.items()):
        for ending, content in ((".png", drawing.png), (".svg", drawing.svg.encode())):
            with storage.open_atomically(workdir / f"{name}{ending}", "wb") as file:
                file.write(content)
    with storage.open_atomically(workdir / FILE) as file:
        file.write(as_page(subject, sections))


def sections_of(subject: Subject, picture: Picture | None = None) -> list[Section]:
    """The parts of the page that there is something to say in."""
    found = [
        accuracy.section(subject),
        ranking.against(subject),
        ranking.ranks(subject),
        classes.section(subject),
        confusions.section(subject),
        certainty.section(subject),
        disagreement.section(subject),
        gallery.section(subject, picture) if picture else None,
        origin.section(subject),
    ]
    return [section for section in found if section]


def as_page(subject: Subject, sections: Sequence[Section]) -> str:
    """The whole page."""
    models = subject.models
    title = models[0] if len(models) == 1 else f"{len(models)} models"
    names = ", ".join(label_set_name(name) for name in subject.label_sets)
    images = max(row["images"] for row in subject.results.rows)
    return string.Template((_FOLDER / "page.html").read_text(encoding="utf-8")).substitute(
        style=(_FOLDER / "style.css").read_text(encoding="utf-8"),
        title=join([title]),
        subtitle=join([f"Scored on {images:,} images by {len(subject.label_sets)} label sets: {names}."]),
        links=join(element("a", one.title, href=f"#{one.anchor}") for one in sections),
        short=accuracy.in_short(subject),
        sections=join(element("section", element("h2", one.title), one.body, id=one.anchor) for one in sections),
    )
