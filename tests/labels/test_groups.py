import collections

from imagenet_real.labels import hierarchy
from imagenet_real.labels.groups import REST, WORDNET_GROUPS, named_groups
from imagenet_real.labels.imagenet import class_index, imagenet_wnids


def test_the_nearest_named_class_above_counts():
    ways = [("n01861778", "n02084071", "x"), ("n01861778", "y"), ("root", "z"), ("n02084071",)]
    assert named_groups(ways) == ["dogs", "other mammals", REST, "dogs"]


def test_groups_of_imagenet(data):
    ways = hierarchy.load_paths(data / "labels" / hierarchy.WORDNET, imagenet_wnids())
    groups = named_groups(ways)
    sizes = collections.Counter(groups)
    assert sizes["dogs"] == 118
    assert sizes["birds"] == 59
    assert set(sizes) == {*WORDNET_GROUPS.values(), REST}  # none is empty
    assert sizes[REST] < 60
    known = {"n02123045": "cats", "n01729977": "snakes", "n02690373": "vehicles", "n07753592": "fruits"}
    assert {wnid: groups[class_index()[wnid]] for wnid in known} == known
