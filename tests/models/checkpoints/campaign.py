"""A campaign of malicious checkpoints: `python -m tests.models.checkpoints.campaign --count=1000 --seed=0`.

Each file is read in a process of its own, under an audit hook that reports whatever runs. A file passes if it is read or
refused in one line that names it, within a second of computing time and within 1.5 times its size, beside what Python
takes for any file.
"""

import argparse
import collections
import dataclasses
import json
import os
import pathlib
import resource
import sys
import tempfile

import numpy as np

from imagenet_real.errors import InputError
from imagenet_real.models.checkpoints.tensors import open_tensors
from tests.models.checkpoints.malicious import make, saved, tensors

MAX_SECONDS = 1.0
MAX_MEMORY = 1.5  # of the size of the file
BASE_MEMORY = 128 << 20  # bytes: a million steps of a pickle make values of 100 MB, and a file of a kilobyte makes none
MAX_MESSAGE = 300


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a file was read: `fault` is empty if it was read or refused as it should."""

    fault: str
    message: str  # "" if it was read
    seconds: float
    memory: int  # bytes


# What reading never does.
EVENTS = frozenset(
    (
        *(
            "import",
            "exec",
            "marshal.loads",
            "pickle.find_class",
            "ctypes.dlopen",
            "socket.connect",
            "subprocess.Popen",
        ),
        *("os.system", "os.exec", "os.posix_spawn", "os.fork", "os.remove", "os.mkdir", "os.rename", "shutil.rmtree"),
    )
)


def read_all(file: pathlib.Path) -> str:
    """Reads a file as the program does. Returns the message of its refusal, or ""."""
    try:
        tensors = open_tensors(file)
        for name, shape in tensors.shapes.items():
            if np.prod(shape, dtype=float) < 1e6:
                np.array(tensors.read(name))
    except InputError as error:
        return str(error)
    return ""


def watched(file: pathlib.Path) -> Outcome:
    """Reads a file in a process of its own."""
    reader, writer = os.pipe()
    process = os.fork()
    if not process:
        os.close(reader)
        os.write(writer, json.dumps(_outcome_in_child(file)).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        answer = pipe.read()
    _, status, usage = os.wait4(process, 0)
    if answer:
        return Outcome(*json.loads(answer))
    return Outcome(f"it ended with status {status}", "", usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def _outcome_in_child(file: pathlib.Path) -> tuple[str, str, float, int]:
    events: list[str] = []
    sys.addaudithook(lambda event, _: events.append(event) if event in EVENTS else None)
    resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
    before = resource.getrusage(resource.RUSAGE_SELF)
    try:
        message = read_all(file)
        fault = f"it ran {events[0]}" if events else _fault_of(message, file)
    except BaseException as error:  # any other end is a fault
        message, fault = "", f"{type(error).__name__}: {error}"[:200]
    after = resource.getrusage(resource.RUSAGE_SELF)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return fault, message[:1000], seconds, (after.ru_maxrss - before.ru_maxrss) * 1024


def _fault_of(message: str, file: pathlib.Path) -> str:
    if not message:
        return ""
    if str(file) not in message or len(message) > MAX_MESSAGE + len(str(file)) or not message.isprintable():
        return f"a message of {len(message)} characters: {message[:200]!r}"
    return ""


def campaign(count: int, seed: int, folder: pathlib.Path, first: int = 0) -> dict[str, list[Outcome]]:
    """Reads `count` files. Returns the outcomes by kind; those that take too much have a fault as well."""
    file = folder / "file.pth"
    random = np.random.default_rng(0)
    for write in (lambda: file.write_bytes(saved(tensors(), random)), lambda: np.savez(file.open("wb"), **tensors())):
        write()
        read_all(file)  # imports what readers import on first use
    "\0".encode("unicode_escape")  # imports the codec with which a message shows such a name
    outcomes = collections.defaultdict(list)
    for number in range(first, first + count):
        kind, content = make(number, seed)
        file.write_bytes(content)
        size = len(content)
        del content
        own = watched(file)
        if not own.fault and own.seconds > MAX_SECONDS:
            own = dataclasses.replace(own, fault=f"{own.seconds:.1f} s")
        if not own.fault and own.memory > MAX_MEMORY * size + BASE_MEMORY:
            own = dataclasses.replace(own, fault=f"{own.memory:,} bytes of memory for {size:,}")
        if own.fault:
            own = dataclasses.replace(own, fault=f"file {number}: {own.fault}")
        outcomes[kind].append(own)
    return outcomes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcomes = campaign(options.count, options.seed, pathlib.Path(folder))
    print(f"{'kind':16}{'files':>7}{'read':>7}{'refused':>9}{'faults':>8}{'most seconds':>14}{'most MB':>9}")
    for kind, rows in outcomes.items():
        read = sum(not row.message and not row.fault for row in rows)
        faults = [row.fault for row in rows if row.fault]
        seconds, memory = max(row.seconds for row in rows), max(row.memory for row in rows) / 1e6
        refused = sum(bool(row.message) and not row.fault for row in rows)
        print(f"{kind:16}{len(rows):7}{read:7}{refused:9}{len(faults):8}{seconds:14.2f}{memory:9.1f}")
        for fault in faults[:5]:
            print(f"    {fault}")
    sys.exit(any(row.fault for rows in outcomes.values() for row in rows))


if __name__ == "__main__":
    main()
