"""How long a report of 300 models takes as a whole process, beside scoring alone, and how much memory.

    python bench/report.py --predictions=DIR

DIR holds predictions of models on the 50,000 validation images (by default `predictions/` under $IMAGENET_REAL_DATA). The
others are these models with some answers exchanged at random, from fixed seeds.
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

MODELS = 300


def write_models(files: list[pathlib.Path], folder: pathlib.Path) -> None:
    """As they are, and again with the first answers of 1 to 10 % of the images exchanged with the second ones."""
    models = [load_predictions(file) for file in files]
    for number in range(MODELS):
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
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    files = sorted(pathlib.Path(arguments.predictions).glob("*.npz"))
    if not files:
        sys.exit("no .npz file of predictions: give --predictions=DIR")
    lines = [
        f"$ python bench/report.py --predictions=predictions --repeats={arguments.repeats}",
        f"{os.cpu_count()} cores, Python {platform.python_version()}, NumPy {np.__version__}; the fastest of {arguments.repeats} whole",
        "processes each, in turns; five label sets, all files written.",
        "",
        f"{'models':>6}  {'report':>6}  {'seconds':>7}  {'CPU s':>5}  {'peak MB':>7}  {'page, MB':>8}",
    ]
    with tempfile.TemporaryDirectory() as folder:
        write_models(files, pathlib.Path(folder))
        for count, pattern in ((1, str(files[len(files) // 2])), (MODELS, f"{folder}/*.npz")):
            runs = {"no": [], "yes": []}
            for _ in range(arguments.repeats):
                runs["no"].append(measure(pattern, "--config.report=False"))
                runs["yes"].append(measure(pattern))
            for report, found in runs.items():
                seconds, busy, memory, size = zip(*found, strict=True)
                page = f"{size[0] / 1e6:8.2f}" if size[0] else ""
                lines.append(
                    f"{count:>6}  {report:>6}  {min(seconds):>7.2f}  {min(busy):>5.1f}  {max(memory):>7.0f}  {page}".rstrip()
                )
    text = "\n".join(lines) + "\n"
    print(text, end="")
    (ROOT / "bench" / "results" / "report.txt").write_text(text)


if __name__ == "__main__":
    main()
