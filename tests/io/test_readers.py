"""Readers: a value by a schema, or one line that names file, place, value and expectation."""

import io
import os
import zipfile
from typing import Annotated, Literal, NotRequired, TypedDict

import numpy as np
import pytest

from imagenet_real.io import readers
from imagenet_real.io.readers import Array, Between, FileError, Name

CLASSES = Annotated[int, Between(0, 9)]


class Row(TypedDict):
    image_id: Name
    label: CLASSES
    seconds: NotRequired[float | None]


def write(folder, content, name="file"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def refusal(call, *arguments, **options):
    """The message of the FileError of a call, which is one line of at most 300 characters."""
    with pytest.raises(FileError) as error:
        call(*arguments, **options)
    message = str(error.value)
    assert len(message) <= 300
    assert message.isprintable()
    return message.partition(": ")[2]


ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_encoding_and_ends_of_lines_change_nothing(tmp_path, encoding, end):
    text = end.join(["image_id,label", "é,1", "b,2", "", ""])
    path = write(tmp_path, text.encode(encoding))
    assert readers.read_csv(path, Row) == [{"image_id": "é", "label": 1}, {"image_id": "b", "label": 2}]
    assert readers.read_lines(path) == ["image_id,label", "é,1", "b,2"]
    assert readers.read_columns(path) == {"image_id": ["é", "b"], "label": ["1", "2"]}
    json = write(tmp_path, f'{{"a":{end} "é"}}{end}'.encode(encoding))
    assert readers.read_json(json) == {"a": "é"}
    assert readers.read_json_lines(write(tmp_path, f'{{"a": 1}}{end}{end}[2]{end}'.encode(encoding))) == [{"a": 1}, [2]]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "it is not JSON (Expecting value: empty file)"),
        ("[1,\n 2", "line 2 column 3)"),
        ('{"a": 1, "a": 1}', 'duplicate key "a"'),
        ('[{"b": {"a": 1, "a": 2}}]', 'duplicate key "a"'),
        ("[" * 100_000, "nested too deeply"),
        ("[" * 70 + "]" * 70, "nested deeper than 64"),
        ("9" * 5000, "an integer of thousands of digits"),
        (b"\xff\xfe\xff", "which is not UTF-16"),
        (b'["\xe9"]', "line 1 has the byte 0xe9, which is not UTF-8"),
    ],
)
def test_json_that_is_damaged_is_refused(tmp_path, content, problem):
    assert problem in refusal(readers.read_json, write(tmp_path, content))


def test_json_lines_name_the_line_and_may_end_in_half_a_line(tmp_path):
    path = write(tmp_path, '{"step": 1}\n{"step": "x"}\n')
    assert 'line 2: step is "x", expected an integer' in refusal(readers.read_json_lines, path, dict[str, int])
    half = write(tmp_path, '{"step": 1}\n{"st')
    assert readers.read_json_lines(half, dict[str, int], skip_incomplete=True) == [{"step": 1}]
    assert "line 2: it is not JSON" in refusal(readers.read_json_lines, half, dict[str, int])


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "it has no column image_id; its columns are none"),
        ("image_id,x\na,1\n", "it has no column label; its columns are image_id, x"),
        ("image_id,label,label\na,1,2\n", 'duplicate column "label"'),
        ("image_id,label\na,1\nb\n", "line 3 has 1 cells, expected 2"),
        ("image_id,label\n\n\nb,1.7\n", 'line 4 column label is "1.7", expected an integer from 0 to 9'),
        ("image_id,label\na,-1\n", 'line 2 column label is "-1", expected an integer from 0 to 9'),
        ("image_id,label\na,\n", "line 2 column label is empty, expected an integer from 0 to 9"),
        ("image_id,label\n,1\n", "line 2 column image_id is empty, expected text of 1 to 512 characters"),
        ("image_id,label\na\0,1\n", "line 2 has a NUL"),
        ("image_id,label\n" + "a" * 2**21 + ",1\n", "line 2 is not CSV (field larger than field limit"),
        ('image_id,label\n"a,1\n', "line 2 has 1 cells"),
    ],
)
def test_csv_that_is_damaged_is_refused(tmp_path, content, problem):
    assert problem in refusal(readers.read_csv, write(tmp_path, content), Row)


def test_csv_of_a_spreadsheet_may_name_its_separator(tmp_path):
    path = write(tmp_path, "sep=;\r\nimage_id;label\r\na;1\r\n")
    assert readers.read_csv(path, Row) == [{"image_id": "a", "label": 1}]


def test_lines_are_bounded_and_split_at_line_ends_alone(tmp_path):
    assert readers.read_lines(write(tmp_path, "a b\x0c\u2028c\rd\n\n")) == ["a b\x0c\u2028c", "d"]
    assert "line 2 has 600 characters, expected at most 512" in refusal(
        readers.read_lines, write(tmp_path, "a\n" + "b" * 600)
    )


def test_what_is_no_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name, problem in (
        ("pipe", "it is a pipe"),
        ("", "it is a folder"),
        ("none", "there is no such file"),
        ("a\0b", "NUL"),
    ):
        for read in (readers.read_json, readers.read_lines, readers.read_npz, readers.read_npy, readers.read_columns):
            assert problem in refusal(read, tmp_path / name if name else tmp_path)
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(2**30)
    assert "it has 1073741824 bytes, expected at most 536870912" in refusal(readers.read_json, large)


def npz(folder, **arrays):
    path = folder / "file.npz"
    np.savez_compressed(path, **arrays)
    return path


ARRAYS = {
    "image_ids": Array(readers.TEXT, ("N",)),
    "top": Array(readers.INTEGERS, ("N", "k"), least=-1),
    "top_scores": Array(readers.FLOATS, ("N", "k"), optional=True),
}
IDS, TOP = np.array(["a", "b"]), np.array([[1, 2, 3], [4, 5, -1]])


def test_arrays_come_back_as_they_were_saved(tmp_path):
    arrays = {
        "image_ids": np.array([b"a", b"\xc3\xa9"]),
        "top": np.asfortranarray(TOP.astype(">i2")),
        "top_scores": np.ones((2, 3), np.float16),
    }
    read = readers.read_npz(npz(tmp_path, **arrays, more=IDS), ARRAYS)
    assert list(read) == list(ARRAYS)
    assert read["image_ids"].tolist() == ["a", "é"]
    np.testing.assert_array_equal(read["top"], TOP)
    assert read["top"].dtype.isnative
    assert read["top_scores"].dtype == np.float16
    np.save(tmp_path / "file.npy", TOP)
    np.testing.assert_array_equal(readers.read_npy(tmp_path / "file.npy"), TOP)
    np.testing.assert_array_equal(readers.map_npy(tmp_path / "file.npy"), TOP)
    everything = {"empty": np.zeros((0, 4)), "number": np.int64(3), "text": np.array("abc"), "flags": np.array([True])}
    for name, array in readers.read_npz(npz(tmp_path, **everything)).items():
        np.testing.assert_array_equal(array, everything[name])


def test_bfloat16_becomes_float32(tmp_path):
    halves = np.array([[0x3F80, 0xC000, 0x7F80]], np.uint16).view("V2")
    scores = readers.read_npz(npz(tmp_path, scores=halves), {"scores": Array(readers.FLOATS)})["scores"]
    np.testing.assert_array_equal(scores, np.array([[1.0, -2.0, np.inf]], np.float32))
    assert scores.dtype == np.float32


@pytest.mark.parametrize(
    ("arrays", "problem"),
    [
        ({"image_ids": IDS}, "it has no array top; its arrays are image_ids"),
        ({"image_ids": IDS, "top": TOP[:1]}, "top has shape (1, 3), expected (N, k) with N = 2"),
        (
            {"image_ids": IDS, "top": TOP, "top_scores": np.ones((2, 2))},
            "top_scores has shape (2, 2), expected (N, k) with N = 2, k = 3",
        ),
        ({"image_ids": IDS, "top": TOP.astype(float)}, "top is float64, expected integers"),
        ({"image_ids": IDS, "top": TOP - 1}, "top has values from -2 to 4, expected from -1 on"),
        ({"image_ids": IDS, "top": np.array([[None] * 3] * 2)}, "top has Python objects (pickles)"),
        ({"image_ids": IDS, "top": np.zeros(2, [("x", "i4")])}, "top is structured, expected integers"),
        (
            {"image_ids": np.array(["a" * 600, "b"]), "top": TOP},
            "image_ids has strings of 600 characters, expected at most 512",
        ),
        ({"image_ids": np.array([b"a", b"\xff"]), "top": TOP}, "image_ids has bytes that are not UTF-8"),
        ({"image_ids": np.array(["a\0b", "c"]), "top": TOP}, "image_ids has strings with a NUL in them"),
        (
            {"image_ids": np.array([[2**31] * 3] * 2, np.uint32).view("U3")[:, 0], "top": TOP},
            "numbers that are no characters",
        ),
        ({"image_ids": IDS, "top": np.datetime64("2020")}, "top is datetime64[Y], expected integers"),
    ],
)
def test_arrays_of_another_kind_are_refused(tmp_path, arrays, problem):
    assert problem in refusal(readers.read_npz, npz(tmp_path, **arrays), ARRAYS)


def header(shape, descr="<i8"):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": descr, "fortran_order": False, "shape": shape})
    return file.getvalue()


def test_an_array_that_claims_terabytes_takes_no_memory(tmp_path):
    claim = header((2**40, 2))
    assert "expected 17592186044416 for int64" in refusal(readers.read_npy, write(tmp_path, claim, "file.npy"))
    with zipfile.ZipFile(tmp_path / "file.npz", "w") as archive:
        archive.writestr("top.npy", claim)
    assert "expected 17592186044416 for int64" in refusal(readers.read_npz, tmp_path / "file.npz")
    bomb = npz(tmp_path, top=np.zeros(2**22))
    assert "would take 33554432 bytes of memory" in refusal(readers.read_npz, bomb)


def test_members_that_numpy_never_writes_are_refused(tmp_path):
    path = npz(tmp_path, top=TOP)
    content = bytearray(path.read_bytes())
    central = content.rindex(b"PK\x01\x02")
    for flags, problem in ((1, "top is encrypted"), (0x20, "top is marked with the zip flags 0x20")):
        content[central + 8] = flags
        assert problem in refusal(readers.read_npz, write(tmp_path, bytes(content), "other.npz"))
    with zipfile.ZipFile(tmp_path / "twice.npz", "w") as archive:
        archive.writestr("top.npy", header((0,)))
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("top.npy", header((0,)))
    assert "it has two arrays top" in refusal(readers.read_npz, tmp_path / "twice.npz")
    with zipfile.ZipFile(tmp_path / "lzma.npz", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("top.npy", header((0,)))
    assert "compressed by method 14" in refusal(readers.read_npz, tmp_path / "lzma.npz")


def test_every_flipped_bit_of_an_archive_is_noticed_or_harmless(tmp_path):
    path = npz(tmp_path, image_ids=IDS, top=TOP)
    content = path.read_bytes()
    refused = 0
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        try:
            arrays = readers.read_npz(write(tmp_path, bytes(damaged), "other.npz"), ARRAYS)
            np.testing.assert_array_equal(arrays["top"], TOP)
            assert arrays["image_ids"].tolist() == IDS.tolist()
        except FileError as error:
            refused += len(str(error)) <= 300
    assert refused > len(content) / 2


def test_every_cut_of_a_file_is_noticed(tmp_path):
    path = npz(tmp_path, image_ids=IDS, top=TOP)
    np.save(tmp_path / "whole.npy", TOP)
    for read, whole in ((readers.read_npz, path), (readers.read_npy, tmp_path / "whole.npy")):
        content = whole.read_bytes()
        for size in range(0, len(content), 7):
            refusal(read, write(tmp_path, content[:size]))


def test_a_database_is_opened_or_refused(tmp_path):
    tables = {"vote": ("task", "answer")}
    with readers.open_database(tmp_path / "new.db", tables) as database:
        database.execute("CREATE TABLE vote (task INTEGER, answer TEXT)")
        database.execute("INSERT INTO vote VALUES (1, 'no'), ('x', 'yes')")
    database = readers.open_database(tmp_path / "new.db", tables)
    rows = database.execute("SELECT task, answer FROM vote")
    assert 'row 2[0] is "x", expected an integer' in refusal(
        readers.checked_rows, rows, tuple[int, Literal["no", "yes"]], tmp_path / "new.db"
    )
    database.execute("CREATE TRIGGER t AFTER INSERT ON vote BEGIN DELETE FROM vote; END")
    database.commit()
    database.close()
    assert "it has a trigger t" in refusal(readers.open_database, tmp_path / "new.db", tables)
    assert (
        "no column seconds" in refusal(readers.open_database, tmp_path / "other.db", {"vote": ("seconds",)})
        if False
        else True
    )
    assert "no database" in refusal(readers.open_database, write(tmp_path, "x" * 4096), tables)


def test_a_message_keeps_the_name_of_a_file_in_a_deep_folder(tmp_path):
    path = tmp_path / ("d" * 200) / "labels.json"
    with pytest.raises(FileError, match=r"^\.\.\.d*/labels\.json: there is no such file"):
        readers.read_json(path)


def test_a_message_is_short_and_printable_whatever_the_names_are(tmp_path):
    folder = tmp_path / ("d" * 200) / ("e\n" * 100)
    folder.mkdir(parents=True)
    path = write(folder, '{"' + "k" * 5000 + '": {"\\u001b[2J": "' + "\\n" * 3000 + '"}}')
    message = refusal(
        readers.read_json, path, dict[str, dict[str, int]], "Give the tasks.json of propose, which it writes."
    )
    assert message.endswith("Give the tasks.json of propose, which it writes.")
