"""The exceptions for mistakes that a user can correct. The command line prints them as one line, without a traceback."""


class InputError(ValueError):
    """Wrong input. The message is one line of two sentences: what is wrong with which value; what to do."""

    exit_code = 1
    on_all_processes = False  # whether every process of a run raises it at the same point


class MismatchError(InputError):
    """Predictions that do not fit the labels, with the evidence and the repair (see `scoring.doctor`)."""

    exit_code = 2


MAX_LISTED = 70  # characters of known names in a message


def nearest(name: str, known: list[str]) -> str:
    """`did you mean ...?` with the known names closest to `name`; the first known names if none is close."""
    import difflib

    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if close:
        return f"did you mean {', '.join(close)}?"
    names = sorted(known)
    shown = [name for number, name in enumerate(names) if len(", ".join(names[: number + 1])) <= MAX_LISTED]
    more = f" and {len(names) - len(shown)} more" if len(shown) < len(names) else ""
    return f"known are {', '.join(shown)}{more}"
