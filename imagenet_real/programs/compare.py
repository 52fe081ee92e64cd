"""Compares losses and training labels: trains every combination, length and seed, several runs at a time.

Keeps complete runs, continues interrupted ones, and makes the clean list first if none is given.
"""

import functools
import os
import shlex
import sys
import tempfile
from typing import Any

from etils import epath
from ml_collections import ConfigDict

from imagenet_real.builders import comparison as plans
from imagenet_real.builders import training
from imagenet_real.builders.comparison import PlannedRun
from imagenet_real.builders.training_data import open_split
from imagenet_real.io import provenance
from imagenet_real.programs import clean, train
from imagenet_real.report.comparison import as_text, write_boards, write_comparison
from imagenet_real.report.printing import show, show_written, tagged
from imagenet_real.runtime.jobs import Job, run_jobs
from imagenet_real.runtime.workdir import lock_workdir
from imagenet_real.scoring.comparison import Comparison, compare

SECONDS_TO_WAIT = 300.0
UNUSED = plans.UNUSED
OUTPUTS = ("comparison.json", "comparison.png")  # files that no input may be


def run(config: ConfigDict, workdir: epath.Path) -> Comparison:
    """Trains the missing runs, writes comparison.json and comparison.png, and prints the tables."""
    plans.check(config)
    plans.check_place(config, workdir)
    with lock_workdir(workdir):
        source = open_split(config, config.split)  # prepares an embedded dataset, once for all runs
        plan = plans.plan_runs(config, workdir)
        for planned in plan:
            training.check(planned.config)
        _run_missing(config, plan)
        runs = [planned for planned in plan if planned.variant]
        comparison = compare(
            [row for planned in runs for row in planned.rows()],
            plans.reference_rows(config, source),
            {
                **provenance.versions(),
                "config": config.to_dict(),
                "images": {"source": source.name, "count": len(source), "fingerprint": source.fingerprint},
            },
            [row for planned in runs for row in planned.label_ranking()],
        )
        write_comparison(workdir, comparison)
        write_boards(workdir / "tensorboard", comparison)
    rows = tagged(accuracy=comparison.summary, difference=comparison.pairs, reference=comparison.references)
    show(config.format, rows, as_text(comparison))
    board = f"tensorboard --logdir={shlex.quote(os.fspath(workdir / 'tensorboard'))}"
    show_written(config.format, workdir, ["comparison.json", "comparison.png", "tensorboard"], board)
    return comparison


def _run_missing(config: ConfigDict, plan: list[PlannedRun]) -> None:
    done = [planned for planned in plan if planned.is_done()]
    missing = [planned for planned in plan if planned not in done]
    count = plans.jobs_at_once(config)
    print(f"{len(done)} of {len(plan)} runs are done; {count} at once.", file=sys.stderr)
    if not missing:
        return
    names = {planned.name for planned in missing}
    for planned in missing:  # a run of a comparison that was killed may still save its last step
        with lock_workdir(planned.folder, wait=SECONDS_TO_WAIT):
            pass
    jobs = [_job(planned, names) for planned in missing]
    size = sum(planned.size for planned in done)
    with tempfile.TemporaryDirectory(prefix="compiled_") as compiled:
        environment = plans.job_environment(config, compiled)
        run_jobs(jobs, count, environment, unit=config.length_in, done=size, modules=(train.__name__, clean.__name__))


def _job(planned: PlannedRun, missing: set[str]) -> Job:
    """Returns the job of a run. It waits for the runs of `missing` that it needs."""
    fields, run_program = planned.config.to_dict(), _run_clean if planned.clean_dir else _run_train
    return Job(
        name=planned.name,
        run=functools.partial(run_program, fields, planned.clean_dir or planned.folder),
        log=planned.folder / "log.txt",
        size=planned.size,
        share=planned.share,
        needs=tuple(name for name in planned.needs if name in missing),
    )


def _run_train(fields: dict[str, Any], folder: epath.Path) -> None:
    train.run(ConfigDict(fields), folder)


def _run_clean(fields: dict[str, Any], folder: epath.Path) -> None:
    clean.run(ConfigDict(fields), folder)
