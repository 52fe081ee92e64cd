"""Runs programs with odd values in their fields: python -m tests.fuzz.fields --count=200 --seed=0

A program ends well, or in one line of at most 300 characters, and within 30 seconds.
"""

import argparse
import pathlib
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator

from imagenet_real.cli import configs
from tests.golden.programs import PROGRAMS, Command, Session

SECONDS = 30
MAX_MESSAGE = 300
WORDS = (
    ":",
    "",
    " ",
    ",",
    "::",
    "a:b",
    "..",
    "../..",
    "/",
    "/dev/null",
    "/dev/zero",
    "~",
    "~nobody",
    "*",
    "[",
    "{0..9}",
)
WORDS += ("=cmd|' /C calc'!A0", "%s", "$(id)", "`id`", "\x1b[2J", "a\nb", "é", "\udcff", "x" * 300, "x" * 5000, "None")
WORDS += (
    "tfds:",
    "tfds:x:y:z",
    "gs://",
    "gs://x/y",
    "hf_hub:",
    "hf_hub:../x@y",
    "http://x",
    "file:///etc/passwd",
    "-1",
)
NUMBERS = (
    "-1",
    "0",
    "1e999",
    "-inf",
    "nan",
    "1_000",
    "0x10",
    "99999999999999999999",
    "1.5",
    "1e-320",
    "",
    "a",
    "()",
    "[1]",
)
TRUTHS = ("", "2", "yes", "None", "[]", "truetrue")
LISTS = (
    "()",
    "(0,)",
    "(1,1)",
    "(-1,)",
    "(1e9,)",
    "1",
    "(1,2",
    "[[1]]",
    "('a',)",
    "(" * 200 + ")" * 200,
    "(nan,)",
    ":",
    "(1,)*9**9",
)


def cases(seed: int) -> Iterator[tuple[str, Command, dict[str, str]]]:
    """Yields programs, a command of each, and the odd values of one or two of its fields."""
    chance = random.Random(seed)
    loaded = {name: configs.load_config(path) for name, path in configs.shipped_configs().items()}
    programs = [
        program for program in PROGRAMS if program not in ("review", "compare", "clean")
    ]  # servers, and long ones
    while True:
        program = chance.choice(programs)
        command = chance.choice(PROGRAMS[program])
        fields = [
            (name, value)
            for name, value in loaded[command.config].items()
            if name != "program" and not hasattr(value, "items")
        ]
        chosen = chance.sample(fields, min(len(fields), chance.choice((1, 1, 1, 2))))
        yield program, command, {name: chance.choice(_values(value)) for name, value in chosen}


def _values(value: object) -> tuple[str, ...]:
    if isinstance(value, bool):
        return TRUTHS
    if isinstance(value, int | float):
        return NUMBERS
    return LISTS if isinstance(value, tuple | list) else WORDS


def run_case(session: Session, command: Command, fields: dict[str, str], workdir: pathlib.Path) -> str:
    """Runs a command. Returns what is wrong with its end, or ""."""
    process = session.start(command, workdir, fields)
    try:
        _, error = process.communicate(SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        _, error = process.communicate()
        return "" if "listing " in error else f"no end within {SECONDS} seconds"  # a large folder
    if "Traceback" in error:
        return f"a traceback: {error.strip().splitlines()[-1][:300]}"
    if process.returncode == 0:
        return ""
    lines = [line for line in error.splitlines() if line.startswith("error: ")]
    if process.returncode not in (1, 2) or len(lines) != 1 or error.strip().splitlines()[-1] != lines[0]:
        return f"exit code {process.returncode} and {len(lines)} lines of error: {error[-300:]!r}"
    if len(lines[0]) > MAX_MESSAGE + len("error: "):
        return f"{len(lines[0])} characters: {lines[0][:400]}"
    return ""


def run(count: int, seed: int, folder: pathlib.Path, log=lambda text: None) -> list[str]:
    """Runs `count` commands. Returns what is wrong with each that does not end as it should."""
    session, faults = Session(folder / "session"), []
    for program in ("relabel", "prepare"):  # others read what they write
        session.results(program)
    for number, (program, command, fields) in zip(range(count), cases(seed), strict=False):
        if fault := run_case(session, command, fields, folder / f"work{number}"):
            shown = {
                name: value if len(value) < 60 else f"{value[:9]}... ({len(value)})" for name, value in fields.items()
            }
            faults.append(f"{number}: {program} {command.name} {shown}: {fault}")
            log(faults[-1])
    return faults


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.fields", description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fields_") as folder:
        faults = run(options.count, options.seed, pathlib.Path(folder), lambda text: print(text, flush=True))
    print(f"{options.count} commands, {len(faults)} faults")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
