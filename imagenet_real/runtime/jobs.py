"""Jobs in processes of their own, several side by side: each writes its own log, all stop together, none outlives us."""

import contextlib
import dataclasses
import multiprocessing
import os
import pathlib
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing import connection

from imagenet_real.errors import InputError, exit_code_of
from imagenet_real.runtime.child_processes import follow_parent
from imagenet_real.runtime.progress import Progress

POLL = 0.5  # seconds between looks at how far the jobs are


@dataclasses.dataclass(frozen=True)
class Job:
    """Something to run. It continues what an interrupted process of the same job left behind."""

    name: str
    run: Callable[[], object]  # as pickle can send it to another process
    log: pathlib.Path
    size: float  # in the unit of the progress
    share: Callable[[], float]  # how much of it is done, 0 to 1
    needs: tuple[str, ...] = ()  # the names of jobs that have to be done before


def run_side_by_side(
    jobs: Sequence[Job], at_once: int, environment: Mapping[str, str], *, unit: str, done: float = 0.0
) -> None:
    """Runs jobs in the order they are given, up to `at_once` at the same time, until all have ended.

    A job that fails stops the others; they get SIGTERM, by which training saves its last step. So it is where this
    process is interrupted, and jobs whose parent was killed stop themselves.

    Args:
      jobs: what to run.
      at_once: how many at most.
      environment: variables of the processes, beside those of this one.
      unit: of the jobs' sizes, for the progress.
      done: what earlier runs did, in that unit.

    Raises InputError with the last words of a job that failed.
    """
    waiting, finished = list(jobs), set()
    running: dict[Job, multiprocessing.Process] = {}
    total = done + sum(job.size for job in jobs)
    with _terminated_as_an_exit(), Progress(float(total), unit, f"0 of {len(jobs)} runs", done=done) as progress:
        try:
            while waiting or running:
                for job in [job for job in waiting if finished.issuperset(job.needs)][: at_once - len(running)]:
                    running[job] = _started(job, environment)
                    waiting.remove(job)
                connection.wait([process.sentinel for process in running.values()], timeout=POLL)
                for job, process in list(running.items()):
                    if process.exitcode is not None:
                        del running[job]
                        _check(job, process.exitcode)
                        finished.add(job.name)
                reached = sum(job.size * (1.0 if job.name in finished else job.share()) for job in jobs)
                progress.describe(f"{len(finished)} of {len(jobs)} runs", ", ".join(job.name for job in running))
                progress.reach(max(progress.done, done + reached))
        finally:
            for process in running.values():
                process.terminate()
            for process in running.values():
                process.join()


def _started(job: Job, environment: Mapping[str, str]) -> multiprocessing.Process:
    job.log.parent.mkdir(parents=True, exist_ok=True)
    process = multiprocessing.get_context("spawn").Process(target=_in_process, args=(job.run, job.log), name=job.name)
    before = dict(os.environ)
    os.environ.update(environment)  # a process begins with the environment of the moment
    try:
        process.start()
    finally:
        os.environ.clear()
        os.environ.update(before)
    return process


def _in_process(run: Callable[[], object], log: pathlib.Path) -> None:
    from absl import logging

    follow_parent(by=signal.SIGTERM)  # by which training saves its last step
    logging.set_verbosity(logging.WARNING)
    with log.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.exit(exit_code_of(run))


def _check(job: Job, exit_code: int) -> None:
    if not exit_code:
        return
    lines = job.log.read_bytes().decode("utf-8", errors="replace").splitlines() if job.log.exists() else []
    told = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    why = told[-1] if told else f"killed by signal {-exit_code}" if exit_code < 0 else f"exit code {exit_code}"
    raise InputError(f"{job.name} failed: {why} (its log: {job.log})")


@contextlib.contextmanager
def _terminated_as_an_exit() -> Iterator[None]:
    """SIGTERM unwinds the stack, as Ctrl-C does, so that the jobs are stopped."""

    def end(number, frame):
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
