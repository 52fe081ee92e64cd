"""Groups of ImageNet's classes with everyday names, from WordNet's hierarchy."""

from collections.abc import Sequence

# WordNet's synsets, and a name for the classes below them. A class belongs to the nearest synset above it: "other
# devices" have no nearer one.
WORDNET_GROUPS = {
    "n02084071": "dogs",
    "n02120997": "cats",
    "n02075296": "other carnivores",
    "n02370806": "hoofed animals",
    "n02469914": "primates",
    "n01861778": "other mammals",
    "n01503061": "birds",
    "n01726692": "snakes",
    "n01661091": "other reptiles",
    "n01627424": "amphibians",
    "n02512053": "fish",
    "n02159955": "insects",
    "n01905661": "other invertebrates",
    "n13134947": "fruits",
    "n07707451": "vegetables",
    "n00020827": "food",
    "n09287968": "landscapes",
    "n03051540": "clothing",
    "n03122748": "coverings",
    "n04341686": "buildings and structures",
    "n03094503": "containers",
    "n04524313": "vehicles",
    "n03405265": "furniture",
    "n03800933": "musical instruments",
    "n03257877": "household appliances",
    "n03699975": "machines",
    "n03574816": "instruments and weapons",
    "n03563967": "tools and utensils",
    "n03294048": "equipment",
    "n03183080": "other devices",
}
REST = "other things"


def named_groups(paths: Sequence[Sequence[str]]) -> list[str]:
    """The group of each class, by its path from the root of WordNet (`hierarchy.load_paths`)."""
    return [next((WORDNET_GROUPS[step] for step in reversed(path) if step in WORDNET_GROUPS), REST) for path in paths]
