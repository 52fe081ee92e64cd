import json

import pytest

from imagenet_real.errors import InputError
from imagenet_real.labels import imagenet_x
from imagenet_real.labels.store import LabelStore, MissingFile

ENTRIES = [
    {"file_name": "a.JPEG", "class": 3, "pose": 1, "color": 1, "one_word": "x"},
    {"file_name": "b.JPEG", "class": 3, "pose": 0, "color": 0, "one_word": "x"},
    {"file_name": "c.JPEG", "class": 3, "pose": 1, "color": 0, "one_word": "x"},
]


def write(folder, entries=ENTRIES, prototypes="file_name\nc.JPEG\n"):
    (folder / "imagenet_x").mkdir(exist_ok=True)
    lines = "".join(json.dumps(entry) + "\n" for entry in entries)
    (folder / "imagenet_x" / imagenet_x.FILES["imagenet_x_multi"]).write_text(lines)
    (folder / "imagenet_x" / imagenet_x.PROTOTYPES).write_text(prototypes)
    return LabelStore(folder)


def test_factors_of_an_image_without_the_prototypes(nowhere):
    attribute = imagenet_x.attribute("imagenet_x_multi", write(nowhere))
    assert attribute.values == ("pose", "color")
    assert attribute.image_ids.tolist() == ["a", "b"]  # b, which has no factor, belongs to the rest
    assert sorted(attribute.values[place] for place in attribute.value) == ["color", "pose"]


def test_files_of_the_installed_package_are_found(nowhere, monkeypatch):
    package = nowhere / "site" / "imagenet_x"
    (package / "annotations").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    write(nowhere)
    for file in (nowhere / "imagenet_x").iterdir():
        file.rename(package / "annotations" / file.name)
    monkeypatch.syspath_prepend(str(nowhere / "site"))
    assert len(imagenet_x.attribute("imagenet_x_multi", LabelStore()).image_ids) == 2


def test_without_its_files_it_is_missing_with_the_way_to_get_it(nowhere):
    with pytest.raises(MissingFile, match="pip install imagenet-x"):
        imagenet_x.attribute("imagenet_x", LabelStore(nowhere))


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([], "no factor"),
        ([{"image_id": "a"}], "file_name is missing"),
        ([{"file_name": "a"}], "no factor"),
        ([{"file_name": "a", "pose": 2}], "pose is 2, expected 0 or 1"),
        ([ENTRIES[0], {"file_name": "b", "pose": 1}], "color is null|color is None"),
        ([ENTRIES[0], ENTRIES[0]], "a has several lines"),
    ],
)
def test_wrong_annotations_are_one_line(nowhere, entries, message):
    with pytest.raises(InputError, match=message) as error:
        imagenet_x.attribute("imagenet_x_multi", write(nowhere, entries))
    assert "\n" not in str(error.value)


def test_a_wrong_file_of_prototypes_is_one_line(nowhere):
    with pytest.raises(InputError, match="prototypical_paths.csv"):
        imagenet_x.attribute("imagenet_x_multi", write(nowhere, prototypes="name\nc\n"))
