"""`digit_scenes`: what its scenes show, what they are labelled, and that preparing them is safe and repeatable."""

import collections
import hashlib
import io
import itertools
import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from imagenet_real.data.digit_scenes import digits, drawing, scenes
from imagenet_real.data.digit_scenes.scenes import Recipe
from imagenet_real.data.sources.open import open_source
from imagenet_real.errors import InputError
from imagenet_real.labels import dataset

pytestmark = pytest.mark.slow

SMALL = {"train_scenes": 60, "validation_scenes": 120}


@pytest.fixture(scope="module")
def tfds_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("tfds")


@pytest.fixture(scope="module")
def folder(tfds_dir):
    return digits.prepare_digit_scenes(str(tfds_dir), **SMALL)


@pytest.fixture(scope="module")
def composed():
    recipe = Recipe(train_scenes=250, validation_scenes=250)
    return {split: list(scenes.compose(recipe, split)) for split in scenes.SPLITS}


def kind_of(scene) -> str:
    if not scene.labels:
        return "empty"
    if len(scene.labels) == 1:
        return "exact" if scene.original == scene.labels[0] else "wrong"
    return "multiple" if scene.original in scene.labels else "multiple_wrong"


def digest(folder) -> str:
    """Of every field of every record, JPEG bytes included. (TFDS leaves open in which order a record stores its fields.)"""
    import tensorflow_datasets as tfds

    builder, total = tfds.builder_from_directory(folder), hashlib.sha256()
    for split in scenes.SPLITS:
        for record in builder.as_data_source(split, decoders={"image": tfds.decode.SkipDecoding()}):
            total.update(repr([(name, np.asarray(record[name]).tolist()) for name in sorted(record)]).encode())
    return total.hexdigest()


def test_shares_of_validation_are_those_of_real():
    assert Recipe(validation_scenes=50_000).counts("validation") == {
        "exact": 35_716, "wrong": 3_678, "multiple": 6_448, "multiple_wrong": 995, "empty": 3_163,
    }  # fmt: skip
    assert sum(Recipe().counts("validation").values()) == 5_000


def test_fifteen_of_a_hundred_training_labels_are_wrong():
    counts = Recipe().counts("train")
    shown = sum(counts.values()) - counts["empty"]
    assert sum(counts.values()) == 8_000
    assert (counts["wrong"] + counts["multiple_wrong"]) / shown == pytest.approx(0.15, abs=1e-3)


@pytest.mark.parametrize("split", scenes.SPLITS)
def test_scenes_are_of_the_kinds_that_the_recipe_asks_for(composed, split):
    found = collections.Counter(kind_of(scene) for scene in composed[split])
    assert found == Recipe(train_scenes=250, validation_scenes=250).counts(split)


def test_shares_can_be_chosen():
    recipe = Recipe(validation_scenes=30, exact=1, wrong=0, multiple=1, multiple_wrong=1, empty=0)
    found = collections.Counter(kind_of(scene) for scene in scenes.compose(recipe, "validation"))
    assert found == {"exact": 10, "multiple": 10, "multiple_wrong": 10}


def test_no_source_digit_is_in_both_splits(composed):
    train, validation = (
        {digit.source for scene in composed[split] for digit in scene.digits} for split in scenes.SPLITS
    )
    assert max(train) < scenes.TRAIN_DIGITS <= min(validation)
    assert max(validation) < 1_797


def test_labels_are_those_of_the_source_digits(composed):
    labels = scenes.source_digits().labels
    for scene in itertools.chain(*composed.values()):
        assert scene.labels == tuple(labels[digit.source] for digit in scene.digits)
        assert len(set(scene.labels)) == len(scene.labels) <= 4


def test_digits_are_whole_and_do_not_hide_each_other(composed):
    for scene in itertools.chain(*composed.values()):
        layers = []
        for digit in scene.digits:
            assert 18 <= len(digit.ink) <= 42
            assert 0.7 <= digit.contrast <= 1
            layer = np.zeros((48, 48))
            layer[digit.top : digit.top + len(digit.ink), digit.left : digit.left + len(digit.ink)] = digit.ink
            assert layer.sum() == pytest.approx(digit.ink.sum())
            layers.append(layer)
        for a, b in itertools.combinations(layers, 2):
            assert np.minimum(a, b).sum() <= drawing.OVERLAP * min(a.sum(), b.sum()) + 1e-9


def test_a_box_holds_the_ink_of_its_digit():
    ink = np.zeros((20, 20))
    ink[3:15, 6:9] = 1
    assert drawing.Digit(source=0, contrast=1, top=10, left=20, ink=ink).box == (13, 26, 25, 29)


def test_a_picture_shows_its_digits_and_nothing_hides_them(composed):
    for scene in composed["validation"][:50]:
        with Image.open(io.BytesIO(scene.jpeg)) as image:
            assert (image.format, image.size, image.mode) == ("JPEG", (48, 48), "RGB")
            pixels = np.asarray(image, dtype=np.float64) / 255
        for digit in scene.digits:
            part = pixels[digit.top : digit.top + len(digit.ink), digit.left : digit.left + len(digit.ink)]
            differences = part[digit.ink > 0.95].mean(0) - part[digit.ink == 0].mean(0)
            assert np.abs(differences).max() > 0.25


def test_most_original_labels_are_the_most_prominent_digits():
    recipe = Recipe(validation_scenes=300, exact=0, wrong=0, multiple=1, multiple_wrong=0, empty=0)
    several = list(scenes.compose(recipe, "validation"))
    for scene in several:
        sizes = [len(digit.ink) * digit.contrast for digit in scene.digits]
        assert sizes == sorted(sizes, reverse=True)
    first = np.mean([scene.original == scene.labels[0] for scene in several])
    assert first == pytest.approx(0.75, abs=4 * np.sqrt(0.75 * 0.25 / 300))


def test_wrong_labels_are_of_similar_digits():
    confusion = scenes.source_digits().confusion
    recipe = Recipe(validation_scenes=400, exact=0, wrong=1, multiple=0, multiple_wrong=0, empty=0)
    pairs = [(scene.labels[0], scene.original) for scene in scenes.compose(recipe, "validation")]
    expected = np.mean([confusion[true].max() for true, _ in pairs])
    assert expected > 0.25  # far above 1/9, the share of any one wrong label without similarity
    assert np.mean([wrong == confusion[true].argmax() for true, wrong in pairs]) == pytest.approx(expected, abs=0.1)


def test_confusion_follows_the_distance_of_class_means():
    from sklearn.datasets import load_digits

    source, confusion = load_digits(), scenes.source_digits().confusion
    means = [source.data[:898][source.target[:898] == label].mean(0) for label in range(10)]
    for label in range(10):
        distance = {other: np.linalg.norm(means[label] - means[other]) for other in range(10) if other != label}
        assert sorted(distance, key=distance.get) == np.argsort(-confusion[label])[:9].tolist()
    assert confusion.sum(1) == pytest.approx(np.ones(10))
    assert confusion.diagonal().tolist() == [0] * 10


def test_hard_scenes_have_only_digits_unlike_the_training_digits(composed):
    from sklearn.datasets import load_digits

    source = load_digits()
    some = [scene for scene in composed["validation"] if scene.labels][:60]
    assert {scene.hard for scene in some} == {False, True}
    for scene in some:
        unlike = []
        for digit, label in zip(scene.digits, scene.labels, strict=True):
            distance = np.linalg.norm(source.data[:898] - source.data[digit.source], axis=1)
            same = source.target[:898] == label
            unlike.append(distance[same].min() / distance[~same].min() >= scenes.HARD)
        assert scene.hard == all(unlike)


def test_it_opens_as_a_source_with_its_label_sets(folder, tfds_dir):
    config = folder.parent.name
    source = open_source(f"tfds:digit_scenes/{config}", tfds_dir=str(tfds_dir))
    wanted = list(scenes.compose(Recipe(**SMALL), "validation"))
    assert len(source) == 120
    assert source[7] == {"image_id": f"digits_{config}_validation_00008", "image": wanted[7].jpeg}
    labels = source.label_fields()
    brought = dataset.from_fields(labels.image_ids, labels.fields, labels.num_classes, source.name)
    assert brought["original"].labels[:, 0].tolist() == [scene.original for scene in wanted]
    rows = [[answer for answer in row if answer >= 0] for row in brought["real"].labels.tolist()]
    assert rows == [sorted(scene.labels) for scene in wanted]
    assert len(open_source(f"tfds:digit_scenes/{config}", split="train[90%:]", tfds_dir=str(tfds_dir))) == 6


def test_annotations_are_those_of_the_scenes(folder):
    found = digits.annotations(folder)
    for index, scene in enumerate(scenes.compose(Recipe(**SMALL), "validation")):
        assert found.image_ids[index] == scene.name.removesuffix(".JPEG")
        assert found.box_labels[index].tolist() == list(scene.labels)
        assert found.source_digits[index].tolist() == [digit.source for digit in scene.digits]
        assert found.boxes[index].shape == (len(scene.digits), 4)
        np.testing.assert_allclose(
            found.boxes[index].ravel() * 48, [edge for digit in scene.digits for edge in digit.box], atol=1e-4
        )
        assert found.hard[index] == scene.hard


def test_best_predictions_are_right_by_real_and_best_by_the_original_labels(folder):
    wanted = list(scenes.compose(Recipe(**SMALL), "validation"))
    best = digits.annotations(folder).best_predictions()
    assert all(answer in scene.labels for answer, scene in zip(best, wanted, strict=True) if scene.labels)
    by_rank = [
        np.mean([scene.original == scene.labels[min(rank, len(scene.labels) - 1)] for scene in wanted if scene.labels])
        for rank in range(3)
    ]
    answered = np.array([bool(scene.labels) for scene in wanted])
    originals = np.array([scene.original for scene in wanted])
    assert (best == originals)[answered].mean() == by_rank[0] == max(by_rank)


def test_a_seed_gives_the_same_bytes_and_another_seed_others(folder, tmp_path):
    again = digits.prepare_digit_scenes(str(tmp_path), **SMALL)
    other = digits.prepare_digit_scenes(str(tmp_path), seed=1, **SMALL)
    assert digest(again) == digest(folder) != digest(other)
    assert again != other


def test_what_is_there_is_left_as_it_is(folder, tfds_dir):
    before = {file: os.stat(file).st_mtime_ns for file in folder.iterdir()}
    assert digits.prepare_digit_scenes(str(tfds_dir), **SMALL) == folder
    assert {file: os.stat(file).st_mtime_ns for file in folder.iterdir()} == before


def test_the_recipe_is_in_the_metadata(folder):
    metadata = json.loads((folder / "metadata.json").read_text())
    assert Recipe(**metadata) == Recipe(**SMALL)


def test_configurations_have_names_of_their_own():
    recipes = [Recipe(), Recipe(seed=1), Recipe(train_wrong=0.2), Recipe(seed=1, train_wrong=0.2), Recipe(empty=0)]
    names = [recipe.name for recipe in recipes]
    assert names[:2] == ["seed0", "seed1"]
    assert len(set(names)) == len(names)
    assert Recipe(train_wrong=0).name == Recipe(train_wrong=0.0).name


PREPARE = """
import sys
from imagenet_real.data.digit_scenes import digits
print(digits.prepare_digit_scenes(sys.argv[1], train_scenes=60, validation_scenes=120))
loaded = {"tensorflow", "jax"} & set(sys.modules)
assert not loaded, loaded
"""


def test_processes_at_once_prepare_one_whole_dataset(folder, tmp_path):
    target = tmp_path / "digit_scenes" / folder.parent.name / folder.name
    command = [sys.executable, "-c", PREPARE, str(tmp_path)]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    wanted = sorted(file.name for file in folder.iterdir() if file.suffix != ".npz")  # not the labels that were read
    while any(run.poll() is None for run in runs):
        if target.exists():
            assert sorted(os.listdir(target)) == wanted  # whole from the moment it can be seen
        time.sleep(0.01)
    for run in runs:
        output, errors = run.communicate()
        assert run.returncode == 0, errors
        assert output.splitlines()[-1] == str(target)
    assert digest(target) == digest(folder)
    assert [path.name for path in (tmp_path / "digit_scenes").iterdir()] == [folder.parent.name]


def test_the_first_of_two_to_finish_is_kept(tmp_path):
    for name in ("own", "folder"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    digits._publish(tmp_path / "own", tmp_path / "folder")
    assert (tmp_path / "folder" / "file").read_text() == "folder"


def test_a_named_configuration_is_prepared_on_first_use(monkeypatch):
    asked = []
    monkeypatch.setattr(
        digits, "prepare_digit_scenes", lambda tfds_dir, **parameters: asked.append((tfds_dir, parameters))
    )
    for name in ("tfds:digit_scenes", "digit_scenes/seed3", "tfds:digit_scenes/seed12:2.0.0"):
        digits.folder_of(name, "there")
    assert asked == [("there", {"seed": 0}), ("there", {"seed": 3}), ("there", {"seed": 12})]


def test_a_prepared_recipe_is_found_by_its_name(folder, tfds_dir):
    assert digits.folder_of(f"digit_scenes/{folder.parent.name}", str(tfds_dir)) == folder


@pytest.mark.parametrize("name", ["imagenet2012", "tfds:imagenet_v2:3.0.0", "digit_scenes_of_mine"])
def test_other_datasets_are_left_to_others(name):
    assert digits.folder_of(name, "") is None


@pytest.mark.parametrize(
    "name", ["digit_scenes/tiny", "digit_scenes/seed01", "digit_scenes:1.0.0", "digit_scenes/seed1:1"]
)
def test_an_unknown_configuration_or_version_is_refused(name, tmp_path):
    with pytest.raises(InputError, match=name):
        digits.folder_of(name, str(tmp_path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"seed": -1}, "seed=-1"),
        ({"seed": 1.5}, "seed=1.5"),
        ({"train_scenes": 0}, "train_scenes=0"),
        ({"validation_scenes": 2.5}, "validation_scenes=2.5"),
        ({"wrong": -1}, "'wrong': -1"),
        ({"exact": float("nan")}, "'exact': nan"),
        ({"train_wrong": 1.5}, "train_wrong=1.5"),
    ],
)
def test_an_impossible_recipe_is_refused(parameters, named, tmp_path):
    with pytest.raises(InputError, match=named):
        digits.prepare_digit_scenes(str(tmp_path), **parameters)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "digit_scenes").write_text("a file in the way")
    with pytest.raises(InputError, match=r"digit_scenes cannot be written to .*tfds_dir"):
        digits.prepare_digit_scenes(str(tmp_path), **SMALL)
