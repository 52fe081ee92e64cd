"""The tables, the plot and the files of a comparison of training runs."""

import json

import pytest

from imagenet_real.report.comparison import as_text, write_comparison
from imagenet_real.report.plots.training_runs import figure
from imagenet_real.scoring.comparison import compare
from tests.scoring.test_comparison import REFERENCES, recipe_rows, rows


def test_one_seed_has_no_interval_in_the_table():
    assert "±" not in as_text(compare([row for row in rows() if row["seed"] == 0], [], {}))


def test_the_tables():
    text = as_text(compare(rows("original") + rows(), REFERENCES, {}))
    assert "mean over 3 seeds" in text
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "length loss labels original real" in lines
    assert "short softmax all 82.00 ±4.97 82.00 ±4.97" in lines
    assert "sigmoid - softmax all, short +1.00 ±0.00 * +1.00 ±0.00 *" in lines
    assert "clean - all softmax, short +0.33 ±7.99 +0.33 ±7.99" in lines
    assert "chance 10.00" in lines


def test_the_plot_has_a_panel_a_label_set_and_a_line_a_variant():
    drawing = figure(compare(rows("original") + rows(), REFERENCES, {}))
    assert [axis.get_title() for axis in drawing.axes] == ["Original labels", "ReaL labels"]
    assert drawing.axes[1].get_legend_handles_labels()[1] == [
        "softmax, all labels",
        "sigmoid, all labels",
        "softmax, clean labels",
        "sigmoid, clean labels",
    ]


def test_the_files(place):
    comparison = compare(rows(), REFERENCES, {"config": {"seeds": [0]}})
    write_comparison(place, comparison)
    content = json.loads((place / "comparison.json").read_text())
    assert content["schema"] == 1
    assert content["rows"][0] == rows()[0]
    assert content["summary"][0]["mean"] == pytest.approx(0.82)
    assert content["pairs"][0]["a"] == {"loss": "sigmoid", "data": "all", "length": "short", "recipe": ""}
    assert content["references"] == REFERENCES
    assert (place / "comparison.png").read_bytes().startswith(b"\x89PNG")


def test_recipes_and_mean_average_precision():
    comparison = compare(recipe_rows(k=1), [], {}, recipe_rows("mean_average_precision"))
    lines = [" ".join(line.split()) for line in as_text(comparison).splitlines()]
    assert "length recipe loss labels real" in lines
    assert "short mixed sigmoid all 81.00 ±12.71" in lines
    assert "thresholded - mixed softmax, all, short +4.00 ±12.71" in lines
    assert lines.count("short mixed sigmoid all 81.00 ±12.71") == 2  # accuracies and mean average precisions
    drawing = figure(comparison)
    assert [axis.get_ylabel() for axis in drawing.axes] == ["top-1 accuracy, %", "mean average precision, %"]
    assert [label.get_text() for label in drawing.axes[0].get_xticklabels()] == ["plain", "mixed", "thresholded"]
