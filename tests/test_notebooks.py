"""The notebooks: what is saved of a run, and that each runs from top to bottom, in short."""

import ast
import importlib.util
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import nbformat
import pytest
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from packaging.requirements import Requirement

from imagenet_real.cli import install
from imagenet_real.predictions.predictions import load_predictions
from tests import ROOT, commands

_spec = importlib.util.spec_from_file_location("address", ROOT / "docs" / "address.py")
address = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(address)

pytestmark = pytest.mark.slow

NOTEBOOKS = sorted((ROOT / "colabs").glob("*.ipynb"))
INSTALLATION = "subprocess.run([sys.executable, *installer], check=True)"  # in the first cell
PREDICTIONS = {  # what each is to write, beside its pictures
    "evaluate_your_model": ["trees", "flax_net", "softmax_original/predictions"],
    "softmax_against_sigmoid": [
        f"{loss}_{taught}/predictions" for loss in ("softmax", "sigmoid") for taught in ("original", "real")
    ],
    "look_at_the_mistakes": ["softmax_original/predictions"],
    "from_votes_to_labels": ["softmax_original/predictions"],
}
PICTURES = {
    "evaluate_your_model": 2,
    "softmax_against_sigmoid": 4,
    "look_at_the_mistakes": 5,
    "from_votes_to_labels": 2,
}
WITH_DATA = {  # words of the outputs that need the published files
    "evaluate_your_model": "of 2 pairs of adjacent models",
    "softmax_against_sigmoid": "",
    "look_at_the_mistakes": "<Figure size 760x260",
    "from_votes_to_labels": "{'equal': 46837, 'both_empty': 3163}",
}


def code_cells(notebook) -> list:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.fixture(scope="session")
def shared(tmp_path_factory) -> pathlib.Path:
    """A folder of this test run, the same in all workers: what is drawn and compiled once serves all notebooks."""
    own = tmp_path_factory.getbasetemp()
    return (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "notebooks"


class ForkedKernel(AsyncKernelManager):
    """A kernel in a process that has the libraries already. nbclient takes it for one that somebody else started."""

    has_kernel = True

    def __init__(self, folder: pathlib.Path):
        super().__init__(connection_file=str(folder / "connection.json"), owns_kernel=False)
        self.write_connection_file()
        self.command = commands.Command(["-f", self.connection_file], module="ipykernel_launcher", folder=folder)

    async def _async_is_alive(self) -> bool:
        return self.command.poll() is None


@pytest.fixture
def executed(request, shared, tmp_path, monkeypatch):
    """A notebook that was run in a folder of its own, without a network, as far as that is not a matter of chance."""
    monkeypatch.setenv("IMAGENET_REAL_SHORT", "1")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("TFDS_DATA_DIR", str(shared / "tensorflow_datasets"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = nbformat.read(request.param, as_version=4)
    if request.param != NOTEBOOKS[0]:  # the same in all of them (see test_code_is_plain), and so once is enough
        first = code_cells(notebook)[0]
        assert first.source.count(INSTALLATION) == 1
        first.source = first.source.replace(INSTALLATION, "")
    kernel = ForkedKernel(tmp_path)
    client = NotebookClient(notebook, timeout=600, km=kernel)
    try:
        client.execute()
    finally:
        kernel.command.kill()
        if client.kc is not None:
            client.kc.stop_channels()
    return notebook, tmp_path


@pytest.mark.parametrize("executed", NOTEBOOKS, indirect=True, ids=lambda path: path.stem)
def test_runs_from_top_to_bottom(executed, request):
    notebook, folder = executed
    name = request.node.callspec.id
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    text = json.dumps(outputs)
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= PICTURES[name]
    for file in PREDICTIONS[name]:
        assert len(load_predictions(folder / "runs" / f"{file}.npz")) == 300
    if os.environ.get("IMAGENET_REAL_DATA"):
        assert WITH_DATA[name] in text
    if name == "evaluate_your_model":
        assert ("PyTorch is not installed here" in text) != (folder / "runs" / "torch_net.npz").exists()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_saved_outputs_are_those_of_a_whole_run(path):
    """`make notebooks` saves them. A notebook without any is stripped."""
    cells = code_cells(nbformat.read(path, as_version=4))
    counts = [cell.execution_count for cell in cells]
    outputs = [output for cell in cells for output in cell.outputs]
    if not outputs:
        assert not any(counts)
        return
    assert counts == list(range(1, len(cells) + 1))
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= PICTURES[path.stem]
    assert not any(output.get("name") == "stderr" or output.output_type == "error" for output in outputs)
    assert not re.search(r"/(tmp|home|root|work)/", json.dumps(outputs))  # of somebody's machine
    assert path.stat().st_size < 600_000


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_code_is_plain(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert code_cells(notebook)[0].source == code_cells(nbformat.read(NOTEBOOKS[0], as_version=4))[0].source
    for cell in code_cells(notebook)[1:]:
        ast.parse(
            cell.source
        )  # no magic beyond the first cell, which therefore is all that a program would have to change
        assert "pip" not in cell.source


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> pathlib.Path:
    """The wheel of this checkout."""
    source, folder = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("imagenet_real", "configs"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(folder)]
    subprocess.run([*command, str(source)], check=True)
    return next(folder.glob("*.whl"))


def test_the_first_cell_installs_a_wheel_where_there_is_no_checkout(wheel, tmp_path):
    """Into an environment of its own, which sees the packages of this one: nothing else is downloaded."""
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", "--system-site-packages", str(venv)], check=True)
    packages = next((venv / "lib").glob("python*")) / "site-packages"
    others = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "others.pth").write_text("\n".join(others) + "\n")
    source = code_cells(nbformat.read(NOTEBOOKS[0], as_version=4))[0].source
    lines = [f"SOURCE = {str(wheel)!r}" if line.startswith("SOURCE =") else line for line in source.splitlines()]
    lines = [line for line in lines if not line.startswith("%")]
    lines += ["import imagenet_real", "print(imagenet_real.__file__)"]
    lines += ["from imagenet_real.cli.configs import get_config", 'print(get_config("train_resnet50").model)']
    (tmp_path / "cell.py").write_text("\n".join(lines))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment["PIP_NO_COMPILE"] = "1"
    command = [str(venv / "bin" / "python"), "cell.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "resnet50"


@pytest.mark.parametrize(("jax", "repair"), [("0.7.2", "jax.*>=0.10"), ("0.10.0", "flax.*>=0.12")])
def test_a_pair_of_jax_and_flax_that_breaks_is_named(monkeypatch, jax, repair):
    monkeypatch.setattr(install, "_version", {"jax": jax, "flax": "0.12.0"}.get)
    monkeypatch.setattr(install.sys, "executable", shutil.which("false"))
    message = f"JAX {jax} and Flax 0.12.0 do not work together .*pip install --upgrade '{repair}"
    with pytest.raises(SystemExit, match=message):
        install.check_pair()


def test_what_is_required_is_the_same_in_a_checkout_and_installed(monkeypatch):
    in_checkout = {requirement.name for requirement in install.required()}
    monkeypatch.setattr(install, "PYPROJECT", ROOT / "nowhere")
    assert {requirement.name for requirement in install.required()} == in_checkout


def test_an_installed_jax_stays():
    asked = [Requirement(text) for text in ("jax>=0.10,<0.13", "numpy>=2", "flax>=0.12", "ml-collections>=1.1", "tqdm")]
    installed = {"jax": "0.7.2", "jaxlib": "0.7.2", "jax-cuda12-plugin": "0.7.2", "libtpu": "0.0.17", "numpy": "1.26.4"}
    installed |= {"flax": "0.10.6", "ml_collections": "1.1.0"}
    assert [one.name for one in install.missing(asked, installed)] == ["flax", "tqdm"]
    assert install.constraints(installed) == [
        "jax-cuda12-plugin==0.7.2",
        "jax==0.7.2",
        "jaxlib==0.7.2",
        "libtpu==0.0.17",
        "numpy==1.26.4",
    ]
    assert [one.name for one in install.missing(asked[:1], {})] == ["jax"]


def test_without_pip_one_line_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr(install, "missing", lambda asked, installed: [Requirement("grain>=1")])
    monkeypatch.setattr(install.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        SystemExit, match=f"no pip. Install with another tool: uv pip install --python {sys.executable} 'grain>=1'"
    ):
        install.main()
    assert capsys.readouterr().out == "installing grain\n"


def test_where_all_is_installed_nothing_is():
    file = ROOT / "imagenet_real" / "cli" / "install.py"
    done = subprocess.run([sys.executable, str(file)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_the_address_of_the_repository_has_one_place(tmp_path):
    """docs/address.py changes it in every file that names it: the badges, the first cells and pyproject.toml."""
    for path in [*address.files(ROOT), ROOT / "CONTRIBUTING.md"]:
        (tmp_path / path.relative_to(ROOT)).parent.mkdir(exist_ok=True)
        shutil.copy(path, tmp_path / path.relative_to(ROOT))
    old = address.repository(ROOT)
    address.change(tmp_path, "me/other")
    assert address.repository(tmp_path) == "me/other"
    for path in address.files(tmp_path):
        text = path.read_text()
        assert old not in text
        assert "me/other" in text
        if path.suffix == ".ipynb":
            assert f"https://colab.research.google.com/github/me/other/blob/main/colabs/{path.name})" in text
            assert (
                f"https://colab.research.google.com/github/me/other/blob/main/colabs/{path.name})"
                in (tmp_path / "README.md").read_text()
            )


def test_an_address_that_is_not_known_is_asked_for(tmp_path):
    source = code_cells(nbformat.read(NOTEBOOKS[0], as_version=4))[0].source
    lines = [line for line in source.splitlines() if not line.startswith("%")]
    (tmp_path / "cell.py").write_text("\n".join(lines))
    command = [sys.executable, "-I", "-S", "cell.py"]  # without installed packages
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("Set SOURCE to the address of the repository")
