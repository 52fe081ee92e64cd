import dataclasses

import numpy as np
import pytest

from imagenet_real.errors import InputError
from imagenet_real.labels import imagenet
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.predictions.predictions import TOP_K, Predictions, top_of_scores
from imagenet_real.scoring import doctor
from imagenet_real.scoring.known_classes import ranks
from imagenet_real.scoring.results import score_models

KNOWN = np.array([1, 4, 7, 8, 20, 33])


def world(images=400, classes=40, seed=0):
    """Images of six known classes, and a model with scores of all 40 that is often right."""
    random = np.random.default_rng(seed)
    ids = np.array([f"i{number:04d}" for number in range(images)])
    labels = random.choice(KNOWN, images)
    label_set = LabelSet("imagenet_a", ids, labels[:, None], np.ones(images), labels, classes, known_classes=KNOWN)
    scores = random.normal(size=(images, classes)).astype(np.float32)
    scores[np.arange(images), labels] += 1.5
    return label_set, scores


def model_of(scores, ids, k=TOP_K, keep=True):
    top, best = top_of_scores(scores, k, "model", ids)
    return Predictions(ids, top, best, scores.shape[1], "model", scores=scores if keep else None)


@pytest.mark.parametrize("k", [1, 3])
def test_among_known_classes_with_all_scores_equals_a_plain_loop(k):
    label_set, scores = world()
    hits = 0
    for image, row in enumerate(scores):
        best = sorted(KNOWN.tolist(), key=lambda label: (-row[label], label))[:k]
        hits += label_set.labels[image, 0] in best
    [row] = score_models(model_of(scores, label_set.image_ids), [label_set], ks=(k,)).rows
    assert row["accuracy"] == hits / len(label_set)
    assert "undecided" not in row


def test_from_the_best_classes_alone_only_decided_images_are_scored():
    label_set, scores = world()
    everything = ranks(model_of(scores, label_set.image_ids), np.arange(len(label_set)), label_set)
    few = model_of(scores, label_set.image_ids, k=5, keep=False)
    results = score_models(few, [label_set], ks=(1,))
    decided = hits = 0
    for image in range(len(label_set)):
        known = [label for label in few.top[image].tolist() if label in KNOWN]
        decided += bool(known)
        hits += bool(known) and known[0] == label_set.labels[image, 0]
    [row] = results.rows
    assert (row["images"], row["undecided"]) == (decided, len(label_set) - decided)
    assert row["accuracy"] == hits / decided
    assert row["lowest"] == hits / len(label_set)
    assert row["highest"] == pytest.approx((hits + row["undecided"]) / len(label_set))
    assert row["lowest"] <= everything.correct(1).mean() <= row["highest"]
    assert f"On {row['undecided']} of {len(label_set)} images" in results.notes[-1]


def test_what_is_decided_is_what_all_scores_say():
    label_set, scores = world()
    rows = np.arange(len(label_set))
    truth = ranks(model_of(scores, label_set.image_ids), rows, label_set)
    for width in (1, 5, 12, 40):
        part = ranks(model_of(scores, label_set.image_ids, k=width, keep=False), rows, label_set)
        for k in (1, 3, 6):
            decided = part.is_decided(k)
            np.testing.assert_array_equal(part.correct(k)[decided], truth.correct(k)[decided])
    assert part.is_decided(6).all()  # from all 40 classes in their order


def test_a_model_of_the_known_classes_alone_has_their_indices():
    label_set, scores = world()
    narrow = model_of(scores[:, KNOWN], label_set.image_ids)
    results = score_models(narrow, [label_set], ks=(1,))
    [row] = score_models(model_of(scores, label_set.image_ids), [label_set], ks=(1,)).rows
    assert results.rows[0]["accuracy"] == row["accuracy"]
    assert "its 6 classes are those of imagenet_a" in " ".join(results.notes)


def test_hard_images_are_never_blamed_on_the_predictions():
    """A model that is right on no image of ImageNet-A, and whose neighbors of the right class are systematic."""
    label_set, _ = world(images=4_000)
    top = np.stack([(label_set.original + 1) % 40, (label_set.original + 2) % 40], axis=1)
    top[::4, 0] = 39
    model = Predictions(label_set.image_ids, top, num_classes=None, name="model")
    rare = np.random.default_rng(0).random(len(top)) < 0.9
    model.top[rare] = np.random.default_rng(1).integers(0, 40, (rare.sum(), 2))
    assert doctor.diagnose(model, label_set) is None
    assert not doctor.at_chance(model, label_set)
    shifted = dataclasses.replace(label_set, name="other", known_classes=None)
    assert doctor.diagnose(model, shifted).mistake == "class_off_by_one"  # of other images, it would be one


def test_a_clear_mistake_is_found_on_hard_images_too():
    label_set, _ = world()
    model = Predictions(label_set.image_ids, (label_set.original + 1)[:, None], num_classes=None, name="model")
    assert doctor.diagnose(model, label_set).mistake == "class_off_by_one"


def test_the_clean_twins_of_published_logits_equal_a_plain_loop(data):
    """EfficientNet-Lite0 on 200 validation images, among the classes of ImageNet-A and of ImageNet-R."""
    with np.load(data / "reference" / "efficientnet_lite0_val1000.npz") as archive:
        logits = archive["logits"]
        ids = archive["image_ids"][: len(logits)]
    model = model_of(logits, ids)
    for name in ("imagenet_a", "imagenet_r"):
        wnids = (data / "labels" / f"{name}_wnids.txt").read_text().split()
        known = [index for index, wnid in enumerate(imagenet.imagenet_wnids()) if wnid in wnids]
        hits = []
        for row, image in zip(logits, ids.tolist(), strict=True):
            label = int(imagenet.validation_labels()[int(image[-8:]) - 1])
            if label in known:
                hits.append(max(known, key=lambda index: row[index]) == label)
        [row] = score_models(model, [f"{name}_clean"], ks=(1,), allow_missing=True).rows
        assert (row["images"], row["accuracy"]) == (len(hits), sum(hits) / len(hits))
        assert len(hits) > 20


def test_predictions_of_other_images_are_known_by_their_ids():
    ids = np.array([f"{label}/{label:040x}" for label in range(5)])
    model = Predictions(ids, np.arange(5)[:, None], num_classes=1000, name="model")
    with pytest.raises(InputError, match="They are of other images: give --label_sets=imagenet_v2"):
        score_models(model, ["original"])
    results = score_models(model, ks=(1,))
    assert [(row["label_set"], row["accuracy"]) for row in results.rows][:1] == [("imagenet_v2", 1.0)]
