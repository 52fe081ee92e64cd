"""Images on which label sets judge a model differently, with all labels by name."""

import base64
import io
import itertools
from collections.abc import Callable, Iterator

import numpy as np

from imagenet_real.labels.image_ids import match
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.report.page.markup import Html, element, join, paragraph
from imagenet_real.report.page.subject import Section, Subject, by, label_set_name
from imagenet_real.scoring.evidence import contrast

SHOWN = 12  # images of a kind
SIDE = 200  # pixels of a picture, at most
QUALITY = 72  # of its JPEG

Picture = Callable[[str], bytes | None]  # an encoded image by its id, None where there is none


def section(subject: Subject, picture: Picture) -> Section | None:
    parts = []
    for first, second in itertools.pairwise(subject.judges):
        seen = contrast(subject.evidence, subject.number(subject.best), first, second)
        for to_right in (True, False):
            ids = seen.flipped(to_right=to_right)
            cards = list(_cards(subject, ids, picture))
            if cards:
                wrong, right = (first, second) if to_right else (second, first)
                told = f"Wrong by {by(wrong.name)}, right by {by(right.name)}"
                shown = f" ({len(cards)} of {len(ids):,})" if len(cards) < len(ids) else f" ({len(ids)})"
                parts += [element("h3", told, element("small", shown)), element("div", *cards, class_="cards")]
    if not parts:
        return None
    surest = ", those that it is surest of first" if subject.evidence.confidence is not None else ""
    told = f"Images on which the label sets judge {subject.best} differently{surest}; at most one for each class it answers."
    return Section("flips", "Images the label sets judge differently", join([paragraph(told, class_="soft"), *parts]))


def _cards(subject: Subject, image_ids: np.ndarray, picture: Picture) -> Iterator[Html]:
    """Cards of the first images that have a picture, in the order of confidence, one for each answer."""
    columns = match(image_ids, subject.evidence.image_ids)
    model = subject.number(subject.best)
    answers = subject.evidence.predicted[model, columns]
    order = np.arange(len(columns))
    if subject.evidence.confidence is not None:
        order = np.argsort(-subject.evidence.confidence[model, columns], kind="stable")
    _, once = np.unique(answers[order], return_index=True)
    cards = (_card(subject, str(image_ids[row]), int(columns[row]), picture) for row in order[np.sort(once)])
    return itertools.islice((card for card in cards if card), SHOWN)


def _card(subject: Subject, image_id: str, column: int, picture: Picture) -> Html | None:
    content = picture(image_id)
    small = thumbnail(content) if content else None
    if small is None:
        return None
    model = subject.number(subject.best)
    answer = subject.called(int(subject.evidence.predicted[model, column]))
    sure = None if subject.evidence.confidence is None else subject.evidence.confidence[model, column]
    told = answer if sure is None or np.isnan(sure) else f"{answer} ({sure:.0%})"
    lines = [element("dt", "answer"), element("dd", element("b", told))]
    for one in subject.judges:
        lines += _verdict(subject, one, image_id)
    source = f"data:image/jpeg;base64,{base64.b64encode(small).decode()}"
    image = Html(element("img", alt=f"{image_id}, answered {answer}", src=source)[: -len("</img>")])
    return element(
        "figure", image, element("figcaption", element("dl", *lines), element("small", image_id)), class_="card"
    )


def _verdict(subject: Subject, label_set: LabelSet, image_id: str) -> list[Html]:
    """What a label set says of an image, and of the answer to it."""
    (row,) = match(np.array([image_id]), label_set.image_ids)
    if row < 0:
        return []
    labels = [subject.called(int(label)) for label in label_set.labels[row] if label >= 0]
    verdict = subject.evidence.verdicts[label_set.name][subject.number(subject.best), row]
    kind, mark = ("right", "✓ ") if verdict > 0 else ("wrong", "✗ ")
    if not label_set.is_scored[row]:
        kind, mark = "none", "not counted: "
    return [
        element("dt", label_set_name(label_set.name)),
        element("dd", mark, ", ".join(labels) or "no label", class_=kind),
    ]


def thumbnail(content: bytes) -> bytes | None:
    """A small JPEG of an encoded image, or None where it cannot be read."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as image:
            image.draft("RGB", (2 * SIDE, 2 * SIDE))
            small = image.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    small.thumbnail((SIDE, SIDE))
    written = io.BytesIO()
    small.save(written, "JPEG", quality=QUALITY, optimize=True)
    return written.getvalue()
