"""The rooms of the package: who may import whom, what an import costs, and that no import goes in a circle."""

import ast
import functools
import pathlib
import subprocess
import sys

import pytest

from tests import ROOT

PACKAGE = ROOT / "imagenet_real"
ROOT_FILES = {"__init__.py", "__main__.py", "errors.py", "py.typed"}
NUMPY_ROOMS = ("labels", "predictions", "scoring", "mistakes", "raters")
# Each room may import the rooms in its row, itself and `errors`.
MAY_IMPORT = {
    "io": "",
    "runtime": "io",
    "labels": "io",
    "predictions": "io labels",
    "scoring": "io labels predictions",
    "mistakes": "io labels predictions scoring",
    "raters": "io labels predictions scoring",
    "data": "io labels runtime",
    "models": "io",
    "inference": "io runtime predictions data models",
    "training": "io runtime data models",
    "relabel": "io runtime labels data models inference",
    "probes": "io runtime data models inference training",
    "duplicates": "io runtime labels predictions data",
    "report": "io labels predictions scoring mistakes raters",
    "review_app": "io labels predictions scoring mistakes raters data",
    "builders": "io runtime labels predictions scoring mistakes raters data models inference training relabel probes duplicates "
    "report review_app",
    "programs": "io runtime labels predictions scoring mistakes raters data models inference training relabel probes duplicates "
    "report review_app builders",
    "cli": "io programs report runtime",
    "__init__": "io labels predictions scoring report",
    "__main__": "cli",
    "errors": "",
}
MAX_LINES = 400
FILES = sorted(PACKAGE.rglob("*.py"))


def name_of(path: pathlib.Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def room(path: pathlib.Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@functools.cache
def imports(path: pathlib.Path, everywhere: bool = True) -> frozenset[str]:
    """The full names of what a file imports, at its top level alone or also within functions."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = set()
    for node in ast.walk(tree) if everywhere else tree.body:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(names)


@functools.cache
def graph() -> dict[str, set[str]]:
    """Which modules of the package each module imports."""
    modules = {name_of(path): path for path in FILES}
    return {
        name: {
            module if module in modules else module.rpartition(".")[0]
            for module in imports(path)
            if module.startswith("imagenet_real.")
        }
        for name, path in modules.items()
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_imports_only_rooms_below_its_own(path):
    rooms = {name.split(".")[1] for name in imports(path) if name.startswith("imagenet_real.")}
    assert rooms <= {*MAY_IMPORT[room(path)].split(), room(path), "errors"}
    assert not {name.split(".")[0] for name in imports(path)} & {"configs", "tests", "main"}


def test_no_import_goes_in_a_circle():
    edges, done = graph(), set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join([*trail[trail.index(module) :], module])
        if module not in done:
            for other in sorted(edges.get(module, ())):
                visit(other, (*trail, module))
            done.add(module)

    for module in edges:
        visit(module, ())


def test_the_package_root_has_rooms_and_no_loose_module():
    files = {path.name for path in PACKAGE.iterdir() if path.is_file()}
    assert files <= ROOT_FILES
    assert {path.name for path in PACKAGE.iterdir() if path.is_dir()} - {"__pycache__"} <= set(MAY_IMPORT)


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*/__init__.py")), ids=lambda path: path.parent.name)
def test_a_room_says_what_it_is_for_and_where_to_begin(path):
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    assert 2 <= len([line for line in text.splitlines() if line.strip()]) <= 8
    assert "egin" in text, "say where a reader begins"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_can_be_read_in_one_sitting(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES


def test_only_builders_and_programs_see_a_config():
    rooms = {room(path) for path in FILES if any("ml_collections" in name for name in imports(path))}
    assert rooms <= {"builders", "programs", "cli"}


@pytest.mark.parametrize(
    "path", [path for path in FILES if room(path) in (*NUMPY_ROOMS, "io", "errors")], ids=lambda path: name_of(path)
)
def test_label_logic_and_scoring_import_numpy_alone(path):
    tops = {name.split(".")[0] for name in imports(path, everywhere=False)}
    assert tops - set(sys.stdlib_module_names) <= {"numpy", "etils", "imagenet_real"}  # of etils, paths


def modules_after(code: str) -> set[str]:
    command = f"{code}; import sys; print(sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(ast.literal_eval(done.stdout.splitlines()[-1]))


def test_paths_need_no_other_library():
    heavy = {"jax", "tensorflow", "fsspec", "gcsfs", "aiohttp", "google"}
    assert not heavy & modules_after("import imagenet_real.io.storage")


@pytest.mark.parametrize("module", ["imagenet_real", "imagenet_real.programs.score", "imagenet_real.data.batches"])
def test_what_needs_no_device_imports_no_jax(module):
    heavy = {"jax", "flax", "tensorflow", "tensorflow_datasets", "torch"}
    heavy |= set() if "data" in module else {"grain", "scipy"}
    assert not heavy & modules_after(f"import {module}")
