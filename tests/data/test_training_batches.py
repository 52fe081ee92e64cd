"""Training batches: every image once an epoch, from any position on, with the targets that belong to the images."""

import itertools
import pickle

import numpy as np
import pytest

from imagenet_real.data.augmentation import Augmentation, draw_mixture
from imagenet_real.data.batches import evaluation_batches
from imagenet_real.data.erasing import Erasing
from imagenet_real.data.preprocess import Preprocessing
from imagenet_real.data.randaugment import RandAugment
from imagenet_real.data.sources.open import open_source
from imagenet_real.data.sources.subset import Subset
from imagenet_real.data.training_batches import TrainingBatches
from imagenet_real.data.training_data import TrainingData
from imagenet_real.errors import InputError
from tests.programs.training_world import SIZE, write_images

pytestmark = pytest.mark.slow

PLAIN = Augmentation(size=SIZE, crop="shift", shift=0, flip=False)
BUSY = Augmentation(size=10, crop="inception", smoothing=0.1, mixup=0.2, cutmix=1.0)
EVERYTHING = Augmentation(
    size=10,
    crop="inception",
    interpolation="bicubic",
    mixup=0.2,
    cutmix=1.0,
    mix_probability=0.7,
    repeats=2,
    jitter=0.3,
    jitter_on="pillow",
    randaugment=RandAugment("timm", magnitude=7.0, deviation=0.5, increasing=True),
    erasing=Erasing(0.5, "pixel"),
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """10 images, whose answers also tell the number of the image: class 3 + number."""
    source = open_source(
        str(write_images(tmp_path_factory.mktemp("images") / "images", per_class=5, classes=("a", "b")))
    )
    answers = np.stack([np.repeat([0, 1], 5), 3 + np.arange(10)], axis=1)
    return TrainingData(source, source.label_fields().image_ids, answers, num_classes=13)


def batches(data, augmentation=PLAIN, *, batch_size=4, steps=10, seed=0, divide=False, **options):
    return TrainingBatches(data, augmentation, batch_size=batch_size, steps=steps, seed=seed, divide=divide, **options)


def numbers(batch):
    return batch["targets"][:, 3:].argmax(axis=1).tolist()


def assert_same(ours, theirs):
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one["images"], other["images"])
        np.testing.assert_array_equal(one["targets"], other["targets"])


def test_every_image_once_an_epoch_in_another_order(data):
    seen = list(itertools.chain.from_iterable(numbers(batch) for batch in batches(data)))
    epochs = [seen[start : start + 10] for start in range(0, 40, 10)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 4
    assert [numbers(batch) for batch in batches(data, seed=1)] != [numbers(batch) for batch in batches(data)]


def test_targets_are_those_of_the_images(data):
    from imagenet_real.data.decoding import decode

    for batch in batches(data):
        assert batch["images"].dtype == np.uint8
        assert batch["targets"].dtype == np.float32
        for image, target, number in zip(batch["images"], batch["targets"], numbers(batch), strict=True):
            np.testing.assert_array_equal(image, decode(data.source[number]["image"]))
            np.testing.assert_array_equal(np.flatnonzero(target), [number // 5, 3 + number])
            assert target.sum() == 2
    assert next(batches(data, divide=True))["targets"].sum(axis=1).tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize(("augmentation", "cache"), [(BUSY, False), (BUSY, True), (EVERYTHING, True)])
def test_a_position_gives_the_batches_that_would_have_come(data, augmentation, cache):
    whole = list(batches(data, augmentation, cache=cache))
    first = batches(data, augmentation)
    read = [next(first) for _ in range(3)]
    position = first.get_state()
    first.close()
    later = batches(data, augmentation, cache=cache)
    next(later)
    later.set_state(position)
    assert_same([*read, *later], whole)
    assert len(whole) == 10


@pytest.mark.parametrize("augmentation", [BUSY, EVERYTHING])
def test_processes_give_the_same_batches_and_go_on_from_the_same_position(data, augmentation):
    position = {"next_batch": 6}
    ours, theirs = batches(data, augmentation, workers=1), batches(data, augmentation)
    ours.set_state(position)
    theirs.set_state(position)
    assert_same(list(ours), list(theirs))
    ours.close()


@pytest.mark.parametrize("batch_size", [16, 64])
def test_workers_keep_their_targets_while_evaluations_take_memory(data, batch_size):
    many = data.at(np.random.default_rng(0).integers(0, len(data), 3_000))  # 48,000 bytes of labels in shared memory
    ours, theirs = (batches(many, batch_size=40, steps=40, cache=True, workers=workers) for workers in (2, 0))
    preprocessing = Preprocessing(0, SIZE, "bilinear", (0.5,) * 3, (0.5,) * 3)
    for number, (batch, expected) in enumerate(zip(ours, theirs, strict=True)):
        assert_same([batch], [expected])
        if number in (2, 12):
            evaluation = evaluation_batches(many.source, preprocessing, batch_size=batch_size, workers=1)
            for _ in range(8):  # more than fit into any memory that was given back
                next(evaluation).images.fill(255)
            evaluation.close()


@pytest.mark.parametrize("augmentation", [PLAIN, BUSY, EVERYTHING])
def test_processes_that_share_a_batch_read_the_batch_of_one(data, augmentation):
    whole = list(batches(data, augmentation))
    for shares in ([[0, 1], [2, 3]], [[0, 2], [1, 3]], [[0], [1], [2], [3]]):
        parts = [list(batches(data, augmentation, rows=rows)) for rows in shares]
        order = np.argsort(np.concatenate(shares))
        together = [
            {name: np.concatenate([part[name] for part in one])[order] for name in ("images", "targets")}
            for one in zip(*parts, strict=True)
        ]
        assert_same(together, whole)


def test_every_image_is_mixed_with_the_next(data):
    plain = Augmentation(size=10, crop="inception", flip=False)
    mixed = Augmentation(size=10, crop="inception", flip=False, mixup=1.0)
    for batch, alone in zip(batches(data, mixed, divide=True), batches(data, plain, divide=True), strict=True):
        share = batch["targets"][0, 3 + numbers(alone)[0]] / 0.5  # each image has a class of its own, and another
        expected = share * alone["targets"] + (1 - share) * np.roll(alone["targets"], -1, axis=0)
        np.testing.assert_allclose(batch["targets"], expected, atol=1e-5)


def test_repeats_follow_each_other_and_shorten_the_epoch(data):
    """10 places of an epoch hold 4 images 3 times each, the last of them once."""
    repeated = Augmentation(size=SIZE, crop="shift", shift=2, flip=False, repeats=3)
    seen = list(itertools.chain.from_iterable(numbers(batch) for batch in batches(data, repeated, steps=5)))
    plain = list(itertools.chain.from_iterable(numbers(batch) for batch in batches(data, steps=5)))
    for epoch in (0, 10):
        assert seen[epoch : epoch + 10] == [plain[epoch + place // 3] for place in range(10)]
    images = np.concatenate([batch["images"] for batch in batches(data, repeated, steps=5)])
    assert (images[0] != images[1]).any() or (images[1] != images[2]).any()  # each time augmented anew


def test_repeats_are_not_mixed_with_themselves(data):
    repeated = Augmentation(size=10, crop="inception", mixup=1.0, repeats=3)
    batch = next(batches(data, repeated, batch_size=9, divide=True))  # within an epoch
    assert ((batch["targets"][:, 3:] > 1e-6).sum(axis=1) == 2).all()


def test_a_batch_of_one_image_is_refused(data):
    with pytest.raises(InputError, match="repeats=4 fills a batch of 4 with one image"):
        batches(data, Augmentation(size=10, crop="inception", repeats=4))


def test_batches_are_mixed_with_their_probabilities():
    rng = np.random.default_rng(0)
    options = {"size": 10, "crop": "inception", "mixup": 0.2, "cutmix": 1.0}
    settings = Augmentation(**options, mix_probability=0.8, switch_probability=0.25)
    mixtures = [draw_mixture(settings, rng) for _ in range(3000)]
    kinds = [None if mixture is None else mixture.func.__name__ for mixture in mixtures]
    shares = [kinds.count(kind) / len(kinds) for kind in (None, "mixup", "cutmix")]
    np.testing.assert_allclose(shares, [0.2, 0.8 * 0.75, 0.8 * 0.25], atol=0.03)


def test_mixtures_keep_the_sum_of_targets(data):
    for augmentation in (BUSY, Augmentation(size=10, crop="inception", cutmix=1.0)):
        sums = [batch["targets"].sum(axis=1) for batch in batches(data, augmentation, divide=True)]
        np.testing.assert_allclose(sums, 1, rtol=1e-6)


def test_some_of_the_images(data):
    some = data.at(np.array([7, 2, 5])).at(np.array([2, 0]))
    assert some.image_ids.tolist() == ["b/000", "b/002"]
    assert some.labels[:, 1].tolist() == [8, 10]
    assert [some.source[row]["image_id"] for row in range(2)] == ["b/000", "b/002"]
    assert len({data.fingerprint, some.fingerprint, data.at(np.arange(10)).at(np.array([7, 5])).fingerprint}) == 3


def test_a_subset_is_a_source(data):
    subset = pickle.loads(pickle.dumps(Subset(data.source, np.array([6, 1]))))
    labels = subset.label_fields()
    assert (len(subset), subset.num_classes, subset.class_names) == (2, 2, ("a", "b"))
    assert labels.image_ids.tolist() == ["b/001", "a/001"]
    assert labels.fields["label"].tolist() == [1, 0]


def test_another_label_is_another_run(data):
    answers = data.labels.copy()
    answers[0, 0] = 1
    assert TrainingData(data.source, data.image_ids, answers, data.num_classes).fingerprint != data.fingerprint


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"crop": "central"}, "unknown augmentation.crop 'central'"),
        ({"interpolation": "nearest"}, "unknown augmentation.interpolation 'nearest'"),
        ({"min_area": 0.0}, "min_area=0.0"),
        ({"smoothing": 1.5}, "smoothing=1.5"),
        ({"mixup": -1.0}, "mixup=-1.0"),
        ({"mix_probability": 1.5}, "mix_probability=1.5"),
        ({"repeats": 0}, "repeats=0"),
        ({"jitter_on": "pil"}, "unknown augmentation.jitter_on 'pil'"),
        ({"three_augment": True, "randaugment": RandAugment("timm")}, "three_augment=True replaces RandAugment"),
    ],
)
def test_impossible_augmentations(options, message):
    with pytest.raises(InputError, match=message):
        Augmentation(**({"size": 10, "crop": "inception"} | options))


def test_an_unreadable_image_is_named(tmp_path):
    folder = write_images(tmp_path / "images", per_class=2)
    (folder / "green" / "001.png").write_bytes(b"no image")
    source = open_source(str(folder))
    data = TrainingData(source, source.label_fields().image_ids, np.zeros((6, 1), int), 3)
    with pytest.raises(InputError, match=r"training image green/001 is unreadable .* clean_list"):
        list(batches(data))


def damaged(tmp_path, *names):
    """15 images in three classes, the named ones of them damaged."""
    folder = write_images(tmp_path / "images", per_class=5)
    for name in names:
        (folder / f"{name}.png").write_bytes(b"no image")
    source = open_source(str(folder))
    fields = source.label_fields()
    return TrainingData(source, fields.image_ids, fields.fields["label"][:, None], 3)


@pytest.mark.parametrize("workers", [0, 1])
def test_unreadable_images_are_replaced_by_the_next_ones_and_listed(tmp_path, workers):
    data = damaged(tmp_path, "green/001", "green/002", "red/004")
    options = {"batch_size": 4, "steps": 8, "max_unreadable": 3, "workers": workers}
    made = batches(data, **options)
    ours = list(made)
    assert made.unreadable.keys() == {"green/001", "green/002", "red/004"}
    assert all("not an image" in reason for reason in made.unreadable.values())
    assert ours[0].keys() == {"images", "targets"}
    colors = np.concatenate([batch["images"].mean(axis=(1, 2)) for batch in ours]).argmax(axis=1)
    labels = np.concatenate([batch["targets"] for batch in ours]).argmax(axis=1)
    assert (np.array([2, 1, 0])[labels] == colors).all()  # blue, green and red: the target is that of what is shown
    again = batches(data, **options)
    again.set_state({"next_batch": 3, "unreadable": {"green/001": "not an image"}})
    assert_same(list(again), ours[3:])
    assert "green/001" in again.unreadable
    made.close()


@pytest.mark.parametrize("workers", [0, 1])
def test_too_many_unreadable_images_end_training(tmp_path, workers):
    data = damaged(tmp_path, "green/001", "green/003", "red/004")
    with pytest.raises(InputError, match=r"3 training images are unreadable, more than max_unreadable=2, such as"):
        list(batches(data, batch_size=4, steps=8, max_unreadable=2, workers=workers))
