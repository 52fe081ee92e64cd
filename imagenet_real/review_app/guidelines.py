"""A team's guidelines, a Markdown file, as HTML for the pages."""

import os

from imagenet_real.io import readers

MAX_BYTES = 200_000


def render(path: str | os.PathLike) -> str:
    """Returns the HTML of a Markdown file. HTML in the file stays text, and pictures are left out. Raises InputError."""
    from markdown_it import MarkdownIt

    text = readers.read_text(
        path, f"Give guidelines in Markdown of at most {MAX_BYTES} bytes: people read them.", MAX_BYTES
    )
    return MarkdownIt("js-default").disable("image").render(text)
