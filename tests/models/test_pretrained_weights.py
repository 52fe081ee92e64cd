"""The table of published weights: its rows and the specs of the families belong together."""

import csv
import importlib.resources

from imagenet_real.models import catalog
from imagenet_real.models.pretrained_weights import FILE, load_table


def rows():
    with (importlib.resources.files("imagenet_real.models") / FILE).open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_model_has_rows_and_every_row_a_model():
    parameters, weights = load_table()
    specs = {name for family in catalog.FAMILIES for name in family.SPECS}
    assert parameters.keys() == weights.keys() == specs
    assert sum(len(of_model) for of_model in weights.values()) == len(rows()) > 250


def test_the_first_row_of_a_model_is_its_default():
    first = {row["model"]: row["tag"] for row in reversed(rows())}
    assert {name: spec.tag for name, spec in catalog.models().items()} == first


def test_rows_of_a_model_agree_on_its_parameters():
    assert len({(row["model"], row["parameters"]) for row in rows()}) == len(catalog.models())


def test_a_row_is_read_exactly():
    published = catalog.find("convnext_base.clip_laion2b_augreg_ft_in1k").weights["clip_laion2b_augreg_ft_in1k"]
    assert published.preprocessing == {
        "resize": 256,
        "crop": 256,
        "interpolation": "bicubic",
        "mean": (0.48145466, 0.4578275, 0.40821073),
        "std": (0.26862954, 0.26130258, 0.27577711),
    }
    assert (published.top1, published.real, published.publisher) == (86.184, 89.677, "timm")
