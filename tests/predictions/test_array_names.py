"""Arrays under the names that people save them by; each file is what their code writes."""

import ml_dtypes
import numpy as np
import pytest

from imagenet_real.errors import InputError, MismatchError
from imagenet_real.predictions.predictions import load_predictions
from imagenet_real.predictions.selection import with_ids_of

FILES = np.array(["/data/val/cats/1.jpg", "/data/val/cats/2.jpg", "/data/val/dogs/3.jpg"])
IDS = np.array(["cats/1", "cats/2", "dogs/3"])
LOGITS = np.array([[3, 1, 0], [0, 2, 1], [1, 0, 4]], np.float32)
PROBS = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)


def load(folder, **arrays):
    np.savez(folder / "model.npz", **arrays)
    return load_predictions(folder / "model.npz")


@pytest.mark.parametrize("ids", ["image_ids", "filenames", "paths", "files", "fnames", "names"])
def test_names_of_image_ids(tmp_path, ids):
    loaded = load(tmp_path, **{ids: FILES, "logits": LOGITS})
    assert with_ids_of(loaded, IDS).image_ids.tolist() == IDS.tolist()


@pytest.mark.parametrize("name", ["scores", "logits", "outputs", "preds", "predictions", "y_pred"])
def test_names_of_all_scores(tmp_path, name):
    loaded = load(tmp_path, paths=FILES, labels=np.array([0, 0, 1]), **{name: LOGITS})
    assert loaded.top.tolist() == [[0, 1, 2], [1, 2, 0], [2, 0, 1]]
    assert (loaded.num_classes, loaded.logsumexp) == (3, None)


@pytest.mark.parametrize("name", ["probs", "probabilities", "softmax"])
def test_names_of_probabilities(tmp_path, name):
    loaded = load(tmp_path, paths=FILES, **{name: PROBS})
    np.testing.assert_allclose(np.exp(loaded.top_scores[:, 0] - loaded.logsumexp), PROBS.max(axis=1), rtol=1e-6)
    with pytest.raises(InputError, match="has values from 0.0 to 4.0, expected probabilities. Name them scores"):
        load(tmp_path, paths=FILES, **{name: LOGITS})


@pytest.mark.parametrize(
    ("preds", "top"),
    [
        (np.array([0, 1, 2]), [[0], [1], [2]]),
        (np.array([0.0, 1.0, 2.0]), [[0], [1], [2]]),  # an argmax in a column of floats
        (np.array([[0, 1], [1, 2], [2, 0]]), [[0, 1], [1, 2], [2, 0]]),
        (np.array(["n01440764", "n01443537", "n15075141"]), [[0], [1], [999]]),
    ],
)
def test_predicted_classes(tmp_path, preds, top):
    assert load(tmp_path, filenames=FILES, preds=preds).top.tolist() == top


def test_predicted_classes_beside_their_probabilities(tmp_path):
    loaded = load(tmp_path, filenames=FILES, preds=PROBS.argmax(axis=1), probs=PROBS.max(axis=1))
    np.testing.assert_allclose(np.exp(loaded.top_scores[:, 0]), PROBS.max(axis=1), rtol=1e-6)
    assert loaded.logsumexp.tolist() == [0, 0, 0]
    assert load(tmp_path, filenames=FILES, preds=PROBS.argmax(axis=1), logits=LOGITS).top.shape == (3, 3)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float64])
def test_other_floats(tmp_path, dtype):
    loaded = load(tmp_path, paths=FILES, logits=LOGITS.astype(dtype))
    assert loaded.top_scores.dtype == np.float32
    np.testing.assert_array_equal(loaded.top_scores[:, 0], LOGITS.max(axis=1))


def test_an_unknown_file_lists_what_it_holds(tmp_path):
    with pytest.raises(InputError, match=r"it has the arrays x \[3, 3\] float32, when \[3\] int64. Save image_ids and"):
        load(tmp_path, x=LOGITS, when=np.arange(3))


def test_rows_of_a_distributed_sampler(tmp_path):
    """The last batch is filled with images of the first one; this ended in "duplicate image id"."""
    rows = [0, 1, 2, 0]
    count = "1 of 4 rows repeat an image with the same predictions"
    with pytest.raises(MismatchError, match=f"identical_duplicates: {count}, such as .*--repair=identical_duplicates"):
        load(tmp_path, paths=FILES[rows], logits=LOGITS[rows])
    loaded = load_predictions(tmp_path / "model.npz", repair="identical_duplicates")
    assert with_ids_of(loaded, IDS).image_ids.tolist() == IDS.tolist()
    assert loaded.top[:, 0].tolist() == [0, 1, 2]
    assert loaded.notes == (f"model: repaired identical_duplicates: {count} and are left out.",)
    with pytest.raises(InputError, match="duplicate image id: /data/val/cats/1.jpg, with other predictions"):
        load(tmp_path, paths=FILES[rows], logits=LOGITS[[0, 1, 2, 1]])


@pytest.mark.parametrize(
    ("saved", "change"),
    [
        ("C:\\data\\val\\{}.jpg", "below C:/data/val"),
        ("/data/val/{}.jpg", "below data/val"),
        ("{}.jpg", None),
        ("val/{}.png", "below val"),
    ],
)
def test_ids_are_matched_below_the_root_of_the_images(tmp_path, saved, change):
    loaded = with_ids_of(load(tmp_path, paths=np.array([saved.format(name) for name in IDS]), preds=np.arange(3)), IDS)
    assert loaded.image_ids.tolist() == IDS.tolist()
    assert [change in note for note in loaded.notes] == ([True] if change else [])


def test_ids_without_folders_are_matched_where_they_are_unique(tmp_path):
    loaded = load(tmp_path, paths=np.array(["1.jpg", "2.jpg", "3.jpg"]), preds=np.arange(3))
    assert with_ids_of(loaded, IDS).image_ids.tolist() == IDS.tolist()
    twice = np.array(["cats/1", "dogs/1", "dogs/3"])
    assert with_ids_of(loaded, twice).image_ids.tolist() == ["1", "2", "3"]
