import numpy as np
import pytest

from imagenet_real.errors import InputError, MismatchError
from imagenet_real.predictions.predictions import load_predictions, save_predictions, top_of_scores
from tests import toy


def test_top_of_scores_equals_a_plain_loop_with_ties():
    scores = np.random.default_rng(0).integers(0, 6, (200, 40)).astype(np.float32)  # many ties
    top, best = top_of_scores(scores, 5, "model", np.arange(200).astype(str))
    for row, expected in zip(top, scores, strict=True):
        assert row.tolist() == sorted(range(40), key=lambda c: (-expected[c], c))[:5]
    np.testing.assert_array_equal(best, np.take_along_axis(scores, top, axis=1))


def test_scores_and_top_and_csv_are_read_alike(place):
    scores = np.random.default_rng(1).normal(size=(6, 4))
    top = np.argsort(-scores, axis=1)
    toy.save(np.savez, place / "scores.npz", image_ids=np.array([f"{name}.jpg" for name in toy.IDS]), scores=scores)
    toy.save(np.savez, place / "top.npz", image_ids=toy.IDS.astype("S"), top=top)
    lines = ["image_id,top1,top2", *(f"{name}.JPEG,{row[0]},{row[1]}" for name, row in zip(toy.IDS, top, strict=True))]
    (place / "table.csv").write_text("\n".join(lines) + "\n")
    for file, k, classes in (("scores.npz", 4, 4), ("top.npz", 4, None), ("table.csv", 2, None)):
        loaded = load_predictions(place / file)
        assert loaded.image_ids.tolist() == toy.IDS.tolist()
        assert loaded.top.tolist() == top[:, :k].tolist()
        assert (loaded.num_classes, loaded.name) == (classes, file.partition(".")[0])
        assert len(loaded.origin["sha256"]) == 64


def test_50000_rows_without_ids_are_read_in_file_order_and_said_so(place):
    toy.save(np.save, place / "model.npy", np.zeros((50_000, 2), dtype=np.int16))
    loaded = load_predictions(place / "model.npy")
    assert loaded.image_ids[-1] == "ILSVRC2012_val_00050000"
    assert "order of the validation files" in loaded.notes[0]
    toy.save(np.save, place / "short.npy", np.zeros((49_999, 2), dtype=np.int16))
    with pytest.raises(MismatchError, match="wrong_count: 49999 rows"):
        load_predictions(place / "short.npy")


def test_saved_predictions_come_back_and_are_the_same_bytes(place):
    scores = np.random.default_rng(2).normal(size=(6, 4)).astype(np.float32)
    top, best = top_of_scores(scores, 2, "model", toy.IDS)
    saved = toy.predictions(top=top, top_scores=best, scores=scores, logsumexp=np.ones(6, np.float32))
    save_predictions(place / "a.npz", saved)
    save_predictions(place / "b.npz", saved)
    assert (place / "a.npz").read_bytes() == (place / "b.npz").read_bytes()
    loaded = load_predictions(place / "a.npz")
    assert loaded.num_classes == 4
    for field in ("image_ids", "top", "top_scores", "logsumexp"):
        np.testing.assert_array_equal(getattr(loaded, field), getattr(saved, field))


BAD = {
    "pickles": {"image_ids": np.array(["a", "b"], dtype=object), "top": np.zeros((2, 1), int)},
    "it has the arrays image_ids": {"image_ids": toy.IDS},
    r"has shape \(5, 2\)|expected 5 strings": {"image_ids": toy.IDS, "top": toy.TOP[:5]},
    "image_ids is int64, expected strings": {"image_ids": np.arange(6), "top": toy.TOP},
    "duplicate image id: a": {"image_ids": np.array(list("abcdea")), "top": toy.TOP},
    "expected class indices": {"image_ids": toy.IDS, "top": toy.TOP / 2},
    "nan_scores: the scores of 1 of 6 images are NaN, the first of them c": {
        "image_ids": toy.IDS,
        "scores": np.where(np.arange(6)[:, None] == 2, np.nan, np.ones((6, 4))),
    },
    r"top_scores has shape \(6, 1\)": {"image_ids": toy.IDS, "top": toy.TOP, "top_scores": np.ones((6, 1))},
    "expected one row per image": {"image_ids": toy.IDS, "scores": np.ones((6, 2, 2))},
    "scores is <U1, expected numbers": {"image_ids": toy.IDS, "scores": np.full((6, 2), "x")},
    "top has values from 0 to 4294967296": {"image_ids": toy.IDS, "top": np.where(toy.TOP == 3, 2**32, toy.TOP)},
    "top has values from -5 to 3": {"image_ids": toy.IDS, "top": np.where(toy.TOP == 2, -5, toy.TOP)},
    "top_scores is <U21, expected numbers": {"image_ids": toy.IDS, "top": toy.TOP, "top_scores": toy.TOP.astype(str)},
    "num_classes is float64, expected integers": {"image_ids": toy.IDS, "top": toy.TOP, "num_classes": np.ones(3)},
    r"num_classes has shape \(3,\)": {"image_ids": toy.IDS, "top": toy.TOP, "num_classes": np.ones(3, int)},
    "num_classes has values from -1 to -1": {"image_ids": toy.IDS, "top": toy.TOP, "num_classes": np.array(-1)},
    r"scores has shape \(\), expected \(6, K\)": {"image_ids": toy.IDS, "top": toy.TOP, "scores": np.array(1.0)},
    r"scores has shape \(5, 4\), expected": {"image_ids": toy.IDS, "top": toy.TOP, "scores": np.ones((5, 4))},
    r"6 image ids and an array of shape \(\)": {
        "image_ids": np.array(list("abcdea")),
        "top": toy.TOP * 0,
        "scores": np.array(1.0),
    },
    "no row": {"image_ids": toy.IDS[:0], "top": toy.TOP[:0]},
}


@pytest.mark.parametrize("message", BAD)
def test_bad_arrays(place, message):
    toy.save(np.savez, place / "bad.npz", **BAD[message])
    with pytest.raises(InputError, match=message) as error:
        load_predictions(place / "bad.npz")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.npz", None, "there is no predictions file"),
        ("model.txt", b"1", "read from .npz, .npy, .csv"),
        ("text.npz", b"hello", "it is damaged, or no npz archive"),
        ("text.npy", b"hello", "does not begin as NumPy's arrays do"),
        (
            "large.csv",
            b"image_id,top1\na,99999999999999999999\n",
            'top has "99999999999999999999", expected class indices',
        ),
        ("empty.npz", b"", "it is damaged, or no npz archive"),
        ("empty.csv", b"", "it has the columns none. Give image_id,top1"),
        ("header.csv", b"id,top1\na,1\n", "it has the columns id, top1. Give image_id,top1"),
        ("word.csv", b"image_id,top1\na,cat\n", 'top has "cat", expected class indices'),
        ("short.csv", b"image_id,top1,top2\na,1,2\nb,1\n", "line 3 has 2 cells, expected 3"),
    ],
)
def test_bad_files(place, name, content, message):
    if content is not None:
        (place / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        load_predictions(place / name)
    assert "\n" not in str(error.value)


def test_a_file_called_predictions_has_the_name_of_its_folder(place):
    save_predictions(place / "resnet50" / "predictions.npz", toy.predictions())
    assert load_predictions(place / "resnet50" / "predictions.npz").name == "resnet50"


def test_a_truncated_npz_is_damaged(place):
    save_predictions(place / "good.npz", toy.predictions())
    (place / "cut.npz").write_bytes((place / "good.npz").read_bytes()[:-40])
    with pytest.raises(InputError, match="damaged"):
        load_predictions(place / "cut.npz")
