"""docs/bring_your_own.md and docs/exports.md: predictions as people save them, from the file to a table for a paper."""

import json
import re

import numpy as np
import pytest

from imagenet_real.labels.imagenet import validation_ids, validation_labels
from tests import ROOT, documented
from tests.documented import commands
from tests.flows.shell import Shell

pytestmark = pytest.mark.slow

SAVED = commands(ROOT / "docs" / "bring_your_own.md", "Predictions")
PAPER = [command for command in commands(ROOT / "docs" / "exports.md", "Exports") if "latex,markdown" in command]
WRONG = {"mine": 0.24, "theirs": 0.29}  # shares of wrong predictions
CRANE, DERRICK = 134, 517  # "crane" is a bird and a machine


@pytest.fixture
def shell(tmp_path):
    """An empty folder but for `labels`, small label files in the published formats, and `predictions`."""
    documented.write_labels(tmp_path / "labels")
    (tmp_path / "predictions").mkdir()
    return Shell(tmp_path, {"score": "--report=False"}, IMAGENET_REAL_DATA=str(tmp_path))


def wrongly(share: float) -> np.ndarray:
    """[N, 2] classes: the label, or the next class, and another class."""
    labels = validation_labels()
    first = np.where(np.random.default_rng(0).random(len(labels)) < share, (labels + 1) % 1000, labels)
    return np.stack([first, (first + 500) % 1000], axis=1)


def rows(folder) -> dict[tuple[str, str], float]:
    found = json.loads((folder / "results.json").read_text())["rows"]
    return {(row["model"], row["label_set"]): row["accuracy"] for row in found if row["k"] == 1}


def test_arrays_under_other_names_and_in_any_order_to_a_table_for_a_paper(shell):
    order = np.random.default_rng(1).permutation(50_000)
    paths = np.array([f"/data/val/{name}.JPEG" for name in validation_ids()])
    for name, ids in (("mine", "paths"), ("theirs", "filenames")):
        arrays = {ids: paths[order], "preds": wrongly(WRONG[name])[order]}
        np.savez(shell.folder / "predictions" / f"{name}.npz", **arrays)
    (score,), (paper,) = SAVED, PAPER
    assert "original" in shell.run(score)
    reached = rows(shell.folder / "runs" / "score")
    for name, share in WRONG.items():
        assert reached[name, "original"] == np.mean(wrongly(share)[:, 0] == validation_labels())

    assert "table.tex" in shell.run(paper)
    lines = (shell.folder / "runs" / "paper" / "table.md").read_text().splitlines()
    heads = [cell.strip() for cell in lines[0].strip("|").split("|")]
    cells = dict(zip(heads, (cell.strip() for cell in lines[2].strip("|").split("|")), strict=True))
    assert cells["model"] == "mine"  # the best one comes first
    value, half = re.fullmatch(r"\*\*([\d.]+)\*\* ± ([\d.]+)", cells["Original"]).groups()
    assert (value, half) == (f"{100 * reached['mine', 'original']:.2f}", "0.37")
    latex = (shell.folder / "runs" / "paper" / "table.tex").read_text()
    assert rf"\textbf{{{value}}} {{\scriptsize $\pm$ {half}}}" in latex
    widths = {len(line.split(" & ")) for line in latex.splitlines() if line.endswith(r" \\")}
    assert widths == {len(heads)}
    assert len(shell.typed) == 2


def test_an_unknown_file_says_what_it_holds(shell):
    np.savez(shell.folder / "predictions" / "mine.npz", image_ids=validation_ids(), embedding=np.zeros((50_000, 2)))
    (score,) = SAVED
    assert re.search(r"embedding \[50,?000, 2\].*Save image_ids and one of", shell.run(score, code=1))


def test_the_rows_that_a_sampler_repeats_are_left_out_by_name(shell):
    ids, top = validation_ids(), wrongly(WRONG["mine"])
    path = shell.folder / "predictions" / "mine.npz"
    np.savez(path, paths=np.append(ids, ids[:14]), preds=np.append(top, top[:14], axis=0))
    (score,) = SAVED
    (repair,) = set(re.findall(r"--repair=\w+", shell.run(score, code=2)))
    shell.run(f"{score} {repair}")
    assert rows(shell.folder / "runs" / "score")["mine", "original"] == np.mean(top[:, 0] == validation_labels())


def test_a_name_of_two_classes_gives_bounds(shell):
    """timm's default table has names alone: those of both cranes are "crane"."""
    names = [[f"thing {number}"] for number in range(1000)]
    names[CRANE] = names[DERRICK] = ["crane"]
    classes = [{"cid": number, "synset": synset, "gloss": ""} for number, synset in enumerate(names)]
    (shell.folder / "labels" / "class_info.json").write_text(json.dumps(classes))
    labels = validation_labels()
    lines = [f"{name}.JPEG,{names[label][0]},0.5" for name, label in zip(validation_ids(), labels, strict=True)]
    (shell.folder / "predictions" / "mine.csv").write_text("\n".join(["filename,label,prob", *lines]) + "\n")
    (score,) = SAVED
    said = shell.run(score.replace("*.npz", "*.csv"))
    cranes = np.isin(labels, (CRANE, DERRICK)).mean()
    assert rows(shell.folder / "runs" / "score")["mine", "original"] == 1 - cranes
    assert re.search(rf"{100 * (1 - cranes):.2f} to 100.00 % under original", said), said
