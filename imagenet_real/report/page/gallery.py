"""Images for which label sets score a prediction differently, with the names of all labels."""

import base64
import io
import itertools
from collections.abc import Callable, Iterator

import numpy as np

from imagenet_real.labels.image_ids import match
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.report.names import label_set_name, label_set_phrase
from imagenet_real.report.page.markup import Html, element, join, paragraph
from imagenet_real.report.page.subject import Section, Subject
from imagenet_real.scoring.evidence import contrast

MAX_CARDS = 12  # of a kind
MAX_SIDE = 200  # pixels
JPEG_QUALITY = 72
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")  # of pictures; other formats of Pillow start programs

Picture = Callable[[str], bytes | None]  # image id -> encoded image, or None without one


def section(subject: Subject, picture: Picture) -> Section | None:
    """The images that two label sets judge differently; under a single label set, those that are wrong."""
    return _mistakes(subject, picture) if len(subject.compared) == 1 else _flips(subject, picture)


def _mistakes(subject: Subject, picture: Picture) -> Section | None:
    (label_set,) = subject.compared
    verdicts = subject.evidence.verdicts[label_set.name][subject.model_index(subject.best)]
    image_ids = label_set.image_ids[label_set.is_scored & (verdicts == 0)]
    cards = list(_cards(subject, image_ids, picture))
    if not cards:
        return None
    text = f"Wrong predictions of {subject.best}{_order(subject)}. Each predicted class occurs once."
    title = join([f"{len(cards)} of {len(image_ids):,} mistakes" if len(cards) < len(image_ids) else "All mistakes"])
    body = join([paragraph(text, class_="soft"), element("h3", title), element("div", *cards, class_="cards")])
    return Section("mistakes", "Mistakes", body)


def _order(subject: Subject) -> str:
    return ", the most confident first" if subject.evidence.confidence is not None else ""


def _flips(subject: Subject, picture: Picture) -> Section | None:
    parts = []
    for first, second in itertools.pairwise(subject.compared):
        scores = contrast(subject.evidence, subject.model_index(subject.best), first, second)
        for to_right in (True, False):
            image_ids = scores.flipped(to_right=to_right)
            cards = list(_cards(subject, image_ids, picture))
            if cards:
                wrong, right = (first, second) if to_right else (second, first)
                title = f"Wrong under {label_set_phrase(wrong.name)}, correct under {label_set_phrase(right.name)}"
                of = f" of {len(image_ids):,}" if len(cards) < len(image_ids) else ""
                count = element("small", f" ({len(cards)}{of})")
                parts += [element("h3", title, count), element("div", *cards, class_="cards")]
    if not parts:
        return None
    text = (
        f"Predictions of {subject.best} that the label sets score differently{_order(subject)}. Each predicted class occurs "
        "once."
    )
    return Section("flips", "Images the label sets score differently", join([paragraph(text, class_="soft"), *parts]))


def _cards(subject: Subject, image_ids: np.ndarray, picture: Picture) -> Iterator[Html]:
    """Cards of the most confident images that have a picture, one per predicted class."""
    columns = match(image_ids, subject.evidence.image_ids)
    model = subject.model_index(subject.best)
    predicted = subject.evidence.predicted[model, columns]
    order = np.arange(len(columns))
    if subject.evidence.confidence is not None:
        order = np.argsort(-subject.evidence.confidence[model, columns], kind="stable")
    _, first_of_class = np.unique(predicted[order], return_index=True)
    rows = order[np.sort(first_of_class)]
    cards = (_card(subject, str(image_ids[row]), int(columns[row]), picture) for row in rows)
    return itertools.islice((card for card in cards if card), MAX_CARDS)


def _card(subject: Subject, image_id: str, column: int, picture: Picture) -> Html | None:
    content = picture(image_id)
    small = thumbnail(content) if content else None
    if small is None:
        return None
    evidence, model = subject.evidence, subject.model_index(subject.best)
    predicted = subject.class_name(int(evidence.predicted[model, column]))
    confidence = np.nan if evidence.confidence is None else evidence.confidence[model, column]
    text = predicted if np.isnan(confidence) else f"{predicted} ({confidence:.0%})"
    lines = [element("dt", "predicted"), element("dd", element("b", text))]
    for label_set in subject.compared:
        lines += _labels(subject, label_set, image_id)
    source = f"data:image/jpeg;base64,{base64.b64encode(small).decode()}"
    image = Html(element("img", alt=f"{image_id}, predicted {predicted}", src=source)[: -len("</img>")])
    caption = element("figcaption", element("dl", *lines), element("small", image_id))
    return element("figure", image, caption, class_="card")


def _labels(subject: Subject, label_set: LabelSet, image_id: str) -> list[Html]:
    """The labels of an image in one label set, and whether the prediction is correct under it."""
    (row,) = match(np.array([image_id]), label_set.image_ids)
    if row < 0:
        return []
    labels = [subject.class_name(int(label)) for label in label_set.labels[row] if label >= 0]
    verdict = subject.evidence.verdicts[label_set.name][subject.model_index(subject.best)][row]
    kind, mark = ("right", "✓ ") if verdict > 0 else ("wrong", "✗ ")
    if not label_set.is_scored[row]:
        kind, mark = "none", "not scored: "
    return [
        element("dt", label_set_name(label_set.name)),
        element("dd", mark, ", ".join(labels) or "no label", class_=kind),
    ]


def thumbnail(content: bytes) -> bytes | None:
    """A small JPEG of an encoded image, or None if it is unreadable."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            image.draft("RGB", (2 * MAX_SIDE, 2 * MAX_SIDE))
            small = image.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    small.thumbnail((MAX_SIDE, MAX_SIDE))
    encoded = io.BytesIO()
    small.save(encoded, "JPEG", quality=JPEG_QUALITY, optimize=True)
    return encoded.getvalue()
