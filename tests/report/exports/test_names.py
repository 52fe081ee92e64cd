"""Models and label sets with any name: nothing outside the workdir, no formula, no code in a terminal, no lost file."""

import csv
import dataclasses
import importlib.util
import io

import numpy as np
import pytest

from imagenet_real.cli.output import printable_streams
from imagenet_real.report.exports import exports
from imagenet_real.report.files import write_results
from imagenet_real.report.printing import show_results
from imagenet_real.scoring.results import score_models
from tests import toy

NAMES = ("/tmp/x", "../x", "=cmd|'/c calc'!A0", "a\nb", "\x1b[2J", "nul\0", "\udcff", "é" * 300, "@SUM(1)")
EXPORTS = ["per_image.csv", "cleanlab", "timm", "latex", "markdown", "eval_results"] + (
    ["tensorboard"] if importlib.util.find_spec("tensorboardX") else []
)


@pytest.fixture(scope="module")
def results():
    models = [dataclasses.replace(toy.predictions(), name=name) for name in NAMES]
    label_sets = [dataclasses.replace(toy.original(), name=name) for name in NAMES]
    return score_models(models, label_sets, ks=(1,))


def test_nothing_is_written_outside_and_nothing_is_lost(results, tmp_path):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed: per_image.csv is not tested")
    workdir = tmp_path / "a" / "b" / "workdir"
    scores = np.eye(4, dtype=np.float32)[toy.predictions().top[:, 0]]
    exports.write(workdir, EXPORTS, results, lambda name: dataclasses.replace(toy.predictions(), scores=scores))
    write_results(workdir, results)
    files = [path.relative_to(workdir).parts for path in workdir.rglob("*") if path.is_file()]
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == len(files)
    assert len({parts[1] for parts in files if parts[0] == "cleanlab"}) == len(NAMES)
    assert len({parts[1] for parts in files if parts[0] == "timm"}) == len(NAMES) + 1 - ("original" not in NAMES)
    for path in workdir.rglob("*.csv"):
        rows = list(csv.reader(io.StringIO(path.read_bytes().decode())))
        assert not [cell for row in rows for cell in row if cell.startswith(("=", "@", "+cmd"))]


def test_the_table_has_a_line_a_model_and_no_code(results, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "2000")
    with printable_streams():
        show_results("table", results)
    text = capsys.readouterr().out
    assert "\\x1b[2J" in text
    assert not [char for char in text if char != "\n" and not char.isprintable()]
    assert len([line for line in text.splitlines() if "/tmp/x" in line or "a b" in line]) >= 2
