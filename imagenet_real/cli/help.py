"""What `--help` prints: a config's docstring, and of every field its default and the comment beside it in the file.

A config is a function that makes a dictionary, or changes that of another config; the comments of both are read.
"""

import ast
import dataclasses
import io
import os
import pathlib
import runpy
import shutil
import textwrap
import tokenize
from collections.abc import Iterator
from typing import Any

USAGE = "python main.py --config={path} [--config.FIELD=VALUE ...] --workdir=DIR"
WIDEST_DEFAULT = 26  # characters; the meaning of a field with a longer default begins on a line of its own


@dataclasses.dataclass(frozen=True)
class Remark:
    """What the source says of a field."""

    meaning: str = ""  # the comment behind its value; or, where there is none, above its name
    heading: str = ""  # the comment above its name, where another one stands behind the value


@dataclasses.dataclass(frozen=True)
class Field:
    """A field as the command line knows it. Fields of a dictionary within a config have dotted names."""

    name: str
    default: str
    remark: Remark


def overview(folder: str | os.PathLike) -> str:
    """A line for every config of a folder."""
    paths = sorted(pathlib.Path(folder).glob("[a-z]*.py"))
    width = max((len(str(path)) for path in paths), default=0)
    lines = [f"  {path!s:<{width}}  {_docstring(path).partition(chr(10))[0]}" for path in paths]
    more = "What a config's fields are: python main.py --config=configs/NAME.py --help"
    return "\n".join([USAGE.format(path="configs/NAME.py"), "", *lines, "", more])


def text_of(path: str | os.PathLike) -> str:
    """The help of one config, as wide as the terminal."""
    width = min(shutil.get_terminal_size((120, 24)).columns, 140)
    lines = [_docstring(path), "", USAGE.format(path=path), ""]
    found = fields(path)
    names = max(len(field.name) for field in found) + len("--config.")
    short = (field.default for field in found if len(field.default) <= WIDEST_DEFAULT)
    defaults = max((len(default) for default in short), default=0)
    for field in found:
        if field.remark.heading:
            lines += ["", *textwrap.wrap(field.remark.heading, width)]
        start = f"  {'--config.' + field.name:<{names}}  {field.default:<{defaults}}  "
        meaning = textwrap.wrap(field.remark.meaning, max(width - names - defaults - 6, 30)) or [""]
        indent = " " * (names + defaults + 6)
        first = [start + meaning.pop(0)] if len(field.default) <= defaults else [start]
        lines += [line.rstrip() for line in (*first, *(indent + line for line in meaning))]
    return "\n".join(lines)


def fields(path: str | os.PathLike) -> list[Field]:
    """The fields of a config in the order of its source, with their defaults and what the source says of them."""
    remarks = remarks_of(path)
    values = dict(_flat(runpy.run_path(os.fspath(path))["get_config"]()))
    known = [name for name in remarks if name in values] + [name for name in values if name not in remarks]
    return [Field(name, values[name], remarks.get(name, Remark())) for name in known]


def names_of(config: Any) -> list[str]:
    """Returns the dotted names of the fields of a config, at every depth."""
    return [name for name, _ in _flat(config)]


def _flat(config: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Dotted names and defaults, as the command line has them."""
    for name, value in config.items():
        if hasattr(value, "items"):
            yield from _flat(value, f"{prefix}{name}.")
        else:  # a placeholder has no value, but a type
            yield prefix + name, repr(value) if value is not None else f"none ({config.get_type(name).__name__})"


def _docstring(path: str | os.PathLike) -> str:
    return ast.get_docstring(ast.parse(pathlib.Path(path).read_text(encoding="utf-8"))) or ""


def remarks_of(path: str | os.PathLike) -> dict[str, Remark]:
    """The remarks of a config's file, over those of the config that it is derived from, by the names of the fields."""
    source = pathlib.Path(path).read_text(encoding="utf-8")
    tree, comments = ast.parse(source), _Comments(source)
    function = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "get_config")
    found: dict[str, Remark] = {}
    for node in ast.walk(function):
        base = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get_config"
        if base:  # of a file beside this one
            found |= remarks_of(pathlib.Path(path).with_name(f"{ast.unparse(node.func.value)}.py"))
    for statement in function.body:
        for name, remark in _remarks(statement, comments):
            if remark != Remark() or name not in found:
                found[name] = remark
    return found


def _remarks(statement: ast.stmt, comments: "_Comments") -> Iterator[tuple[str, Remark]]:
    """Those of a statement: `return ConfigDict({...})`, or `config.name = value`."""
    if isinstance(statement, ast.Return) and isinstance(statement.value, ast.Call) and statement.value.args:
        yield from _of_entries("", statement.value.args[0], comments)
    if isinstance(statement, ast.Assign):
        (target,) = statement.targets
        for one in target.elts if isinstance(target, ast.Tuple) else [target]:
            name = ast.unparse(one).partition(".")[2]
            if name:
                yield from _of_field(name, statement, statement.value, comments)


def _of_entries(prefix: str, node: ast.Dict, comments: "_Comments") -> Iterator[tuple[str, Remark]]:
    for key, value in zip(node.keys, node.values, strict=True):
        if key.lineno == node.lineno:  # a dictionary in one line has no comments on its entries
            yield prefix + ast.literal_eval(key), Remark()
        else:
            yield from _of_field(prefix + ast.literal_eval(key), key, value, comments)


def _of_field(
    name: str, at: ast.stmt | ast.expr, value: ast.expr, comments: "_Comments"
) -> Iterator[tuple[str, Remark]]:
    """The remark about a field, or those about the entries of a dictionary, of which the first has its heading."""
    remark = comments.about(at, value)
    if not isinstance(value, ast.Dict):
        yield name, remark
        return
    for place, (entry, own) in enumerate(_of_entries(f"{name}.", value, comments)):
        headed = not place and own.meaning and not own.heading
        yield entry, dataclasses.replace(own, heading=remark.heading or remark.meaning) if headed else own


class _Comments:
    """The comments of a source, by line."""

    def __init__(self, source: str):
        lines = source.splitlines()
        self._behind, self._alone = {}, {}
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT:
                alone = not lines[token.start[0] - 1][: token.start[1]].strip()
                (self._alone if alone else self._behind)[token.start[0]] = token.string.lstrip("# ").rstrip()

    def about(self, name: ast.stmt | ast.expr, value: ast.expr) -> Remark:
        """The remark about a field whose name and value stand there."""
        above, line = [], name.lineno - 1
        while line in self._alone:
            above.insert(0, self._alone[line])
            line -= 1
        behind = self._behind.get(value.lineno if isinstance(value, ast.Dict) else value.end_lineno, "")
        return Remark(behind, " ".join(above)) if behind else Remark(" ".join(above))
