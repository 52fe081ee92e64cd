"""The one exception for what a user can mend: it is shown as a line, never as a traceback."""


class InputError(ValueError):
    """Wrong input. The message says what came, what was expected and what to do, in one line."""

    exit_code = 1


class MismatchError(InputError):
    """Predictions that do not fit the labels, with the evidence and the repair (see `scoring.doctor`)."""

    exit_code = 2


def nearest(name: str, known: list[str]) -> str:
    """`did you mean ...?` with the known names closest to `name`; the first few where none is close."""
    import difflib

    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    return f"did you mean {', '.join(close)}?" if close else f"known are {', '.join(sorted(known)[:12])}"
