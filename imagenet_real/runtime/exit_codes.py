"""How a process ends: the exit code of an error, and the one line that explains it."""

import os
import sys
from collections.abc import Callable

from imagenet_real.errors import InputError
from imagenet_real.io.names import one_line, shorten_words
from imagenet_real.runtime import signals

BUCKET_LIBRARIES = ("gcsfs", "google.auth", "aiohttp")  # their errors, such as of a missing login, have no common class
BROKEN_PIPE = 141  # what shells report if `head` ends before the program that writes to it


def exit_code_of(call: Callable[[], object]) -> int:
    """Calls `call` and returns the exit code for the process. Prints a user's mistake as one line on stderr."""
    try:
        call()
        sys.stdout.flush()
    except BaseException as error:
        if signals.interrupted() or isinstance(error, SystemExit):
            raise
        if _is_broken_pipe(error):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is still in its buffer
            return BROKEN_PIPE
        if isinstance(error, KeyboardInterrupt):
            with signals.line() as is_first:
                if is_first:
                    print("interrupted: finished work is kept. Run the same command to continue.", file=sys.stderr)
            return 130
        line = _line_of(error)
        if line is None:
            raise
        print(f"error: {shorten_words(one_line(line))}", file=sys.stderr)
        return getattr(error, "exit_code", 1)
    return 0


def _line_of(error: BaseException) -> str | None:
    """Returns what to tell the user; None if the error is a defect of the program."""
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.filename or 'a file'} could not be read or written: {error.strerror or error}"
    if isinstance(error, MemoryError):
        return f"there is not enough memory ({error}). Give smaller values, such as a smaller --batch_size."
    if type(error).__module__.startswith(BUCKET_LIBRARIES):
        return f"a bucket could not be read or written: {error}"
    return None


def _is_broken_pipe(error: BaseException) -> bool:
    return isinstance(error, BrokenPipeError) and error.filename is None
