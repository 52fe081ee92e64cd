"""Reads damaged files through the command line, as a user does."""

import os
import pathlib
import random
import shutil
import subprocess

from tests import ROOT, commands
from tests.fuzz import child
from tests.fuzz.kinds import Kind, all_kinds
from tests.fuzz.mutations import mutate

SECONDS = 60.0


def run(cases: int, seed: int, root: pathlib.Path) -> list[str]:
    """Runs commands with `cases` damaged files. Returns what is wrong with each that does not end as it should."""
    kinds = [kind for kind in all_kinds().values() if kind.command]
    child.write_cache(root)
    failures = []
    for number in range(cases):
        kind = kinds[number % len(kinds)]
        outcome, detail = run_case(kind, seed * 1_000_003 + number, root)
        if outcome not in ("read", "refused"):
            failures.append(f"{kind.name} --case={seed * 1_000_003 + number}: {outcome}: {detail}")
    return failures


def run_case(kind: Kind, seed: int, root: pathlib.Path) -> tuple[str, str]:
    """Runs the command of a kind with a damaged file. Returns what happened, as `child.read`."""
    folder, path = child.prepare(kind, root)
    work, workdir = root / "case", root / "workdir"
    for place in (work, workdir):
        shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(folder, work)
    file = work / path
    file.write_bytes(mutate(file.read_bytes(), kind.format, random.Random(f"{kind.name} {seed}")))
    replaced = {"FILE": str(file), "FOLDER": str(work), "WORKDIR": str(workdir)}
    words = [_replace(word, replaced) for word in kind.command]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "XDG_CACHE_HOME": str(root / "cache"),
        "IMAGENET_REAL_DATA": "",
    }
    try:
        done = commands.run(words, module="imagenet_real", env=environment, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return "hang", f"more than {SECONDS:.0f} s"
    if "Traceback" in done.stderr:
        return "traceback", done.stderr.strip().splitlines()[-1][:200]
    return child.judge(done.stderr, done.returncode, file, kind.names) if done.returncode else ("read", "")


def _replace(word: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        word = word.replace(name, value)
    return word
