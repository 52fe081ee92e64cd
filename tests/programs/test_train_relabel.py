"""Training on label maps as a user runs it, what is refused, and a trained run as annotator."""

import jax
import numpy as np
import pytest
from etils import epath

from configs import train_digits_relabel, train_relabel, train_relabel_cutmix
from imagenet_real.builders import training, training_data
from imagenet_real.data.augmentation import Augmentation
from imagenet_real.data.decoding import decode
from imagenet_real.data.digit_scenes import digits
from imagenet_real.data.sources.open import open_source
from imagenet_real.errors import InputError
from imagenet_real.models.functional import functional
from imagenet_real.predictions.predictions import load_predictions
from imagenet_real.programs import train
from imagenet_real.relabel.label_map_writer import LabelMapWriter
from imagenet_real.training.trained import trained_model
from tests.programs import training_world as world
from tests.programs.test_train import brief, tiny  # noqa: F401  (a fixture)

pytestmark = pytest.mark.slow

SHAPE = 3, 3, 2


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return world.write_images(tmp_path_factory.mktemp("images") / "images")


def write_maps(folder, images, *, without=0, classes=3, only=None):
    """Maps of someone who sees the next class at every place, whatever the folder is called."""
    fields = open_source(str(images)).label_fields()
    count = len(fields.image_ids) - without
    labels = (np.asarray(fields.fields["label"])[:count] + 1) % 3 if only is None else np.full(count, only)
    likeliest = np.broadcast_to(labels[:, None, None], (count, *SHAPE[:2]))
    top = np.stack([likeliest, (likeliest + 1) % 3], axis=-1).astype(np.int16)
    scores = np.broadcast_to(np.array([20, 1], np.float16), top.shape)
    writer = LabelMapWriter(folder, {"only": only}, SHAPE, classes)
    writer.append(fields.image_ids[:count], top, scores, records=count, unreadable={})
    writer.finish()
    return str(folder)


@pytest.mark.parametrize("loss", ["softmax", "sigmoid"])
def test_a_model_learns_what_the_maps_say(images, tmp_path, tiny, loss):  # noqa: F811
    maps = write_maps(tmp_path / "maps", images)
    config = brief(images, loss=loss, label_maps=maps, steps=80, checkpoint_every=80, log_every=40, warmup_steps=10)
    results = train.run(config, epath.Path(tmp_path / "run"))
    accuracy = next(row["accuracy"] for row in results.rows if row["label_set"] == "original")
    predicted = load_predictions(tmp_path / "run" / "predictions.npz")
    labels = open_source(str(images)).label_fields().fields["label"]
    assert accuracy < 0.2
    assert (predicted.top[:, 0] == (np.asarray(labels) + 1) % 3).mean() > 0.8


def test_other_maps_are_another_run(images, tmp_path, tiny):  # noqa: F811
    first, second = (write_maps(tmp_path / f"maps{only}", images, only=only) for only in (0, 1))
    train.run(brief(images, label_maps=first), epath.Path(tmp_path / "run"))
    with pytest.raises(InputError, match="different run: data was"):
        train.run(brief(images, label_maps=second), epath.Path(tmp_path / "run"))


def test_maps_that_do_not_fit_are_refused(images, tmp_path):
    few = write_maps(tmp_path / "few", images, without=2)
    with pytest.raises(InputError, match=r"no label maps of 2 of 60 images \(red/018, red/019\)"):
        training_data.training_data(brief(images, label_maps=few))
    others = write_maps(tmp_path / "others", images, classes=4)
    with pytest.raises(InputError, match="others has 4 classes, and .* has 3"):
        training_data.training_data(brief(images, label_maps=others))
    wrong = brief(images, label_maps=few)
    wrong.label_pooling.unlisted = "none"
    with pytest.raises(InputError, match="unknown unlisted 'none'"):
        training_data.training_data(wrong)


def test_a_trained_run_is_a_model(images, tmp_path, tiny):  # noqa: F811
    train.run(brief(images, average_decay=0.9), epath.Path(tmp_path))
    model = trained_model("tiny", tmp_path)
    apply = functional(model.graph)
    source, predicted = open_source(str(images)), load_predictions(tmp_path / "predictions.npz")
    pixels = np.stack([decode(source[row]["image"]) for row in range(len(source))]).astype(np.float32) / 127.5 - 1
    scores = np.asarray(jax.jit(apply)(model.params, pixels))
    np.testing.assert_allclose(np.take_along_axis(scores, predicted.top, axis=1), predicted.top_scores, atol=1e-4)
    with pytest.raises(InputError, match="is not a run of resnet_digits"):
        trained_model("resnet_digits", tmp_path)
    with pytest.raises(InputError, match="neither a file of weights nor a run that has a checkpoint"):
        trained_model("tiny", tmp_path / "nowhere")


def test_the_published_recipes():
    plain, cutmix = train_relabel.get_config(), train_relabel_cutmix.get_config()
    for config in (plain, cutmix):
        assert training.total_steps(config, 1_281_167) == -(-300 * 1_281_167 // 1024)
        assert config.warmup_steps == 5 * 1252
        training.make_optimizer(config, 100_000)
        augmentation = Augmentation(size=config.crop, **config.augmentation.to_dict())
        assert (augmentation.min_area, augmentation.jitter, augmentation.lighting) == (0.08, 0.4, 0.1)
    assert (plain.optimizer, plain.learning_rate, plain.nesterov, plain.augmentation.cutmix) == ("sgd", 0.1, True, 0.0)
    assert (cutmix.optimizer, cutmix.learning_rate, cutmix.augmentation.cutmix) == ("adamp", 2e-3, 1.0)


def test_the_digits_that_crops_show_are_known_of_digit_scenes_alone(images, tmp_path, tiny):  # noqa: F811
    with pytest.raises(InputError, match="needs the true boxes of tfds:digit_scenes"):
        train.run(brief(images, train_labels="shown"), epath.Path(tmp_path / "run"))


def test_crops_of_digit_scenes_have_the_labels_of_what_they_show(tmp_path):
    digits.prepare_digit_scenes(str(tmp_path), train_scenes=40, validation_scenes=10)
    config = train_digits_relabel.get_config()
    config.images = f"tfds:digit_scenes/{next((tmp_path / 'digit_scenes').iterdir()).name}"
    config.tfds_dir, config.train_split, config.train_labels = str(tmp_path), "train[:20]", "shown"
    data = training_data.training_data(config)
    known = digits.annotations(digits.folder_of(config.images, config.tfds_dir), "train")
    for row, image_id in enumerate(data.image_ids):
        target = data.crop_labels.targets([row], np.array([[0, 0, 1, 1.0]]))[0]
        shown = set(known.box_labels[known.image_ids.tolist().index(image_id)].tolist())
        assert set(np.flatnonzero(target)) == shown
    batch = next(iter(training.training_batches(config, data, 1)))["targets"]
    assert set(np.round(batch.sum(axis=1), 5)) <= {0, 1}
