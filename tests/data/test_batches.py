import multiprocessing
import time

import numpy as np
import pytest

from imagenet_real.data.batches import evaluation_batches
from imagenet_real.data.decoding import decode
from imagenet_real.data.preprocess import Preprocessing, central_crop
from imagenet_real.data.sources.open import open_source
from imagenet_real.errors import InputError
from tests.data.pictures import picture, write_folder

pytestmark = pytest.mark.slow

SMALL = Preprocessing(resize=20, crop=16, interpolation="bicubic", mean=(0.5,) * 3, std=(0.5,) * 3)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return open_source(str(write_folder(tmp_path_factory.mktemp("images") / "folder", range(1, 12))))


def assert_equal(batches, expected):
    batches = list(batches)
    assert len(batches) == len(expected)
    for one, other in zip(batches, expected, strict=True):
        for field in ("images", "image_ids", "valid"):
            np.testing.assert_array_equal(getattr(one, field), getattr(other, field))


def test_every_record_once_in_order_the_last_batch_padded(source):
    batches = list(evaluation_batches(source, SMALL, batch_size=4))
    assert [batch.images.shape for batch in batches] == [(4, 16, 16, 3)] * 3
    ids = np.concatenate([batch.image_ids[batch.valid] for batch in batches])
    assert ids.tolist() == source.image_ids
    assert batches[-1].valid.tolist() == [True, True, True, False]
    assert batches[-1].image_ids[-1] == ""
    assert not batches[-1].images[-1].any()
    np.testing.assert_array_equal(batches[1].images[2], central_crop(decode(source[6]["image"]), SMALL))


@pytest.mark.parametrize("batch_size", [1, 11, 20])
def test_any_batch_size(source, batch_size):
    batches = list(evaluation_batches(source, SMALL, batch_size=batch_size))
    assert sum(batch.valid.sum() for batch in batches) == 11


def test_going_on_from_a_start_gives_the_same_batches(source):
    whole = list(evaluation_batches(source, SMALL, batch_size=4))
    assert_equal(evaluation_batches(source, SMALL, batch_size=4, start=4), whole[1:])


def test_processes_give_the_same_batches_as_threads_and_end_with_the_caller(source):
    threads = list(evaluation_batches(source, SMALL, batch_size=4))
    assert_equal(evaluation_batches(source, SMALL, batch_size=4, workers=2), threads)
    early = evaluation_batches(source, SMALL, batch_size=1, workers=1)
    next(early)
    early.close()
    for _ in range(100):
        if not multiprocessing.active_children():
            break
        time.sleep(0.1)
    assert not multiprocessing.active_children()


def test_unreadable_images_come_back_named(tmp_path):
    folder = write_folder(tmp_path / "folder", (1, 2, 3))
    (folder / "ILSVRC2012_val_00000002.JPEG").write_bytes(picture(2)[:300])
    (batch,) = evaluation_batches(open_source(str(folder)), SMALL, batch_size=4)
    assert batch.valid.tolist() == [True, False, True, False]
    assert list(batch.unreadable) == ["ILSVRC2012_val_00000002"]
    assert batch.unreadable["ILSVRC2012_val_00000002"]


def test_an_image_that_vanished_is_unreadable(tmp_path):
    source = open_source(str(write_folder(tmp_path / "folder", (1, 2))))
    (tmp_path / "folder" / "ILSVRC2012_val_00000002.JPEG").unlink()
    (batch,) = evaluation_batches(source, SMALL, batch_size=2)
    assert batch.unreadable == {"ILSVRC2012_val_00000002": "No such file or directory"}


@pytest.mark.parametrize("options", [{"batch_size": 0}, {"batch_size": 2, "workers": -1}])
def test_impossible_numbers(source, options):
    with pytest.raises(InputError, match="expected at least"):
        next(evaluation_batches(source, SMALL, **options))


class WhatIsLoaded:
    """A source whose images are unreadable, and whose ids tell what the process that reads them has loaded."""

    def __len__(self):
        return 1

    def __getitem__(self, index):
        import sys

        loaded = sorted({"tensorflow", "jax", "flax", "torch", "grain"} & set(sys.modules))
        bridge = sys.modules.get("jax._src.xla_bridge")
        backends = sorted(bridge._backends) if bridge else []
        return {"image_id": f"{loaded} {backends}", "image": b""}


def test_worker_processes_open_no_device():
    """A worker that opened a backend would take the accelerator; and each import takes seconds."""
    (batch,) = evaluation_batches(WhatIsLoaded(), SMALL, batch_size=1, workers=1)
    assert batch.image_ids.tolist() == ["[] []"]
