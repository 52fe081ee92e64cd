"""HTML as Python expressions: what is not `Html` already is escaped on its way into an element."""

import html
from collections.abc import Iterable, Mapping, Sequence

SHAPES = (  # of marks in tracks, around the origin, in pixels; a label set has the same everywhere
    "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0z",
    "M-4.5-4.5h9v9h-9z",
    "M0-6L6 0L0 6L-6 0z",
    "M0-5.5L5.5 4.5h-11z",
)


class Html(str):
    """Text that is markup."""

    __slots__ = ()


def element(name: str, *content: str | None, **attributes: str | float | None) -> Html:
    """An element; an underscore at the end of an attribute's name is dropped, others are hyphens. None is left out."""
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Html(f"<{name}{given}>{join(content)}</{name}>")


def join(parts: Iterable[str | None]) -> Html:
    """Markup and text, one after the other."""
    return Html("".join(part if isinstance(part, Html) else html.escape(part) for part in parts if part is not None))


def paragraph(*content: str, **attributes: str) -> Html:
    return element("p", *content, **attributes)


def percent(share: float | None) -> str:
    """A fraction in per cent, with the two digits that tables show; nothing for None and NaN."""
    return "" if share is None or share != share else f"{share * 100:.2f}"


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], *, text: Sequence[int] = (0,), wide: Sequence[int] = ()
) -> Html:
    """A table that scrolls by itself where it is too wide.

    text: the columns that hold text; the others hold numbers. wide: those that take the room that is left.
    """
    kinds = ["w" if at in wide else None if at in text else "n" for at in range(len(head))]
    top = join(element("th", cell, class_=kind, scope="col") for cell, kind in zip(head, kinds, strict=True))
    lines = []
    for row in rows:
        first = element("th", row[0], scope="row", class_=kinds[0])
        rest = (element("td", cell, class_=kind) for cell, kind in zip(row[1:], kinds[1:], strict=True))
        lines.append(element("tr", first, *rest))
    whole = element("table", element("thead", element("tr", top)), element("tbody", *lines))
    return element("div", whole, class_="scroll", tabindex="0")


def details(summary: str, *content: str) -> Html:
    return element("details", element("summary", summary), *content)


class Scale:
    """The ends of the tracks of a table, in fractions."""

    def __init__(self, values: Iterable[float]):
        known = [value for value in values if value == value]
        self.low = max(0.0, int(min(known, default=0) * 20 - 1e-9) / 20)
        self.high = min(1.0, (int(max(known, default=1) * 20 + 1e-9) + 1) / 20)

    def at(self, value: float) -> str:
        return f"{(value - self.low) / (self.high - self.low) * 100:.2f}%"

    @property
    def head(self) -> Html:
        """The head of the column of tracks."""
        ends = (element("span", f"{end * 100:.0f}%") for end in (self.low, self.high))
        return element("div", *ends, class_="ends")


def track(scale: Scale, marks: Mapping[str, float], intervals: Mapping[str, tuple[float, float]] | None = None) -> Html:
    """A line with a mark for each value, by what it is called; and its interval where there is one."""
    told = ", ".join(f"{name} {percent(value)} %" for name, value in marks.items() if value == value)
    drawn = ['<line x1="0" x2="100%" y1="50%" y2="50%" class="axis"/>']
    known = [value for value in marks.values() if value == value]
    if len(known) > 1:
        ends = scale.at(min(known)), scale.at(max(known))
        drawn.append(f'<line x1="{ends[0]}" x2="{ends[1]}" y1="50%" y2="50%" class="span"/>')
    for turn, (name, value) in enumerate(marks.items()):
        if intervals and name in intervals:
            low, high = map(scale.at, intervals[name])
            drawn.append(f'<line x1="{low}" x2="{high}" y1="50%" y2="50%" class="interval s{turn % len(SHAPES)}"/>')
        if value == value:
            drawn.append(f'<svg x="{scale.at(value)}" y="50%" overflow="visible">{shape(turn)}</svg>')
    return Html(f'<svg class="track" role="img" aria-label="{html.escape(told)}">{"".join(drawn)}</svg>')


def shape(turn: int) -> str:
    return f'<path class="s{turn % len(SHAPES)}" d="{SHAPES[turn % len(SHAPES)]}"/>'


def legend(names: Iterable[str]) -> Html:
    """The marks of tracks, and what they stand for."""
    keys = []
    for turn, name in enumerate(names):
        mark = f'<svg class="key" viewBox="-7 -7 14 14" role="img" aria-label="mark {turn + 1}">{shape(turn)}</svg>'
        keys.append(element("span", Html(mark), name))
    return element("p", *keys, class_="legend")


def bar(shares: Mapping[str, float]) -> Html:
    """A bar of parts, by what they are called; what they lack to 1 stays empty."""
    told = ", ".join(f"{name} {value * 100:.1f} %" for name, value in shares.items())
    drawn, start = [], 0.0
    for turn, (name, value) in enumerate(shares.items()):
        tip = element("title", f"{name}: {value * 100:.1f} %")
        drawn.append(
            f'<rect class="b{turn}" x="{start * 100:.2f}%" width="{value * 100:.2f}%" height="100%">{tip}</rect>'
        )
        start += value
    return Html(f'<svg class="bar" role="img" aria-label="{html.escape(told)}">{"".join(drawn)}</svg>')
