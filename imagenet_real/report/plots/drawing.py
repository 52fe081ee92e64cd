"""Matplotlib figures as files and as part of a page: the same drawing for both."""

import contextlib
import dataclasses
import io
import re
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
PNG_DPI = 160
TIP = "tip: "  # an artist whose gid begins so tells the rest of it when pointed at, in an SVG
SERIES = ("#0072b2", "#d55e00", "#009e73", "#a8578a")  # Okabe and Ito's, the last darker: told apart by everybody
MARKERS = ("o", "s", "D", "^")  # no meaning is carried by colour alone
_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "imagenet_real",
    "font.family": "DejaVu Sans",
    "text.parse_math": False,
    "axes.unicode_minus": True,
}


@dataclasses.dataclass(frozen=True)
class Drawing:
    """A figure as SVG, whose texts are texts, and as PNG."""

    title: str
    description: str  # what it shows, for those who cannot see it
    svg: str
    png: bytes


@contextlib.contextmanager
def style() -> Iterator[None]:
    """The style that figures are drawn and saved in."""
    import matplotlib

    with matplotlib.rc_context(_STYLE):
        yield


def empty_figure(width: float, height: float) -> Any:
    """A figure of so many inches, without the state that pyplot keeps."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save(figure: Any, title: str, description: str) -> Drawing:
    """Draws a figure, in the same bytes for the same content."""
    svg, png = io.BytesIO(), io.BytesIO()
    figure.savefig(svg, format="svg", metadata={"Date": None})
    figure.savefig(png, format="png", dpi=PNG_DPI, metadata={"Software": None})
    return Drawing(title, description, _described(svg.getvalue().decode(), title, description), png.getvalue())


def _described(svg: str, title: str, description: str) -> str:
    """Matplotlib's SVG with a text alternative and tips, without identifiers that would meet those of another figure."""
    for prefix, namespace in (("", SVG), ("xlink", XLINK)):
        ElementTree.register_namespace(prefix, namespace)
    root = ElementTree.fromstring(svg)
    for group in root.iter(f"{{{SVG}}}g"):
        name = group.attrib.pop("id", "")
        if name.startswith(TIP):
            tip = ElementTree.Element(f"{{{SVG}}}title")
            tip.text = name.removeprefix(TIP)
            group.insert(0, tip)
    for metadata in root.findall(f"{{{SVG}}}metadata"):
        root.remove(metadata)
    for position, (name, text) in enumerate((("title", title), ("desc", description))):
        child = ElementTree.Element(f"{{{SVG}}}{name}")
        child.text = text
        root.insert(position, child)
    root.set("role", "img")
    # The page's own fonts are as good, and the list of matplotlib's stands at each text.
    return re.sub(r"font-family: [^;\"]*", "font-family: system-ui, sans-serif", ElementTree.tostring(root, "unicode"))
