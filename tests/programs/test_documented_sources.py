"""Every row of the table "what you have, and what you type" in docs/bring_your_own.md is typed, on small files."""

import io
import json
import pathlib
import re
import shlex
import tarfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from etils import epath

from configs import evaluate as evaluate_config
from configs import train_digits
from imagenet_real.data.sources.open import open_source
from imagenet_real.data.writers.prepare import prepare
from imagenet_real.labels.imagenet import imagenet_wnids, validation_labels
from imagenet_real.models import catalog
from imagenet_real.programs import evaluate, train
from tests import ROOT
from tests.data.pictures import picture, write_folder
from tests.data.shards import add, write_parquet, write_table, write_tfrecords, write_webdataset
from tests.programs.test_own_data import PREPROCESSING, train_config
from tests.programs.tiny_model import SPECS
from tests.programs.training_world import write_images

pytestmark = pytest.mark.slow

LABELS = [3, 1, 0, 2]
IMAGES = {f"image_{number}.jpg": picture(number) for number in range(len(LABELS))}
COLORED = 12  # images of `classes`
# How many images a row reads, and how many of them have a label; 4 and 4 if it is not here.
COUNTS = {"flat": (4, 0), "flat/*.jpg": (4, 0), "classes": (COLORED, COLORED), "objects": (4, 2)}
SECTION = re.compile(r"### What you have, and what you type\n.*?\n\n(?=[^|\n]*\n*Nothing is lost)", re.DOTALL)


def rows() -> list[str]:
    (section,) = SECTION.findall((ROOT / "docs" / "bring_your_own.md").read_text())
    return [line.split("|")[2].strip().strip("`") for line in section.splitlines() if line.startswith("| ")][1:]


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> pathlib.Path:
    """The files that the table names."""
    root = tmp_path_factory.mktemp("world")
    write_images(root / "classes", per_class=COLORED // 3)
    for number, (name, content) in enumerate(IMAGES.items()):
        places = [
            f"flat/{name}",
            f"imagenetv2/{LABELS[number]}/{name}",
            f"parts/{number // 2}/{imagenet_wnids()[LABELS[number]]}/{name}",
        ]
        places += [f"named/{imagenet_wnids()[LABELS[number]]}-name/{name}", f"numbered/{LABELS[number] + 1}/{name}"]
        places.append(f"objects/{('Alarm_clock', 'mug', 'hat', 'other')[number]}/{name}")
        for place in places:
            (root / place).parent.mkdir(parents=True, exist_ok=True)
            (root / place).write_bytes(content)
    (root / "tars").mkdir()
    for tar in ("images.tar", "tars/000.tar", "tars/001.tar"):
        with tarfile.open(root / tar, "w") as archive:
            for number, (name, content) in enumerate(IMAGES.items()):
                if tar == "images.tar" or number % 2 == int(tar[-5]):
                    add(archive, f"{imagenet_wnids()[LABELS[number]]}/{name}", content)
    with tarfile.open(root / "train.tar", "w") as archive, tarfile.open(root / "dotted.tar", "w") as dotted:
        for number, (name, content) in enumerate(IMAGES.items()):
            inner = io.BytesIO()
            with tarfile.open(fileobj=inner, mode="w") as tar:
                add(tar, name, content)
            add(archive, f"{imagenet_wnids()[LABELS[number]]}.tar", inner.getvalue())
            add(dotted, f"photo.{number}.jpg", content)
            add(dotted, f"photo.{number}.cls", str(LABELS[number]).encode())
    write_webdataset(root / "webdataset", IMAGES, LABELS)
    write_parquet(root / "hub", IMAGES, LABELS)
    write_parquet(root / "hub", IMAGES, LABELS, split="train")
    write_tfrecords(root / "tfrecords", IMAGES, [label + 1 for label in LABELS])
    table = pathlib.Path(write_table(root, IMAGES, LABELS)).read_text()
    (root / "images.tsv").write_text(table.replace(",", "\t"))
    paths = [f"pictures/{name}" for name in IMAGES]
    pq.write_table(pa.table({"path": paths, "label": LABELS}), root / "images.parquet")
    prepare(
        open_source(str(root / "imagenetv2")),
        str(root / "datasets"),
        name="mine",
        split="test",
        version="1.0.0",
        workers=1,
    )
    write_folder(root / "validation", (1, 2, 3, 4))
    numbers = np.random.default_rng(0).permutation(1000) + 1
    (root / "ILSVRC2012_validation_ground_truth.txt").write_text("\n".join(map(str, numbers[validation_labels()])))
    (root / "labels.csv").write_text(
        "image_id,label\n" + "".join(f"{n},{c}\n" for n, c in zip(IMAGES, LABELS, strict=True))
    )
    wnids = [imagenet_wnids()[label] for label in LABELS]
    lines = {
        "pandas.csv": ("image_id;label\n", "{0};{1}.0\n"),
        "metadata.csv": ("file_name,label\n", "{0},{1}\n"),
        "metadata.jsonl": ("", '{{"file_name": "{0}", "label": {1}}}\n'),
        "val_annotations.txt": ("", "{0}\t{2}\t0\t0\t62\t62\n"),
        "map.csv": ("folder,class\n", "{3}\n"),
    }
    entries = ("alarm clock,n04548280", "alarm clock,n03196217", "mug,504", "hat,")
    for file, (header, line) in lines.items():
        rows_of_file = zip(IMAGES, LABELS, wnids, entries, strict=True)
        (root / file).write_text(header + "".join(line.format(*row) for row in rows_of_file))
    (root / "labels.json").write_text(json.dumps(dict(zip(IMAGES, LABELS, strict=True))))
    solution = [f"ILSVRC2012_val_{number:08d},{wnids[0]} 1 2 3 4\n" for number in (1, 2, 3, 4)]
    (root / "LOC_val_solution.csv").write_text("ImageId,PredictionString\n" + "".join(solution))
    (root / "val.txt").write_text("".join(f"{n} {c}\n" for n, c in zip(IMAGES, LABELS, strict=True)))
    (root / "map.json").write_text(json.dumps({"alarm clock": ["n04548280", "n03196217"], "mug": 504, "hat": None}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(catalog.models(), "tiny", SPECS["tiny"])
        train.run(train_config(root / "classes", root / "classes"), epath.Path(root / "runs" / "own"))
    return root


def labels_that(read: str) -> tuple[int, int]:
    name = read.partition("=")[2].split()[0].strip("'")
    images, labeled = COUNTS.get(name, (4, 4))
    return images, images if "image_labels" in read else labeled


@pytest.mark.parametrize("row", rows())
def test_a_row_is_read_as_it_says(row, world, tmp_path, monkeypatch):
    monkeypatch.chdir(world)
    fields = dict(word.removeprefix("--").split("=", 1) for word in shlex.split(row))
    config = evaluate_config.get_config()
    if "weights" in fields:
        monkeypatch.setitem(catalog.models(), "tiny", SPECS["tiny"])  # the model of the run
    else:
        fields |= {"model": "tests.programs.models:colours"} | PREPROCESSING
        fields["label_sets"] = "original" if labels_that(row)[1] else ""
    if fields["images"] == "classes" and "weights" not in fields:
        fields["model"] = "tests.programs.test_documented_sources:three_classes"
    config.update(fields | {"report": False, "batch_size": 4, "ks": (1,), "repair": "none"})
    results = evaluate.run(config, epath.Path(tmp_path))
    images, labeled = labels_that(row)
    with np.load(tmp_path / "predictions.npz") as predictions:
        assert len(predictions["image_ids"]) == images
    assert (0 if results is None else results.rows[0]["images"]) == labeled


def three_classes():
    from tests.programs.models import colours

    return colours(3)


def test_splits_of_shards_train_as_documented(world, tmp_path, monkeypatch):
    monkeypatch.setitem(catalog.models(), "tiny", SPECS["tiny"])
    config = train_digits.get_config()
    config.update({name: value for name, value in train_config("", "").items() if name != "augmentation"})
    config.update(
        {"images": str(world / "hub"), "validation_images": "", "train_split": "train", "split": "validation"}
    )
    config.update({"batch_size": 4, "crop": 12, "resize": 12})
    config.augmentation.crop, config.augmentation.shift = "inception", 0
    assert train.run(config, epath.Path(tmp_path)).rows[0]["images"] == 4
