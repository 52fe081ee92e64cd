"""SIGTERM and Ctrl-C: a program ends in good order, prints a line, and exits with code 143 or 130.

The command line calls `run` before its slow imports. A signal raises `Interrupted` in the main thread. Code that saves its
work first asks for `deferred`. This module imports no other library, so that it is ready within milliseconds.
"""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)
CAUSES: dict[int, str] = {signal.SIGINT: "interrupted", signal.SIGTERM: "stopped by SIGTERM"}
GRACE_SECONDS = 10.0  # to unwind; the main thread may be in a library that does not return
REPEAT_SECONDS = 1.0  # schedulers send a signal twice; a user who repeats one after this time wants the end at once


class Interrupted(KeyboardInterrupt):
    """SIGTERM or Ctrl-C. It unwinds the stack as Ctrl-C does, so that files, locks and processes are released."""


class _State:
    """The signal of this process. Handlers set it in the main thread, and the watcher reads it."""

    def __init__(self) -> None:
        self.first: int | None = None  # the signal that came first
        self.raised = False  # whether it unwinds the stack
        self.deferrals = 0  # callers that end by themselves, without a deadline
        self.lock = threading.RLock()  # of the line, which is printed once
        self.is_installed = False
        self.said = False  # whether the line is printed


_state = _State()


def run(call: Callable[[], int]) -> int:
    """Returns the exit code of `call`. Where a signal interrupts `call`, prints a line and ends the process.

    Ends it without the interpreter's own shutdown: libraries whose threads still run print errors there, or abort.
    """
    _install()
    code = None
    try:
        try:
            code = call()
        finally:
            _exit_on_signals()
    except BaseException:
        if not _state.raised:
            raise
    end_if_interrupted()
    return code


def interrupted() -> bool:
    """Returns whether a signal unwinds the stack. Errors are then its consequence, and not worth a line."""
    return _state.raised


def end_if_interrupted() -> None:
    """Ends the process if a signal unwinds the stack. Call it where an orderly shutdown would wait for something."""
    if _state.raised:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
        _exit(_state.first)


@contextlib.contextmanager
def deferred(notice: str = "") -> Iterator[Callable[[], int | None]]:
    """Yields a function that returns the signal that has come, or None: the caller saves its work and ends by itself.

    The `notice` is printed when the first signal comes. There is no deadline. A signal that comes again after a second
    ends the process at once.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    received: list[tuple[int, float]] = []

    def handle(number: int, frame: Any) -> None:
        if received and time.monotonic() - received[0][1] >= REPEAT_SECONDS:
            raise KeyboardInterrupt
        if notice and not received:
            with contextlib.suppress(OSError):  # a terminal that is gone
                start = "\n" if os.isatty(2) else ""  # below a bar of progress
                os.write(2, f"{start}{notice}\n".encode())  # another thread may hold the lock of sys.stderr
        received.append((number, time.monotonic()))

    previous = {number: signal.getsignal(number) for number in SIGNALS}
    handled = [number for number, handler in previous.items() if handler is not signal.SIG_IGN]
    with without_deadline():
        try:
            for number in handled:
                signal.signal(number, handle)
            yield lambda: received[0][0] if received else None
        finally:
            for number in handled:
                signal.signal(number, previous[number])


@contextlib.contextmanager
def without_deadline() -> Iterator[None]:
    """Lets a program take its time to end, such as to wait for processes that save their work."""
    _state.deferrals += 1
    try:
        yield
    finally:
        _state.deferrals -= 1


def exit_code(number: int) -> int:
    """Returns the exit code of a process that a signal ends, as shells report it."""
    return 128 + number


@contextlib.contextmanager
def line() -> Iterator[bool]:
    """Yields whether to print the line of a signal. Two threads may come here, and the process may end by the second."""
    with _state.lock:
        yield not _state.said
        _state.said = _state.is_installed


def _exit_on_signals() -> None:
    for number in SIGNALS:
        if signal.getsignal(number) is _interrupt:
            signal.signal(number, lambda number, frame: _exit(number))


def _install() -> None:
    _state.is_installed = True
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as of a command in the background of a script
            signal.signal(number, _interrupt)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    os.register_at_fork(after_in_child=lambda: signal.set_wakeup_fd(-1))  # a child must not wake this watcher
    threading.Thread(target=_watch, args=(reader,), name="signals", daemon=True).start()
    sys.unraisablehook = _quiet(sys.unraisablehook)
    threading.excepthook = _quiet(threading.excepthook)


def _interrupt(number: int, frame: Any) -> None:
    _state.first = _state.first or number
    if not _state.raised:
        _state.raised = True
        raise Interrupted


def _watch(reader: int) -> None:
    """Ends the process if the main thread does not: it may compute in a library that runs no signal handler."""
    first_time = deadline = None
    while True:
        number, now = _next_signal(reader, deadline), time.monotonic()
        if number in SIGNALS and signal.getsignal(number) is not signal.SIG_IGN:
            _state.first = _state.first or number
            if first_time is not None and now - first_time >= REPEAT_SECONDS:
                _exit(_state.first)
            first_time = first_time or now
        elif number is None and not _state.deferrals:
            _exit(_state.first)
        if first_time is not None:
            deadline = max(first_time, now if _state.deferrals else 0) + GRACE_SECONDS


def _next_signal(reader: int, deadline: float | None) -> int | None:
    """Returns the number of the next signal; None at the deadline."""
    import select

    timeout = None if deadline is None else max(0.0, deadline - time.monotonic())
    ready, _, _ = select.select([reader], [], [], timeout)
    return os.read(reader, 1)[0] if ready else None


def _exit(number: int) -> None:
    """Prints the line and ends the process at once."""
    with line() as is_first:
        if is_first:
            text = f"{CAUSES[number]}: finished work is kept. Run the same command to continue.\n"
            with contextlib.suppress(OSError):  # a terminal that is gone
                os.write(2, text.encode())  # another thread may hold the lock of sys.stderr
        os._exit(exit_code(number))


def _quiet(hook: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Wraps a hook that prints the exceptions of callbacks and threads: a signal has caused those that follow it."""

    def quiet_hook(arguments: Any) -> None:
        if not _state.raised:
            hook(arguments)
        elif isinstance(arguments.exc_value, Interrupted):  # a callback swallowed it
            _state.raised = False
            threading.Timer(0.01, signal.raise_signal, (_state.first,)).start()

    return quiet_hook
