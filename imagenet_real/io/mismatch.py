"""What is wrong with a value: the words of an error message, printable and short, whatever the value is."""

from typing import Any

_SHOWN = 40  # characters of a value in a message
_SHOWN_PLACE = 90


class Mismatch(ValueError):
    """A value that does not fit its schema: `PLACE is VALUE, expected SCHEMA`."""

    def __init__(self, came: str, expected: str = "", place: tuple[str, ...] = ()):
        self.came, self.expected, self.place = came, expected, place
        super().__init__(came)

    def below(self, step: str) -> "Mismatch":
        """Returns the same mismatch of the value that contains this one, which `step` leads to."""
        return Mismatch(self.came, self.expected, (step, *self.place))

    def __str__(self) -> str:
        place = "".join(self.place).removeprefix(".")
        subject = shorten(place, _SHOWN_PLACE) if place else "its content"
        return f"{subject} is {self.came}" + (f", expected {self.expected}" if self.expected else "")


def shorten(text: str, most: int) -> str:
    """Returns printable text of at most `most` characters, with `...` in the middle of a longer one."""
    printable = "".join(c if c.isprintable() else _escape(c) for c in _cut(text, 2 * most))
    return _cut(printable, most)


def _cut(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    end = max(0, most - 3) // 3
    return f"{text[: max(0, most - 3) - end]}...{text[len(text) - end :]}"


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode()


def shown(value: Any) -> str:
    """Returns a value as a message shows it, as JSON writes it: `"abc"`, `true`, `a list of 3`."""
    if isinstance(value, str):
        return f'"{shorten(value, _SHOWN)}"'
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return f"an object of {len(value)} keys"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int) and abs(value) > 10**_SHOWN:
        return "an integer of too many digits"
    return shorten(str(value), _SHOWN)


def step(key: str) -> str:
    """Returns how a place continues to the value of a key of an object."""
    return f".{shorten(key, _SHOWN)}"
