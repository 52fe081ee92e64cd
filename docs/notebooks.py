"""Executes the notebooks and saves their outputs in them, so that they are seen where nobody runs them.

    python docs/notebooks.py [NAME ...]          takes some three minutes a notebook on 2 CPU cores

Each runs in a folder of its own. Set IMAGENET_REAL_DATA for what needs the published labels.
"""

import base64
import io
import os
import pathlib
import re
import sys
import tempfile
from typing import Any

import nbformat
from nbclient import NotebookClient
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[1]
COLORS = 128  # of a saved picture: plots have few, and a palette takes a third of the bytes
PLAIN = ("text/html", "image/png", "text/plain")


def execute(path: pathlib.Path) -> None:
    """Runs a notebook from top to bottom and saves it with its outputs."""
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"PYTHONPATH": str(ROOT), "TFDS_DATA_DIR": f"{folder}/tensorflow_datasets"}
        place = {"metadata": {"path": folder}}
        NotebookClient(notebook, timeout=1800, kernel_name="python3", resources=place).execute()
    save(notebook, path)


def save(notebook: Any, path: pathlib.Path) -> None:
    """Writes an executed notebook without times, warnings and progress, and with small pictures."""
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not _is_progress(output)]
            for output in cell.outputs:
                _shrink(output)
    notebook.metadata = {"kernelspec": notebook.metadata["kernelspec"], "language_info": {"name": "python"}}
    nbformat.write(notebook, path)


def _is_progress(output: Any) -> bool:
    """Whether an output is a warning, a bar, or what TFDS prints while it prepares a dataset, with its folder."""
    return output.get("name") == "stderr" or bool(
        re.search("preparing dataset|and prepared to", output.get("text", ""))
    )


def _shrink(output: Any) -> None:
    data = output.get("data", {})
    for name in [name for name in data if name not in PLAIN]:
        del data[name]
    if "transient" in output:
        del output["transient"]
    if "image/png" in data:
        picture = Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).convert("RGB")
        file = io.BytesIO()
        picture.quantize(COLORS, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
        data["image/png"] = base64.b64encode(file.getvalue()).decode()


if __name__ == "__main__":
    for notebook_path in sorted((ROOT / "colabs").glob("*.ipynb")):
        if notebook_path.stem in (sys.argv[1:] or [notebook_path.stem]):
            execute(notebook_path)
            print(f"{notebook_path.name}: {notebook_path.stat().st_size:,} bytes")
