"""How long scoring takes as a whole process, and how much memory: one model, then all of a folder.

    python bench/score.py --predictions=DIR

DIR holds predictions of models on the 50,000 validation images (by default `predictions/` under $IMAGENET_REAL_DATA).
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

ROOT = pathlib.Path(__file__).resolve().parent.parent
REPEATS = 5


def measure(pattern: str) -> tuple[float, float]:
    """Seconds and peak MB of one process of `score`, start to end."""
    with tempfile.TemporaryDirectory() as workdir:
        command = [sys.executable, "main.py", "--config=configs/score.py", f"--config.predictions={pattern}"]
        command.append("--config.report=False")  # the page has a measurement of its own: bench/report.py
        begun = time.perf_counter()
        process = subprocess.Popen([*command, f"--workdir={workdir}"], cwd=ROOT, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begun
    if status:
        sys.exit(f"scoring {pattern} failed")
    return seconds, usage.ru_maxrss / (2**20 if platform.system() == "Darwin" else 2**10)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--predictions", default=os.path.join(os.environ.get("IMAGENET_REAL_DATA", ""), "predictions"))
    folder = pathlib.Path(parser.parse_args().predictions)
    files = sorted(folder.glob("*.npz"))
    if not files:
        sys.exit(f"no .npz file in {folder}: give --predictions=DIR")
    lines = [
        "$ python bench/score.py",
        f"{os.cpu_count()} cores, Python {platform.python_version()}; median of {REPEATS} whole processes, six label sets,",
        "intervals, files written.",
        "",
        f"{'models':>6}  {'seconds':>7}  {'slowest':>7}  {'peak MB':>7}",
    ]
    for count, pattern in ((1, str(files[len(files) // 2])), (len(files), str(folder / "*.npz"))):
        runs = [measure(pattern) for _ in range(REPEATS)]
        seconds, memory = zip(*runs, strict=True)
        lines.append(f"{count:>6}  {statistics.median(seconds):>7.2f}  {max(seconds):>7.2f}  {max(memory):>7.0f}")
    text = "\n".join(lines) + "\n"
    print(text, end="")
    (ROOT / "bench" / "results" / "score.txt").write_text(text)


if __name__ == "__main__":
    main()
