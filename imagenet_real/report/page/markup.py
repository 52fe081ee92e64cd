"""HTML as Python expressions. Text that is not `Html` is escaped when it enters an element."""

import html
import re
from collections.abc import Iterable, Mapping, Sequence

from imagenet_real.report.plots.drawing import Drawing

SHAPES = (  # marks of tracks, around the origin, in pixels; a label set has the same mark everywhere
    "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0z",
    "M-4.5-4.5h9v9h-9z",
    "M0-6L6 0L0 6L-6 0z",
    "M0-5.5L5.5 4.5h-11z",
)


# Long names break after these signs, and not within a word.
_BREAK = re.compile(r"(?<=[A-Za-z0-9][_/])(?=[A-Za-z0-9])|(?<=[A-Za-z0-9][.:])(?=[A-Za-z])")
MAX_BESIDE, MAX_BELOW = 4, 6  # numbers of a row that a phone has room for beside its name, and below it


class Html(str):
    """Text that is markup."""

    __slots__ = ()


def element(name: str, *content: str | None, **attributes: str | float | None) -> Html:
    """An element. Attributes that are None are left out.

    In the name of an attribute, an underscore at the end is dropped and others become hyphens.
    """
    text = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Html(f"<{name}{text}>{join(content)}</{name}>")


def join(parts: Iterable[str | None]) -> Html:
    """Markup and text in sequence."""
    return Html("".join(part if isinstance(part, Html) else _escaped(part) for part in parts if part is not None))


def _escaped(text: str) -> str:
    """Text as markup, in which long names may break."""
    return "<wbr>".join(map(html.escape, _BREAK.split(text)))


def paragraph(*content: str, **attributes: str) -> Html:
    return element("p", *content, **attributes)


def percent(share: float | None) -> str:
    """A fraction in percent with two digits; an empty text for None and NaN."""
    return "" if share is None or share != share else f"{share * 100:.2f}"


def rank_change(ranks: int) -> Html:
    """The number of ranks that a model gains or loses; not 0."""
    return element("span", f"{'▲' if ranks > 0 else '▼'}{abs(ranks)}", class_="up" if ranks > 0 else "down")


def table(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    text: Sequence[int] = (0,),
    wide: Sequence[int] = (),
    kinds: Mapping[int, str] | None = None,
) -> Html:
    """A table that scrolls sideways if it is too wide.

    On a phone, the tracks and bars of a table stand below the names, if that leaves room for the numbers.

    Args:
      head: of the columns.
      rows: cells, as many as in the head.
      text: columns of text; the others hold numbers.
      wide: columns that take the remaining width.
      kinds: further classes of columns, for the style; a phone leaves out the columns `extra`.
    """
    kinds = {
        column: " ".join(
            ["w"] * (column in wide) + ["n"] * (column not in (*text, *wide)) + [(kinds or {}).get(column, "")]
        )
        for column in range(len(head))
    }
    kinds = {column: kind.strip() or None for column, kind in kinds.items()}
    top_row = join(
        element("th", cell, class_=kind, scope="col") for cell, kind in zip(head, kinds.values(), strict=True)
    )
    lines = []
    for row in rows:
        first = element("th", row[0], scope="row", class_=kinds[0])
        rest = (element("td", cell, class_=kind) for cell, kind in zip(row[1:], list(kinds.values())[1:], strict=True))
        lines.append(element("tr", first, *rest))
    numbers = len(head) - 1 - len(wide) - sum("extra" in (kind or "") for kind in kinds.values())
    form = None if not wide or numbers > MAX_BELOW else "beside" if numbers <= MAX_BESIDE else "below"
    columns = f"--numbers: {numbers}" if form else None
    rows_of_head = element("thead", element("tr", top_row))
    whole = element("table", rows_of_head, element("tbody", *lines), class_=form, style=columns)
    return element("div", whole, class_="scroll", tabindex="0")


# Colors of drawings -> those of the page, which has others in the dark.
_THEME = {
    "#ffffff": "var(--paper)",
    "#000000": "var(--ink)",
    "#0072b2": "var(--blue)",
    "#d55e00": "var(--red)",
    "#009e73": "var(--green)",
    "#a8578a": "var(--pink)",
}
_GRAY = re.compile(r"#([0-9a-f]{2})\1\1\b")
_SIZE = re.compile(r'<svg [^>]*?width="([\d.]+)pt"')


def figure(picture: Drawing, *, wide: bool = False) -> Html:
    """A drawing as part of a page, at most as large as it was drawn. A wide one scrolls on a phone."""
    size = _SIZE.search(picture.svg)
    width = f"max-width: {float(size[1]) * 4 / 3:.0f}px" if size else None
    kind = "drawing wide" if wide else "drawing"
    return element("figure", Html(_themed(picture.svg)), class_=kind, tabindex="0", style=width)


def _themed(svg: str) -> str:
    """A drawing in the colors of the page: light grays are lines, dark ones are text."""
    for color, name in _THEME.items():
        svg = svg.replace(color, name)
    return _GRAY.sub(lambda gray: _gray(int(gray[1], 16)), svg)


def _gray(level: int) -> str:
    return "var(--line)" if level > 200 else "var(--span)" if level > 140 else "var(--soft)"


def details(summary: str, *content: str) -> Html:
    return element("details", element("summary", summary), *content)


class Scale:
    """The ends of the tracks of a table, as fractions."""

    def __init__(self, values: Iterable[float]):
        known = [value for value in values if value == value]
        self.low = max(0.0, int(min(known, default=0) * 20 - 1e-9) / 20)
        self.high = min(1.0, (int(max(known, default=1) * 20 + 1e-9) + 1) / 20)

    def at(self, value: float) -> str:
        return f"{(value - self.low) / (self.high - self.low) * 100:.2f}%"

    @property
    def head(self) -> Html:
        """The head of the column that holds the tracks."""
        ends = (element("span", f"{end * 100:.0f}%") for end in (self.low, self.high))
        return element("div", *ends, class_="ends")


def track(scale: Scale, marks: Mapping[str, float], intervals: Mapping[str, tuple[float, float]] | None = None) -> Html:
    """A line with a mark for each named value, and with the intervals of those that have one."""
    text = ", ".join(f"{name} {percent(value)} %" for name, value in marks.items() if value == value)
    drawn = ['<line x1="0" x2="100%" y1="50%" y2="50%" class="axis"/>']
    known = [value for value in marks.values() if value == value]
    if len(known) > 1:
        ends = scale.at(min(known)), scale.at(max(known))
        drawn.append(f'<line x1="{ends[0]}" x2="{ends[1]}" y1="50%" y2="50%" class="span"/>')
    for index, (name, value) in enumerate(marks.items()):
        if intervals and name in intervals:
            low, high = map(scale.at, intervals[name])
            drawn.append(f'<line x1="{low}" x2="{high}" y1="50%" y2="50%" class="interval s{index % len(SHAPES)}"/>')
        if value == value:
            drawn.append(f'<svg x="{scale.at(value)}" y="50%" overflow="visible">{shape(index)}</svg>')
    return Html(f'<svg class="track" role="img" aria-label="{html.escape(text)}">{"".join(drawn)}</svg>')


def shape(index: int) -> str:
    return f'<path class="s{index % len(SHAPES)}" d="{SHAPES[index % len(SHAPES)]}"/>'


def legend(names: Iterable[str]) -> Html:
    """The marks of tracks with their names."""
    keys = []
    for index, name in enumerate(names):
        mark = f'<svg class="key" viewBox="-7 -7 14 14" role="img" aria-label="mark {index + 1}">{shape(index)}</svg>'
        keys.append(element("span", Html(mark), name))
    return element("p", *keys, class_="legend")


def bar(shares: Mapping[str, float]) -> Html:
    """A bar of named shares; what they lack to 1 stays empty."""
    text = ", ".join(f"{name} {value * 100:.1f} %" for name, value in shares.items())
    drawn, start = [], 0.0
    for index, (name, value) in enumerate(shares.items()):
        tip = f"<title>{html.escape(name)}: {value * 100:.1f} %</title>"
        drawn.append(
            f'<rect class="b{index}" x="{start * 100:.2f}%" width="{value * 100:.2f}%" height="100%">{tip}</rect>'
        )
        start += value
    return Html(f'<svg class="bar" role="img" aria-label="{html.escape(text)}">{"".join(drawn)}</svg>')


def bar_legend(names: Iterable[str]) -> Html:
    """The colors of bars with their names."""
    keys = []
    for index, name in enumerate(names):
        square = f'<rect class="b{index}" width="14" height="14"/>'
        keys.append(
            element("span", Html(f'<svg class="key" viewBox="0 0 14 14" aria-hidden="true">{square}</svg>'), name)
        )
    return element("p", *keys, class_="legend")
