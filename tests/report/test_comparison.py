"""The tables, the plot and the files of a comparison of training runs."""

import json

import pytest

from imagenet_real.report.comparison import as_text, write_comparison
from imagenet_real.report.plots.training_runs import figure
from imagenet_real.scoring.comparison import compare
from tests.scoring.test_comparison import REFERENCES, rows


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
    assert content["pairs"][0]["a"] == {"loss": "sigmoid", "data": "all", "length": "short"}
    assert content["references"] == REFERENCES
    assert (place / "comparison.png").read_bytes().startswith(b"\x89PNG")
