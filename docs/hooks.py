"""Links that leave docs/ lead into the repository, which the site does not contain: only their text stays."""

import re


def on_page_markdown(markdown: str, **_: object) -> str:
    return re.sub(r"\[([^\]]+)\]\(\.\./[^)]*\)", r"\1", markdown)
