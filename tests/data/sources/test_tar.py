"""Tars as people have them and tars that lie: what is read and what is named as left out is all that is there."""

import io
import os
import shutil
import subprocess
import tarfile
import time

import pytest

from imagenet_real.data.sources.nested_tar import ELSEWHERE, FOLDER_LINK, SPARSE, SPECIAL, read_tar
from imagenet_real.data.sources.open import open_source
from imagenet_real.errors import InputError
from tests.data.pictures import picture

BLOCK = 512
NAMES = [f"class{number % 2}/{number}.jpg" for number in range(20)]


def add(archive: tarfile.TarFile, name: str, content: bytes = b"", **fields: object) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    for field, value in fields.items():
        setattr(member, field, value)
    archive.addfile(member, io.BytesIO(content))


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A tar of 20 images."""
    path = tmp_path_factory.mktemp("tar") / "images.tar"
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        for number, name in enumerate(NAMES):
            add(archive, name, picture(number))
    return path


def write(path, content: bytes):
    path.write_bytes(content)
    return path


def offsets(path) -> list[int]:
    """Where the headers are."""
    with tarfile.open(path) as archive:
        return [member.offset for member in archive]


def refusal(path) -> str:
    began = time.monotonic()
    with pytest.raises(InputError) as caught:
        open_source(str(path))
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    assert len(message) < 300 + len(str(path))
    assert time.monotonic() - began < 1
    return message


def read_all(path) -> dict[str, bytes]:
    source = open_source(str(path))
    records = [source[index] for index in range(len(source))]
    return {record["image_id"]: record["image"] for record in records}


@pytest.mark.parametrize("number", range(0, 20, 4))
def test_a_zeroed_header_loses_no_image_in_silence(images, tmp_path, number):
    content = bytearray(images.read_bytes())
    place = offsets(images)[number]
    content[place : place + BLOCK] = bytes(BLOCK)
    assert "behind its end are no tar, and a header may be lost" in refusal(write(tmp_path / "x.tar", content))


def test_bytes_behind_the_end_are_counted(images, tmp_path):
    path = write(tmp_path / "x.tar", images.read_bytes() + b"signature")
    place = images.stat().st_size
    assert f"the 9 bytes behind its end are no tar, at byte {place}" in refusal(path)
    assert len(read_all(write(tmp_path / "zeros.tar", images.read_bytes() + bytes(70_000)))) == 20


def test_tars_joined_one_behind_the_other_are_read(images, tmp_path):
    with tarfile.open(tmp_path / "more.tar", "w") as archive:
        add(archive, "class0/more.jpg", picture(99))
    both = write(tmp_path / "x.tar", images.read_bytes() + (tmp_path / "more.tar").read_bytes())
    assert read_all(both) == read_all(images) | {"class0/more": picture(99)}


def test_a_tar_without_an_end_is_read_with_a_note(images, tmp_path):
    with tarfile.open(images) as archive:
        *_, last = archive
    end = last.offset_data + -(-last.size // BLOCK) * BLOCK
    for size in (end, last.offset_data + last.size):
        path = write(tmp_path / "x.tar", images.read_bytes()[:size])
        assert read_all(path) == read_all(images)
        assert open_source(str(path)).notes == (f"{path}: it has no end, so files may be missing.",)
    assert "is cut off" in refusal(write(tmp_path / "cut.tar", images.read_bytes()[: last.offset_data + last.size - 1]))


def test_links_are_read_and_dangling_ones_are_named(tmp_path):
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        add(archive, "b/soft.jpg", type=tarfile.SYMTYPE, linkname="../a/one.jpg")
        add(archive, "a/one.jpg", picture(1))
        add(archive, "b/hard.jpg", type=tarfile.LNKTYPE, linkname="a/one.jpg")
        add(archive, "b/again.jpg", type=tarfile.SYMTYPE, linkname="hard.jpg")
        add(archive, "b/nowhere.jpg", type=tarfile.SYMTYPE, linkname="/etc/passwd")
        add(archive, "b/round.jpg", type=tarfile.SYMTYPE, linkname="round.jpg")
        add(archive, "c", type=tarfile.SYMTYPE, linkname="a")
        add(archive, "a/pipe.jpg", type=tarfile.FIFOTYPE)
    assert read_all(tmp_path / "x.tar") == {name: picture(1) for name in ("a/one", "b/again", "b/hard", "b/soft")}
    left_out = open_source(str(tmp_path / "x.tar")).left_out
    expected = {"b/nowhere.jpg": ELSEWHERE, "b/round.jpg": ELSEWHERE, "c": FOLDER_LINK, "a/pipe.jpg": SPECIAL}
    assert left_out == expected


@pytest.mark.skipif(shutil.which("tar") is None, reason="there is no tar")
@pytest.mark.parametrize("form", ["--format=gnu", "--format=posix", "--sparse-version=0.1", "--sparse-version=1.0"])
def test_sparse_files_are_named(tmp_path, form):
    (tmp_path / "in" / "a").mkdir(parents=True)
    for name in ("a/whole.jpg", "a/zoo.jpg"):
        (tmp_path / "in" / name).write_bytes(picture(1))
    with open(tmp_path / "in/a/sparse.jpg", "wb") as file:
        for place in range(0, 4_000_000, 160_000):  # more parts than a header has
            file.seek(place)
            file.write(b"x" * 4096)
    options = [form, *(["--format=posix"] if "version" in form else []), "--sparse", "--sort=name", "-cf"]
    subprocess.run(["tar", *options, tmp_path / "x.tar", "a"], cwd=tmp_path / "in", check=True)
    contents = read_tar(tmp_path / "x.tar")
    assert [member.path for member in contents.members] == ["a/whole.jpg", "a/zoo.jpg"]
    assert contents.left_out == {"a/sparse.jpg": SPARSE}


def changed_size(content: bytes, place: int, field: bytes) -> bytes:
    """The header at `place` with another size, and the checksum for it."""
    header = bytearray(content[place : place + BLOCK])
    header[124:136] = field.ljust(12, b"\0")
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return content[:place] + bytes(header) + content[place + BLOCK :]


@pytest.mark.parametrize(
    ("field", "message"),
    [
        (b"-0000001000", "the size b'-0000001000'"),
        (b"99999999999", "the size b'99999999999'"),
        (b"77777777777", "is cut off"),
        (b"\xff" * 11 + b"\x00", "a negative size"),
        (b"\x80" + b"\x7f" * 11, "is cut off"),
        (b"1_000", "the size b'1_000'"),
        (b"+1000", "the size b'+1000'"),
    ],
)
def test_sizes_that_lie_are_refused_at_once(images, tmp_path, field, message):
    content = changed_size(images.read_bytes(), offsets(images)[3], field)
    assert message in refusal(write(tmp_path / "x.tar", content))


def pax(content: bytes, kind: bytes = b"x", size: int | None = None) -> bytes:
    header = bytearray(tarfile.TarInfo("PaxHeader").tobuf(tarfile.USTAR_FORMAT))
    header[156:157] = kind
    padded = content + bytes(-len(content) % BLOCK)
    return changed_size(bytes(header), 0, b"%011o" % (len(content) if size is None else size)) + padded


def record(name: str, value: str) -> bytes:
    body = f" {name}={value}\n".encode()
    return next(b"%d" % n + body for n in range(len(body), len(body) + 10) if len(b"%d" % n) + len(body) == n)


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (pax(record("size", "-1536")), "the size '-1536'"),
        (pax(record("size", "1e3")), "the size '1e3'"),
        (pax(record("size", "9" * 30)), "the size '99999"),
        (pax(record("size", "٣")), "the size "),
        (pax(b"9999999999 path=a\n"), "damaged attributes"),
        (pax(b"-5 path=a\n"), "damaged attributes"),
        (pax(b"0 path=a\n"), "damaged attributes"),
        (pax(b"path=a\n"), "damaged attributes"),
        (pax(record("path", "x" * 5000)), "a path of 5,000 characters"),
        (pax(record("path", "a/") * 150_000), "attributes of 1,650,000 bytes"),
        (pax(record("path", "same.jpg"), kind=b"g"), "one path for all files"),
        (pax(b"x" * 5000 + b"\0", kind=b"L"), "a path of 5,000 characters"),
        (pax(b"", size=1 << 40), "is cut off"),
    ],
)
def test_attributes_that_lie_are_refused_at_once(images, tmp_path, extra, message):
    content, place = images.read_bytes(), offsets(images)[3]
    assert message in refusal(write(tmp_path / "x.tar", content[:place] + extra + content[place:]))


def test_names_that_are_not_utf8_are_read(tmp_path):
    (tmp_path / "in").mkdir()
    with open(os.fsencode(tmp_path / "in") + b"/caf\xe9.jpg", "wb") as file:
        file.write(picture(1))
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        archive.add(tmp_path / "in", ".")
    assert read_all(tmp_path / "x.tar") == read_all(tmp_path / "in") == {"caf%E9": picture(1)}


def test_paths_of_every_spelling_have_one_id(tmp_path):
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        for number, name in enumerate(("./a/0.jpg", "/a/1.jpg", "a//2.jpg", "a/./3.jpg", "b/../a/4.jpg")):
            add(archive, name, picture(number))
    assert read_all(tmp_path / "x.tar") == {f"a/{number}": picture(number) for number in range(5)}
