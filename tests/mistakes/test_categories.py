"""The first guess of a category: each rule on a mistake made for it, and what all are worth on published judgments."""

import numpy as np
import pytest

from imagenet_real.errors import InputError
from imagenet_real.labels import hierarchy, readers
from imagenet_real.labels.image_ids import match
from imagenet_real.labels.imagenet import imagenet_wnids
from imagenet_real.labels.label_set import LabelSet, pad_labels
from imagenet_real.mistakes import categories, judged
from imagenet_real.mistakes.mistakes import Mistakes, agreement, find
from imagenet_real.predictions.predictions import load_predictions
from imagenet_real.scoring.accuracy import label_rank

# Two terriers, a cat, a bone and a lamp: the dogs are close, the cat is some way off, the others far.
NAMES = ["bull terrier", "fox terrier", "cat", "bone", "lamp"]
PATHS = [
    ("all", "animal", "mammal", "dog", "terrier", "bull terrier"),
    ("all", "animal", "mammal", "dog", "terrier", "fox terrier"),
    ("all", "animal", "mammal", "cat"),
    ("all", "thing", "bone"),
    ("all", "thing", "lamp"),
]


def label_set(*labels):
    rows = pad_labels(labels)
    ids = np.array([f"image{row}" for row in range(len(rows))])
    return LabelSet("mine", ids, rows, np.ones(len(rows)), rows[:, 0], len(NAMES))


def guess(predicted, right, together=((0,),), groups=(), likely=np.nan):
    rows = pad_labels([right])
    mistakes = Mistakes(np.array(["a"]), np.array([predicted]), rows, rows[:, 0], np.array([np.nan]))
    return categories.guess(mistakes, PATHS, label_set(*together), groups, NAMES, np.array([likely]))[0]


def test_similarity():
    assert categories.similarity(PATHS[0], PATHS[0]) == 1
    assert categories.similarity(PATHS[0], PATHS[1]) == pytest.approx(10 / 12)
    assert categories.similarity(PATHS[0], PATHS[3]) == pytest.approx(2 / 9)
    assert categories.similarity(("all",), ("all", "animal")) == pytest.approx(2 / 3)


def test_close_classes_are_fine_grained():
    result = guess(0, [3, 1])
    assert result.category == judged.FINE_GRAINED
    assert "bull terrier and fox terrier are close in the hierarchy (0.83)" in result.reason


def test_confusable_classes_are_fine_grained():
    assert guess(0, [3]).category != judged.FINE_GRAINED
    assert guess(0, [3], groups=[frozenset({0, 3})]).category == judged.FINE_GRAINED


def test_far_classes_may_be_none_of_the_classes():
    assert guess(0, [3]).category == judged.OUT_OF_VOCABULARY


def test_an_answer_that_few_other_models_come_near():
    assert guess(0, [2]).category == judged.FINE_GRAINED  # a bull terrier and a cat: 0.60, and nobody was asked
    assert guess(0, [2], likely=0.4).category == judged.FINE_GRAINED
    result = guess(0, [2], likely=0.39, together=[[0, 2], [0, 2], [0]])
    assert result.category == judged.SPURIOUS
    assert result.reason == (
        "bull terrier is among the 5 best classes of 39% of other models; "
        "bull terrier and cat are right together on 2 images"
    )


def test_an_image_that_shows_a_scene():
    assert guess(0, [2, 4]).category == judged.FINE_GRAINED
    result = guess(0, [2, 3, 4], likely=1.0)
    assert (result.category, result.reason) == (judged.SPURIOUS, "the image shows 3 classes")
    assert guess(0, [1, 3, 4]).category == judged.FINE_GRAINED  # close to one of them


def test_groups_of_classes(tmp_path):
    path = tmp_path / "groups.json"
    path.write_text('[{"classes": {"3": "bone", "4": "lamp"}}]')
    assert categories.load_groups(path, 5) == [{3, 4}]
    with pytest.raises(InputError, match="expected class indices from 0 to 3"):
        categories.load_groups(path, 4)


def test_against_people(data):
    """The rules were chosen on ViT-3B's mistakes; on those of Greedy Soups that it does not share they are worth less."""
    multi = readers.multilabel(data / "labels" / "multilabel.csv")
    real = readers.real(data / "labels" / "real.json")
    paths = hierarchy.load_paths(data / "labels" / hierarchy.WORDNET, imagenet_wnids())
    groups = categories.load_groups(data / "labels" / "clusters.json", 1000)
    others = [load_predictions(path) for path in sorted((data / "predictions").glob("*.npz"))]
    vit, soups = (judged.load_judged(data / "labels" / f"{name}_mistakes.json") for name in ("vit3b", "greedy_soups"))
    new = ~np.isin(soups.image_ids, vit.image_ids)
    right = {}
    for file, rows in ((vit, np.ones(len(vit), bool)), (soups, new)):
        mistakes = file.mistakes(multi).take(rows)
        for models in ([], others):
            guesses = categories.guess(
                mistakes, paths, real, groups, likely=agreement(mistakes, models, categories.LIKELY_K)
            )
            table = categories.confusion([guess.category for guess in guesses], file.category[rows])
            right[file.name, len(models)] = (int(np.trace(table)), int(table.sum()), int(table[0].sum()))
    assert right == {
        ("vit3b_mistakes", 0): (268, 378, 241),
        ("vit3b_mistakes", 47): (277, 378, 241),
        ("greedy_soups_mistakes", 0): (55, 85, 56),
        ("greedy_soups_mistakes", 47): (54, 85, 56),
    }


def test_where_other_models_agree_a_label_is_often_missing(data):
    """Of a model's mistakes by the original labels, those that ReaL says are none."""
    models = [load_predictions(path) for path in sorted((data / "predictions").glob("*.npz"))]
    real = readers.real(data / "labels" / "real.json")
    model = next(model for model in models if model.name == "nasnetalarge")
    mistakes = find(model, readers.original())
    labels = real.labels[match(mistakes.image_ids, real.image_ids)]
    is_labeled, right = labels[:, 0] >= 0, label_rank(mistakes.predicted[:, None], labels) == 0
    share = agreement(mistakes, [other for other in models if other is not model])
    agreed = is_labeled & (share >= categories.AGREEING_SHARE)
    assert (len(mistakes), agreed.sum()) == (8747, 3664)
    assert right[agreed].mean() == pytest.approx(0.6520, abs=1e-4)
    assert right[is_labeled].mean() == pytest.approx(0.4580, abs=1e-4)
