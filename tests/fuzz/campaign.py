"""Runs cases in child processes with limits of time and memory, and counts what happens by kind."""

import collections
import dataclasses
import json
import os
import pathlib
import select
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence

from tests import ROOT
from tests.fuzz.child import write_cache

SECONDS = 20.0  # of a case
PEAK = 2 * 2**30  # bytes of memory of a case
TIMES = 3  # the memory of a case, over that of the undamaged file
FAILURES = ("traceback", "crash", "hang", "memory", "message")


@dataclasses.dataclass
class Tally:
    """What happened to the cases of a kind."""

    counts: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    examples: dict[str, tuple[int, str]] = dataclasses.field(default_factory=dict)  # place or message -> seed, outcome
    seconds: float = 0.0  # the longest
    times: float = 0.0  # the most memory, over that of the undamaged file

    @property
    def failures(self) -> int:
        return sum(self.counts[name] for name in FAILURES)


class Child:
    """A process that reads damaged files of one kind after the other. It is started again after a hang or crash."""

    def __init__(self, root: pathlib.Path):
        self._root, self._process = root, None

    def run(self, kind: str, seed: int | None, seconds: float) -> dict:
        """Returns the report of a case."""
        if self._process is None:
            environment = {
                **os.environ,
                "JAX_PLATFORMS": "cpu",
                "XDG_CACHE_HOME": str(self._root / "cache"),
                "PYTHONWARNINGS": "ignore",
            }
            command = [sys.executable, "-m", "tests.fuzz.child", str(self._root)]
            log = (self._root / "log").open("ab")
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, cwd=ROOT, env=environment
            )
        self._process.stdin.write((json.dumps({"kind": kind, "seed": seed}) + "\n").encode())
        self._process.stdin.flush()
        ready, _, _ = select.select([self._process.stdout], [], [], seconds)
        if not ready:
            self.close()
            return {"outcome": "hang", "detail": f"more than {seconds:.0f} s", "seconds": seconds, "peak": 0}
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            self._process = None
            return {"outcome": "crash", "detail": f"exit code {code}", "seconds": 0.0, "peak": 0}
        return json.loads(line)

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process.stdin.close()
            self._process.stdout.close()
            self._process = None


def run(
    kinds: Sequence[str], cases: int, seed: int, workers: int = 2, deadline: float | None = None
) -> dict[str, Tally]:
    """Reads `cases` damaged files, the same number of every kind. Returns the tallies by kind.

    `deadline`, of `time.monotonic`, ends the campaign early. Raises RuntimeError if an undamaged file cannot be read.
    """
    tallies = {kind: Tally() for kind in kinds}
    per_kind = -(-cases // len(kinds))
    pending, lock = iter(list(kinds)), threading.Lock()

    def work(root: pathlib.Path) -> None:
        child = Child(root)
        try:
            while (kind := _next(pending, lock)) is not None:
                _run_kind(child, kind, per_kind, seed, tallies[kind], deadline)
        except Exception as error:
            errors.append(error)
        finally:
            child.close()

    errors: list[Exception] = []
    with tempfile.TemporaryDirectory(prefix="fuzz") as folder:
        threads = []
        for number in range(workers):
            root = pathlib.Path(folder) / str(number)
            root.mkdir()
            write_cache(root)
            threads.append(threading.Thread(target=work, args=(root,)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if errors:
        raise errors[0]
    return tallies


def _next(pending: Iterator[str], lock: threading.Lock) -> str | None:
    with lock:
        return next(pending, None)


def _run_kind(child: Child, kind: str, cases: int, seed: int, tally: Tally, deadline: float | None) -> None:
    import time

    for _ in range(2):  # the first imports libraries
        whole = child.run(kind, None, 120.0)
    if whole["outcome"] != "read":
        raise RuntimeError(f"{kind}: the undamaged file is not read: {whole}")
    for number in range(cases):
        if deadline is not None and time.monotonic() > deadline:
            return
        case_seed = seed * 1_000_003 + number
        report = child.run(kind, case_seed, SECONDS)
        if report["outcome"] in ("hang", "crash"):
            child.run(kind, None, 120.0)  # a new process imports libraries
        times = report["peak"] / whole["peak"]
        if report["peak"] > PEAK or times > TIMES:
            report |= {
                "outcome": "memory",
                "detail": f"{report['peak'] / 2**20:.0f} MiB, {times:.1f} times; {report['detail'][:80]}",
            }
        tally.counts[report["outcome"]] += 1
        tally.seconds = max(tally.seconds, report["seconds"])
        tally.times = max(tally.times, times)
        if report["outcome"] in FAILURES:
            tally.examples.setdefault(f"{report['outcome']}: {report['detail']}", (case_seed, report["outcome"]))


def table(tallies: dict[str, Tally]) -> str:
    """Returns the counts by kind as text."""
    columns = ("read", "refused", *FAILURES)
    lines = [f"{'kind':32}{'cases':>7}" + "".join(f"{name:>10}" for name in columns) + f"{'max s':>8}{'memory':>8}"]
    rows = {**tallies, "all": _sum(tallies)}
    for kind, tally in rows.items():
        counts = "".join(f"{tally.counts[name] or '-':>10}" for name in columns)
        lines.append(f"{kind:32}{tally.counts.total():>7}{counts}{tally.seconds:>8.1f}{tally.times:>7.1f}x")
    return "\n".join(lines)


def _sum(tallies: dict[str, Tally]) -> Tally:
    total = Tally()
    for tally in tallies.values():
        total.counts += tally.counts
        total.seconds, total.times = max(total.seconds, tally.seconds), max(total.times, tally.times)
    return total
