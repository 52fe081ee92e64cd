"""Judged mistakes: the published files with their counts, and what is refused."""

import collections
import json

import numpy as np
import pytest

from imagenet_real.errors import InputError
from imagenet_real.labels import published
from imagenet_real.labels.classes import imagenet_wnids
from imagenet_real.scoring import judged
from imagenet_real.scoring.mistakes import confused_pairs, in_common
from tests import toy


def written(folder, name="model", **images):
    path = folder / f"{name}.json"
    rows = {
        f"{one}.JPEG": {"top_prediction": predicted, "failure category": category, "failure severity": severity}
        for one, (predicted, category, severity) in images.items()
    }
    path.write_text(json.dumps(rows))
    return path


def test_two_spellings_of_one_category(place):
    path = written(
        place,
        a=(1, "Fine-grained error with OOV", "Major"),
        b=(2, "Fine-grained with OOV", "Minor"),
        c=(0, "Non-prototypical", "Minor"),
    )
    one = judged.load_judged(path)
    assert one.image_ids.tolist() == ["a", "b", "c"]
    assert one.counts().tolist() == [[0, 0, 0], [1, 1, 0], [0, 0, 0], [0, 1, 0], [0, 0, 0]]
    path.write_text(judged.as_json(one))
    again = judged.load_judged(path)
    assert (again.category == one.category).all()
    assert (again.predicted == one.predicted).all()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ((1, "Fine-graned error", "Major"), "'Fine-graned error' is unknown: did you mean Fine-grained error"),
        ((1, "Non-prototypical", "Mayor"), "'Mayor' is unknown: did you mean Major"),
        (("dog", "Non-prototypical", "Major"), "invalid literal"),
    ],
)
def test_what_is_refused(tmp_path, row, message):
    with pytest.raises(InputError, match=message):
        judged.load_judged(written(tmp_path, a=row))


def test_no_file_and_none_inside(tmp_path):
    with pytest.raises(InputError, match=r"none\.json cannot be read as judged mistakes"):
        judged.load_judged(tmp_path / "none.json")
    with pytest.raises(InputError, match="it has no mistake"):
        judged.load_judged(written(tmp_path))


def test_a_subset_of_major_mistakes(tmp_path):
    kind = "Non-prototypical"
    first = judged.load_judged(written(tmp_path, "x", a=(1, kind, "Major"), b=(1, kind, "Minor"), d=(0, kind, "Major")))
    second = judged.load_judged(
        written(tmp_path, "y", a=(2, kind, "Minor"), b=(0, kind, "Minor"), c=(3, kind, "Major"))
    )
    assert judged.hard_subset([first, second], toy.multilabel(), 2).image_ids.tolist() == ["a"]
    one = judged.hard_subset([first, second], toy.multilabel(), 1)
    assert (one.image_ids.tolist(), one.weight.tolist(), one.average) == (["a", "c", "d"], [1, 1, 1], "images")
    with pytest.raises(InputError, match="missed by 3 of 2 models"):
        judged.hard_subset([first, second], toy.multilabel(), 3)


@pytest.fixture(scope="module")
def models(data):
    return [judged.load_judged(data / "labels" / f"{name}_mistakes.json") for name in ("vit3b", "greedy_soups")]


def test_published_counts(models):
    """Vasudevan et al. 2022, as released: categories by severity."""
    vit, soups = models
    assert vit.counts().tolist() == [[87, 101, 53], [22, 22, 10], [37, 13, 2], [7, 14, 9], [1, 0, 0]]
    assert soups.counts().tolist() == [[53, 84, 35], [8, 11, 7], [22, 8, 2], [6, 8, 5], [0, 0, 0]]
    assert (len(vit), len(soups)) == (378, 249)


def test_published_overlap(models, data):
    multi = published.multilabel(data / "labels" / "multilabel.csv")
    vit, soups = models
    ids, same = in_common(vit.mistakes(multi), soups.mistakes(multi))
    assert (len(ids), same.sum()) == (164, 143)
    major = [one.image_ids[one.severity == "Major"] for one in models]
    assert (np.isin(*major).sum(), np.isin(major[0], soups.image_ids).sum()) == (48, 52)


def test_predictions_that_are_right_by_real(models, data):
    real = published.real(data / "labels" / "real.json")
    found = models[0].mistakes(real)
    right = (found.right == found.predicted[:, None]).any(axis=1)
    assert (right.sum(), right[models[0].severity == "Major"].sum(), (found.right[:, 0] < 0).sum()) == (85, 20, 64)


def test_published_confused_pairs(models, data):
    """481 pairs, 545 times; the multi-label annotations know one right class more, of ILSVRC2012_val_00023173."""
    wnids = imagenet_wnids()
    rows = json.loads((data / "labels" / "class_confusion_wnids.json").read_text())
    expected = collections.Counter({(a, b): times for a, b, times in rows})
    assert (len(expected), expected.total()) == (481, 545)
    pairs, times = confused_pairs(models[0].mistakes(published.multilabel(data / "labels" / "multilabel.csv")))
    found = collections.Counter(
        {(wnids[a], wnids[b]): n for (a, b), n in zip(pairs.tolist(), times.tolist(), strict=True)}
    )
    assert found - expected == {("n09399592", "n09428293"): 1}
    assert not expected - found
    counted = collections.Counter(expected.values())
    assert [counted[times] for times in (1, 2, 3, 4, 5)] == [441, 23, 12, 3, 2]
