"""Trees, tars and tables of images, changed as people's are, and what must hold for each.

    python -m tests.data.sources.mutated --cases=2000 --seed=0

Whatever the change: the images that are read and the entries that are named as left out are all that is there; an image has
its own bytes; a label is the class that its folder, or its row, names; or the source is refused in one line.
"""

import argparse
import contextlib
import dataclasses
import io
import os
import pathlib
import random
import shutil
import tarfile
import tempfile
import unicodedata
from collections.abc import Callable

from imagenet_real.data.sources.open import open_source
from imagenet_real.data.sources.records import UnreadableRecord
from imagenet_real.errors import InputError
from imagenet_real.labels.imagenet import imagenet_wnids
from tests.data.shards import add, write_parquet, write_webdataset

WORDS = ("cat", "dog", "Eel", "fox", "gnu", "hen", "zebra", "émeu")
MAX_MESSAGE = 600


@dataclasses.dataclass
class Tree:
    """Files by relative path; None is a folder without files. Links lead to a path below the root or outside."""

    files: dict[str, bytes] = dataclasses.field(default_factory=dict)
    folders: set[str] = dataclasses.field(default_factory=set)
    links: dict[str, str] = dataclasses.field(default_factory=dict)
    log: list[str] = dataclasses.field(default_factory=list)


def make_tree(rng: random.Random) -> Tree:
    """Class folders named by words, wnids or numbers, with one to three images each."""
    scheme, count = rng.choice(("words", "wnids", "numbers", "padded", "gaps")), rng.randint(2, 12)
    if scheme == "words":
        names = rng.sample(WORDS, min(count, len(WORDS)))
    elif scheme == "wnids":
        names = rng.sample(imagenet_wnids(), count)
    elif scheme == "gaps":
        names = [str(number) for number in rng.sample(range(1000), count)]
    else:
        names = [f"{number:04d}" if scheme == "padded" else str(number) for number in range(count)]
    tree = Tree(log=[scheme])
    for name in names:
        for number in range(rng.randint(1, 3)):
            ending = rng.choice((".jpg", ".JPEG", ".png"))
            tree.files[f"{name}/{number}{ending}"] = f"{name} {number}".encode()
    return tree


def _classes(tree: Tree) -> list[str]:
    return sorted({path.partition("/")[0] for path in tree.files if "/" in path})


def stray_text(tree: Tree, rng: random.Random) -> None:
    tree.files[rng.choice(("README", "notes.txt", "a.xml", "Thumbs.db", f"{_classes(tree)[0]}/x.json"))] = b"text"


def hidden(tree: Tree, rng: random.Random) -> None:
    tree.files[rng.choice((".DS_Store", f"{_classes(tree)[-1]}/.x.jpg", ".git/a.jpg", "__MACOSX/a.jpg"))] = b"x"


def empty_folder(tree: Tree, rng: random.Random) -> None:
    tree.folders.add(rng.choice(("aa", "zz", "misc", "0001", "n01440764")))


def image_beside(tree: Tree, rng: random.Random) -> None:
    tree.files[rng.choice(("sheet.jpg", "0.png"))] = b"beside"


def odd_folder(tree: Tree, rng: random.Random) -> None:
    tree.files[f"{rng.choice(('aaa', 'misc', '7x', 'n00000000'))}/a.jpg"] = b"odd"


def same_id(tree: Tree, rng: random.Random) -> None:
    path = rng.choice(sorted(path for path in tree.files if "/" in path))
    tree.files[f"{path.rpartition('.')[0]}.webp"] = b"twin"


def other_ending(tree: Tree, rng: random.Random) -> None:
    path = rng.choice(sorted(path for path in tree.files if "/" in path))
    tree.files[f"{path.rpartition('.')[0]}{rng.choice(('.jfif', '.JPE', '.heic', '.jpg.jpg', '', '.gz'))}"] = (
        tree.files.pop(path)
    )


def deeper(tree: Tree, rng: random.Random) -> None:
    path = rng.choice(sorted(path for path in tree.files if "/" in path))
    folder, _, name = path.partition("/")
    tree.files[f"{folder}/below/{name}"] = tree.files.pop(path)


def splits(tree: Tree, rng: random.Random) -> None:
    pair = rng.choice((("train", "val"), ("train", "test"), ("Training", "validation")))
    moved = {f"{rng.choice(pair)}/{path}": content for path, content in tree.files.items()}
    tree.files, tree.folders, tree.links = moved, {*pair}, {}


def wrapped(tree: Tree, rng: random.Random) -> None:
    tree.files = {f"data/{path}": content for path, content in tree.files.items()}
    tree.folders, tree.links = {f"data/{path}" for path in tree.folders}, {}


def dangling_class(tree: Tree, rng: random.Random) -> None:
    tree.links[rng.choice([name for name in ("bird", "n01440764", "3") if name not in _classes(tree)])] = "nowhere"


def dangling_image(tree: Tree, rng: random.Random) -> None:
    tree.links[f"{rng.choice(_classes(tree))}/lost.jpg"] = "nowhere.jpg"


def loop(tree: Tree, rng: random.Random) -> None:
    tree.links[f"{rng.choice(_classes(tree))}/loop"] = ".."


def linked_image(tree: Tree, rng: random.Random) -> None:
    path = rng.choice([path for path in tree.files if path.count("/") == 1] or ["none/none"])
    tree.links[f"{path.partition('/')[0]}/linked.jpg"] = path.partition("/")[2]


def decomposed(tree: Tree, rng: random.Random) -> None:
    tree.files[f"{_classes(tree)[0]}/{unicodedata.normalize('NFD', 'é')}.jpg"] = b"accent"


def mixed_padding(tree: Tree, rng: random.Random) -> None:
    tree.files["00/a.jpg"] = b"0"


TREE_CHANGES: tuple[Callable[[Tree, random.Random], None], ...] = (
    stray_text,
    hidden,
    empty_folder,
    image_beside,
    odd_folder,
    same_id,
    other_ending,
    deeper,
    splits,
    wrapped,
    dangling_class,
    dangling_image,
    loop,
    linked_image,
    decomposed,
    mixed_padding,
)


def write_tree(tree: Tree, root: pathlib.Path) -> None:
    for folder in tree.folders:
        (root / folder).mkdir(parents=True, exist_ok=True)
    for path, content in tree.files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    for path, target in tree.links.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        if not os.path.lexists(root / path):
            os.symlink(target, root / path)


def write_tar(tree: Tree, path: pathlib.Path, rng: random.Random) -> None:
    """Writes a tree as a tar, in any order, with or without folders and `./`."""
    entries = [*tree.files, *tree.links]
    rng.shuffle(entries)
    prefix = rng.choice(("", "./"))
    with tarfile.open(path, "w", format=rng.choice((tarfile.GNU_FORMAT, tarfile.PAX_FORMAT))) as archive:
        for folder in sorted(tree.folders):
            member = tarfile.TarInfo(prefix + folder)
            member.type = tarfile.DIRTYPE
            archive.addfile(member)
        for entry in entries:
            if entry in tree.files:
                add(archive, prefix + entry, tree.files[entry])
            else:
                member = tarfile.TarInfo(prefix + entry)
                member.type, member.linkname = tarfile.SYMTYPE, tree.links[entry]
                archive.addfile(member)


def damage(path: pathlib.Path, rng: random.Random) -> str:
    """Damages a tar as copies do. Returns what it did; "" if nothing is lost by it."""
    content = path.read_bytes()
    kind = rng.choice(("", "", "", "without end", "bytes behind", "cut", "joined"))
    if kind == "without end":
        path.write_bytes(content.rstrip(b"\0") + bytes(-len(content.rstrip(b"\0")) % 512))
    elif kind == "bytes behind":
        path.write_bytes(content + b"more" * 100)
    elif kind == "cut":
        path.write_bytes(content[: rng.randrange(1, len(content))])
    elif kind == "joined":
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w") as archive:
            add(archive, "late/late.jpg", b"late")
        path.write_bytes(content + file.getvalue())
    return kind


class Broken(AssertionError):
    """An invariant that does not hold."""


def require(holds: bool, text: str) -> None:
    if not holds:
        raise Broken(text)


def opened(images: str):
    """The source, or None if it is refused; the refusal is one line that says what to do."""
    try:
        return open_source(images)
    except InputError as error:
        text = str(error)
        require("\n" not in text and len(text) < MAX_MESSAGE and ". " in text, f"not one line: {text!r}")
        return None


def check_labels(source, class_of: dict[str, str | None]) -> None:
    """A label is the class that the folder of an image names: by its name, or by its number where all are 0 to K-1."""
    fields = source.label_fields()
    if "label" not in fields.fields:
        return
    folders = fields.folders or ()
    are_numbers = all(folder.isdigit() for folder in folders) and {*map(int, folders)} == {*range(len(folders))}
    for path, label in zip(source.paths, fields.fields["label"].tolist(), strict=True):
        name = class_of[path]
        require((label < 0) == (name is None), f"{path} has the label {label}")
        require(name is None or fields.class_names[label] == name, f"{path} has the label {label}")
        require(name is None or not are_numbers or label == int(name), f"{path} is of class {label}")


def check_read(source, content: dict[str, bytes], absent: set[str]) -> None:
    """Every image has its bytes; one that is not there is unreadable."""
    for index, path in enumerate(source.paths):
        try:
            record = source[index]
        except UnreadableRecord:
            require(path in absent, f"{path} is unreadable")
            continue
        require(record["image"] == content[path], f"{path} has other bytes")


def check_tree(rng: random.Random, root: pathlib.Path) -> str:
    """One folder or tar."""
    tree = make_tree(rng)
    for change in rng.sample(TREE_CHANGES, rng.choice((0, 1, 1, 2, 2, 3))):
        change(tree, rng)
        tree.log.append(change.__name__)
    as_tar = rng.random() < 0.4
    if as_tar:
        path = root / "images.tar"
        write_tar(tree, path, rng)
        damaged = damage(path, rng)
        tree.log.append(f"tar {damaged}".strip())
    else:
        path, damaged = root / "images", ""
        write_tree(tree, path)
    source = opened(str(path))
    if source is None:
        require(len(tree.log) > 1 + as_tar or bool(damaged), "refused, and nothing is wrong")
        return " ".join([*tree.log, "refused"])
    content = dict(tree.files)
    if damaged == "joined":
        content["late/late.jpg"] = b"late"
    absent = set()
    for link, target in tree.links.items():
        whole = os.path.normpath(os.path.join(os.path.dirname(link), target))
        if whole in tree.files:
            content[link] = tree.files[whole]
        else:
            absent.add(link)
    entries = {*content, *absent}
    hidden_folders = {left for left, reason in source.left_out.items() if reason == "hidden" and left not in entries}
    named = {
        entry
        for entry in entries
        if entry in source.left_out or any(entry.startswith(f"{folder}/") for folder in hidden_folders)
    }
    read = set(source.paths)
    if damaged != "cut":
        require(
            read | named == entries and not read & named,
            f"read and left out differ from what is there: {entries ^ (read | named)}",
        )
    notes = " ".join(source.notes)
    require(not source.left_out or f"{len(source.left_out):,} entr" in notes, f"left out, and not said: {notes}")
    check_read(source, content, absent)
    check_labels(source, {path: path.partition("/")[0] if "/" in path else None for path in source.paths})
    return " ".join(tree.log)


TABLE_CHANGES = (
    "mark",
    "crlf",
    "blank",
    "utf-16",
    "column",
    "no label",
    "unlabeled row",
    "absent",
    "twice",
    "short",
    "absolute",
    "dot",
)


def check_table(rng: random.Random, root: pathlib.Path) -> str:
    """One table of images."""
    labels = rng.choice((["0", "1", "2"], ["cat", "dog"], list(imagenet_wnids()[:4]), ["07", "10"]))
    rows = [(f"pictures/{number}.jpg", rng.choice(labels)) for number in range(rng.randint(1, 8))]
    content = {path: path.encode() for path, _ in rows}
    (root / "pictures").mkdir(parents=True)
    for path, image in content.items():
        (root / path).write_bytes(image)
    expected, absent, log = dict(rows), set(), []
    header, end, encoding = ["path", rng.choice(("label", "class", "wnid"))], "\n", "utf-8"
    lines = [list(row) for row in rows]
    for change in rng.sample(TABLE_CHANGES, rng.choice((0, 1, 2, 3))):
        log.append(change)
        row = rng.randrange(len(lines))
        if change == "mark":
            encoding = "utf-8-sig" if encoding == "utf-8" else encoding
        elif change == "utf-16":
            encoding = "utf-16"
        elif change == "crlf":
            end = "\r\n"
        elif change == "blank":
            lines.append([])
        elif change == "column":
            header.append("size")
            lines = [[*line, "7"] if line else line for line in lines]
        elif change == "unlabeled row" and len(lines[row]) > 1:
            expected[f"pictures/{lines[row][0].rpartition('/')[2]}"] = ""
            lines[row][1] = ""
        elif change == "absent" and f"pictures/{row}.jpg" in content:
            (root / "pictures" / f"{row}.jpg").unlink(missing_ok=True)
            absent.add(f"pictures/{row}.jpg")
        elif change == "twice":
            lines.append(list(lines[row]))
        elif change == "short":
            lines[row] = lines[row][:1]
        elif change == "absolute":
            lines = [
                [f"{root}/{line[0].removeprefix('./')}", *line[1:]] if line and line[0][0] != "/" else line
                for line in lines
            ]
        elif change == "dot":
            lines = [[f"./{line[0]}", *line[1:]] if line and line[0][0] != "/" else line for line in lines]
        elif change == "no label":
            header[1] = "size of the file"
    text = end.join(",".join(line) for line in [header, *lines]) + rng.choice(("", end))
    (root / "images.csv").write_bytes(text.encode(encoding))
    source = opened(str(root / "images.csv"))
    if source is None:
        require(bool(log), "refused, and nothing is wrong")
        return " ".join([*log, "refused"])
    require(("twice" not in log and "short" not in log) or "no label" in log or len(header) > 9, f"not refused: {log}")
    require(sorted(source.paths) == sorted(content), f"{sorted(content)} are read as {source.paths}")
    check_read(source, content, absent)
    require(not absent or "do not exist" in " ".join(source.notes), "absent, and not said")
    fields = source.label_fields()
    if "label" in fields.fields:
        for path, label in zip(source.paths, fields.fields["label"].tolist(), strict=True):
            name = expected[path]
            written = "" if label < 0 else fields.class_names[label] if fields.class_names else str(label)
            require(written == name or (name.isdigit() and label == int(name)), f"{path}: {name} is read as {written}")
    else:
        require("no label" in log or not any(expected.values()), "labels are lost")
    return " ".join(log)


def check_shards(rng: random.Random, root: pathlib.Path) -> str:
    """WebDataset or Parquet, with keys, labels or bytes that are lost."""
    images = {f"k{number:02d}.jpg": bytes([number]) * 40 for number in range(rng.randint(2, 12))}
    labels = [rng.randrange(5) for _ in images]
    kind = rng.choice(("webdataset", "parquet"))
    write = write_webdataset if kind == "webdataset" else write_parquet
    pattern = write(root / "shards", images, labels, shards=rng.randint(1, min(3, len(images))))
    files = sorted(path for path in (root / "shards").rglob("*") if path.is_file())
    change = rng.choice(("", "", "cut", "extra", "byte"))
    if change == "cut":
        file = rng.choice(files)
        os.truncate(file, rng.randrange(file.stat().st_size))
    elif change == "extra" and kind == "webdataset":
        with tarfile.open(files[0], "a") as archive:
            add(archive, rng.choice(("z.cls", "README", "k00.txt", "z.jpg")), b"1")
    elif change == "byte":
        file = rng.choice(files)
        content = bytearray(file.read_bytes())
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        file.write_bytes(content)
    source = opened(pattern)
    if source is None:
        require(change in ("cut", "byte"), f"refused after {change!r}")
        return f"{kind} {change} refused"
    expected = dict(zip((name.removesuffix(".jpg") for name in images), labels, strict=True))
    found = source.label_fields().fields.get("label")
    require(found is not None or change in ("cut", "byte"), "labels are lost")
    read = dict(zip(source.image_ids, [-1] * len(source) if found is None else found.tolist(), strict=True))
    if change != "byte":  # a bit in a name or a label has no checksum
        lost = expected.keys() - read.keys()
        require(not lost or (change == "cut" and "no end" in " ".join(source.notes)), f"lost: {lost}")
        allowed = (-1,) if change == "cut" else ()  # the file behind the image is lost, and it is said
        wrong = {name: label for name, label in read.items() if label not in (expected.get(name, label), *allowed)}
        require(not wrong, f"other labels: {wrong}")
        for index, name in enumerate(source.image_ids):
            if name in expected:
                require(source[index]["image"] == images[f"{name}.jpg"], f"{name} has other bytes")
    else:
        for index in range(len(source)):
            with contextlib.suppress(UnreadableRecord):
                _ = source[index]
    return f"{kind} {change}"


CHECKS = (check_tree, check_tree, check_tree, check_table, check_shards)


def run(cases: range, folder: str | None = None) -> dict[str, int]:
    """Runs cases by their seeds. Returns how many of each kind were read or refused. Raises Broken with the seed."""
    counts: dict[str, int] = {}
    for seed in cases:
        rng, root = random.Random(seed), pathlib.Path(tempfile.mkdtemp(dir=folder))
        check = rng.choice(CHECKS)
        try:
            log = check(rng, root)
        except Exception as error:
            raise Broken(f"seed {seed}, {check.__name__}: {type(error).__name__}: {error}") from error
        finally:
            shutil.rmtree(root, ignore_errors=True)
        kind = f"{check.__name__} {'refused' if log.endswith('refused') else 'read'}"
        counts[kind] = counts.get(kind, 0) + 1
    return counts


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    for kind, count in sorted(run(range(arguments.seed, arguments.seed + arguments.cases)).items()):
        print(f"{count:6} {kind}")
