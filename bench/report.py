"""How long a report of 1,556 models takes as a whole process, beside scoring alone, and how much memory.

    python bench/report.py --predictions=DIR

DIR holds predictions of models on the 50,000 validation images (by default `predictions/` under $IMAGENET_REAL_DATA). The
others are these models with some answers exchanged at random, from fixed seeds. 1,556 models are as many as timm's table
has. `--counts=1,47` measures other numbers of models, and keeps the lines of the others in the result.
"""

import argparse
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

from imagenet_real.predictions.predictions import Predictions, load_predictions, save_predictions  # noqa: E402

RESULT = ROOT / "bench" / "results" / "report.txt"


def write_models(files: list[pathlib.Path], folder: pathlib.Path, count: int) -> None:
    """As they are, and again with the first answers of 1 to 10 % of the images exchanged with the second ones."""
    models = [load_predictions(file) for file in files]
    for number in range(count):
        model, turn = models[number % len(models)], number // len(models)
        random = np.random.default_rng(number)
        top = model.top.astype(np.int16)
        if turn:
            rows = np.flatnonzero(random.random(len(top)) < random.uniform(0.01, 0.1))
            top[rows, :2] = top[rows, 1::-1]
        save_predictions(folder / f"{model.name}_{turn}.npz", Predictions(model.image_ids, top, num_classes=1000))


def measure(pattern: str, *options: str) -> tuple[float, float, float, int]:
    """Seconds, the processor's seconds and peak MB of one process of `score`, start to end, and the bytes of its page."""
    with tempfile.TemporaryDirectory() as workdir:
        command = [sys.executable, "main.py", "--config=configs/score.py", f"--config.predictions={pattern}", *options]
        begun = time.perf_counter()
        process = subprocess.Popen([*command, f"--workdir={workdir}"], cwd=ROOT, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begun
        page = pathlib.Path(workdir) / "report.html"
        size = page.stat().st_size if page.exists() else 0
    if status:
        sys.exit(f"scoring {pattern} failed")
    memory = usage.ru_maxrss / (2**20 if platform.system() == "Darwin" else 2**10)
    return seconds, usage.ru_utime + usage.ru_stime, memory, size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--predictions", default=os.path.join(os.environ.get("IMAGENET_REAL_DATA", ""), "predictions"))
    parser.add_argument("--counts", default="1,47,300,1556", help="of models")
    parser.add_argument("--repeats", type=int, default=1)
    arguments = parser.parse_args()
    files = sorted(pathlib.Path(arguments.predictions).glob("*.npz"))
    if not files:
        sys.exit("no .npz file of predictions: give --predictions=DIR")
    measured = {}
    if RESULT.exists():
        rows = [line for line in RESULT.read_text().splitlines() if line[:6].strip().isdecimal()]
        measured = {(int(line[:6]), line[6:14].strip()): line for line in rows}
    for count in map(int, arguments.counts.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            write_models(files, pathlib.Path(folder), count)
            runs: dict[str, list] = {"no": [], "yes": []}
            for _ in range(arguments.repeats):
                runs["no"].append(measure(f"{folder}/*.npz", "--config.report=False"))
                runs["yes"].append(measure(f"{folder}/*.npz"))
        for report, values in runs.items():
            seconds, busy, memory, size = zip(*values, strict=True)
            page = f"{size[0] / 1e6:8.2f}" if size[0] else ""
            line = f"{count:>6}  {report:>6}  {min(seconds):>7.2f}  {min(busy):>5.1f}  {max(memory):>7.0f}  {page}".rstrip()
            measured[count, report] = line
            print(line, flush=True)
    lines = [
        "$ python bench/report.py --predictions=predictions",
        f"{os.cpu_count()} cores, Python {platform.python_version()}, NumPy {np.__version__}; whole processes;",
        "five label sets with intervals, all files written.",
        "",
        f"{'models':>6}  {'report':>6}  {'seconds':>7}  {'CPU s':>5}  {'peak MB':>7}  {'page, MB':>8}",
        *(measured[key] for key in sorted(measured)),
    ]
    RESULT.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
