"""How long 1,000 slices of 47 models take as a whole process: 50 attributes of 20 values, five label sets, top-1 and top-5.

    python bench/slices.py --predictions=DIR

DIR holds predictions of models on the 50,000 validation images (by default `predictions/` under $IMAGENET_REAL_DATA). The
attributes are random, from a fixed seed.
"""

import argparse
import csv
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
import time

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from imagenet_real.labels.imagenet import validation_ids  # noqa: E402

RESULT = ROOT / "bench" / "results" / "slices.txt"
COLUMNS, VALUES = 50, 20


def write_attributes(path: pathlib.Path) -> None:
    """A table of attributes: each image has one value of each."""
    values = np.random.default_rng(0).integers(VALUES, size=(len(validation_ids()), COLUMNS))
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["image_id", *(f"attribute {column}" for column in range(COLUMNS))])
        for name, row in zip(validation_ids().tolist(), values.tolist(), strict=True):
            table.writerow([name, *(f"value {value:02}" for value in row)])


def measure(pattern: str, slices: str) -> tuple[float, float, float, int]:
    """Seconds, the processor's seconds and peak MB of one process of `score`, and the slices of the first model's first row."""
    with tempfile.TemporaryDirectory() as workdir:
        command = [sys.executable, "main.py", "--config=configs/score.py", f"--config.predictions={pattern}"]
        command += [f"--config.slices={slices}", f"--workdir={workdir}"]
        begun = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begun
        rows = 0
        if slices and not status:
            with open(pathlib.Path(workdir) / "slices.csv", newline="") as file:
                rows = sum(1 for _ in file) - 1
    if status:
        sys.exit(f"scoring {pattern} failed")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 2**10, rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--predictions", default=os.path.join(os.environ.get("IMAGENET_REAL_DATA", ""), "predictions"))
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    files = sorted(pathlib.Path(arguments.predictions).glob("*.npz"))
    if not files:
        sys.exit("no .npz file of predictions: give --predictions=DIR")
    lines = [
        f"$ python bench/slices.py --predictions=predictions --repeats={arguments.repeats}",
        f"{os.cpu_count()} cores, Python {platform.python_version()}, NumPy {np.__version__}; the fastest of {arguments.repeats} whole",
        f"processes; {len(files)} models, five label sets, top-1 and top-5, all files and the page written.",
        "",
        f"{'slices':>6}  {'seconds':>7}  {'CPU s':>5}  {'peak MB':>7}  {'rows':>9}",
    ]
    with tempfile.TemporaryDirectory() as folder:
        table = pathlib.Path(folder) / "attributes.csv"
        write_attributes(table)
        for count, slices in ((0, ""), (COLUMNS * VALUES, str(table))):
            runs = [measure(f"{arguments.predictions}/*.npz", slices) for _ in range(arguments.repeats)]
            seconds, busy, memory, rows = zip(*runs, strict=True)
            lines.append(f"{count:>6,}  {min(seconds):>7.2f}  {min(busy):>5.1f}  {max(memory):>7.0f}  {rows[0]:>9,}")
            print(lines[-1], flush=True)
    RESULT.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
