"""The metadata of TFDS is checked before TFDS reads it, and imports what it names."""

import json

import pytest

from imagenet_real.data.sources.tfds_metadata import check_metadata
from imagenet_real.errors import InputError

IMAGE = "tensorflow_datasets.core.features.image_feature.Image"
INFO = {"name": "small", "version": "1.0.0", "splits": [{"name": "train", "shardLengths": ["6"], "numBytes": "99"}]}


def write(folder, info=INFO, name=IMAGE, key="pythonClassName"):
    (folder / "dataset_info.json").write_text(json.dumps(info))
    features = {"featuresDict": {"features": {"image": {key: name}}}}
    (folder / "features.json").write_text(json.dumps(features))
    return folder


def test_classes_of_tfds_are_allowed(tmp_path):
    check_metadata(write(tmp_path))


@pytest.mark.parametrize("key", ["pythonClassName", "python_class_name", "type"])
@pytest.mark.parametrize(
    "name", ["evil.Image", "tensorflow_datasets_evil.Image", "os.system", 3, "tensorflow_datasets"]
)
def test_other_classes_are_refused_and_not_imported(tmp_path, monkeypatch, name, key):
    (tmp_path / "evil.py").write_text("raise SystemExit('imported')")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        InputError, match=r"features.json: the class of a feature is .*expected one of tensorflow_datasets"
    ):
        check_metadata(write(tmp_path, name=name, key=key))


@pytest.mark.parametrize(
    ("info", "message"),
    [
        ({"name": "small"}, "version is missing"),
        ({**INFO, "splits": [{"name": "train", "shardLengths": ["1e9"]}]}, 'split "train" has the size "1e9"'),
        ({**INFO, "splits": 3}, "splits is 3, expected a list"),
        ([], "its content is a list of 0, expected an object"),
    ],
)
def test_damaged_metadata_is_named(tmp_path, info, message):
    with pytest.raises(InputError, match=rf"dataset_info.json: {message}"):
        check_metadata(write(tmp_path, info))
