import numpy as np

from imagenet_real.labels.attributes import Attribute
from imagenet_real.report import slice_table, table
from imagenet_real.scoring.results import score_models
from tests import toy


def results(images_per_class=60):
    """A model that is wrong on all images of one value, and right at random on the others."""
    label_set, model = toy.large_world(images_per_class=images_per_class)
    values = ["hard" if label == 7 else f"other {label % 10}" for label in label_set.original.tolist()]
    model.top[np.array(values) == "hard", 0] = 8
    attribute = Attribute.of_values("kind", label_set.image_ids, values)
    return score_models(model, [label_set], ks=(1,), slices=[attribute])


def test_the_slices_that_differ_most_clearly_are_shown_by_their_difference():
    (head, rows), text = slice_table.slices(results())
    assert len(rows) == slice_table.SHOWN
    assert rows[0][:2] == ["kind", "hard"]
    assert rows[0][head.index("more than chance")] == "yes"
    differences = [float(row[head.index("difference")]) for row in rows]
    assert differences == sorted(differences)
    assert "1 of 11 slices differ" in text


def test_results_without_slices_and_drops_have_no_such_tables():
    plain = score_models(toy.predictions(), toy.label_sets())
    assert (slice_table.slices(plain), slice_table.drops(plain)) == ([], "")
    assert "difference" not in table.as_text(plain)


def test_drops_have_signs_and_effective_robustness_where_it_is_known():
    plain = score_models(toy.predictions(), toy.label_sets())
    drop = {
        "model": "m",
        "label_set": "imagenet_v2",
        "twin": "original",
        "k": 1,
        "accuracy": 0.5,
        "twin_accuracy": 0.75,
    }
    plain.drops = [drop | {"difference": -0.25, "low": -0.3, "high": -0.2}]
    head, rows = slice_table.drops(plain)
    assert rows == [["m", "ImageNet-V2", "original", "50.00", "75.00", "-25.00", "-30.00 to -20.00"]]
    plain.drops[0]["effective_robustness"] = 0.0123
    head, rows = slice_table.drops(plain)
    assert (head[-1], rows[0][-1]) == ("effective robustness", "+1.23")
