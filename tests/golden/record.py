"""Records what every program writes and prints: python -m tests.golden.record [PROGRAM ...]"""

import json
import pathlib
import sys
import tempfile
from typing import Any

from tests.golden.programs import PROGRAMS, Session

EXPECTED = pathlib.Path(__file__).parent / "expected"


def record(session: Session, program: str) -> dict[str, Any]:
    """What each command of a program writes and prints, by its name, as JSON has it."""
    return json.loads(json.dumps(session.results(program)))


def load(program: str) -> dict[str, Any]:
    """What was recorded of a program."""
    return json.loads((EXPECTED / f"{program}.json").read_text(encoding="utf-8"))


def as_text(recorded: dict[str, Any]) -> str:
    """The recorded values as JSON, a line a file."""
    commands = []
    for name, command in recorded.items():
        files = [f"   {json.dumps(file)}: {json.dumps(content)}" for file, content in command["files"].items()]
        lines = [f"   {json.dumps(line)}" for line in command["stdout"]]
        commands.append(
            f" {json.dumps(name)}: {{\n"
            f'  "stdout": [{_block(lines)}],\n'
            f'  "numbers": {json.dumps(command["numbers"])},\n'
            f'  "files": {{{_block(files)}}}\n }}'
        )
    return "{\n" + ",\n".join(commands) + "\n}\n"


def _block(lines: list[str]) -> str:
    return "\n" + ",\n".join(lines) + "\n  " if lines else ""


def main(programs: list[str]) -> None:
    EXPECTED.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        session = Session(pathlib.Path(folder))
        for program in programs or PROGRAMS:
            text = as_text(record(session, program))
            (EXPECTED / f"{program}.json").write_text(text, encoding="utf-8")
            print(f"{program}: {len(text):,} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
