"""Fields below one field of a config, and the value that they describe."""

import dataclasses
import importlib
import pathlib

import pytest
from ml_collections import ConfigDict

from imagenet_real.builders import comparison, config_groups, training
from imagenet_real.data.augmentation import Augmentation
from imagenet_real.data.erasing import Erasing
from imagenet_real.errors import InputError
from imagenet_real.relabel.pooling import Pooling

CONFIGS = sorted(path.stem for path in (pathlib.Path(__file__).parents[2] / "configs").glob("[a-z]*.py"))
GROUPS = {
    "augmentation": {field.name for field in dataclasses.fields(Augmentation)}
    - {"size", "interpolation", "mean", "std"},
    "label_pooling": {field.name for field in dataclasses.fields(Pooling)},
    "clean": set(comparison.CLEAN_FIELDS),
}
INPUT = {"crop": 224, "interpolation": "bicubic", "mean": (0.4, 0.5, 0.6), "std": (0.1, 0.2, 0.3)}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_config_has_every_field_of_its_groups(name):
    config = importlib.import_module(f"configs.{name}").get_config()
    groups = {field: set(value) for field, value in config.items() if isinstance(value, ConfigDict)}
    for own in ("lengths", "recipe_changes"):  # which have names of the user's own
        groups.pop(own, None)
    assert groups == {field: GROUPS[field] for field in groups}
    assert config.program not in ("train", "compare", "clean") or "augmentation" in groups


def test_fields_reach_the_value():
    erasing = {"probability": 0.25, "mode": "pixel"}
    config = ConfigDict({**INPUT, "augmentation": {"crop": "inception", "jitter": 0.4, "erasing": erasing}})
    assert training.augmentation(config) == Augmentation(
        224,
        "inception",
        interpolation="bicubic",
        mean=(0.4, 0.5, 0.6),
        std=(0.1, 0.2, 0.3),
        jitter=0.4,
        erasing=Erasing(0.25, "pixel"),
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"crop": "shift", "jiter": 0.4}, "augmentation has no field 'jiter': did you mean jitter"),
        (
            {"crop": "shift", "erasing": {"probabillity": 0.4}},
            "augmentation.erasing has no field 'probabillity': did you mean probability",
        ),
        ({"crop": "shift", "size": 10}, "augmentation has no field 'size'"),
        (
            {"jitter": 0.4},
            "augmentation lacks crop. Give all its fields, or only one, --augmentation.crop=VALUE",
        ),
    ],
)
def test_a_group_that_is_given_whole_is_checked(fields, message):
    config = ConfigDict({**INPUT, "augmentation": fields})
    with pytest.raises(InputError, match=message):
        training.augmentation(config)


def test_names_may_be_required_without_a_dataclass():
    with pytest.raises(InputError, match="clean lacks folds, loss"):
        config_groups.check(ConfigDict({"clean": {"length": 7, "seed": 0}}), "clean", comparison.CLEAN_FIELDS)
    with pytest.raises(InputError, match="clean has no field 'fold': did you mean folds"):
        config_groups.check(ConfigDict({"clean": {"fold": 7}}), "clean", comparison.CLEAN_FIELDS)
