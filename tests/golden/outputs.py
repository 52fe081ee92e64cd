"""The files and the printed text of a program as plain values, and how two such values differ.

What varies without a fault is left out: paths, times, versions, checksums, the content of pictures, and texts that
explain. Names of files and keys stay.
"""

import csv
import hashlib
import json
import math
import pathlib
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow.parquet

LONG = 200  # arrays of more numbers are described
ROWS = 30  # rows of a table that are recorded; of the others their number and the sums of their columns
VERSIONS = {"commit", "flax", "imagenet_real", "jax", "numpy", "python"}
TEXTS = {"description", "notes", "reason", "suspicious"}  # others edit their words
HASH = re.compile(r"(?<![0-9a-f])(?:[0-9a-f]{64}|[0-9a-f]{32}|[0-9a-f]{16})(?![0-9a-f])")
NUMBER = re.compile(r"(?<![\w.@-])[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")
GROWING = {"config", "augmentation"}  # may have further fields
TAGS = ("h1", "h2", "h3", "img", "table", "tr")


def of_folder(folder: pathlib.Path, replace: Callable[[str], str]) -> dict[str, Any]:
    """The content of each file below a folder; `replace` takes what varies out of a text."""
    files = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name = _name(path.relative_to(folder).as_posix())
            files[name] = None if name.endswith("/") else _content(path, replace)
    return dict(sorted(files.items()))


def _name(name: str) -> str:
    """A checkpoint is one folder, whatever Orbax writes into it; TensorBoard's files bear the time and the host."""
    name = re.sub(r"(checkpoints/\d+/).*", r"\1", name)
    return HASH.sub("HASH", re.sub(r"events\.out\.tfevents\..*", "events.out.tfevents.*", name))


def _content(path: pathlib.Path, replace: Callable[[str], str]) -> Any:
    if path.name == "log.txt":  # progress
        return None
    reader = READERS.get(path.suffix)
    return None if reader is None else _plain(reader(path), replace)


def _read_json(path: pathlib.Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _read_json_lines(path: pathlib.Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _read_npz(path: pathlib.Path) -> dict[str, Any]:
    with np.load(path) as archive:
        return {name: described(archive[name]) for name in archive.files}


def _read_csv(path: pathlib.Path) -> dict[str, Any]:
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = ([_number(cell) for cell in row] for row in csv.reader(file))
    return _table(header, rows)


def _read_parquet(path: pathlib.Path) -> dict[str, Any]:
    columns = pyarrow.parquet.read_table(path).to_pydict()
    return _table(list(columns), [list(row) for row in zip(*columns.values(), strict=True)])


def _table(header: list, rows: list[list]) -> dict[str, Any]:
    table = {"header": header, "count": len(rows), "rows": rows[:ROWS]}
    if len(rows) > ROWS:
        columns = zip(*rows, strict=True)
        table["sums"] = [float(sum(one for one in column if isinstance(one, int | float))) for column in columns]
    return table


def _number(cell: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(cell)
        except ValueError:
            pass
    return cell


def _read_lines(path: pathlib.Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def _count_tags(path: pathlib.Path) -> dict[str, int]:
    text = path.read_text(encoding="utf-8")
    return {tag: len(re.findall(rf"<{tag}[\s>]", text)) for tag in TAGS}


def _list_tags(path: pathlib.Path) -> list[str]:
    return re.findall(r"<(\w+)", path.read_text(encoding="utf-8"))


READERS = {
    ".csv": _read_csv,
    ".html": _count_tags,
    ".json": _read_json,
    ".jsonl": _read_json_lines,
    ".npy": lambda path: described(np.load(path)),
    ".npz": _read_npz,
    ".parquet": _read_parquet,
    ".txt": _read_lines,
    ".xml": _list_tags,
}


def described(array: np.ndarray) -> dict[str, Any]:
    """The values of a short array; of a long one its mean and range, or where it has no floats its digest."""
    about = {"dtype": str(array.dtype), "shape": list(array.shape)}
    if array.size <= LONG:
        return about | {"values": array.tolist()}
    if array.dtype.kind == "f":
        numbers = {name: float(getattr(np, name)(array.astype(float))) for name in ("mean", "std", "min", "max")}
        return about | numbers
    return about | {"digest": hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:12]}


def _plain(value: Any, replace: Callable[[str], str], key: str = "") -> Any:
    if key in VERSIONS and not isinstance(value, dict | list):
        return "VERSION"
    if key in TEXTS:
        return f"{len(value)} texts" if isinstance(value, list) else "TEXT" if value else value
    if isinstance(value, dict):
        return {replace(name): _plain(one, replace, name) for name, one in value.items()}
    if isinstance(value, list | tuple):
        if len(value) > LONG and all(isinstance(one, int | float) for one in value):
            return described(np.array(value))
        return [_plain(one, replace) for one in value]
    if isinstance(value, str):
        return HASH.sub("HASH", replace(value))
    return value


def numbers_in(text: str) -> list[str]:
    """The numbers of a text in their order, without the commas between thousands."""
    return [token.rstrip(",").replace(",", "") for token in NUMBER.findall(text)]


def differences(expected: Any, got: Any, tolerance: float, path: str = "") -> Iterator[str]:
    """A line for each field in which two values differ."""
    if isinstance(expected, dict) and isinstance(got, dict):
        for name in expected.keys() | got.keys():
            inner = f"{path} > {name}" if path else str(name)
            if name not in got:
                yield f"{inner}: is missing"
            elif name in expected:
                yield from differences(expected[name], got[name], tolerance, inner)
            elif not GROWING & set(path.split(" > ")):
                yield f"{inner}: is new, {_short(got[name])}"
    elif isinstance(expected, list) and isinstance(got, list):
        if len(expected) != len(got):
            yield f"{path}: expected {len(expected)} values, got {len(got)}: {_short(expected)}, {_short(got)}"
        else:
            for number, (one, other) in enumerate(zip(expected, got, strict=True)):
                yield from differences(one, other, tolerance, f"{path}[{number}]")
    elif not _is_close(expected, got, tolerance):
        yield f"{path}: expected {_short(expected)}, got {_short(got)}"


def printed_differences(expected: list[str], got: list[str], tolerance: float, path: str) -> Iterator[str]:
    """The same of printed numbers, which are equal where they differ by one in their last digit, if they may differ."""
    if len(expected) != len(got):
        yield f"{path}: expected {len(expected)} numbers, got {len(got)}: {' '.join(expected)}, {' '.join(got)}"
        return
    for number, (one, other) in enumerate(zip(expected, got, strict=True)):
        unit = 10.0 ** -len(one.partition(".")[2].partition("e")[0]) if "." in one else 0.0
        if one != other and (tolerance < 1e-6 or abs(float(one) - float(other)) > 1.01 * unit):
            yield f"{path}[{number}]: expected {one}, got {other}"


def _is_close(expected: Any, got: Any, tolerance: float) -> bool:
    if isinstance(expected, float) and isinstance(got, int | float) and not isinstance(got, bool):
        both_nan = math.isnan(expected) and math.isnan(got)
        return both_nan or math.isclose(expected, got, rel_tol=tolerance, abs_tol=tolerance)
    return type(expected) is type(got) and expected == got


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 200 else f"{text[:200]}..."
