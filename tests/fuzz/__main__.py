"""The command of the campaign: python -m tests.fuzz --cases=20000 --seed=0"""

import argparse
import pathlib
import sys
import tempfile
import time

from tests.fuzz import campaign, child, command_line
from tests.fuzz.kinds import all_kinds


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=20_000, help="number of damaged files")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, help="end after this time")
    parser.add_argument("--kinds", default="", help="only kinds whose name contains this text")
    parser.add_argument("--case", type=int, help="read the one case of this seed, and show what happens")
    parser.add_argument("--commands", type=int, default=0, help="number of further files that commands read")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    kinds = [name for name in all_kinds() if arguments.kinds in name]
    if arguments.case is not None:
        return _show(kinds[0], arguments.case)
    deadline = None if arguments.minutes is None else time.monotonic() + 60 * arguments.minutes
    tallies = campaign.run(kinds, arguments.cases, arguments.seed, arguments.workers, deadline)
    print(campaign.table(tallies))
    for kind, tally in tallies.items():
        for detail, (seed, _) in tally.examples.items():
            print(f"{kind} --case={seed}: {detail}")
    failures = []
    if arguments.commands:
        with tempfile.TemporaryDirectory() as folder:
            failures = command_line.run(arguments.commands, arguments.seed, pathlib.Path(folder))
        print(f"{arguments.commands} commands, {len(failures)} failures", *failures, sep="\n")
    return int(bool(failures) or any(tally.failures for tally in tallies.values()))


def _show(kind: str, seed: int) -> int:
    """Reads one case in this process, with the whole traceback."""
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        kinds = all_kinds()
        print(child.run_case(kinds[kind], seed, root))
        whole, path = child.prepare(kinds[kind], root)
        content = (root / "case" / path).read_bytes()
        print(len((whole / path).read_bytes()), "->", len(content), content[:2000])
        kinds[kind].read(root / "case" / path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
