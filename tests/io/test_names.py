"""Names as data: in a line, as a file name, in a spreadsheet."""

import csv
import io

import pytest

from imagenet_real.io.names import as_cell, as_file_name, one_line, printable, shorten_words

NAMES = (
    "/tmp/x", "../x", "..", ".", "", "a/b", "a\\b", "~root", "-rf", "CON", "a\0b", "a\nb", "\x1b[2J", "\u202egnp", "\ud800",
    "\udcff", "é" * 200, "x" * 300, "x" * 301, "a%2Fb", "=cmd|'/c calc'!A0",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_any_name_is_the_name_of_one_file(tmp_path, name):
    path = tmp_path / "folder" / as_file_name(name)
    path.parent.mkdir()
    path.write_text("x")
    assert [found.name for found in tmp_path.rglob("*") if found.is_file()] == [path.name]
    assert path.parent.resolve() == (tmp_path / "folder").resolve()


def test_different_names_are_different_files():
    assert len({as_file_name(name) for name in NAMES}) == len(NAMES)


@pytest.mark.parametrize("name", ["resnet50", "vit_tiny.augreg_in21k", "package.module:function", "a (2) [x]", "naïve"])
def test_a_plain_name_stays_as_it_is(name):
    assert as_file_name(name) == name == one_line(name) == as_cell(name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("a\nb\r\tc", "a b c"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\ud800\U000e0001", "\\ud800\\U000e0001"),
        ("1\u202f000\xa0k", "1 000 k"),
    ],
)
def test_a_name_in_a_line_holds_no_code(text, expected):
    assert one_line(text) == expected


def test_lines_and_spaces_of_a_text_stay():
    assert printable("a\tb\n1\u202f000\xa0k\x85") == "a\tb\n1\u202f000\xa0k\\x85"


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-2+3", "@SUM(1)", "\t=1", "\r=1"])
def test_a_spreadsheet_computes_no_name(text):
    file = io.StringIO()
    csv.writer(file).writerow([as_cell(text)])
    assert next(csv.reader([file.getvalue()]))[0] == f"'{text}"


@pytest.mark.parametrize("text", ["-1", "+0.5", "-3.2e-05", "1", ""])
def test_numbers_stay_numbers(text):
    assert as_cell(text) == text


def test_a_long_word_is_cut_in_its_middle_and_a_path_is_not():
    path = "/".join(["folder"] * 20)
    line = shorten_words(f"unknown rule '{'x' * 300}' in {path}. Give another.")
    assert path in line
    assert len(line) < 100 + len(path)
    assert line.startswith("unknown rule 'xxx")
    assert "xxx' in folder" in line
