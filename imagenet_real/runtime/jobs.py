"""Jobs that run at the same time, each in its own process with its own log. All stop together with their parent."""

import dataclasses
import multiprocessing
import os
import pathlib
import pickle
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from multiprocessing import connection
from typing import Any

from imagenet_real.errors import InputError
from imagenet_real.runtime import signals
from imagenet_real.runtime.child_processes import follow_parent
from imagenet_real.runtime.exit_codes import exit_code_of
from imagenet_real.runtime.progress import Progress

SECONDS_PER_UPDATE = 0.5  # of the progress


@dataclasses.dataclass(frozen=True)
class Job:
    """A call in a process of its own. A job must continue what an interrupted process of the same job left."""

    name: str
    run: Callable[[], object]  # pickle must be able to send it to the process
    log: pathlib.Path
    size: float  # in the unit of the progress
    share: Callable[[], float]  # returns how much of the job is done, 0 to 1
    needs: tuple[str, ...] = ()  # the names of jobs that must be done first


def run_jobs(
    jobs: Sequence[Job],
    count: int,
    environment: Mapping[str, str],
    *,
    unit: str,
    done: float = 0.0,
    modules: Sequence[str] = (),
) -> None:
    """Runs jobs in their order, at most `count` at the same time, until all are done.

    If a job fails or this process is interrupted, the other jobs get SIGTERM: training then saves its last step. If
    this process is killed, the jobs stop themselves.

    Args:
      jobs: to run.
      count: of jobs at the same time.
      environment: variables that the jobs have beside those of this process.
      unit: of the sizes of the jobs.
      done: the size of the jobs that earlier runs did, for the progress.
      modules: what the jobs import. One process imports them, and the processes of the jobs are its forks.

    Raises InputError with the error of a job that failed.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(modules))
    waiting, finished = list(jobs), set()
    running: dict[Job, multiprocessing.Process] = {}
    total = done + sum(job.size for job in jobs)
    with Progress(float(total), unit, f"0 of {len(jobs)} runs", done=done) as progress:
        try:
            while waiting or running:
                for job in [job for job in waiting if finished.issuperset(job.needs)][: count - len(running)]:
                    running[job] = _start(context, job, environment)
                    waiting.remove(job)
                connection.wait([process.sentinel for process in running.values()], timeout=SECONDS_PER_UPDATE)
                for job, process in list(running.items()):
                    if process.exitcode is not None:
                        del running[job]
                        _check(job, process.exitcode)
                        finished.add(job.name)
                size = sum(job.size * (1.0 if job.name in finished else job.share()) for job in jobs)
                progress.describe(f"{len(finished)} of {len(jobs)} runs", ", ".join(job.name for job in running))
                progress.reach(max(progress.done, done + size))
        finally:
            with signals.without_deadline():  # training saves its last step
                for process in running.values():
                    process.terminate()
                for process in running.values():
                    process.join()


def _start(context: Any, job: Job, environment: Mapping[str, str]) -> multiprocessing.Process:
    job.log.parent.mkdir(parents=True, exist_ok=True)
    call = pickle.dumps(job.run)  # the process follows its parent before it imports what the call needs
    previous = dict(os.environ)
    os.environ.update(environment)  # libraries read some variables as they are imported
    try:
        process = context.Process(target=_run, args=(call, job.log, dict(os.environ)), name=job.name)
        process.start()
    finally:
        os.environ.clear()
        os.environ.update(previous)
    return process


def _run(call: bytes, log: pathlib.Path, environment: Mapping[str, str]) -> None:
    follow_parent(by=signal.SIGTERM)  # training then saves its last step
    os.environ.clear()
    os.environ.update(environment)
    with log.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.exit(signals.run(lambda: exit_code_of(lambda: _unpickle_and_call(call))))


def _unpickle_and_call(call: bytes) -> None:
    from absl import logging

    logging.set_verbosity(logging.WARNING)
    pickle.loads(call)()


def _check(job: Job, exit_code: int) -> None:
    if not exit_code:
        return
    lines = job.log.read_bytes().decode("utf-8", errors="replace").splitlines() if job.log.exists() else []
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    end = f"signal {-exit_code} killed it" if exit_code < 0 else f"exit code {exit_code}"
    raise InputError(f"{job.name} failed: {errors[-1] if errors else end} (its log: {job.log})")
