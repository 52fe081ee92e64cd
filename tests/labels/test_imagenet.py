"""The shipped labels of ImageNet, against the files that publish them."""

import hashlib
import importlib.util
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from imagenet_real.labels import imagenet
from tests import ROOT


def as_text() -> bytes:
    wnids = np.array(imagenet.imagenet_wnids())
    return "".join(f"{wnid}\n" for wnid in wnids[imagenet.validation_labels()]).encode("ascii")


def test_wnids_are_sorted_and_each_has_50_images():
    wnids = imagenet.imagenet_wnids()
    assert (len(wnids), wnids[0], wnids[-1]) == (1_000, "n01440764", "n15075141")
    assert list(wnids) == sorted(set(wnids))
    assert imagenet.class_index()["n02099601"] == 207  # golden retriever
    assert np.bincount(imagenet.validation_labels()).tolist() == [50] * 1_000


def test_ids_and_labels_belong_together():
    assert imagenet.validation_ids()[0] == "ILSVRC2012_val_00000001"
    assert imagenet.validation_labels()[:3].tolist() == [65, 970, 230]
    with pytest.raises(ValueError, match="read-only"):
        imagenet.validation_labels()[0] = 1


def test_the_recorded_checksum_is_the_labels():
    assert hashlib.sha256(as_text()).hexdigest() == imagenet.VALIDATION_ORIGIN["sha256"]


def test_labels_equal_those_of_tensorflow_datasets():
    spec = importlib.util.find_spec("tensorflow_datasets")  # finds the package, and does not import it
    if spec is None:
        pytest.skip("tensorflow-datasets is not installed")
    folder = pathlib.Path(spec.origin).parent / "datasets" / "imagenet2012"
    assert (folder / imagenet.VALIDATION_ORIGIN["file"]).read_bytes() == as_text()
    assert tuple((folder / "labels.txt").read_text().split()) == imagenet.imagenet_wnids()


def test_labels_equal_the_published_array(data):
    assert np.array_equal(np.load(data / "labels" / "original_labels.npy"), imagenet.validation_labels())


def test_labels_need_no_tensorflow_datasets():
    code = "import sys; sys.modules['tensorflow_datasets'] = None; from imagenet_real.labels import imagenet; "
    code += "print(imagenet.validation_labels().sum(), imagenet.imagenet_wnids()[999])"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["24975000", "n15075141"]


def test_ids_of_validation_images():
    ids = np.array(["ILSVRC2012_val_00000001", "ILSVRC2012_val_00050001", "val_1", "ILSVRC2012_val_00050000", ""])
    assert imagenet.are_validation_ids(ids).tolist() == [True, False, False, True, False]
    assert imagenet.are_images(ids[[0, 3]])
    assert not imagenet.are_images(ids)
    assert imagenet.are_images(np.array(["ILSVRC2012_val_00000001", "n01440764_10026", "n01440764/10026"]))
