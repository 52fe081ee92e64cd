"""What `--help` prints: the docstring of a config, and for each field its default and its comment in the source.

A config is a function that makes a dictionary, or changes the dictionary of another config; help reads the comments of both.
"""

import ast
import dataclasses
import io
import os
import pathlib
import shutil
import textwrap
import tokenize
from collections.abc import Iterator

from ml_collections import ConfigDict

from imagenet_real.cli import configs

USAGE = "imagenet-real {name} [--FIELD=VALUE ...] --workdir=DIR"
WIDEST_DEFAULT = 26  # characters; the meaning of a field with a longer default begins on the next line


@dataclasses.dataclass(frozen=True)
class Remark:
    """The comments on a field."""

    meaning: str = ""  # the comment behind the value; without one, the comment above the name
    heading: str = ""  # the comment above the name, where another comment is behind the value


@dataclasses.dataclass(frozen=True)
class Field:
    """A field as the command line knows it. A field of a dictionary inside a config has a dotted name."""

    name: str
    default: str
    remark: Remark


def overview() -> str:
    """Returns a line for each shipped config."""
    shipped = configs.shipped_configs()
    width = max(len(name) for name in shipped)
    lines = [f"  {name:<{width}}  {configs.docstring(path).partition(chr(10))[0]}" for name, path in shipped.items()]
    rest = [
        "Fields of a config:        imagenet-real NAME --help",
        f"A config of your own:      {USAGE.format(name='--config=FILE.py')}",
    ]
    return "\n".join([USAGE.format(name="NAME"), "", *lines, "", *rest])


def text_of(path: str | os.PathLike, name: str) -> str:
    """Returns the help of the config at `path`, as wide as the terminal; `name` is what the user calls it."""
    width = min(shutil.get_terminal_size((120, 24)).columns, 140)
    usage = USAGE.format(name=f"--config={name}" if name.endswith(".py") else name)
    lines = [configs.docstring(path), "", usage, ""]
    rows = fields(path)
    names = max(len(row.name) for row in rows) + len("--")
    defaults = max((len(row.default) for row in rows if len(row.default) <= WIDEST_DEFAULT), default=0)
    for row in rows:
        if row.remark.heading:
            lines += ["", *textwrap.wrap(row.remark.heading, width)]
        start = f"  {'--' + row.name:<{names}}  {row.default:<{defaults}}  "
        meaning = textwrap.wrap(row.remark.meaning, max(width - names - defaults - 6, 30)) or [""]
        indent = " " * (names + defaults + 6)
        first = [start + meaning.pop(0)] if len(row.default) <= defaults else [start]
        lines += [line.rstrip() for line in (*first, *(indent + line for line in meaning))]
    return "\n".join(lines)


def fields(path: str | os.PathLike) -> list[Field]:
    """Returns the fields of a config in the order of its source, with their defaults and remarks."""
    remarks = remarks_of(path)
    values = dict(_flat(configs.load_config(path)))
    names = [name for name in remarks if name in values] + [name for name in values if name not in remarks]
    return [Field(name, values[name], remarks.get(name, Remark())) for name in names]


def names_of(config: ConfigDict) -> list[str]:
    """Returns the dotted names of the fields of a config, at every depth."""
    return [name for name, _ in _flat(config)]


def _flat(config: ConfigDict, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yields dotted names and defaults, as the command line has them."""
    for name, value in config.items():
        if hasattr(value, "items"):
            yield from _flat(value, f"{prefix}{name}.")
        else:  # a placeholder has a type and no value
            yield prefix + name, repr(value) if value is not None else f"none ({config.get_type(name).__name__})"


def remarks_of(path: str | os.PathLike) -> dict[str, Remark]:
    """Returns the remarks of a config by field; those of its base come first, and its own replace them."""
    source = pathlib.Path(path).read_text(encoding="utf-8")
    tree, comments = ast.parse(source), _Comments(source)
    function = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "get_config")
    remarks: dict[str, Remark] = {}
    for base in _bases(function, path):
        remarks |= remarks_of(base)
    for statement in function.body:
        for name, remark in _remarks(statement, comments):
            if remark != Remark() or name not in remarks:
                remarks[name] = remark
    return remarks


def _bases(function: ast.FunctionDef, path: str | os.PathLike) -> Iterator[pathlib.Path]:
    """Yields the files of the configs whose `get_config` a function calls."""
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get_config":
            files = (folder / f"{ast.unparse(node.func.value)}.py" for folder in configs.base_folders(path))
            yield from [file for file in files if file.is_file()][:1]


def _remarks(statement: ast.stmt, comments: "_Comments") -> Iterator[tuple[str, Remark]]:
    """Yields the remarks of a statement: `return ConfigDict({...})`, `config = ConfigDict({...})`, `config.name = value`."""
    if isinstance(statement, ast.Return | ast.Assign) and isinstance(statement.value, ast.Call):
        for entries in statement.value.args:
            if isinstance(entries, ast.Dict):
                yield from _of_entries("", entries, comments)
    if isinstance(statement, ast.Assign):
        (target,) = statement.targets
        for place in target.elts if isinstance(target, ast.Tuple) else [target]:
            name = ast.unparse(place).partition(".")[2]
            if name:
                yield from _of_field(name, statement, statement.value, comments)


def _of_entries(prefix: str, node: ast.Dict, comments: "_Comments") -> Iterator[tuple[str, Remark]]:
    for key, value in zip(node.keys, node.values, strict=True):
        if key is None:  # **entries
            continue
        if key.lineno == node.lineno:  # a dictionary on one line has no comments on its entries
            yield prefix + ast.literal_eval(key), Remark()
        else:
            yield from _of_field(prefix + ast.literal_eval(key), key, value, comments)


def _of_field(
    name: str, node: ast.stmt | ast.expr, value: ast.expr, comments: "_Comments"
) -> Iterator[tuple[str, Remark]]:
    """Yields the remark on a field; for a dictionary, those on its entries, and the first entry gets its heading."""
    remark = comments.about(node, value)
    if not isinstance(value, ast.Dict):
        yield name, remark
        return
    for place, (entry, inner) in enumerate(_of_entries(f"{name}.", value, comments)):
        headed = not place and inner.meaning and not inner.heading
        yield entry, dataclasses.replace(inner, heading=remark.heading or remark.meaning) if headed else inner


class _Comments:
    """The comments of a source, by line."""

    def __init__(self, source: str):
        lines = source.splitlines()
        self._behind: dict[int, str] = {}
        self._alone: dict[int, str] = {}
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT:
                alone = not lines[token.start[0] - 1][: token.start[1]].strip()
                (self._alone if alone else self._behind)[token.start[0]] = token.string.lstrip("# ").rstrip()

    def about(self, name: ast.stmt | ast.expr, value: ast.expr) -> Remark:
        """Returns the remark on a field, from the places of its name and its value."""
        above: list[str] = []
        line = name.lineno - 1
        while line in self._alone:
            above.insert(0, self._alone[line])
            line -= 1
        end = value.lineno if isinstance(value, ast.Dict) else value.end_lineno
        behind = self._behind.get(end or value.lineno, "")
        return Remark(behind, " ".join(above)) if behind else Remark(" ".join(above))
