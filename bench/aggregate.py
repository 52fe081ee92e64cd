"""How long votes take to become labels, and how much memory: ReaL's own votes, and synthetic ones up to ten times as many.

    python bench/aggregate.py [--labels=DIR] [--crowd-kit-python=PATH]

DIR holds ReaL's raters.npz, golden.npz and raters_golden.npz (by default `labels/` under $IMAGENET_REAL_DATA). PATH is a
Python that has crowd-kit (pip install crowd-kit); its Dawid-Skene runs on the same votes, round by round in turn with ours.
"""

import argparse
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # runs from a checkout that is not installed

from imagenet_real.raters import synthetic  # noqa: E402
from imagenet_real.raters.vote_files import load_votes  # noqa: E402

REAL_PAIRS, RATERS, PER_PAIR, STEPS = 184_962, 85, 5, 10

# Each process reads the votes, does its work, and prints the seconds of the work and the peak of its memory in MB.
PEAK = """
import pathlib, re, sys, time
import numpy as np

def peak():  # of this program alone; what getrusage tells has the parent's in it
    return int(re.search("VmHWM:\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1]) / 1024

arrays = dict(np.load(sys.argv[1]))
votes, steps = len(arrays["question"]), int(sys.argv[2])
"""
OURS = (
    PEAK
    + """
from imagenet_real.raters import dawid_skene as ds
from imagenet_real.raters.votes import Votes
some = Votes(**arrays)
begun = time.perf_counter()
answers = some.votes_of_questions
true = answers @ [0.0, 0.5, 1.0] / np.maximum(answers.sum(axis=1), 1)
for _ in range(steps):
    matrix = ds.matrices(ds.votes_by_truth(some, true), 1.0)
    true = ds.probability(ds.log_odds(some, matrix, float(true.mean())))
print(time.perf_counter() - begun, peak())
"""
)
CROWD_KIT = (
    PEAK
    + """
import pandas
from crowdkit.aggregation import DawidSkene
import warnings
warnings.simplefilter("ignore")
table = pandas.DataFrame({"task": arrays["question"], "worker": arrays["rater"], "label": arrays["answer"]})
begun = time.perf_counter()
DawidSkene(n_iter=steps, tol=0).fit_predict_proba(table)
print(time.perf_counter() - begun, peak())
"""
)


def measured(python: str, code: str, votes: pathlib.Path, steps: int) -> tuple[float, float]:
    """Seconds and peak MB of one process."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [python, "-c", code, str(votes), str(steps)]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    seconds, memory = done.stdout.split()[-2:]
    return float(seconds), float(memory)


def save(path: pathlib.Path, votes) -> None:
    """The arrays of votes, as the processes read them."""
    names = ("image_ids", "classes", "raters", "question", "rater", "answer")
    np.savez(path, **{name: getattr(votes, name) for name in names})


def synthetic_votes(times: int):
    """Votes on so many times the questions of ReaL, by as many raters, five a question."""
    random = np.random.default_rng(0)
    pairs = times * REAL_PAIRS
    crowd = np.stack([synthetic.matrix(*random.uniform(0.7, 0.98, 2), 0.08) for _ in range(RATERS)])
    ids = np.array([f"image{number:07d}" for number in range(pairs // 8 + 1)])
    rows = np.arange(pairs)
    return synthetic.answer(ids[rows // 8], rows % 8, random.random(pairs) < 0.2, crowd, random, per_question=PER_PAIR)


def whole_program(labels: pathlib.Path) -> tuple[float, float, float]:
    """Seconds, seconds of computing and peak MB of `aggregate` on ReaL's votes, the whole process."""
    with tempfile.TemporaryDirectory() as workdir:
        files = {"votes": "raters", "gold": "golden", "gold_votes": "raters_golden"}
        command = [sys.executable, "main.py", "--config=configs/aggregate.py", f"--workdir={workdir}"]
        command += [f"--config.{name}={labels / file}.npz" for name, file in files.items()]
        begun = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            sys.exit("aggregate failed")
        return time.perf_counter() - begun, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--labels", default=os.path.join(os.environ.get("IMAGENET_REAL_DATA", ""), "labels"))
    parser.add_argument("--crowd-kit-python", default=sys.executable)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    labels = pathlib.Path(arguments.labels)
    if not (labels / "raters.npz").exists():
        sys.exit(f"no raters.npz in {labels}: give --labels=DIR")

    whole = [whole_program(labels) for _ in range(arguments.rounds)]
    lines = [
        "$ python bench/aggregate.py",
        f"{os.cpu_count()} cores, Python {platform.python_version()}, NumPy {np.__version__}; median of "
        f"{arguments.rounds} rounds, each in a process of its own.",
        "",
        "aggregate on ReaL's votes, the whole process: "
        f"{statistics.median(run[0] for run in whole):.1f} s, of which {statistics.median(run[1] for run in whole):.1f} s of "
        f"computing; {max(run[2] for run in whole):.0f} MB",
        "",
        f"{STEPS} steps of Dawid and Skene",
        f"{'votes':>22}  {'ours, s':>8}  {'crowd-kit, s':>12}  {'times':>6}  {'ours, MB':>8}  {'crowd-kit, MB':>13}",
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "votes.npz"
        for times in (0, 1, 3, 10):
            votes = synthetic_votes(times) if times else load_votes(labels / "raters.npz")
            name = f"{len(votes):,} {'synthetic' if times else 'of ReaL'}"
            save(path, votes)
            del votes
            rounds = [
                (
                    measured(sys.executable, OURS, path, STEPS),
                    measured(arguments.crowd_kit_python, CROWD_KIT, path, STEPS),
                )
                for _ in range(arguments.rounds)
            ]
            (ours, own_memory), (theirs, their_memory) = (
                (statistics.median(run[0] for run in runs), max(run[1] for run in runs))
                for runs in zip(*rounds, strict=True)
            )
            row = f"{name:>22}  {ours:>8.2f}  {theirs:>12.2f}  {theirs / ours:>6.1f}  {own_memory:>8.0f}  {their_memory:>13.0f}"
            lines.append(row)
            print(row, flush=True)
    text = "\n".join(lines) + "\n"
    print(text, end="")
    (ROOT / "bench" / "results" / "aggregate.txt").write_text(text)


if __name__ == "__main__":
    main()
