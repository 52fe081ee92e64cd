import dataclasses
import json

import numpy as np
import pytest

from imagenet_real.errors import InputError
from imagenet_real.labels import imagenet, published, readers
from imagenet_real.labels.dataset import from_fields
from imagenet_real.labels.published_files import origin
from imagenet_real.labels.store import LabelStore
from tests import toy

WNIDS = imagenet.imagenet_wnids()


def human_accuracy(folder, **changes):
    """A file like `human_accuracy_v3.0.0.json`, with three images of ImageNet and one of ImageNet-V2."""
    annotations = {
        "ILSVRC2012_val_00000003.JPEG": {"correct": [WNIDS[230]], "wrong": [WNIDS[7]]},
        "ILSVRC2012_val_00000001.JPEG": {"correct": [WNIDS[65]], "unclear": [WNIDS[60], WNIDS[65]]},
        "ILSVRC2012_val_00000002.JPEG": {"wrong": [WNIDS[1]]},
        "0a1b2c.jpeg": {"correct": [WNIDS[3]]},
    }
    content = {
        "initial_annots": annotations,
        "problematic_images": {"ILSVRC2012_val_00000002.JPEG": {}},
        "imagenet_m": ["ILSVRC2012_val_00000003.JPEG"],
    }
    path = folder / published.HUMAN_ACCURACY
    path.write_text(json.dumps(content | changes))
    return path


def test_original_labels_come_without_importing_tensorflow_datasets():
    original = readers.original()
    assert (len(original), original.num_classes) == (50_000, 1000)
    assert np.bincount(original.original).tolist() == [50] * 1000
    assert original.image_ids[0] == "ILSVRC2012_val_00000001"
    assert original.original[:5].tolist() == [65, 970, 230, 809, 516]


def test_multilabel_and_imagenet_m_from_the_json(nowhere, place):
    path = human_accuracy(place)
    label_sets, unavailable = published.load(["multilabel", "imagenet_m"], LabelStore(place))
    assert not unavailable
    multi, slice_m = label_sets
    assert multi.image_ids.tolist() == [f"ILSVRC2012_val_0000000{n}" for n in (1, 2, 3)]
    assert multi.labels.tolist() == [[60, 65], [-1, -1], [230, -1]]
    assert multi.weight.tolist() == [1.0, 0.0, 1.0]
    assert slice_m.image_ids.tolist() == ["ILSVRC2012_val_00000003"]
    assert slice_m.labels[0, 0] == 230
    assert slice_m.weight.tolist() == [1.0]
    assert multi.origin["sha256"] == origin(path)["sha256"]


def test_the_json_is_known_by_its_keys(nowhere):
    path = human_accuracy(nowhere)
    path.write_text(json.dumps({"initial_annots": {}, "problematic_images": {}}))
    with pytest.raises(InputError, match="imagenet_m is missing"):
        published.load(["imagenet_m"], LabelStore(nowhere))


def test_without_its_file_imagenet_m_is_unavailable_with_the_way_to_supply_it(nowhere):
    label_sets, unavailable = published.load(["original", "imagenet_m"])
    assert [one.name for one in label_sets] == ["original"]
    assert unavailable[0]["label_set"] == "imagenet_m"
    assert published.HUMAN_ACCURACY in unavailable[0]["reason"]
    assert "labels_dir" in unavailable[0]["reason"]


def test_labels_dir_goes_before_other_folders_for_either_multilabel_file(nowhere, place, monkeypatch):
    (nowhere / "data" / "labels").mkdir(parents=True)
    human_accuracy(nowhere / "data" / "labels")
    monkeypatch.setenv("IMAGENET_REAL_DATA", str(nowhere / "data"))
    (place / "mine").mkdir()
    lines = [
        "id,category,original_label,proposed_labels,manually_validated,unclear_multi_labels,wrong_multi_labels,is_problematic"
    ]
    lines += [
        'ILSVRC2012_val_00000001.JPEG,M,65,"65, 3",True,7,,False',
        "ILSVRC2012_val_00000002.JPEG,A,970,970,True,,,True",
    ]
    (place / "mine" / "multilabel.csv").write_text("\n".join(lines) + "\n")
    (multi,), _ = published.load(["multilabel"], LabelStore(place / "mine"))
    assert multi.labels.tolist() == [[3, 7, 65], [970, -1, -1]]
    assert multi.weight.tolist() == [1.0, 0.0]
    assert "differs_from_published" in multi.origin


def test_one_threshold_spelled_twice_is_one_label_set(nowhere):
    pairs = np.array([["ILSVRC2012_val_00000002.JPEG", "970"]])
    np.savez(nowhere / "scores.npz", tensor=np.array([0.9]), info=pairs)
    assert [one.name for one in published.load(["real@0.80", "real@0.8"], LabelStore(nowhere))[0]] == ["real@0.8"]


def test_a_file_of_ones_own_cannot_bear_a_published_name(nowhere):
    from imagenet_real.labels.json_format import save_label_set

    save_label_set(nowhere / "photos.json", toy.real())  # of images that are not ImageNet's, it may
    assert published.load([str(nowhere / "photos.json")])[0][0].name == "real"
    few = readers.original().take(np.arange(3))
    for name in ("real", "imagenet_m"):
        save_label_set(nowhere / "mine.json", dataclasses.replace(few, name=name))
        with pytest.raises(InputError, match=f"has the name '{name}', which is a published label set"):
            published.load([str(nowhere / "mine.json")])


def test_supplied_label_sets_go_before_files(nowhere):
    label_sets, _ = published.load(["original", "real"], supplied={"original": toy.original(), "real": toy.real()})
    assert [len(one) for one in label_sets] == [6, 6]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("reel", "unknown label set 'reel': did you mean real.*real@0.5"),
        ("real@x", "Write it as in real@0.5"),
        ("real@0", "above 0"),
        ("real@1.5", "at most 1"),
    ],
)
def test_unknown_names(nowhere, name, message):
    with pytest.raises(InputError, match=message):
        published.load([name])


def test_label_error_subsets_by_eye(nowhere):
    path = nowhere / "real.json"
    path.write_text("[]")
    lists = [[]] * 50_000
    labels = imagenet.validation_labels()
    lists[0] = [int(labels[0])]  # right
    lists[1] = [int(labels[1]) - 1]  # mislabeled
    lists[2] = sorted([int(labels[2]), 0])  # several
    real = readers.real_from_lists(lists, "real", path, "Save it again.")
    assert readers.mislabeled(real)[:4].tolist() == [False, True, False, False]
    assert readers.except_mislabeled(real).weight[:4].tolist() == [1, 0, 1, 1]
    assert readers.except_all_errors(real).weight[:4].tolist() == [1, 0, 0, 0]
    assert readers.except_all_errors(real).labels[2, 0] == labels[2]


def test_scores_at_a_threshold_keep_unrated_images(place):
    pairs = np.array([["ILSVRC2012_val_00000002.JPEG", "970"], ["ILSVRC2012_val_00000002.JPEG", "5"]])
    toy.save(np.savez, place / "scores.npz", tensor=np.array([0.4, 0.9]), info=pairs)
    loose, strict = (readers.real_at(place / "scores.npz", threshold) for threshold in (0.4, 0.5))
    assert loose.labels[:2].tolist() == [[65, -1], [5, 970]]
    assert strict.labels[:2].tolist() == [[65], [5]]
    assert (loose.name, strict.name) == ("real@0.4", "real@0.5")


def test_fields_of_a_dataset_become_label_sets():
    fields = {
        "original_label": toy.ORIGINAL,
        "real_label": toy.REAL,
        "correct_multi_labels": [[0], [1], [1], [1], [], [3]],
    }
    fields |= {"unclear_multi_labels": [[], [0], [1], [], [2], []], "is_problematic": toy.PROBLEMATIC}
    found = from_fields(toy.IDS, fields, 4, "tfds:toy")
    for expected in toy.label_sets():
        for field in ("labels", "weight", "original"):
            np.testing.assert_array_equal(getattr(found[expected.name], field), getattr(expected, field))
    assert from_fields(toy.IDS, {}, None, "folder") == {}
    assert from_fields(toy.IDS, {"label": [0, -1, 1, 1, 2, 3]}, 4, "x")["original"].weight.tolist() == [
        1,
        0,
        1,
        1,
        1,
        1,
    ]


def test_published_counts(data):
    by_name = {one.name: one for one in published.load([*published.NAMES, "real@0.8", "real@0.3"])[0]}
    real = by_name["real"]
    assert ((real.labels >= 0).sum(), real.is_scored.sum()) == (57_553, 46_837)
    assert np.bincount((real.labels >= 0).sum(axis=1)).tolist() == [3163, 39394, 5408, 1319, 411, 161, 88, 41, 13, 2]
    assert readers.mislabeled(real).sum() == 3_678
    assert by_name["except_mislabeled"].is_scored.sum() == 46_322
    assert by_name["except_all_errors"].is_scored.sum() == 35_716
    assert by_name["multilabel"].is_scored.sum() == 18_692
    np.testing.assert_array_equal(
        by_name["real@0.8"].labels, real.labels
    )  # any threshold in (0.79999, 0.80002] gives real.json
    assert (by_name["real@0.3"].labels >= 0).sum() > 57_553
    np.testing.assert_array_equal(by_name["original"].original, np.load(data / "labels" / "original_labels.npy"))
    assert all("differs_from_published" not in one.origin for one in by_name.values())
