"""Tables for a paper, and results for the Hub."""

import re

import pytest

from imagenet_real.report.exports import exports
from imagenet_real.report.exports.paper import latex_text
from imagenet_real.scoring.results import score_models
from tests import toy


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("paper")
    models = [toy.predictions("net_50"), toy.predictions("b&c|d", top=toy.TOP[:, ::-1])]
    results = score_models(models, toy.label_sets(), ks=(1, 2))
    exports.write(folder, ["latex", "markdown", "eval_results"], results, models.index)
    return folder, results


def accuracy(results, model, label_set, k=1):
    key = (model, label_set, k)
    return next(row for row in results.rows if (row["model"], row["label_set"], row["k"]) == key)


def test_the_markdown_table_has_every_accuracy(written):
    folder, results = written
    lines = (folder / "table.md").read_text().splitlines()
    head, rule, *rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines if line.startswith("|")]
    assert [cell.strip() for cell in head] == ["model", "Original", "Original top-2", "ReaL", "Multi-label"]
    assert all(cell.strip().strip(":") == "---" for cell in rule)
    by_model = {row[0].strip(): [cell.strip() for cell in row[1:]] for row in rows}
    assert list(by_model) == ["b&c\\|d", "net_50", "images"]  # the best model first
    row = accuracy(results, "net_50", "real")
    half = (row["high"] - row["low"]) / 2 * 100
    assert by_model["net_50"][2] == f"**{row['accuracy'] * 100:.2f}** ± {half:.2f}"
    assert by_model["images"] == ["6", "6", "5", "5"]
    assert "ReaL (Beyer et al. 2020)" in lines[-1]


def test_the_latex_table_is_complete_and_escaped(written):
    text = (written[0] / "table.tex").read_text()
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == 1
    body = text[text.index(r"\midrule") : text.index(r"\bottomrule")]
    rows = [line for line in body.splitlines() if line.endswith(r"\\")]
    assert [row.split(" & ")[0] for row in rows] == [r"b\&c|d", r"net\_50", "Images"]
    assert all(len(re.split(r"(?<!\\)&", row)) == 5 for row in rows)
    assert r"\textbf{80.00} {\scriptsize $\pm$ 35.57}" in body
    assert text.count("{") == text.count("}")


def test_text_is_escaped_for_latex():
    assert latex_text(r"50 % of a_b & {x}^2 #1 \ $ ~ ±") == (
        r"50 \% of a\_b \& \{x\}\textasciicircum{}2 \#1 \textbackslash{} \$ \textasciitilde{} $\pm$"
    )


def test_results_for_the_hub_are_a_file_for_each_label_set(written):
    """The fields are those of huggingface_hub's `EvalResultEntry`."""
    yaml = pytest.importorskip("yaml")
    folder, results = written
    files = {path.stem: path for path in (folder / "eval_results" / "net_50" / ".eval_results").glob("*.yaml")}
    assert set(files) == {"original", "real", "multilabel"}
    (entry,) = yaml.safe_load(files["real"].read_text())
    assert entry.keys() == {"dataset", "value", "notes"}
    assert entry["dataset"] == {"id": "OWNER/real", "task_id": "real"}  # images that are not ImageNet's
    assert entry["value"] == pytest.approx(accuracy(results, "net_50", "real")["accuracy"] * 100, abs=1e-4)
    assert "95 % interval" in entry["notes"]
