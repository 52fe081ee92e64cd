"""People's answers: a file of several people, some images each."""

import numpy as np
import pytest

from imagenet_real.errors import InputError
from imagenet_real.predictions.people import load_models_or_people, load_people
from imagenet_real.predictions.predictions import save_predictions
from tests import toy

ROWS = """image_id,class,person
a.JPEG,0,Ada
b,1,Ada
a,3,Bob
c,,Bob
e,n01443537,Bob
"""


def test_one_file_of_two_people(place):
    path = place / "people.csv"
    path.write_text(ROWS)
    ada, bob = load_people(path)
    assert (ada.name, ada.image_ids.tolist(), ada.top.tolist()) == ("Ada", ["a", "b"], [[0], [1]])
    assert (bob.name, bob.image_ids.tolist(), bob.top.tolist()) == ("Bob", ["a", "c", "e"], [[3], [-1], [1]])
    assert ada.person
    assert bob.origin["file"] == "people.csv"


def test_columns_stand_in_any_order(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("\ufeffperson, image_id, class\nAda,b,2\n")
    (ada,) = load_models_or_people(path)
    assert (ada.name, ada.image_ids.tolist(), ada.top.tolist()) == ("Ada", ["b"], [[2]])


def test_models_are_told_from_people(tmp_path):
    (tmp_path / "table.csv").write_text("image_id,top1\na,0\n")
    save_predictions(tmp_path / "model.npz", toy.predictions())
    for name in ("table.csv", "model.npz"):
        (model,) = load_models_or_people(tmp_path / name)
        assert not model.person
    np.testing.assert_array_equal(model.top, toy.TOP)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("image_id,class,person\n", "it has no prediction. Give a CSV with image_id,class,person"),
        ("image_id,class,who\na,1,Ada\n", "it has no column person; its columns are image_id, class, who"),
        ("image_id,class,person\na,dog,Ada\n", 'prediction 1 has the class "dog". Write a class index, or a wnid'),
        ("image_id,class,person\na,1\n", "line 2 has 2 cells, expected 3"),
        ("image_id,class,person\na,1,Ada,x\n", "line 2 has 4 cells, expected 3"),
        ("image_id,class,person\na,1,\n", "line 2 column person is empty"),
        ("image_id,class,person\na,1,Ada\na,2,Ada\n", "Ada has two classes for a"),
    ],
)
def test_what_is_refused(tmp_path, content, message):
    (tmp_path / "people.csv").write_text(content)
    with pytest.raises(InputError, match=message):
        load_people(tmp_path / "people.csv")
