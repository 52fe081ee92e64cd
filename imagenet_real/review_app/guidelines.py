"""A team's guidelines, a Markdown file, as HTML for the pages."""

import os

from imagenet_real.errors import InputError
from imagenet_real.io import storage

MAX_BYTES = 200_000


def render(path: str | os.PathLike) -> str:
    """Returns the HTML of a Markdown file. HTML in the file stays text, and pictures are left out. Raises InputError."""
    from markdown_it import MarkdownIt

    try:
        text = storage.read_bytes(path).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"guidelines={path} cannot be read ({error}). Give a Markdown file in UTF-8.") from None
    if len(text) > MAX_BYTES:
        raise InputError(f"guidelines={path} has {len(text)} characters. Give at most {MAX_BYTES}: people read them.")
    return MarkdownIt("js-default").disable("image").render(text)
