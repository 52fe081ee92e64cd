"""Progress of long work: a bar on a terminal; elsewhere, such as in a log, a line every 30 seconds."""

import contextlib
import datetime
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from imagenet_real.io.names import one_line

SECONDS_PER_LINE = 30.0
SHARES = "{desc}{percentage:3.0f}%|{bar}| {n:,.0f}/{total:,.0f}{unit} [{elapsed}<{remaining}{postfix}]"

Item = TypeVar("Item")

now = time.monotonic


class Progress(contextlib.AbstractContextManager):
    """Counts what is done of a total, and prints it to stderr until its context ends.

    Args:
      total: the amount of work; a float if it is an estimate.
      unit: of the total, such as "images".
      title: of the work, such as "predicting".
      done: by earlier runs; the speed leaves it out.
      visible: False prints nothing, as on every process but the primary one.
      delay: in seconds; work that ends before prints nothing.
    """

    def __init__(
        self, total: float, unit: str, title: str, *, done: float = 0, visible: bool = True, delay: float = 0.0
    ):
        self.total, self.unit, self.title, self.done = total, unit, one_line(title), done
        self._visible, self._delay, self._note = visible, delay, ""
        self._start = self._last_line = now()
        self._clock_start, self._clock_done = self._start, done
        self._bar = self._make_bar() if visible and _is_terminal() else None

    def advance(self, count: float = 1) -> None:
        """Adds to the work that is done."""
        self.reach(self.done + count)

    def reach(self, done: float) -> None:
        """Sets the work that is done."""
        change, self.done = done - self.done, done
        if self._bar is not None:
            self._bar.update(change)
        elif now() - self._last_line >= SECONDS_PER_LINE:
            self._print_line()

    def describe(self, title: str, note: str = "") -> None:
        """Sets the title, and a note at the end of the line, such as the loss."""
        self.title, self._note = one_line(title), one_line(note)
        if self._bar is not None:
            self._bar.set_description(self.title, refresh=False)
            self._bar.set_postfix_str(self._note)

    def say(self, line: str) -> None:
        """Prints a line, above the bar if there is one."""
        if self._bar is not None:
            self._bar.write(line, file=sys.stderr)
        elif self._visible:
            print(line, file=sys.stderr, flush=True)

    def restart_clock(self) -> None:
        """Leaves the time so far out of the speed, such as the time of a compilation."""
        self._clock_start, self._clock_done = now(), self.done
        if self._bar is not None:
            self._bar.unpause()

    def __exit__(self, *exception) -> None:
        if self._bar is not None:
            self._bar.close()
        elif now() - self._start >= self._delay:
            self._print_line(ended=True)

    def _make_bar(self):
        from tqdm import tqdm

        form = {"bar_format": SHARES, "mininterval": 0} if isinstance(self.total, float) else {}
        return tqdm(
            total=self.total,
            initial=self.done,
            unit=f" {self.unit}",
            desc=self.title,
            delay=self._delay,
            file=getattr(sys.stderr, "below", sys.stderr),  # the bar moves the cursor, which a printable stream forbids
            leave=sys.stderr.isatty(),
            **form,
        )

    def _print_line(self, *, ended: bool = False) -> None:
        self._last_line = now()
        if self._visible:
            print(self._line(ended), file=sys.stderr, flush=True)

    def _line(self, ended: bool) -> str:
        parts = [f"{self.title}: {self.done:,.0f} of {self.total:,.0f} {self.unit}"]
        seconds, recent = now() - self._clock_start, self.done - self._clock_done
        if seconds > 0 and recent > 0:
            speed = recent / seconds
            parts.append(f"{speed:,.1f} {self.unit}/s" if speed < 100 else f"{speed:,.0f} {self.unit}/s")
            if not ended:
                parts.append(f"{_as_time((self.total - self.done) / speed)} left")
        if ended:
            parts.append(f"took {_as_time(now() - self._start)}")
        return ", ".join([*parts, self._note] if self._note else parts)


def track(items: Iterable[Item], total: int, unit: str, title: str, *, delay: float = 0.0) -> Iterator[Item]:
    """Yields the items, and prints how many are done."""
    with Progress(total, unit, title, delay=delay) as progress:
        for item in items:
            yield item
            progress.advance()


def _is_terminal() -> bool:
    """Returns whether stderr can show a bar: a terminal, or the output of a notebook."""
    return sys.stderr.isatty() or type(sys.stderr).__module__.startswith("ipykernel")


def _as_time(seconds: float) -> str:  # 0:01:26
    return str(datetime.timedelta(seconds=round(max(seconds, 0))))
