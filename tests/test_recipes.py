"""docs/recipes.md against the configs: every field of its tables."""

import ast
import importlib
import re

import pytest

from tests import ROOT

TEXT = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")


def tables():
    """(config, field, cell) of every table whose first column is `field`."""
    rows, names = [], []
    for line in TEXT.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if cells[0] == "field":
            names = [cell.strip("`") for cell in cells[1:-1]]
        elif re.fullmatch(r"`[\w.]+`", cells[0]) and names and len(cells) == len(names) + 2:
            rows += [(name, cells[0].strip("`"), cell) for name, cell in zip(names, cells[1:-1], strict=True)]
        elif not line.startswith("|"):
            names = []
    return rows


@pytest.mark.parametrize("name", sorted({name for name, _, _ in tables()}))
def test_each_field_has_the_documented_value(name):
    config = importlib.import_module(f"configs.{name}").get_config()
    fields = [(field, cell) for config_name, field, cell in tables() if config_name == name]
    assert len(fields) > 20
    for field, cell in fields:
        value = config
        for part in field.split("."):
            value = value[part]
        assert value == ast.literal_eval(cell), field


def test_every_recipe_is_documented():
    documented = {name for name, _, _ in tables()}
    assert documented == {
        "rsb_a1",
        "rsb_a2",
        "rsb_a3",
        "deit3_s",
        "vit_s16",
        "multilabel_resnet50",
        "finetune_multilabel",
    }


@pytest.mark.parametrize("name", sorted({name for name, _, _ in tables()}))
def test_a_recipe_is_a_config_that_training_accepts(name):
    from imagenet_real.builders import training

    training.check(importlib.import_module(f"configs.{name}").get_config())
