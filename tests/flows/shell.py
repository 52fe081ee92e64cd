"""A terminal for tests: it types the commands of a document into a folder that is empty at first."""

import contextlib
import os
import pathlib
import shlex
import signal
from collections.abc import Iterator, Mapping

from tests import commands
from tests.review_app.small import Client


class Shell:
    """Types commands into `folder`, with `short` fields of each program in place of its own, which make it quick."""

    def __init__(self, folder: pathlib.Path, short: Mapping[str, str] = {}, **environment: str):
        self.folder, self.short, self.typed = folder, dict(short), []
        self._environment = {**os.environ, "JAX_PLATFORMS": "cpu", "COLUMNS": "100", **environment}

    def start(self, command: str) -> commands.Command:
        self.typed.append(command)
        _, program, *arguments = shlex.split(command)
        short = self.short.get(program, "").split()
        replaced = {word.partition("=")[0] for word in short}
        words = [program, *(word for word in arguments if word.partition("=")[0] not in replaced), *short]
        return commands.Command(words, module="imagenet_real", env=self._environment, folder=self.folder)

    def run(self, command: str, code: int = 0) -> str:
        """What a command prints on stdout and stderr. Raises if it ends with another exit code."""
        process = self.start(command)
        out, error = process.communicate(timeout=120)
        assert process.returncode == code, f"{command}\n{out}\n{error}"
        return out + error

    @contextlib.contextmanager
    def served(self, command: str) -> Iterator[tuple[Client, list[str]]]:
        """A client of the pages that a command serves until Ctrl-C, and what it prints: its lines at the end too."""
        process = self.start(command)
        address = process.wait_for(r"(?s)(.*)http://[\d.]+:(\d+)")
        printed = [address[0]]
        try:
            yield Client(int(address[2])), printed
        finally:
            process.send_signal(signal.SIGINT)
            out, error = process.communicate(timeout=60)
            printed.append(out + error)
