"""The exceptions for mistakes that a user can correct. The command line prints them as one line, without a traceback."""

import sys
from collections.abc import Callable

BUCKET_LIBRARIES = ("gcsfs", "google.auth", "aiohttp")  # their errors, such as of a missing login, have no common class


class InputError(ValueError):
    """Wrong input. The message is one line of two sentences: what is wrong with which value; what to do."""

    exit_code = 1
    on_all_processes = False  # whether every process of a run raises it at the same point


class MismatchError(InputError):
    """Predictions that do not fit the labels, with the evidence and the repair (see `scoring.doctor`)."""

    exit_code = 2


def nearest(name: str, known: list[str]) -> str:
    """`did you mean ...?` with the known names closest to `name`; the first known names if none is close."""
    import difflib

    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    return f"did you mean {', '.join(close)}?" if close else f"known are {', '.join(sorted(known)[:12])}"


def exit_code_of(call: Callable[[], object]) -> int:
    """Calls `call` and returns the exit code for the process. Prints a user's mistake as one line on stderr."""
    try:
        call()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        reason = error.strerror or " ".join(str(error).split())
        print(f"error: {error.filename or 'a file'} could not be read or written: {reason}", file=sys.stderr)
        return 1
    except Exception as error:
        if not type(error).__module__.startswith(BUCKET_LIBRARIES):
            raise
        print(f"error: a bucket could not be read or written: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: finished work is kept. Run the same command to continue.", file=sys.stderr)
        return 130
    return 0
