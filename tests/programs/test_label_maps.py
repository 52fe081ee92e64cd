"""Looking at label maps as a user does: counts on digit scenes and of predictions, and pictures."""

import json

import numpy as np
import pytest
from etils import epath
from PIL import Image

from configs import label_maps as config_file
from imagenet_real.data.digit_scenes import digits
from imagenet_real.errors import InputError
from imagenet_real.predictions.predictions import Predictions, save_predictions
from imagenet_real.programs import label_maps
from imagenet_real.relabel.label_map_writer import LabelMapWriter

pytestmark = pytest.mark.slow

PLACES = 48  # one a pixel: the oracle's maps are as sharp as its boxes


def config(**fields):
    config = config_file.get_config()
    config.update(fields)
    return config


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A few digit scenes, and the maps of one who knows where each digit is: its class in its box, and 0 elsewhere."""
    root = tmp_path_factory.mktemp("world")
    folder = digits.prepare_digit_scenes(str(root / "tfds"), train_scenes=60, validation_scenes=1)
    name = f"tfds:digit_scenes/{folder.parent.name}"
    known = digits.annotations(folder, "train")
    classes = np.zeros((len(known.image_ids), PLACES, PLACES, 2), np.int16)
    scores = np.zeros(classes.shape, np.float16)
    for image, (boxes, labels) in enumerate(zip(known.boxes, known.box_labels, strict=True)):
        for (y0, x0, y1, x1), label in reversed(list(zip(np.rint(boxes * PLACES).astype(int), labels, strict=True))):
            classes[image, y0:y1, x0:x1, 0] = label
            scores[image, y0:y1, x0:x1, 0] = 200
    classes[..., 1] = (classes[..., 0] + 1) % 10
    writer = LabelMapWriter(root / "maps", {}, (PLACES, PLACES, 2), 10)
    writer.append(known.image_ids, classes, scores, records=len(classes), unreadable={})
    writer.finish()
    return {"images": name, "tfds_dir": str(root / "tfds"), "label_maps": str(root / "maps")}, known


def test_digit_scenes_and_one_who_knows_the_digits(world, tmp_path):
    fields, known = world
    results = label_maps.run(config(**fields, crops=20), epath.Path(tmp_path))
    assert json.loads((tmp_path / "label_maps.json").read_text()) == results
    assert results["crops"]["crops"] == 20 * sum(len(boxes) > 0 for boxes in known.boxes)
    assert 0 < results["crops"]["no_overlap"] < 0.5
    found = results["agreement"]
    assert found["pooled label"]["top"] > 0.95  # what is only partly shown, or hidden by another, may be named instead
    assert found["labels of the image"]["top_in_whole_image"] == 1
    assert found["single label"]["top"] < found["labels of the image"]["top"] < found["pooled label"]["top"]
    assert found["single label"]["top"] < found["single label"]["top_in_whole_image"] == pytest.approx(0.85, abs=0.02)


def test_pictures_and_predictions(world, tmp_path):
    fields, known = world
    likeliest = np.array([[labels[0] if len(labels) else 0] for labels in known.box_labels])
    save_predictions(
        tmp_path / "p.npz", Predictions(image_ids=known.image_ids, top=likeliest, num_classes=10, name="p")
    )
    wanted = config(**fields, pictures=2, predictions=str(tmp_path / "p.npz"), crops=1)
    results = label_maps.run(wanted, epath.Path(tmp_path / "out"))
    assert results["predictions"]["images"] == 60
    assert (
        results["predictions"]["pooled_agrees"] > 0.7
    )  # of several digits the most prominent is not always the largest
    pictures = sorted((tmp_path / "out").glob("*.png"))
    assert len(pictures) == 2
    assert {path.stem for path in pictures} <= set(known.image_ids.tolist())
    with Image.open(pictures[0]) as picture:
        assert np.asarray(picture.convert("RGB")).std() > 10


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "there is nothing to look at"),
        ({"predictions": "p.npz"}, "predictions need --label_maps=FOLDER"),
        ({"label_maps": "nowhere"}, "nowhere contains no label maps"),
    ],
)
def test_mistakes(tmp_path, fields, message):
    with pytest.raises(InputError, match=message):
        label_maps.run(config(**fields), epath.Path(tmp_path))
