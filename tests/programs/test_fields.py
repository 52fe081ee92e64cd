"""What is wrong in fields is found before the first image is read, and before a model is trained."""

import pytest

from configs import evaluate as evaluate_config
from configs import train_digits
from imagenet_real.errors import InputError
from imagenet_real.models import catalog
from imagenet_real.programs import evaluate, train
from tests.programs import tiny_model
from tests.programs import training_world as world

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return world.write_images(tmp_path_factory.mktemp("images") / "images", per_class=3)


@pytest.fixture(autouse=True)
def no_image_is_read(monkeypatch, tmp_path):
    def read(*arguments, **named):
        raise AssertionError("an image is read")

    monkeypatch.setattr("imagenet_real.data.batches.decode", read)
    monkeypatch.setattr("imagenet_real.data.training_batches.decode", read)
    (tmp_path / "names.txt").write_text("cat\ndog\n")
    (tmp_path / "other.json").write_text(
        '{"schema": 1, "name": "other", "classes": 7, "images": {"x": {"correct": [6], "group": 6}}}'
    )
    monkeypatch.chdir(tmp_path)
    for name, spec in tiny_model.SPECS.items():
        monkeypatch.setitem(catalog.models(), name, spec)


WRONG = [
    ({"ks": (0,)}, "ks is \\(0,\\)"),
    ({"label_sets": "reel"}, "unknown label set 'reel'"),
    ({"label_sets": "nowhere.json"}, "nowhere.json"),
    ({"class_names": "nowhere.txt"}, "nowhere.txt"),
    ({"class_names": "names.txt"}, "names.txt has 2 lines|2 names"),
    ({"export": "excel"}, "unknown export 'excel'"),
    ({"export": "cleanlab"}, "cleanlab needs the scores of all classes"),
]


@pytest.mark.parametrize(("fields", "message"), WRONG, ids=str)
def test_wrong_fields_end_before_the_first_image(images, tmp_path, fields, message):
    config = evaluate_config.get_config()
    own = {"model": "tests.golden.models:colors", "resize": 12, "crop": 12, "interpolation": "bilinear"}
    own |= {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5), "batch_size": 4, "images": str(images)}
    config.update(own | fields)
    with pytest.raises(InputError, match=message):
        evaluate.run(config, tmp_path / "out")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        *WRONG,
        ({"label_pooling": {"unlisted": "zero", "activation": "softmax", "places": 3}}, "no field 'places'"),
        ({"loss": "hinge"}, "unknown loss 'hinge'"),
    ],
    ids=str,
)
def test_wrong_fields_end_before_training(images, tmp_path, fields, message):
    config = train_digits.get_config()
    own = {"images": str(images), "validation_images": str(images), "select_split": "", "model": "tiny"}
    own |= {"crop": world.SIZE, "batch_size": 4, "steps": 2, "warmup_steps": 1}
    config.update(own)
    with config.unlocked():
        config.update(fields)
    with pytest.raises(InputError, match=message):
        train.run(config, tmp_path / "out")
