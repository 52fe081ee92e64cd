"""Soft labels of a config: joined with its images, and refused where they do not fit."""

import numpy as np
import pytest

from configs import train_digits
from imagenet_real.builders.training_data import training_data
from imagenet_real.errors import InputError
from tests.programs import training_world as world


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Two images in each of the classes blue, green and red."""
    return world.write_images(tmp_path_factory.mktemp("images") / "images", per_class=2)


def config_of(images, soft_labels, **fields):
    config = train_digits.get_config()
    config.update({"images": str(images), "train_split": "train", "select_split": "", "soft_labels": str(soft_labels)})
    config.update(fields)
    return config


def write(folder, *lines):
    path = folder / "labels.tsv"
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


LINES = (
    "blue/000.png\t0\t0,2\t0.2500,0.5000",
    "blue/001.png\t0\t\t",
    "green/000.png\t1\t1\t0.1000",
    "green/001.png\t1\t0\t1.0000",
    "red/000.png\t2\t1\t0.5000",
)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        ("sigmoid", [[1, 0, 0.5], [1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0.5, 1], [0, 0, 1]]),
        ("softmax", [[2 / 3, 0, 1 / 3], [1, 0, 0], [0, 1, 0], [0.5, 0.5, 0], [0, 1 / 3, 2 / 3], [0, 0, 1]]),
    ],
)
def test_targets_are_the_larger_of_file_and_label(images, loss, expected, tmp_path, capsys):
    data = training_data(config_of(images, write(tmp_path, *LINES), loss=loss))
    assert data.image_ids.tolist()[:2] == ["blue/000", "blue/001"]
    np.testing.assert_allclose(data.crop_labels.targets(list(range(6)), np.zeros((6, 4))), expected, rtol=1e-6)
    assert "5 of 6 training images have soft labels" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            [line.replace("/", "/other_") for line in LINES],
            r"has soft labels of 5 images, and 0 of the 6 training images are among them; expected ids such as blue/000\. Give",
        ),
        (
            [*LINES[:4], "red/000.png\t2\t999\t0.5"],
            r"image red/000 has the class 999, and the training images have the classes 0 to 2\. Give",
        ),
        (
            [line.replace("\t0\t", "\t2\t", 1).replace("\t1\t", "\t0\t", 1) for line in LINES],
            r"image blue/000 has the original class 2, and its folder or label is 0, as with \d+ others\. Give",
        ),
        (
            [*LINES[:4], "red/000.png\t2\t1\t1.5"],
            "line 5 has the probabilities .*1.5.*, expected 1 numbers from 0 to 1. Give",
        ),
    ],
)
def test_a_file_that_does_not_fit_is_one_clear_line(images, lines, message, tmp_path):
    with pytest.raises(InputError, match=message) as error:
        training_data(config_of(images, write(tmp_path, *lines)))
    assert "\n" not in str(error.value)


def test_labels_of_crops_are_an_alternative(images, tmp_path):
    with pytest.raises(InputError, match="are labels of whole images, and label_maps='maps'"):
        training_data(config_of(images, write(tmp_path, *LINES), label_maps="maps"))
