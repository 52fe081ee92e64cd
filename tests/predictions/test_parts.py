"""Parts of an unfinished run: what is damaged is named, and deleting it is enough."""

import numpy as np
import pytest

from imagenet_real.errors import InputError
from imagenet_real.predictions.parts import RUN_KEY_FILE, PartialPredictions

RUN_KEY = {"model": "resnet50", "crop": [224, 224]}
ROWS, ROWS_PER_PART = 30, 10


def rows(start, stop):
    ids = np.array([f"image_{number:02d}" for number in range(start, stop)])
    return {"image_ids": ids, "top": np.arange(start, stop)[:, None], "unreadable": np.zeros((0, 2), "U1")}


def run(folder):
    """Goes on with a run to its end; returns where it went on, and all rows."""
    parts = PartialPredictions(folder, RUN_KEY)
    begun = parts.stop
    while parts.stop < ROWS:
        parts.append(rows(parts.stop, parts.stop + ROWS_PER_PART), ROWS_PER_PART)
        parts.flush()
    return begun, parts.rows()


def cut(path):
    path.write_bytes(path.read_bytes()[:-50])


def other_columns(path):
    np.savez(path, image_ids=np.array(["a"]))


def more_rows(path):
    np.savez(path, **rows(0, 20))


def a_list(path):
    path.write_text("[1]")


@pytest.mark.parametrize("damage", [cut, other_columns, more_rows])
def test_deleting_a_damaged_part_is_enough(tmp_path, damage):
    _, expected = run(tmp_path)
    part = tmp_path / "000000010-000000020.npz"
    damage(part)
    with pytest.raises(InputError, match=rf"{part.name}: .* Delete it and run again"):
        run(tmp_path)
    part.unlink()
    begun, found = run(tmp_path)
    assert begun == 10
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array)


@pytest.mark.parametrize("damage", [cut, a_list])
def test_deleting_the_folder_of_a_damaged_run_key_is_enough(tmp_path, damage):
    folder = tmp_path / "predictions"
    _, expected = run(folder)
    damage(folder / RUN_KEY_FILE)
    with pytest.raises(InputError, match=rf"{RUN_KEY_FILE}: .* Delete predictions, its folder, and run again"):
        run(folder)
    for path in folder.iterdir():
        path.unlink()
    begun, found = run(folder)
    assert begun == 0
    np.testing.assert_array_equal(found["top"], expected["top"])
