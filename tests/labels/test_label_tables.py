import json

import numpy as np
import pytest

from imagenet_real.errors import InputError
from imagenet_real.labels import imagenet, published
from imagenet_real.labels.label_tables import load_label_table
from imagenet_real.labels.store import LabelStore

WNIDS = imagenet.imagenet_wnids()
PETS = ["cat", "dog", "parrot, macaw"]


def table(folder, text, name="mine.csv"):
    (folder / name).write_text(text)
    return folder / name


def lists(label_set):
    return [[label for label in row if label >= 0] for row in label_set.labels.tolist()]


@pytest.mark.parametrize(
    "text",
    [
        'image_id,label\nb.jpg,1\na.jpg,"0,2"\nc,\n',
        "filename,labels\nb,1\na,0|2\nc,-1\n",
        "image,class\nb,1\na,0;2\nc,\n",
        "image_id,label\nb,1\na,0\na,2\nc,\n",
        "image_id,label\nb,1\na,[0 2]\nc,[]\n",
        "image_id,label\nb,cat\na,dog;cat\nc,\n".replace("cat", "dog").replace("a,dog;dog", 'a,"cat|parrot, macaw"'),
    ],
    ids=["commas", "bars", "semicolons", "rows", "a list", "names"],
)
def test_labels_of_a_csv(place, text):
    label_set = load_label_table(table(place, text), PETS)
    assert (label_set.name, label_set.num_classes) == ("mine", 3)
    assert label_set.image_ids.tolist() == ["a", "b", "c"]
    assert lists(label_set) == [[0, 2], [1], []]
    assert label_set.weight.tolist() == [1, 1, 0]


def test_json_lines_with_wnids_of_imagenet(place):
    lines = [
        {"image": "ILSVRC2012_val_00000001.JPEG", "labels": [WNIDS[1], WNIDS[0]]},
        {"image": "ILSVRC2012_val_00000002.JPEG", "labels": []},
    ]
    path = table(place, "".join(json.dumps(line) + "\n" for line in lines), "mine.jsonl")
    [label_set], _ = published.load([str(path)])
    assert (label_set.num_classes, lists(label_set), label_set.original.tolist()) == (1000, [[0, 1], []], [65, 970])


def test_parquet(tmp_path):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    pq.write_table(pa.table({"image_id": ["a", "b"], "label": [[0, 2], [1]]}), tmp_path / "mine.parquet")
    assert lists(load_label_table(tmp_path / "mine.parquet", PETS)) == [[0, 2], [1]]


def test_the_number_of_classes_is_guessed_only_with_a_note(place):
    label_set = load_label_table(table(place, "image_id,label\na,0\nb,4\n"))
    assert label_set.num_classes == 5
    assert "taken to have 5 classes" in label_set.notes[0]
    imagenets = load_label_table(table(place, "image_id,label\nILSVRC2012_val_00000003.JPEG,4\n"))
    assert (imagenets.num_classes, imagenets.notes) == (1000, ())


def test_corrections_by_flaws_of_imagenet(place):
    text = 'id,original_label,proposed_labels,validation\nILSVRC2012_val_00000001.JPEG,65,"3, 65",*\n'
    label_set = load_label_table(table(place, text, "clean_validation.csv"))
    assert (label_set.name, lists(label_set), label_set.original.tolist()) == ("clean_validation", [[3, 65]], [65])
    votes = "\"{'given': 5, 'guessed': 0, 'neither': 0, 'both': 0}\""
    text = "id,category,original_label,proposed_labels,manually_validated,cl_label,mturk\n"
    text += (
        f"ILSVRC2012_val_00000001.JPEG,A,65,65,True,48,{votes}\nILSVRC2012_val_00000002.JPEG,X,970,,True,389,{votes}\n"
    )
    label_set = load_label_table(table(place, text, "label_errors.csv"))
    assert (lists(label_set), label_set.weight.tolist()) == ([[65], []], [1, 0])


def test_published_corrections_of_flaws_of_imagenet(data):
    clean, errors = (load_label_table(data / "labels" / name) for name in ("clean_validation.csv", "label_errors.csv"))
    assert (len(clean), int(clean.is_scored.sum())) == (36_415, 36_415)
    assert ((clean.labels >= 0).sum(axis=1) > 1).sum() == 3_205
    assert (len(errors), int(errors.is_scored.sum())) == (5_440, 5_440 - 3_827)


def test_doubtful_labels_of_cleanlab_are_not_scored(place):
    text = "image_id,is_label_issue,label_quality,given_label,predicted_label\na,False,0.9,0,0\nb,True,0.1,1,2\n"
    label_set = load_label_table(table(place, text), PETS)
    assert (lists(label_set), label_set.weight.tolist()) == ([[0], [1]], [1, 0])
    text = 'id,is_label_issue,label,clean_label\na,False,cat,cat\nb,True,dog,"parrot, macaw"\n'
    label_set = load_label_table(table(place, text), PETS)
    assert (lists(label_set), label_set.weight.tolist()) == ([[0], [2]], [1, 1])


def test_rows_of_cleanlab_have_the_images_of_our_export(tmp_path):
    np.save(tmp_path / "image_ids.npy", np.array(["b", "a"]))
    text = ",is_label_issue,label_score,given_label,predicted_label\n0,False,0.9,1,1\n1,True,0.1,0,2\n"
    label_set = load_label_table(table(tmp_path, text), PETS)
    assert (label_set.image_ids.tolist(), lists(label_set), label_set.weight.tolist()) == (
        ["a", "b"],
        [[0], [1]],
        [0, 1],
    )
    with pytest.raises(InputError, match="3 rows and image_ids.npy beside it has 2"):
        load_label_table(table(tmp_path, f"{text}2,False,1,1,1\n"), PETS)
    (tmp_path / "image_ids.npy").unlink()
    with pytest.raises(InputError, match="no column image_id.*image_ids.npy"):
        load_label_table(table(tmp_path, text), PETS)


def fiftyone(folder, content):
    return published.load([str(table(folder, json.dumps(content), "export.json"))], LabelStore(folder))[0][0]


def test_exports_of_fiftyone(nowhere):
    samples = [
        {"filepath": "data/a.jpg", "tags": [], "ground_truth": {"_cls": "Classification", "label": WNIDS[3]}},
        {
            "filepath": "data/b.jpg",
            "ground_truth": {"_cls": "Classifications", "classifications": [{"label": WNIDS[4]}]},
        },
        {"filepath": "data/c.jpg", "ground_truth": None},
    ]
    label_set = fiftyone(nowhere, {"samples": samples})
    assert (label_set.image_ids.tolist(), lists(label_set)) == (["a", "b", "c"], [[3], [4], []])
    content = {"classes": PETS, "labels": {"a": "dog", "b": 2, "c": None, "d": ["cat", "dog"], "e": {"label": "cat"}}}
    label_set = fiftyone(nowhere, content)
    assert (label_set.num_classes, lists(label_set)) == (3, [[1], [2], [], [0, 1], [0]])
    with pytest.raises(InputError, match="horse"):
        fiftyone(nowhere, {"classes": PETS, "labels": {"a": "horse"}})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no row"),
        ("image_id,label\n", "no row"),
        ("image_id,top1\na,1\n", "no column label"),
        ("picture,label\na,1\n", "no column image_id"),
        ("image_id,label\na,\n", "no row has a label"),
        ("image_id,label\n,1\n", "row 1 has no image_id"),
        ("image_id,label\na,horse\n", '"horse" is no name'),
        ("image_id,label\na,7\n", "has the class 7, expected 0 to 2"),
    ],
)
def test_a_wrong_table_is_one_line(nowhere, text, message):
    with pytest.raises(InputError, match=message) as error:
        load_label_table(table(nowhere, text), PETS)
    assert "\n" not in str(error.value)
