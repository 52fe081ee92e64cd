"""From the command to the first images: `evaluate` with an empty and a warm cache of compiled models.

    python bench/start.py --weights=FILE --images=FOLDER

"first images" is when the bar of the program counts its first batch, and "whole" is when the process ends. The cache is
the one that the program uses by itself, in an empty folder.
"""

import argparse
import contextlib
import math
import os
import pathlib
import platform
import pty
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
RESULT = ROOT / "bench" / "results" / "start.txt"
FIRST_IMAGES = re.compile(r"predicting[^\r\n]*\| *[1-9]\d*/\d+ \[")
DATA = pathlib.Path(os.environ.get("IMAGENET_REAL_DATA", ""))


def seconds_of(command: list[str], cache: str) -> tuple[float, float, float]:
    """Seconds to the first images, seconds in all, and the processor's seconds of a command."""
    environment = {name: value for name, value in os.environ.items() if name != "JAX_COMPILATION_CACHE_DIR"}
    terminal, stderr = pty.openpty()  # a bar is drawn on a terminal alone
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        env=environment | {"XDG_CACHE_HOME": cache, "COLUMNS": "120"},
        stdout=subprocess.DEVNULL,
        stderr=stderr,
    )
    os.close(stderr)
    printed, first = "", math.nan
    with contextlib.suppress(OSError):  # the terminal is gone with the process
        while text := os.read(terminal, 2**16).decode(errors="replace"):
            printed += text
            if math.isnan(first) and FIRST_IMAGES.search(printed):
                first = time.perf_counter() - begun
    _, status, usage = os.wait4(process.pid, 0)
    os.close(terminal)
    if status:
        sys.exit(f"{' '.join(command)} failed: {printed}")
    return first, time.perf_counter() - begun, usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="vit_tiny_patch16_224")
    parser.add_argument("--weights", default=DATA / "weights" / "vit_tiny_patch16_224.safetensors")
    parser.add_argument("--images", default=DATA / "images" / "val20_fullsize")
    parser.add_argument("--repeats", type=int, default=3, help="with a warm cache")
    arguments = parser.parse_args()
    lines = [
        "$ python bench/start.py",
        f"{os.cpu_count()} cores, Python {platform.python_version()}; {arguments.model} on 20 images, in batches of 4",
        "",
        f"{'':24}{'first images':>13}{'whole':>9}{'CPU s':>8}",
    ]
    with tempfile.TemporaryDirectory() as folder:
        command = ["main.py", "--config=configs/evaluate.py", f"--config.model={arguments.model}"]
        command += [f"--config.weights={arguments.weights}", f"--config.images={arguments.images}"]
        command += ["--config.batch_size=4", "--config.report=False"]
        rows = {"imports alone": [seconds_of(["-c", "import imagenet_real.programs.evaluate"], folder)]}
        for name, count in (("evaluate, empty cache", 1), ("evaluate, warm cache", arguments.repeats)):
            rows[name] = [
                seconds_of([*command, f"--workdir={folder}/{name[10:]}{turn}"], folder) for turn in range(count)
            ]
        for name, times in rows.items():
            first, whole, processor = map(min, zip(*times, strict=True))
            lines.append(f"{name:24}{'' if math.isnan(first) else f'{first:.2f}':>13}{whole:9.2f}{processor:8.2f}")
    text = "\n".join(lines) + "\n"
    print(text, end="")
    RESULT.write_text(text)


if __name__ == "__main__":
    main()
