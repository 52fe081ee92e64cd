"""The process that reads damaged files: it serves cases from its standard input, and reports each on its output."""

import contextlib
import io
import json
import pathlib
import random
import resource
import shutil
import sys
import time
import traceback

from tests.fuzz.kinds import Kind, all_kinds
from tests.fuzz.mutations import mutate

ADDRESS_SPACE = 6 * 2**30  # bytes; more than a case may use, so that its use is seen


def prepare(kind: Kind, root: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
    """Writes the undamaged files of a kind once. Returns their folder and the path of the file below it."""
    folder = root / "whole" / "".join(c if c.isalnum() else "_" for c in kind.name)
    note = folder.with_suffix(".path")
    if not note.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        path = kind.make(folder)
        note.write_text(str(path.relative_to(folder)))
    return folder, pathlib.Path(note.read_text())


def run_case(kind: Kind, seed: int | None, root: pathlib.Path) -> dict:
    """Reads a damaged file, or the undamaged one without a seed. Returns what happened, the seconds and the memory."""
    folder, path = prepare(kind, root)
    work = root / "case"
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(folder, work)
    if seed is not None:
        _damage(work / path, kind, seed)
    _reset_peak()
    start = time.perf_counter()
    outcome, detail = read(kind, work / path)
    seconds = time.perf_counter() - start
    return {"outcome": outcome, "detail": detail, "seconds": seconds, "peak": _peak()}


def _damage(path: pathlib.Path, kind: Kind, seed: int) -> None:
    path.write_bytes(mutate(path.read_bytes(), kind.format, random.Random(f"{kind.name} {seed}")))


def read(kind: Kind, path: pathlib.Path) -> tuple[str, str]:
    """Reads a file as the command line would: `read`, `refused` with the message, or what is wrong."""
    from imagenet_real.runtime.exit_codes import exit_code_of

    output = io.StringIO()
    try:
        with contextlib.redirect_stderr(output):
            code = exit_code_of(lambda: kind.read(path))
    except MemoryError:
        return "memory", "MemoryError"
    except BaseException as error:
        frames = traceback.extract_tb(error.__traceback__)
        places = [frame for frame in frames if "imagenet_real" in frame.filename] or frames
        place = places[-1]
        return (
            "traceback",
            f"{pathlib.Path(place.filename).name}:{place.lineno} {type(error).__name__}: {str(error)[:150]}",
        )
    return judge(output.getvalue(), code, path, kind.names) if code else ("read", "")


def judge(text: str, code: int, path: pathlib.Path, names: tuple[str, ...] = ()) -> tuple[str, str]:
    """Says whether the message of a refusal is one line of at most 300 characters that names the file, or its folder."""
    lines = [line for line in text.splitlines() if line.startswith("error: ")]
    message = lines[-1].removeprefix("error: ") if lines else ""
    if not message or code not in (1, 2):
        return "message", f"no message, exit code {code}: {text[-200:]!r}"
    message = text[text.rindex("error: ") + 7 :].removesuffix("\n")
    if "\n" in message or not message.isprintable():
        return "message", f"more than one line: {message[:200]!r}"
    if len(message) > 300:
        return "message", f"{len(message)} characters: {message[:200]!r}"
    if not message.startswith(path.stem) and not any(name in message for name in (path.name, str(path.parent), *names)):
        return "message", f"the file is not named: {message[:200]!r}"
    return "refused", message


def _reset_peak() -> None:
    with contextlib.suppress(OSError):
        pathlib.Path("/proc/self/clear_refs").write_text("5")


def _peak() -> int:
    with contextlib.suppress(OSError):
        for line in pathlib.Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def write_cache(root: pathlib.Path) -> None:
    """Writes the user's cache folder with the names of ImageNet's classes, so that nothing is downloaded."""
    from tests.fuzz.label_kinds import write_class_info

    folder = root / "cache" / "imagenet_real"
    folder.mkdir(parents=True, exist_ok=True)
    write_class_info(folder)


def main() -> None:
    """Serves cases `{"kind", "seed"}`, a line each, until the input ends."""
    root, kinds = pathlib.Path(sys.argv[1]), all_kinds()
    reports = sys.stdout
    sys.stdout = sys.stderr  # what readers print is no report
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for line in sys.stdin:
        case = json.loads(line)
        report = run_case(kinds[case["kind"]], case["seed"], root)
        reports.write(json.dumps(report) + "\n")
        reports.flush()


if __name__ == "__main__":
    main()
