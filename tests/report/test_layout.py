"""Tables that fit the terminal."""

import pytest

from imagenet_real.report.layout import aligned

HEAD = ["", "model", "original", "except all errors", "mislabeled: original / ReaL", "because"]
ROWS = [
    [
        "1",
        "resnet50",
        "76.13 ±0.37",
        "90.09 ±0.31 +1",
        "1,298 / 1,367",
        "a long explanation of what the model confuses here",
    ],
    ["2", "vgg16", "71.59 ±0.39", "86.10 ±0.36  =", "1,400 / 1,200", "short"],
]


def table(monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    return aligned(HEAD, ROWS).splitlines()


def test_a_wide_terminal_shows_everything_in_one_head(monkeypatch):
    lines = table(monkeypatch, 200)
    assert lines[0].split()[0] == "model"
    assert len(lines) == 4
    assert "what the model confuses here" in lines[2]


@pytest.mark.parametrize("columns", [130, 110, 100, 90, 70, 50, 40, 20])
def test_a_table_is_never_wider_than_the_terminal(monkeypatch, columns):
    lines = table(monkeypatch, columns)
    body = [line for line in lines if not line.startswith("Not shown")]
    assert max(map(len, body)) <= columns
    assert any("resnet50" in line for line in body)


def test_columns_without_room_are_named(monkeypatch):
    lines = table(monkeypatch, 50)
    assert "Not shown, for lack of room: because. A wider terminal" in lines[-1]
    assert "±" not in "".join(lines[:-1])
    assert "Not shown" not in table(monkeypatch, 110)[-1]


def test_columns_without_content_are_left_out():
    assert aligned(["a", "b", "c"], [["1", "", "3"]]).splitlines()[0].split() == ["a", "c"]
    assert aligned(["a", "b"], []).split()[:2] == ["a", "b"]


def test_names_are_not_cut(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    name = "vit_large_patch14_reg4_dinov2.lvd142m_in1k"
    lines = aligned(["weights", "a", "b", "because"], [[name, "1", "2", "x" * 40]]).splitlines()
    assert lines[-1].startswith(name) or name in lines[-2]


def test_heads_take_several_lines_before_halves_are_dropped(monkeypatch):
    lines = table(monkeypatch, 110)
    assert "±0.37" in "".join(lines)
    assert lines[0].split() == ["mislabeled:"]


def test_without_a_terminal_a_table_has_100_columns(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    assert max(map(len, aligned(HEAD, ROWS).splitlines()[:5])) <= 100
