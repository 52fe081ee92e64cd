"""Evaluations of Parquet, WebDataset, TFRecords and tables: the folder's bytes, also after a stop and of two processes."""

import time

import numpy as np
import pytest
from etils import epath

from configs import evaluate as evaluate_config
from imagenet_real.data.sources.indexed import IndexedSource
from imagenet_real.predictions import parts
from imagenet_real.predictions.predictions import load_predictions
from imagenet_real.programs import evaluate
from tests.data.pictures import picture, validation_name
from tests.data.shards import write_parquet, write_table, write_tfrecords, write_webdataset
from tests.programs import test_processes as processes
from tests.programs.test_own_data import PREPROCESSING

pytestmark = pytest.mark.slow

IMAGES = {validation_name(number): picture(number) for number in range(1, 30)}
KINDS = ("webdataset", "parquet", "tfrecord", "table")


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    root = tmp_path_factory.mktemp("shards")
    (root / "folder").mkdir()
    for name, content in IMAGES.items():
        (root / "folder" / name).write_bytes(content)
    return {
        "folder": str(root / "folder"),
        "webdataset": write_webdataset(root / "webdataset", IMAGES, None, shards=3),
        "parquet": write_parquet(root / "parquet", IMAGES, None, shards=3),
        "tfrecord": write_tfrecords(root / "tfrecord", IMAGES, None, shards=3),
        "table": write_table(root / "table", IMAGES, None, header="path"),
    }


def predicted(images, workdir) -> bytes:
    config = evaluate_config.get_config()
    fields = {"model": "tests.programs.models:colours", "images": images, "label_sets": "original", "batch_size": 4}
    config.update(fields | PREPROCESSING | {"report": False, "repair": "none"})
    evaluate.run(config, epath.Path(workdir))
    return (workdir / "predictions.npz").read_bytes()


@pytest.fixture(scope="module")
def reference(places, tmp_path_factory):
    return predicted(places["folder"], tmp_path_factory.mktemp("reference"))


class Stopped(Exception):
    """As a killed run: it ends wherever it is."""


@pytest.mark.parametrize("kind", KINDS)
def test_a_stopped_run_continues_and_ends_in_the_bytes_of_the_folder(kind, places, reference, tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "SECONDS_PER_PART", 0.0)
    read = IndexedSource.__getitem__
    asked = []

    def stopping(source, index):
        asked.append(index)
        if index >= 20:  # beyond whole batches, more than wait for their results
            for _ in range(1000):  # images are read in advance: wait until some are predicted
                if any((tmp_path / "parts").glob("*.npz")):
                    raise Stopped
                time.sleep(0.01)
        return read(source, index)

    monkeypatch.setattr(IndexedSource, "__getitem__", stopping)
    with pytest.raises(Stopped):
        predicted(places[kind], tmp_path)
    assert any((tmp_path / "parts").glob("*.npz"))
    asked.clear()
    monkeypatch.setattr(
        IndexedSource, "__getitem__", lambda source, index: (asked.append(index), read(source, index))[1]
    )
    assert predicted(places[kind], tmp_path) == reference
    assert 0 < len(set(asked)) < len(IMAGES)  # what was predicted is not read again


@pytest.mark.parametrize("kind", ["webdataset", "parquet"])
def test_two_processes_read_each_image_once(kind, places, reference, tmp_path):
    arguments = processes.evaluate(places[kind], tmp_path / "two", batch_size=10, repair="none")
    processes.run(arguments, processes=2, devices=2)
    (tmp_path / "one.npz").write_bytes(reference)
    one, two = load_predictions(tmp_path / "one.npz"), load_predictions(tmp_path / "two" / "predictions.npz")
    assert two.image_ids.tolist() == one.image_ids.tolist()
    np.testing.assert_array_equal(two.top, one.top)
