"""The runs of a comparison, and the accuracies that need no training."""

import pytest

from configs import compare_digits, compare_digits_relabel, compare_digits_soft, compare_resnet50, demo
from imagenet_real.builders import comparison, training
from imagenet_real.builders.training_data import open_split
from imagenet_real.data.digit_scenes import digits
from imagenet_real.errors import InputError


@pytest.mark.parametrize("module", [compare_digits, compare_digits_soft, compare_resnet50, demo])
def test_the_plan_of_every_config(module, tmp_path):
    config = module.get_config()
    plan = comparison.plan_runs(config, tmp_path)
    runs = [planned for planned in plan if planned.variant]
    comparison.check(config)
    variants = len(config.losses) * len(config.data) * len(config.lengths) * max(1, len(config.recipes))
    assert len(runs) == len({planned.folder for planned in runs}) == variants * len(config.seeds)
    assert len(plan) - len(runs) == config.clean.folds
    for planned in plan:
        lengths = [planned.config[name] for name in training.LENGTHS]
        assert sorted(map(bool, lengths)) == [False, False, True]
        assert not set(comparison.COMPARE_FIELDS) & set(planned.config) or planned.clean_dir
    clean = next(planned for planned in runs if planned.variant.data == "clean")
    assert clean.config.clean_list == str(tmp_path / "clean" / "clean_ids.txt")
    assert clean.needs == tuple(planned.name for planned in plan if not planned.variant)
    everything = next(planned for planned in runs if planned.variant.data == "all")
    assert everything.needs == ()


def test_a_given_clean_list_is_used(tmp_path):
    config = compare_digits.get_config()
    config.clean_list = "mine.txt"
    plan = comparison.plan_runs(config, tmp_path)
    assert {planned.config.clean_list for planned in plan if planned.variant.data == "clean"} == {"mine.txt"}
    assert {planned.config.clean_list for planned in plan if planned.variant.data == "all"} == {""}
    assert all(planned.variant for planned in plan)


def test_true_labels_are_those_of_real(tmp_path):
    plan = comparison.plan_runs(compare_digits.get_config(), tmp_path)
    assert {planned.config.train_labels for planned in plan if planned.variant and planned.variant.data == "real"} == {
        "real"
    }


def test_labels_of_crops(tmp_path):
    config = compare_digits_relabel.get_config()
    config.label_maps = "maps"
    runs = {planned.variant.data: planned.config for planned in comparison.plan_runs(config, tmp_path)}
    assert {data: (planned.label_maps, planned.train_labels) for data, planned in runs.items()} == {
        "all": ("", "original"),
        "real": ("", "real"),
        "pooled": ("maps", "original"),
        "shown": ("", "shown"),
    }
    assert all((planned.augmentation.crop, planned.steps) == ("inception", 1536) for planned in runs.values())


def test_references_of_digit_scenes(tmp_path):
    digits.prepare_digit_scenes(str(tmp_path), train_scenes=10, validation_scenes=200)
    name = next((tmp_path / "digit_scenes").iterdir()).name
    config = compare_digits.get_config()
    config.images, config.tfds_dir = f"tfds:digit_scenes/{name}", str(tmp_path)
    source = open_split(config, config.split)
    found = {(row["name"], row["label_set"]): row["accuracy"] for row in comparison.reference_rows(config, source)}
    assert found["true digits known", "real"] == 1
    assert found["original labels", "original"] == 1
    assert found["original labels", "real"] == pytest.approx(0.9, abs=0.01)
    assert found["chance", "original"] == pytest.approx(0.1)
    assert found["chance", "real"] == pytest.approx(0.123, abs=0.01)


def test_recipes_change_fields_of_their_runs(tmp_path):
    config = compare_digits_soft.get_config()
    runs = {
        (planned.variant.data, planned.variant.recipe): planned
        for planned in comparison.plan_runs(config, tmp_path)
        if planned.variant
    }
    mixed, thresholded = runs["soft", "mixed"].config.augmentation, runs["soft", "thresholded"].config.augmentation
    assert (mixed.mixup, mixed.cutmix, mixed.target_threshold) == (0.2, 1.0, None)
    assert (thresholded.mixup, thresholded.cutmix, thresholded.target_threshold) == (0.2, 1.0, 0.0)
    assert runs["soft", "plain"].config.augmentation.mixup == 0.0
    soft_labels = {data: runs[data, "plain"].config.soft_labels for data in config.data}
    assert soft_labels == {"all": "", "clean": "", "soft": str(tmp_path / "clean" / "soft_labels.tsv")}
    assert runs["soft", "plain"].needs
    assert not runs["all", "mixed"].needs


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recipes": ("plain", "plain")}, "give none of them twice"),
        ({"recipes": ("plane",)}, "recipe_changes has no recipe 'plane': did you mean plain"),
        ({"recipe_changes": {"plain": {"mixup": 1.0}}}, "has the field 'mixup', which is none of a recipe"),
        ({"recipe_changes": {"plain": {"steps": 5}}}, "has the field 'steps', .* Give --lengths"),
        ({"recipe_changes": {"plain": {"learning_rate": "fast"}}}, "recipe_changes.plain has a wrong value"),
        ({"data": ("all",), "soft_labels": "labels.tsv"}, "only 'soft' trains on soft_labels=labels.tsv"),
    ],
)
def test_wrong_recipes(changes, message):
    config = compare_digits_soft.get_config()
    with config.unlocked():
        config.update(changes)
    with pytest.raises(InputError, match=message):
        comparison.check(config)
