"""Copies of pictures are found in another set, and left out of a label set."""

import io
import json
import sys

import numpy as np
import pytest
from PIL import Image, ImageOps

from configs import duplicates as duplicates_config
from imagenet_real.data.sources.open import open_source
from imagenet_real.duplicates import search
from imagenet_real.duplicates.fingerprints import fingerprints
from imagenet_real.errors import InputError
from imagenet_real.labels.json_format import load_label_set, save_label_set
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.predictions.predictions import Predictions, save_predictions
from imagenet_real.programs import duplicates

pytestmark = pytest.mark.slow

COPIES = {
    "resized": lambda picture: picture.resize((75, 55)),
    "recompressed": lambda picture: picture,
    "cropped": lambda picture: picture.crop((4, 3, 156, 117)),
    "cropped_at_a_corner": lambda picture: picture.crop((0, 6, 152, 120)),
    "flipped": ImageOps.mirror,
}


def picture(seed):
    """A smooth picture, as photographs are."""
    spots = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    return Image.fromarray(spots).resize((160, 120), Image.Resampling.BICUBIC)


def encoded(image, quality=90):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


@pytest.fixture
def folder(tmp_path):
    for name in ("own", "others"):
        (tmp_path / name).mkdir()
    for seed in range(8):
        (tmp_path / "own" / f"image{seed}.jpg").write_bytes(encoded(picture(seed)))
        (tmp_path / "others" / f"other{seed}.jpg").write_bytes(encoded(picture(100 + seed)))
    for seed, (name, change) in enumerate(COPIES.items()):
        quality = 25 if name == "recompressed" else 85
        (tmp_path / "others" / f"{name}.jpg").write_bytes(encoded(change(picture(seed)), quality))
    (tmp_path / "own" / "broken.jpg").write_bytes(b"\xff\xd8 no picture")
    return tmp_path


@pytest.fixture
def config(folder):
    config = duplicates_config.get_config()
    config.update({"images": f"{folder}/own", "others": f"{folder}/others"})
    return config


def test_copies_are_found_and_nothing_else(config, folder):
    summary = duplicates.run(config, folder / "out")
    assert {(pair["image_id"], pair["other"]) for pair in summary["pairs"]} == {
        (f"image{seed}", name) for seed, name in enumerate(COPIES)
    }
    assert json.loads((folder / "out" / "duplicates.json").read_text())["pairs"] == summary["pairs"]
    assert (summary["images"], summary["others"]) == (9, 13)


@pytest.mark.parametrize(("where", "after"), [("own", 5), ("others", 0), ("others", 7)])
def test_a_search_that_was_killed_goes_on(config, folder, monkeypatch, where, after):
    """Killed while our fingerprints are made, before and among the others: only what is left is read again."""
    monkeypatch.setattr(search, "BLOCK", 2)
    monkeypatch.setattr(search, "SECONDS_PER_SAVE", 0)
    monkeypatch.setattr("imagenet_real.predictions.parts.RECORDS_PER_PART", 1)
    config.workers = 1
    expected = duplicates.run(config, folder / "undisturbed")["pairs"]
    read, saved = {"own": [], "others": []}, search._save

    class Killed(BaseException):
        """Comes through where a user's mistake would be caught."""

    class Watched:
        def __init__(self, source):
            self.source, self.of = source, source.name.rpartition("/")[2]

        def __getattr__(self, name):
            return getattr(self.source, name)

        def __len__(self):
            return len(self.source)

        def __getitem__(self, index):
            if kill and self.of == where and index >= after:
                raise Killed
            read[self.of].append(index)
            return self.source[index]

    monkeypatch.setattr(duplicates, "open_images", lambda images, **which: Watched(open_source(images, **which)))
    # A SIGKILL leaves no time for the last save; what was saved before it is all there is.
    monkeypatch.setattr(search, "_save", lambda *what: saved(*what) if sys.exc_info()[0] is None else None)
    kill = True
    with pytest.raises(Killed):
        duplicates.run(config, folder / "out")
    kill, first = False, {name: sorted(indices) for name, indices in read.items()}
    for indices in read.values():
        indices.clear()
    assert duplicates.run(config, folder / "out")["pairs"] == expected
    done = after - after % 2
    if where == "own":
        assert (sorted(read["own"]), len(read["others"])) == (list(range(done, 9)), 13)
    else:
        assert first["own"] == list(range(9))
        assert (sorted(read["own"]), sorted(read["others"])) == ([], list(range(done, 13)))


def test_other_thresholds_need_no_second_search(config, folder, monkeypatch):
    duplicates.run(config, folder / "out")
    monkeypatch.setattr(search, "_blocks", None)
    config.update({"least_similarity": 2.0, "most_bits": -1})
    assert duplicates.run(config, folder / "out")["pairs"] == []
    (folder / "others" / "another.jpg").write_bytes(encoded(picture(300)))
    with pytest.raises(InputError, match="is of a different search: others was"):
        duplicates.run(config, folder / "out")
    (folder / "out" / "search" / "search.npz").write_bytes(b"PK")
    with pytest.raises(InputError, match=r"search\.npz: it is damaged.*Delete it"):
        duplicates.run(config, folder / "out")


def test_fingerprints_of_a_mirror_image():
    thumbnails, hashes = fingerprints(encoded(picture(0), 100))
    mirrored, bits = fingerprints(encoded(ImageOps.mirror(picture(0)), 100))
    assert thumbnails.shape[0] == hashes.shape[0] == 12
    np.testing.assert_allclose(np.linalg.norm(thumbnails, axis=1), 1, rtol=1e-5)
    assert (thumbnails[1] @ mirrored[0], thumbnails[0] @ mirrored[0] < 0.9) == (pytest.approx(1, abs=1e-3), True)
    assert set(np.unique(bits)) == {-1, 1}
    assert hashes[1] @ bits[0] >= 60  # at most two bits differ
    plain, _ = fingerprints(encoded(Image.new("RGB", (30, 30), "red")))
    assert not plain.any()


def test_embeddings_of_a_model(config, folder):
    """Scores that say of two sets that one image is the same, whatever it looks like."""
    random = np.random.default_rng(0)
    for name in ("own", "others"):
        ids = open_source(f"{folder}/{name}").label_fields().image_ids
        scores = random.standard_normal((len(ids), 30)).astype(np.float32)
        scores[ids == ("image7" if name == "own" else "other3")] = np.arange(30)
        predictions = Predictions(ids, scores.argsort(axis=1)[:, ::-1], num_classes=30, scores=scores)
        save_predictions(folder / f"{name}.npz", predictions)
    config.update({"embeddings": f"{folder}/own.npz", "others_embeddings": f"{folder}/others.npz"})
    pairs = duplicates.run(config, folder / "out")["pairs"]
    by_model = [(pair["image_id"], pair["other"]) for pair in pairs if pair["embedding"]]
    assert by_model == [("image7", "other3")]
    config.embeddings = f"{folder}/others.npz"
    with pytest.raises(InputError, match=r"others\.npz: it lacks 9 of the 9 images, such as broken"):
        duplicates.run(config, folder / "out")
    np.savez(folder / "top.npz", image_ids=ids, top=np.zeros((len(ids), 1), int))
    config.embeddings = f"{folder}/top.npz"
    with pytest.raises(InputError, match="it has no array scores"):
        duplicates.run(config, folder / "out")
    config.others_embeddings = ""
    with pytest.raises(InputError, match="Give embeddings of both sets"):
        duplicates.run(config, folder / "out")


def test_the_label_set_is_without_what_was_confirmed(config, folder, capsys):
    ids = np.array([f"image{seed}" for seed in range(8)])
    save_label_set(folder / "mine.json", LabelSet("mine", ids, np.zeros((8, 1), int), np.ones(8), np.zeros(8, int), 2))
    pairs = [{"image_id": "image2", "other": "x"}, {"image_id": "image2", "other": "y"}]
    (folder / "confirmed.json").write_text(json.dumps({"schema": 1, "pairs": pairs}))
    config.update({"images": "", "confirmed": f"{folder}/confirmed.json", "label_set": f"{folder}/mine.json"})
    duplicates.run(config, folder / "out")
    kept = load_label_set(folder / "out" / "without_duplicates.json")
    assert set(ids) - set(kept.image_ids) == {"image2"}
    assert kept.name == "mine_without_duplicates"
    assert not (folder / "out" / "results.json").exists()
    top = np.array([0, 0, 0, 1, 1, 1, 1, 1])[:, None]  # three of eight are right, one of them among the training images
    save_predictions(folder / "model.npz", Predictions(ids, top, num_classes=2))
    config.predictions = f"{folder}/model.npz"
    duplicates.run(config, folder / "out")
    rows = {row["label_set"]: row for row in json.loads((folder / "out" / "results.json").read_text())["rows"]}
    assert (rows["mine"]["accuracy"], rows["mine_without_duplicates"]["accuracy"]) == (3 / 8, 2 / 7)
    assert "mine_without_duplicates  28.57" in capsys.readouterr().out
    config.confirmed = f"{folder}/mine.json"
    with pytest.raises(InputError, match="pairs is missing"):
        duplicates.run(config, folder / "out")
