"""Matplotlib figures as PNG, and as SVG for a file or a page."""

import contextlib
import dataclasses
import io
import re
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
PNG_DPI = 160
TIP = "tip: "  # begins the gid of an artist; the rest is its tooltip in SVG
SERIES = ("#0072b2", "#d55e00", "#009e73", "#a8578a")  # Okabe and Ito's, the last one darker
MARKERS = ("o", "s", "D", "^")  # color alone carries no meaning
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "imagenet_real",
    "font.family": "DejaVu Sans",
    "text.parse_math": False,
    "axes.unicode_minus": True,
}


@dataclasses.dataclass(frozen=True)
class Drawing:
    """A figure as SVG, with text as text, and as PNG."""

    title: str
    description: str  # for readers who cannot see it
    svg: str
    png: bytes


@contextlib.contextmanager
def style() -> Iterator[None]:
    """A context for drawing and saving figures in the common style."""
    import matplotlib

    with matplotlib.rc_context(_STYLE):
        yield


def empty_figure(width: float, height: float) -> Any:
    """A figure of a size in inches. It needs no pyplot and leaves no global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save(figure: Any, title: str, description: str) -> Drawing:
    """Renders a figure. Equal content gives equal bytes."""
    svg, png = io.BytesIO(), io.BytesIO()
    figure.savefig(svg, format="svg", metadata={"Date": None})
    figure.set_layout_engine("none")  # the PNG has the same places, which take as long to find as to draw
    figure.savefig(png, format="png", dpi=PNG_DPI, metadata={"Software": None})
    return Drawing(title, description, _accessible(svg.getvalue().decode(), title, description), png.getvalue())


def _accessible(svg: str, title: str, description: str) -> str:
    """Matplotlib's SVG with a text alternative and tooltips, without ids that another figure on the page may have."""
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
    # Matplotlib repeats its list of fonts at each text; the page's font is good enough.
    return re.sub(r"font-family: [^;\"]*", "font-family: system-ui, sans-serif", ElementTree.tostring(root, "unicode"))
