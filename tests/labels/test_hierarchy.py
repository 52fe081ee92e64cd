"""The way to each class from the root."""

import pytest

from imagenet_real.errors import InputError
from imagenet_real.labels import hierarchy
from imagenet_real.labels.imagenet import imagenet_wnids


def written(folder, text):
    path = folder / "is_a.txt"
    path.write_text(text)
    return path


def test_ways(place):
    path = written(place, "all animal\nanimal dog\nall pet\nanimal pet\npet dog\nall stone\n")
    found = hierarchy.load_paths(path, ["dog", "stone"])
    assert found == [("all", "animal", "pet", "dog"), ("all", "stone")]  # the longest of three ways


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("all dog\nall\n", "line 2 has 1 words, expected 2"),
        ("all dog\n", 'lacks 1 of 2 classes, such as "cat'),
        ("dog cat\ncat dog\n", "has a circle"),
    ],
)
def test_what_is_refused(place, text, message):
    with pytest.raises(InputError, match=message):
        hierarchy.load_paths(written(place, text), ["dog", "cat"])


def test_no_file(place):
    with pytest.raises(InputError, match="there is no such file"):
        hierarchy.load_paths(place / "none.txt", ["dog"])


def test_wordnet(data):
    ways = hierarchy.load_paths(data / "labels" / hierarchy.WORDNET, imagenet_wnids())
    assert len({way[0] for way in ways}) == 1
    assert tuple(way[-1] for way in ways) == imagenet_wnids()
    terriers = {way[-2] for way in ways[179:181]}  # two bull terriers stand below the same synset
    assert len(terriers) == 1
