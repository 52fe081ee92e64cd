"""Label maps of images as a user makes them: what is in them, killed and continued, by several processes, and imported."""

import io
import itertools
import os
import signal
import tarfile

import jax
import numpy as np
import pytest
from PIL import Image

from configs import relabel as config_file
from imagenet_real.data.sources.open import open_source
from imagenet_real.errors import InputError
from imagenet_real.programs import relabel
from imagenet_real.relabel import label_map_writer
from imagenet_real.relabel.annotate import image_size_of
from imagenet_real.relabel.label_maps import load_label_maps
from tests import commands
from tests.data.pictures import write_folder
from tests.models.checkpoints import torch_writer
from tests.programs import models
from tests.programs.test_processes import ends
from tests.programs.test_processes import start as start_processes

pytestmark = pytest.mark.slow

FIELDS = {
    "model": "tests.programs.models:colours_at_places",
    "places": 0,
    "image_size": 16,
    "interpolation": "bilinear",
    "mean": (0.5, 0.5, 0.5),
    "std": (0.5, 0.5, 0.5),
    "batch_size": 4,
}
IMAGES = 22


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("images") / "images", range(1, IMAGES + 1))


@pytest.fixture(scope="module")
def made(images, tmp_path_factory):
    return relabel.run(config(images=str(images)), _path(tmp_path_factory.mktemp("maps")))


def _path(path):
    from etils import epath

    return epath.Path(path)


def config(**fields):
    config = config_file.get_config()
    config.update(FIELDS | fields)
    return config


def arguments(images, workdir, **fields):
    fields = FIELDS | {"images": images} | fields
    options = [f"--config.{name}={str(value).replace(' ', '')}" for name, value in fields.items()]
    return ["--config=configs/relabel.py", f"--workdir={workdir}", *options]


def assert_same(ours, theirs):
    assert ours.image_ids.tolist() == theirs.image_ids.tolist()
    for one, other in zip(ours.read(range(len(ours))), theirs.read(range(len(theirs))), strict=True):
        np.testing.assert_array_equal(one, other)


def test_each_place_has_the_classes_of_what_it_shows(images, made):
    """By Pillow's resizing of the whole image, and plain loops."""
    source = open_source(str(images))
    _, weights = models.colours_at_places()
    assert made.shape == (2, 2, 5)
    assert made.image_ids.tolist() == source.label_fields().image_ids.tolist()
    for number in range(0, IMAGES, 5):
        with Image.open(io.BytesIO(source[number]["image"])) as image:
            pixels = np.asarray(image.convert("RGB").resize((16, 16), Image.Resampling.BILINEAR)) / 127.5 - 1
        classes, scores = made.read([number])
        for row, column in np.ndindex(2, 2):
            mean = pixels[8 * row : 8 * row + 8, 8 * column : 8 * column + 8].mean(axis=(0, 1))
            logits = mean @ weights
            assert classes[0, row, column].tolist() == np.argsort(-logits)[:5].tolist()
            np.testing.assert_allclose(scores[0, row, column], np.sort(logits)[::-1][:5], rtol=2e-3)


def die_at_the_third_batch():
    append, batches = label_map_writer.LabelMapWriter.append, itertools.count(1)

    def append_and_die(*positional, **named):
        append(*positional, **named)
        if next(batches) == 3:
            os.kill(os.getpid(), signal.SIGKILL)

    label_map_writer.IMAGES_PER_FILE = 8
    label_map_writer.LabelMapWriter.append = append_and_die


def test_a_killed_run_goes_on_behind_its_last_whole_file(images, made, tmp_path, monkeypatch):
    done = commands.run(arguments(images, tmp_path), before=die_at_the_third_batch)
    assert done.returncode == -signal.SIGKILL, done.stderr
    with pytest.raises(InputError, match="not finished"):
        load_label_maps(tmp_path)
    read = []
    monkeypatch.setattr(
        relabel,
        "evaluation_batches",
        lambda *a, _batches=relabel.evaluation_batches, **b: read.append(b["start"]) or _batches(*a, **b),
    )
    assert_same(relabel.run(config(images=str(images)), _path(tmp_path)), made)
    assert read == [8]
    relabel.run(config(images=str(images)), _path(tmp_path))  # all is there: no image is read
    assert read == [8]
    with pytest.raises(InputError, match="has label maps of a different run: image_size was 16, is 24"):
        relabel.run(config(images=str(images), image_size=24), _path(tmp_path))


def test_two_processes_annotate_like_one(images, made, tmp_path):
    started = start_processes(arguments(images, tmp_path, batch_size=6), processes=2, devices=2)
    for code, _, error in ends(started):
        assert code == 0, error
    assert_same(load_label_maps(tmp_path), made)


def test_unreadable_images_are_refused_or_listed(tmp_path):
    folder = write_folder(tmp_path / "images", range(1, 8))
    sorted(folder.rglob("*.*"))[2].write_bytes(b"no image")
    with pytest.raises(InputError, match=r"image .* is unreadable"):
        relabel.run(config(images=str(folder)), _path(tmp_path / "maps"))
    maps = relabel.run(config(images=str(folder), skip_unreadable=True), _path(tmp_path / "maps"))
    assert len(maps) == 6
    missing = open_source(str(folder)).label_fields().image_ids
    with pytest.raises(InputError, match="no label maps of 1 of 7 images"):
        maps.of(missing)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "images='', published='': give one of them"),
        ({"images": "x", "published": "y"}, "images='x', published='y': give one of them"),
        ({"places": 15}, "has 2 x 2 places in images of 16 pixels, and places=15"),
        (
            {"model": "tests.programs.models:colours"},
            r"shape \[1, 1000\] for 1 images, expected the logits of each place",
        ),
        ({"k": 0}, "k=0 is impossible. Give at least 1"),
        ({"image_size": None}, "the preprocessing of tests.programs.models:colours_at_places is not known"),
    ],
)
def test_mistakes(images, tmp_path, fields, message):
    wanted = config(**({"images": str(images)} | fields if fields and "published" not in fields else fields))
    with pytest.raises(InputError, match=message):
        relabel.run(wanted, _path(tmp_path))


@pytest.mark.parametrize(
    ("model", "size"),
    [("vit_tiny_patch16_224", 240), ("resnet50", 480), ("convnext_tiny", 480), ("efficientnet_b0", 480)],
)
def test_sizes_for_fifteen_places(model, size):
    assert image_size_of(model, 15) == size


PUBLISHED = {"n01440764/n01440764_7": 0, "n01440764/n01440764_12": 1, "n01443537/n01443537_3": 2}


@pytest.fixture(scope="module", params=["folder", "tar"])
def published(request, tmp_path_factory):
    """Three maps as they are published: [2, 5, places, places], scores and classes; here the two sides differ."""
    folder = tmp_path_factory.mktemp("published") / "relabel"
    rng = np.random.default_rng(0)
    tensors = {}
    for name in PUBLISHED:
        scores = rng.normal(10, 3, (5, 4, 3)).astype(np.float32)
        classes = rng.random((1000, 4, 3)).argsort(axis=0)[:5].astype(np.float32)
        tensors[name.partition("/")[2]] = scores, classes
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        torch_writer.save(folder / f"{name}.pt", np.stack([scores, classes]))
    if request.param == "folder":
        return folder, tensors
    with tarfile.open(folder.with_suffix(".tar"), "w") as tar:
        tar.add(folder, "relabel")
    return folder.with_suffix(".tar"), tensors


@pytest.mark.parametrize("axes", ["wh", "hw"])
def test_published_maps_are_imported(published, tmp_path, axes):
    place, tensors = published
    maps = relabel.run(config(published=str(place), axes=axes), _path(tmp_path))
    assert maps.shape == ((3, 4, 5) if axes == "wh" else (4, 3, 5))
    some = maps.of(np.array(list(tensors)))
    classes, scores = some.read(range(3))
    for number, (its_scores, its_classes) in enumerate(tensors.values()):
        for k, one, other in np.ndindex(5, 4, 3):  # of "wh", `one` counts columns and `other` rows
            row, column = (other, one) if axes == "wh" else (one, other)
            assert classes[number, row, column, k] == its_classes[k, one, other]
            assert scores[number, row, column, k] == np.float16(its_scores[k, one, other])


def test_published_maps_pool_as_the_published_code_does(published, tmp_path):
    """It passes `roi_align` (top, left, bottom, right) as x1, y1, x2, y2 on the tensor as it is."""
    from imagenet_real.relabel.pooling import Pooling
    from tests.relabel.test_pooling import roi_align, softmax

    place, tensors = published
    maps = relabel.run(config(published=str(place), axes="wh"), _path(tmp_path)).of(np.array(list(tensors)))
    box = np.array([0.1, 0.3, 0.8, 0.6], np.float32)  # top, left, bottom, right
    ours = Pooling().targets(*maps.read([0]), box[None], 1000)[0]
    scores, classes = tensors[maps.image_ids[0]]
    full = np.zeros((1000, 4, 3))
    for k, one, other in np.ndindex(5, 4, 3):
        full[int(classes[k, one, other]), one, other] = np.float16(scores[k, one, other])
    listed = np.unique(classes).astype(int)
    top, bottom = box[[0, 2]] * np.float32(3) - np.float32(0.5)  # along the last axis, of 3 places
    left, right = box[[1, 3]] * np.float32(4) - np.float32(0.5)
    pooled = np.zeros(1000)
    pooled[listed] = [roi_align(full[one], top, left, bottom, right) for one in listed]
    np.testing.assert_allclose(ours, softmax(pooled), atol=1e-5)


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (np.zeros((5, 4, 3), np.float32), r"has the shape \[5, 4, 3\]. Give tensors \[2, k, places, places\]"),
        (np.full((2, 5, 4, 3), 1000, np.float32), "has classes outside 0 to 999"),
        ({"map": np.zeros((2, 5, 4, 3), np.float32)}, "expected a tensor, got dict"),
        (torch_writer.Reduce(torch_writer.Global("os", "system"), ("true",)), ": its pickle imports os"),
    ],
)
def test_files_that_are_no_maps(tmp_path, tensor, message):
    torch_writer.save(tmp_path / "n01440764_7.pt", tensor)
    with pytest.raises(InputError, match=message):
        relabel.run(config(published=str(tmp_path)), _path(tmp_path / "maps"))


def test_maps_of_a_published_model(data, tmp_path):
    """Averaged over the whole image, the map of ViT-Ti/16 names what the model itself predicts on most images."""
    from imagenet_real.models import catalog
    from imagenet_real.relabel.pooling import Pooling

    chosen = tmp_path / "images"
    chosen.mkdir()
    for path in sorted((data / "images" / "val1000").rglob("*.JPEG"))[:8]:
        (chosen / path.name).symlink_to(path)
    weights = str(data / "weights" / "vit_tiny_patch16_224.safetensors")
    wanted = config_file.get_config()
    wanted.update(
        {"model": "vit_tiny_patch16_224", "images": str(chosen), "weights": weights, "batch_size": 8, "places": 0}
    )
    maps = relabel.run(wanted, _path(tmp_path / "maps"))
    assert maps.shape == (14, 14, 5)
    pooled = Pooling().targets(*maps.read(range(8)), np.tile([0, 0, 1, 1], (8, 1)), 1000)
    apply, params = catalog.load("vit_tiny_patch16_224", weights)
    images = np.stack(
        [
            np.asarray(Image.open(path).convert("RGB").resize((224, 224), Image.Resampling.BICUBIC))
            for path in sorted(chosen.iterdir())
        ]
    )
    own = np.asarray(jax.jit(apply)(params, (images / 127.5 - 1).astype(np.float32))).argmax(axis=1)
    assert (pooled.argmax(axis=1) == own).mean() > 0.5
