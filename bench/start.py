"""From the command to the first image: `evaluate` as a whole process on a few images, with an empty and a warm cache.

    python bench/start.py --weights=FILE --images=FOLDER

The whole command is measured, so the first image comes earlier. The cache of compiled models is the one that the program
uses by itself, in an empty folder.
"""

import argparse
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
RESULT = ROOT / "bench" / "results" / "start.txt"
DATA = pathlib.Path(os.environ.get("IMAGENET_REAL_DATA", ""))


def seconds_of(command: list[str], cache: str) -> tuple[float, float]:
    """Seconds, and the processor's seconds, of a command."""
    environment = {name: value for name, value in os.environ.items() if name != "JAX_COMPILATION_CACHE_DIR"}
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        env=environment | {"XDG_CACHE_HOME": cache},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{' '.join(command)} failed")
    return time.perf_counter() - begun, usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="vit_tiny_patch16_224")
    parser.add_argument("--weights", default=DATA / "weights" / "vit_tiny_patch16_224.safetensors")
    parser.add_argument("--images", default=DATA / "images" / "val20_fullsize")
    parser.add_argument("--repeats", type=int, default=3, help="with a warm cache")
    arguments = parser.parse_args()
    lines = [
        "$ python bench/start.py",
        f"{os.cpu_count()} cores, Python {platform.python_version()}; {arguments.model} on 20 images, in batches of 4, whole process",
        "",
        f"{'':24}{'seconds':>9}{'CPU s':>8}",
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
            lines.append(f"{name:24}{min(row[0] for row in times):9.2f}{min(row[1] for row in times):8.2f}")
    text = "\n".join(lines) + "\n"
    print(text, end="")
    RESULT.write_text(text)


if __name__ == "__main__":
    main()
