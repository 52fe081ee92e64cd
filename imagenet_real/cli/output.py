"""Standard output and standard error that hold names of others: no code in a name reaches the terminal or the log."""

import contextlib
import sys
from collections.abc import Iterator
from typing import Any, TextIO

from imagenet_real.io.names import printable


class PrintableStream:
    """A text stream that writes control codes as escapes. Its other attributes are those of the stream below it."""

    def __init__(self, stream: TextIO):
        self.below = stream

    def write(self, text: str) -> int:
        """Writes the text. Characters that the encoding of the stream lacks become escapes as well."""
        self.below.write(printable(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Writes the lines one by one."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.below, name)


@contextlib.contextmanager
def printable_streams() -> Iterator[None]:
    """Makes `sys.stdout` and `sys.stderr` printable. Progress bars, which move the cursor, use the stream below."""
    streams = {name: getattr(sys, name) for name in ("stdout", "stderr")}
    for name, stream in streams.items():
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
        setattr(sys, name, PrintableStream(stream))
    try:
        yield
    finally:
        for name, stream in streams.items():
            setattr(sys, name, stream)
