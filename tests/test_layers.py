"""Who may import whom, and what an import costs."""

import ast
import pathlib
import subprocess
import sys

import pytest

from tests import ROOT

PACKAGE = ROOT / "imagenet_real"
EVERYWHERE = {"errors", "identity", "storage"}
MAY_IMPORT = {
    "labels": {"labels"},
    "scoring": {"labels", "scoring"},
    "raters": {"labels", "scoring", "raters"},
    "report": {"labels", "scoring", "report"},
    "data": {"labels", "data", "processes"},
    "models": {"models"},
    "review_app": {"labels", "scoring", "raters", "data", "review_app"},
    "processes": set(),
    "cluster": set(),
    "devices": set(),
    "neighbours": {"devices"},
    "prefetch": set(),
    "jobs": {"processes"},
    "partial_predictions": set(),
    "annotation": {"models", "cluster", "data", "devices", "inference"},
    "evaluation": {"models", "data", "devices", "inference", "scoring"},
    "published_maps": {"models", "data", "labels"},
    "training": {"training", "models", "devices", "prefetch"},
    "inference": {"models", "cluster", "devices", "partial_predictions", "prefetch", "scoring"},
}
NUMPY_ONLY = {"labels", "scoring", "raters", "report", "errors", "identity", "storage"}


def imports(path: pathlib.Path, everywhere: bool = True) -> set[str]:
    """The full names of what a file imports; at its top level alone, or everywhere in it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree) if everywhere else tree.body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def room(path: pathlib.Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_within_the_package(path):
    rooms = {name.split(".")[1] for name in imports(path) if name.startswith("imagenet_real.")}
    if room(path) in MAY_IMPORT:
        assert rooms <= MAY_IMPORT[room(path)] | EVERYWHERE
    if room(path) != "programs":
        assert "programs" not in rooms
    assert not any(name.split(".")[0] == "configs" for name in imports(path))


@pytest.mark.parametrize("path", [path for path in FILES if room(path) in NUMPY_ONLY], ids=lambda path: str(path.name))
def test_numpy_alone_at_the_top(path):
    tops = {name.split(".")[0] for name in imports(path, everywhere=False)}
    assert tops - set(sys.stdlib_module_names) <= {"numpy", "etils", "imagenet_real"}  # of etils, paths


def test_paths_need_no_other_library():
    code = "import imagenet_real.io.storage, sys; print(sorted({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"jax", "tensorflow", "fsspec", "gcsfs", "aiohttp", "google"} & set(ast.literal_eval(done.stdout))


def test_only_programs_see_a_config():
    seen = {room(path) for path in FILES if any("ml_collections" in name for name in imports(path))}
    assert seen <= {"programs"}


@pytest.mark.parametrize("module", ["imagenet_real", "imagenet_real.programs.score", "imagenet_real.data.batches"])
def test_what_needs_no_device_imports_no_jax(module):
    heavy = {"jax", "flax", "tensorflow", "tensorflow_datasets", "torch"} | (
        {"grain", "scipy"} if "data" not in module else set()
    )
    code = f"import {module}, sys; print(sorted(set(sys.modules) & {heavy}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
