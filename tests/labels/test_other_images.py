import json

import numpy as np
import pytest

from imagenet_real.errors import InputError
from imagenet_real.labels import imagenet, other_images, published
from imagenet_real.labels.other_images import OtherImages
from imagenet_real.labels.store import DEFAULT_STORE, LabelStore, MissingFile

WNIDS = imagenet.imagenet_wnids()
HASHES = [f"{number:040x}" for number in range(6)]


def ids(*names: str) -> np.ndarray:
    return np.array(names, dtype=str)


def with_class_file(folder, name="imagenet_a_wnids.txt", classes=range(0, 400, 2)):
    (folder / name).write_text("".join(f"{WNIDS[label]}\n" for label in classes))
    return LabelStore(folder)


def labels_of(name, image_ids, store=DEFAULT_STORE):
    return published.load([name], store, images=OtherImages(image_ids))[0][0]


def test_folders_of_imagenet_v2_are_class_indices(nowhere):
    image_ids = ids(f"10/{HASHES[0]}", f"9/{HASHES[1]}", f"999/{HASHES[2]}", f"val/0/{HASHES[3]}")
    assert published.names_for(image_ids, LabelStore()) == ["imagenet_v2"]
    label_set = labels_of("imagenet_v2", image_ids)
    assert label_set.labels[:, 0].tolist() == [10, 9, 999, 0]
    assert label_set.image_ids.tolist() == image_ids.tolist()


def test_folders_win_over_a_dataset_that_sorted_them_as_text(nowhere):
    images = OtherImages(ids(f"10/{HASHES[0]}", f"9/{HASHES[1]}"), np.array([2, 888]))
    assert other_images.make("imagenet_v2", images, LabelStore()).original.tolist() == [10, 9]


def refined_file(folder, content):
    (folder / other_images.REFINED_FILE).write_text(json.dumps(content))
    return LabelStore(folder)


def test_refined_labels_join_by_hash_with_and_without_classes(nowhere):
    store = refined_file(
        nowhere, {f"{HASHES[0]}.jpeg": ["370", "3"], f"{HASHES[1]}.jpeg": [], f"{HASHES[2]}.jpeg": ["5"]}
    )
    with_classes = ids(f"35/{HASHES[0]}", f"7/{HASHES[1]}", f"5/{HASHES[2]}")
    assert published.names_for(with_classes, store) == ["imagenet_v2", "imagenet_v2_refined"]
    label_set = labels_of("imagenet_v2_refined", with_classes, store)
    assert label_set.labels.tolist() == [[3, 370], [-1, -1], [5, -1]]
    assert (label_set.weight.tolist(), label_set.original.tolist()) == ([1, 0, 1], [35, 7, 5])
    bare = ids(HASHES[2], HASHES[0])
    assert published.names_for(bare, store) == ["imagenet_v2_refined"]
    label_set = labels_of("imagenet_v2_refined", bare, store)
    assert label_set.image_ids.tolist() == [HASHES[2], HASHES[0], HASHES[1]]  # an image without a prediction is known
    assert label_set.original.tolist() == [-1, -1, -1]


def test_refined_labels_are_of_one_variant(nowhere):
    store = refined_file(nowhere, {f"{HASHES[0]}.jpeg": ["370"]})
    assert published.names_for(ids(f"1/{HASHES[5]}"), store) == ["imagenet_v2"]
    with pytest.raises(InputError, match="none of the 1 images.*matched-frequency"):
        labels_of("imagenet_v2_refined", ids(f"1/{HASHES[5]}"), store)


@pytest.mark.parametrize(
    ("content", "message"),
    [({}, "refined_labels.json"), ({"a.jpeg": ["1000"]}, "1000"), ({"a.jpeg": [3]}, "3"), ([], "refined_labels.json")],
)
def test_a_wrong_file_of_refined_labels_is_one_line(nowhere, content, message):
    with pytest.raises(InputError, match=message) as error:
        labels_of("imagenet_v2_refined", ids(HASHES[0]), refined_file(nowhere, content))
    assert "\n" not in str(error.value)


def test_ids_without_a_class_are_an_error(nowhere):
    with pytest.raises(InputError, match="does not begin with a class"):
        labels_of("imagenet_v2", ids(HASHES[0]))
    with pytest.raises(InputError, match="no wnid"):
        labels_of("imagenet_sketch", ids("cat/1"))
    with pytest.raises(InputError, match="no prediction for any of its images"):
        published.load(["imagenet_a"], LabelStore())


def test_known_classes_come_from_the_list_or_from_all_classes(nowhere):
    image_ids = ids(*(f"{WNIDS[label]}/0.1_name" for label in range(0, 400, 2)))
    assert labels_of("imagenet_a", image_ids).known_classes.tolist() == list(range(0, 400, 2))
    store = with_class_file(nowhere)
    assert published.names_for(image_ids, store) == ["imagenet_a"]
    assert labels_of("imagenet_a", image_ids[:3], store).known_classes.tolist() == list(range(0, 400, 2))
    _, unavailable = published.load(["imagenet_a"], LabelStore(), images=OtherImages(image_ids[:3]))
    assert "have 3 of its 200 classes" in unavailable[0]["reason"]


def test_images_of_other_classes_are_an_error(nowhere):
    with pytest.raises(InputError, match="1 of 2 images are of classes that it does not have"):
        labels_of("imagenet_a", ids(f"{WNIDS[0]}/a", f"{WNIDS[1]}/b"), with_class_file(nowhere))


def test_clean_twins_are_validation_images_of_the_same_classes(nowhere):
    label_set = labels_of("imagenet_a_clean", ids("ILSVRC2012_val_00000001"), with_class_file(nowhere))
    assert len(label_set) == 200 * 50
    assert set(label_set.original.tolist()) == set(range(0, 400, 2))


def test_a_file_of_both_kinds_of_images_has_both_kinds_of_label_sets(nowhere):
    store = with_class_file(nowhere)
    other = ids(*(f"{WNIDS[label]}/x" for label in range(0, 400, 2)))
    names = published.names_for(np.concatenate([imagenet.validation_ids(), other]), store)
    assert names == [*published.NAMES, "imagenet_a", "imagenet_a_clean"]
    assert published.names_for(ids("cat/1", "dog/2"), store) == list(published.NAMES)
    assert published.names_for(ids(f"{WNIDS[3]}/sketch_1", f"{WNIDS[4]}/sketch_0"), store) == ["imagenet_sketch"]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("tfds:imagenet_v2/topimages:3.0.0", "imagenet_v2_top_images"),
        ("tfds:imagenet_v2/threshold-0.7", "imagenet_v2_threshold"),
        ("tfds:imagenet_v2", "imagenet_v2"),
        ("tfds:imagenet_a:0.1.0", "imagenet_a"),
        ("tfds:imagenet_r", "imagenet_r"),
    ],
)
def test_tfds_datasets_are_known_by_name(nowhere, source, name):
    assert other_images.names_for(ids("a", "b"), LabelStore(), source) == [name]


def test_objectnet_is_compared_among_its_classes(nowhere):
    (nowhere / "folder_to_objectnet_label.json").write_text(
        '{"alarm_clock": "Alarm clock", "air": "Air", "fish": "Fish"}'
    )
    (nowhere / "objectnet_to_imagenet_1k.json").write_text(
        '{"Alarm clock": "analog clock; two, names", "Fish": "tench"}'
    )
    rows = [{"cid": label, "synset": [f"class {label}"], "gloss": ""} for label in range(1000)]
    rows[0]["synset"], rows[409]["synset"], rows[530]["synset"] = ["tench"], ["analog clock"], ["two", "names"]
    (nowhere / "class_info.json").write_text(json.dumps(rows))
    image_ids = ids("alarm_clock/1", "air/2", "fish/3")
    assert published.names_for(image_ids, LabelStore(nowhere)) == ["objectnet"]
    label_set = labels_of("objectnet", image_ids, LabelStore(nowhere))
    assert label_set.labels.tolist() == [[409, 530], [-1, -1], [0, -1]]
    assert (label_set.weight.tolist(), label_set.known_classes.tolist()) == ([1, 0, 1], [0, 409, 530])
    with pytest.raises(InputError, match="'cat' is no folder of ObjectNet"):
        labels_of("objectnet", ids("cat/1"), LabelStore(nowhere))
    with pytest.raises(MissingFile, match="folder_to_objectnet_label.json"):
        other_images.make("objectnet", OtherImages(image_ids), LabelStore())
