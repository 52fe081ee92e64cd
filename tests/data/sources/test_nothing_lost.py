"""Random trees and tars: what is read and what is named as left out is all that is there.

More of them: python -m tests.data.sources.test_nothing_lost --count=2000 --seed=0
"""

import argparse
import io
import os
import pathlib
import shutil
import tarfile
import tempfile

import numpy as np
import pytest

from imagenet_real.data.sources.listing import DANGLING, LOOP
from imagenet_real.data.sources.open import open_source
from imagenet_real.errors import InputError
from tests.data.pictures import picture

NAMES = ("a.jpg", "b.JPEG", "c.png", "d.jfif", "e.heic", "f.txt", "g", ".h.jpg", "i.JPG.jpg", "j.webp", "caf\udce9.jpg")
NAMES += ("e\u0301.png", "k\nl.jpg", "m\\n.jpg", "o.tar", "p.csv", "Thumbs.db")
FOLDERS = ("0", "1", "10", "cats", "dogs", "n01440764", "n01443537", ".hidden", "__MACOSX", "deep")
KINDS = ("image", "image", "image", "empty", "link", "dangling", "loop", "pipe", "hard")


def tree(random: np.random.Generator) -> dict[str, str]:
    """Relative path -> kind of file."""
    files: dict[str, str] = {}
    folders = [str(name) for name in random.choice(FOLDERS, size=random.integers(1, 4), replace=False)]
    folders += [""] * int(random.integers(0, 2))
    for folder in folders:
        for name in random.choice(NAMES, size=random.integers(0, 5), replace=False):
            inner = "deep/" * int(random.integers(3) == 0) if folder else ""
            files[f"{folder}/{inner}{name}".lstrip("/")] = str(random.choice(KINDS))
    return files


def write_tree(root: pathlib.Path, files: dict[str, str]) -> None:
    root.mkdir()
    first = next((path for path, kind in files.items() if kind == "image"), None)
    for number, (path, kind) in enumerate(files.items()):
        place = os.path.join(root, path)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        if kind in ("image", "empty") or (kind in ("link", "hard") and first is None):
            with open(place, "wb") as file:
                file.write(picture(number, size=(8, 8)) if kind != "empty" else b"")
        elif kind == "pipe":
            os.mkfifo(place)
        elif kind != "hard":
            target = os.path.join(root, first) if kind == "link" else {"dangling": "nowhere", "loop": "."}[kind]
            os.symlink(target, place)
    for path, kind in files.items():
        if kind == "hard" and first is not None:
            os.link(os.path.join(root, first), os.path.join(root, path))


def write_tar(file: pathlib.Path, files: dict[str, str], form: int) -> None:
    first = next((path for path, kind in files.items() if kind == "image"), None)
    with tarfile.open(file, "w", format=form) as archive:
        for number, (path, kind) in enumerate(files.items()):
            member = tarfile.TarInfo(path)
            content = picture(number, size=(8, 8)) if kind == "image" else b""
            if kind in ("link", "hard") and first is not None and path != first:
                member.type = tarfile.SYMTYPE if kind == "link" else tarfile.LNKTYPE
                up = "../" * path.count("/") if kind == "link" else ""
                member.linkname = up + first
            elif kind in ("dangling", "loop"):
                member.type, member.linkname = tarfile.SYMTYPE, "nowhere" if kind == "dangling" else path
            elif kind == "pipe":
                member.type = tarfile.FIFOTYPE
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def unnamed(images: str, files: dict[str, str]) -> list[str] | None:
    """Returns the files that a source neither reads nor names; None if it refuses all of them in one line."""
    try:
        source = open_source(images)
    except InputError as error:
        message = str(error)
    else:
        message = ""
    if message:
        assert len(message.splitlines()) == 1, message
        return None
    assert len(source) == len(set(source.image_ids)) == len(source.label_fields().image_ids)
    named = {*source.paths, *source.left_out}
    assert not {*source.paths} & {*source.left_out}
    # A folder that is left out is named once for all of its files.
    return [path for path in files if not any(path[:end] in named for end in range(1, len(path) + 1))]


def check(number: int, seed: int, root: pathlib.Path) -> bool:
    """Checks a tree, as a folder and as a tar. Returns whether either was read."""
    random = np.random.default_rng([seed, number])
    files = tree(random)
    write_tree(root / "folder", files)
    form = (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)[number % 2]
    write_tar(root / "images.tar", files, form)
    results = [unnamed(str(root / name), files) for name in ("folder", "images.tar")]
    assert not any(results), f"tree {number} of seed {seed}: {results} of {files}"
    shutil.rmtree(root / "folder")
    (root / "images.tar").unlink()
    return results != [None, None]


@pytest.mark.parametrize("seed", range(5))
def test_everything_in_a_random_tree_is_read_or_named(tmp_path, seed):
    assert sum(check(number, seed, tmp_path) for number in range(40)) > 10


def test_links_in_a_circle_are_named_and_other_links_are_read(tmp_path):
    for folder in ("cats", "dogs", "elsewhere"):
        (tmp_path / folder).mkdir()
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "elsewhere" / "c.jpg").write_bytes(picture(3))
    for name, other in (("cats", "dogs"), ("dogs", "cats")):
        (root / name).mkdir()
        (root / name / "a.jpg").write_bytes(picture(1))
        (root / name / "other").symlink_to(root / other)
    (root / "linked").symlink_to(tmp_path / "elsewhere")
    (root / "cats" / "itself.txt").symlink_to("itself.txt")
    source = open_source(str(root))
    assert source.paths == ["cats/a.jpg", "cats/other/a.jpg", "dogs/a.jpg", "dogs/other/a.jpg", "linked/c.jpg"]
    assert source.left_out == {
        "cats/other/other": LOOP,
        "dogs/other/other": LOOP,
        "cats/itself.txt": DANGLING,
        "dogs/other/itself.txt": DANGLING,
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        read = sum(check(number, options.seed, pathlib.Path(folder)) for number in range(options.count))
    print(f"{options.count} trees, each as a folder and as a tar: {read} read, the others refused; nothing is lost")


if __name__ == "__main__":
    main()
