"""Multi-label and ImageNet-M labels from a prepared TFDS dataset."""

import numpy as np
import pytest

from imagenet_real.builders import datasets, label_sets
from imagenet_real.errors import InputError
from imagenet_real.labels import published, readers
from imagenet_real.labels.imagenet import validation_ids
from imagenet_real.labels.store import LabelStore
from imagenet_real.scoring.results import check_classes
from tests.data.pictures import picture, validation_name


def write_dataset(root, splits):
    """`imagenet2012_multilabel` 3.0.0 with the given splits: {split: {number: (original, correct, unclear, problematic)}}."""
    import tensorflow_datasets as tfds

    label = tfds.features.ClassLabel(num_classes=1000)
    features = {
        "image": tfds.features.Image(encoding_format="jpeg"),
        "original_label": label,
        "correct_multi_labels": tfds.features.Sequence(label),
        "unclear_multi_labels": tfds.features.Sequence(label),
        "is_problematic": tfds.features.Tensor(shape=(), dtype=np.bool_),
        "file_name": tfds.features.Text(),
    }

    def examples(rows):
        for number, (original, correct, unclear, problematic) in rows.items():
            yield (
                number,
                {
                    "image": picture(number),
                    "original_label": original,
                    "correct_multi_labels": correct,
                    "unclear_multi_labels": unclear,
                    "is_problematic": problematic,
                    "file_name": validation_name(number),
                },
            )

    members = {
        "name": "imagenet2012_multilabel",
        "VERSION": tfds.core.Version("3.0.0"),
        "_info": lambda self: tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features)),
        "_split_generators": lambda self, downloads: {name: examples(rows) for name, rows in splits.items()},
        "_generate_examples": lambda self: None,
    }
    builder = type("Multilabel", (tfds.core.GeneratorBasedBuilder,), members, skip_registration=True)
    builder(data_dir=str(root), file_format="array_record").download_and_prepare()


VALIDATION = {1: (65, [65], [60], False), 2: (970, [], [], True), 3: (230, [230, 231], [], False)}


@pytest.fixture
def loaded(nowhere):
    def load(names, splits):
        write_dataset(nowhere / "tfds", splits)
        return published.load(*_arguments(label_sets.select(names, LabelStore(tfds_dir=str(nowhere / "tfds")))))

    return load


def _arguments(wanted):
    own = {one.name: one for one in wanted if not isinstance(one, str)}
    return [one if isinstance(one, str) else one.name for one in wanted], LabelStore(), own


def test_multilabel_and_imagenet_m(loaded):
    found, unavailable = loaded("multilabel,imagenet_m", {"validation": VALIDATION, "imagenet_m": {3: VALIDATION[3]}})
    assert not unavailable
    multi, slice_m = found
    order = np.argsort(multi.image_ids)
    assert multi.image_ids[order].tolist() == [f"ILSVRC2012_val_0000000{n}" for n in (1, 2, 3)]
    assert multi.labels[order].tolist() == [[60, 65], [-1, -1], [230, 231]]
    assert multi.weight[order].tolist() == [1.0, 0.0, 1.0]
    assert (slice_m.name, slice_m.image_ids.tolist()) == ("imagenet_m", ["ILSVRC2012_val_00000003"])
    assert slice_m.weight.tolist() == [1.0]


def test_a_dataset_without_the_split_leaves_imagenet_m_unavailable(loaded, capsys):
    found, unavailable = loaded("original,imagenet_m", {"validation": VALIDATION})
    assert [one.name for one in found] == ["original"]
    assert [row["label_set"] for row in unavailable] == ["imagenet_m"]
    assert "is left aside" in capsys.readouterr().err


def test_what_a_dataset_brings_goes_by_its_name(nowhere):
    for kind, number in (("cat", 1), ("dog", 2), ("dog", 3)):
        (nowhere / "pets" / kind).mkdir(parents=True, exist_ok=True)
        (nowhere / "pets" / kind / f"{number}.jpg").write_bytes(picture(number))
    brought = datasets.of_images(str(nowhere / "pets")).label_sets
    assert label_sets.load("original", brought, LabelStore()).original.tolist() == [0, 1, 1]
    assert len(label_sets.load("original", {}, LabelStore())) == 50_000
    with pytest.raises(InputError, match="imagenet_m is unavailable: its 68 images"):
        label_sets.load("imagenet_m", {}, LabelStore())


def test_a_folder_is_a_label_set_by_its_path(nowhere):
    for kind, number in (("cat", 1), ("dog", 2)):
        (nowhere / "pets" / kind).mkdir(parents=True, exist_ok=True)
        (nowhere / "pets" / kind / f"{number}.jpg").write_bytes(picture(number))
    (folder,) = label_sets.select(str(nowhere / "pets"), LabelStore())
    assert (folder.name, folder.class_names, folder.original.tolist()) == ("original", ("cat", "dog"), [0, 1])
    assert label_sets.load(str(nowhere / "pets"), {}, LabelStore()).image_ids.tolist() == ["cat/1", "dog/2"]
    dataset = datasets.of_images(str(nowhere / "pets"))
    assert label_sets.select_for_predictions("", dataset, 2, LabelStore())[0][0].name == "original"
    (nowhere / "flat").mkdir()
    (nowhere / "flat" / "1.jpg").write_bytes(picture(1))
    with pytest.raises(InputError, match="flat bring no labels. Put them into one folder per class"):
        label_sets.select_for_predictions("", datasets.of_images(str(nowhere / "flat")), 2, LabelStore())


def test_a_background_class_keeps_the_label_sets_of_imagenet():
    """1,001 outputs on ImageNet's images ended in "brings no labels" and exit code 0."""
    ids = validation_ids()[:3]
    for outputs in (1000, 1001):
        chosen, _ = label_sets.select_for_images("original,real", ids, {}, outputs, LabelStore())
        assert chosen == ["original", "real"]
    with pytest.raises(
        InputError, match="has 1001 classes.* background class, leave it out with --repair=background_class"
    ):
        check_classes("model", 1001, -1, [readers.original()])


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("mine.csv", "image_id,label\ncat/1.jpg,dog\ndog/2.jpg,dog\n"),
        ("mine.jsonl", '{"image_id": "cat/1", "labels": ["dog"]}\n{"image_id": "dog/2", "labels": ["dog"]}\n'),
        ("mine.json", '{"cat/1": ["dog"], "dog/2.jpg": ["dog"]}'),
        ("mine.json", '{"cat/1": 1, "dog/2": 1}'),
        ("mine.json", '[{"image_id": "cat/1", "label": "dog"}, {"image_id": "dog/2", "label": "dog"}]'),
    ],
)
def test_own_labels_by_the_names_of_the_folders(nowhere, file, content):
    for kind, number in (("cat", 1), ("dog", 2)):
        (nowhere / "pets" / kind).mkdir(parents=True, exist_ok=True)
        (nowhere / "pets" / kind / f"{number}.jpg").write_bytes(picture(number))
    (nowhere / file).write_text(content)
    dataset = datasets.of_images(str(nowhere / "pets"))
    for labels in (
        label_sets.load(str(nowhere / file), dataset.label_sets, LabelStore()),
        label_sets.select_for_predictions(str(nowhere / file), dataset, 2, LabelStore())[0][0],
    ):
        assert (labels.image_ids.tolist(), labels.labels[:, 0].tolist()) == (["cat/1", "dog/2"], [1, 1])
        assert (labels.num_classes, labels.name) == (2, "mine")
