"""Pins the repositories in imagenet_real/models/weights.csv to commits: python -m tests.models.record_revisions

Asks the Hub for the newest commit of each repository without one, and writes ORG/NAME@COMMIT. Run it where the Hub can be
reached; a repository that does not answer stays as it is. `--anew` replaces the commits that are known.
"""

import csv
import sys
from collections.abc import Callable

from imagenet_real.errors import InputError
from imagenet_real.models import hub
from tests.models.record_operations import FILE


def newest_commit(repository: str) -> str:
    """Returns the commit of the default branch. Raises InputError if the repository does not exist or answer."""
    return hub.commit_of(repository)


def pinned(
    rows: list[dict[str, str]], commit_of: Callable[[str], str] = newest_commit, *, anew: bool = False
) -> list[str]:
    """Pins the column `hub` of the rows, and returns a line for each repository that stays as it is."""
    problems = []
    for row in rows:
        repository, _, commit = row["hub"].partition("@")
        if not repository or (commit and not anew):
            continue
        try:
            row["hub"] = f"{repository}@{commit_of(repository)}"
        except InputError as error:
            problems.append(str(error))
    return problems


def main(anew: bool) -> None:
    with open(FILE, newline="") as file:
        rows = list(csv.DictReader(file))
    problems = pinned(rows, anew=anew)
    with open(FILE, "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print("\n".join(problems))
    count = sum("@" in row["hub"] for row in rows)
    print(f"{count} of {sum(bool(row['hub']) for row in rows)} sets of weights on the Hub are pinned")


if __name__ == "__main__":
    main("--anew" in sys.argv[1:])
