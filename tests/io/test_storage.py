import os
import signal
import subprocess
import sys
import time

import pytest
from etils import epath

from imagenet_real.errors import InputError
from imagenet_real.io import bucket as bucket_module
from imagenet_real.io import network, storage


def everything_in(folder):
    if storage.in_bucket(folder):
        return sorted(name for name, _ in storage.objects_below(folder))
    return sorted(
        os.path.relpath(os.path.join(root, name), folder) for root, _, files in os.walk(folder) for name in files
    )


def test_a_path_is_on_a_disk_or_in_a_bucket(bucket, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert str(storage.to_path("~/a")) == str(tmp_path / "a")
    assert str(storage.to_path("runs/a")) == "runs/a"
    assert str(storage.to_path("gs://bucket/~/a")) == "gs://bucket/~/a"
    assert not storage.in_bucket(tmp_path)
    assert storage.in_bucket(storage.to_path("gs://bucket/a") / "b")
    with pytest.raises(
        InputError, match="s3://bucket/a is in no known place. Give a path on a disk, or in a bucket with gs://"
    ):
        storage.to_path("s3://bucket/a")


@pytest.mark.parametrize("path", ["gs://", "gs:///a"])
def test_a_bucket_has_a_name(path):
    with pytest.raises(InputError, match=f"{path} names no bucket. Give gs://BUCKET/PATH."):
        storage.to_path(path)


def test_a_bucket_that_does_not_answer_is_one_line(monkeypatch):
    pytest.importorskip("gcsfs", reason="gcsfs is not installed (the extra gcs): paths in a bucket are not tested")
    for name in ("STORAGE_EMULATOR_HOST", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(network, "is_reachable", lambda host: False)
    monkeypatch.setattr(bucket_module, "_file_system", bucket_module._file_system.__wrapped__)
    with pytest.raises(InputError, match="storage.googleapis.com does not answer, so no bucket can be read"):
        storage.to_path("gs://bucket/a")


def test_a_file_appears_whole_when_it_is_closed(place):
    file = place / "folder" / "a.txt"
    with storage.open_atomically(file) as opened:
        opened.write("älter\n")
        assert not file.exists()
    assert file.read_text() == "älter\n"
    with storage.open_atomically(file, "wb") as opened:
        opened.write(b"new\r\n")
        assert file.read_text() == "älter\n"
    assert file.read_bytes() == b"new\r\n"
    assert everything_in(place) == ["folder/a.txt"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_writer_that_fails_leaves_what_was_there(place, error):
    file = place / "a.txt"
    with storage.open_atomically(file) as opened:
        opened.write("old")

    def fail():
        with storage.open_atomically(file) as opened:
            opened.write("half")
            raise error

    with pytest.raises(error):
        fail()
    assert file.read_text() == "old"
    assert everything_in(place) == ["a.txt"]


@pytest.mark.parametrize("size", [10, 60_000_000])  # of which the bucket takes the larger in parts
def test_a_bucket_that_refuses_keeps_what_was_there(bucket, in_bucket, size):
    file = in_bucket / "a.bin"
    with storage.open_atomically(file, "wb") as opened:
        opened.write(b"old")
    bucket.refused.add("write")
    with pytest.raises(OSError, match="quota exceeded") as caught, storage.open_atomically(file, "wb") as opened:
        opened.write(b"x" * size)
    assert caught.value.filename == str(file)
    assert file.read_bytes() == b"old"


def test_a_large_object_is_uploaded_in_parts_and_there_at_the_end(bucket, in_bucket):
    content = os.urandom(1000) * 60_000
    with storage.open_atomically(in_bucket / "a.bin", "wb") as opened:
        opened.write(content)
    parts = [request for request in bucket.requests if request.startswith("POST /resumable")]
    assert len(parts) == 2
    assert storage.read_bytes(in_bucket / "a.bin") == content


WRITER = """
import sys
from imagenet_real.io import storage
with storage.open_atomically(sys.argv[1], "wb") as file:
    file.write(b"x" * 60_000_000)
    file.flush()
    print("half", flush=True)
    if "wait" in sys.argv:
        sys.stdin.read()
"""


def test_a_writer_that_is_killed_leaves_what_was_there(tmp_path):
    (tmp_path / "a.bin").write_bytes(b"old")
    command = [sys.executable, "-c", WRITER, str(tmp_path / "a.bin"), "wait"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout.readline() == b"half\n"
        writer.kill()
    assert (tmp_path / "a.bin").read_bytes() == b"old"
    assert len(everything_in(tmp_path)) == 2
    (tmp_path / ".own.incomplete.txt").touch()
    storage.remove_incomplete(tmp_path)
    assert everything_in(tmp_path) == [".own.incomplete.txt", "a.bin"]


def test_a_file_with_a_long_name_is_written(tmp_path):
    with storage.open_atomically(tmp_path / ("x" * 251 + ".txt")) as file:
        file.write("half of a pair: \ud800")
    assert (tmp_path / ("x" * 251 + ".txt")).read_text() == "half of a pair: \\ud800"


def test_a_writer_that_is_killed_in_its_upload_leaves_what_was_there(bucket, in_bucket):
    with storage.open_atomically(in_bucket / "a.bin", "wb") as file:
        file.write(b"old")
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(in_bucket / "a.bin")], stdout=subprocess.DEVNULL)

    def kill(request):
        if request.startswith("POST /resumable"):  # the first of two parts
            writer.kill()

    bucket.watch = kill
    assert writer.wait(timeout=60) == -signal.SIGKILL
    time.sleep(0.1)
    assert everything_in(in_bucket) == ["a.bin"]
    assert storage.read_bytes(in_bucket / "a.bin") == b"old"


def test_files_that_belong_together(place):
    storage.write_together({place / "a.txt": "a\n", place / "b.txt": "b\n"})
    assert everything_in(place) == ["a.txt", "b.txt"]
    assert (place / "b.txt").read_text() == "b\n"


def test_a_bucket_that_refuses_gets_none_of_several_files(bucket, in_bucket):
    storage.write_together({in_bucket / "a.txt": "old", in_bucket / "b.txt": "old"})
    bucket.refused.add("write")
    with pytest.raises(OSError, match="quota exceeded"):
        storage.write_together({in_bucket / "a.txt": "new", in_bucket / "b.txt": "new"})
    assert {(in_bucket / name).read_text() for name in ("a.txt", "b.txt")} == {"old"}


def test_names_and_patterns(place):
    for name in ("b.npz", "a.npz", "a.txt", "folder/c.npz"):
        with storage.open_atomically(place / name) as file:
            file.write(name)
    assert storage.names_in(place) == ["a.npz", "a.txt", "b.npz", "folder"]
    assert storage.names_in(place / "nothing") == []
    assert storage.matching(f"{place}/*.npz") == [place / "a.npz", place / "b.npz"]
    assert storage.matching(f"{place}/*/c.npz") == [place / "folder" / "c.npz"]
    assert storage.matching(f"{place}/*.csv") == []


def test_what_another_process_writes_is_seen(bucket, in_bucket):
    bucket.put(f"{str(in_bucket).removeprefix('gs://')}/a", b"a")
    assert storage.names_in(in_bucket) == ["a"]
    assert not (in_bucket / "b").exists()
    bucket.put(f"{str(in_bucket).removeprefix('gs://')}/b", b"b")
    assert storage.names_in(in_bucket) == ["a", "b"]
    assert (in_bucket / "b").exists()
    assert storage.matching(f"{in_bucket}/*") == [in_bucket / "a", in_bucket / "b"]


def test_the_checksum_of_a_file(place):
    with storage.open_atomically(place / "a", "wb") as file:
        file.write(b"abc")
    assert storage.sha256(place / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_part_of_an_object_is_one_request(bucket, in_bucket):
    with storage.open_atomically(in_bucket / "a", "wb") as file:
        file.write(bytes(range(200)))
    bucket.requests.clear()
    assert storage.read_range(in_bucket / "a", 10, 5) == bytes(range(10, 15))
    assert len(bucket.requests) == 1
    assert storage.read_range(in_bucket / "a", 190, 50) == bytes(range(190, 200))
    with pytest.raises(FileNotFoundError):
        storage.read_range(in_bucket / "b", 0, 5)


def test_what_lies_below_a_folder_of_a_bucket(bucket, in_bucket):
    for number in range(130):  # more than one page of the listing
        bucket.put(str(in_bucket / f"{number % 3}/{number:03d}").removeprefix("gs://"), b"x" * number)
    bucket.put(f"{str(in_bucket).removeprefix('gs://')}x/other", b"")
    expected = {f"{number % 3}/{number:03d}": number for number in range(130)}
    assert dict(storage.objects_below(in_bucket)) == expected


def test_a_file_that_grows(place):
    for first, second in (("one", "two"), ("three", "four")):
        growing = storage.open_to_append(place / "a.txt")
        growing.write(f"{first}\n".encode())
        growing.flush()
        assert storage.read_text(place / "a.txt").endswith(f"{first}\n")
        growing.write(f"{second}\n".encode())
        growing.close()
    assert storage.read_text(place / "a.txt") == "one\ntwo\nthree\nfour\n"


def test_an_object_is_copied_to_the_disk_once(bucket, in_bucket, tmp_path, monkeypatch):
    monkeypatch.setattr(storage, "cache_folder", lambda: epath.Path(tmp_path))
    with storage.open_atomically(in_bucket / "a.bin", "wb") as file:
        file.write(b"1" * 10)
    copy = storage.on_disk(in_bucket / "a.bin")
    assert copy.read_bytes() == b"1" * 10
    assert copy.name == "a.bin"
    bucket.requests.clear()
    assert storage.on_disk(in_bucket / "a.bin") == copy
    assert not [request for request in bucket.requests if "alt=media" in request]
    with storage.open_atomically(in_bucket / "a.bin", "wb") as file:
        file.write(b"2" * 10)
    assert storage.on_disk(in_bucket / "a.bin").read_bytes() == b"2" * 10
    assert storage.on_disk(tmp_path / "there") == epath.Path(tmp_path / "there")
