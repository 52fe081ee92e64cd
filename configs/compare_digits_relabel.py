"""Single labels, all labels of the image, pooled labels and true labels of each crop, on random crops of digit scenes.

    imagenet-real compare_digits_relabel --label_maps=maps --workdir=DIR
    imagenet-real compare_digits_relabel --data="('all','real')" \\
        --augmentation.crop=shift --workdir=DIR        # the same for whole images, moved by up to 5 pixels

configs/train_digits_relabel.py says how to make the maps. "all" has the single labels of the images, some of them wrong.
"real" has all digits of the image. "pooled" has the labels that the maps give each crop. "shown" has the digits of which
the crop contains at least half; only a synthetic dataset knows them. So "all" against "real" is the cost of noise and
missing labels, and "real" against "shown" is the cost of crops; "pooled" is in between. The length, the seeds and all
other values were fixed before the first comparison.

Published, for ResNet-50 on ImageNet: 77.5 % top-1 and 83.6 % ReaL with single labels, 78.9 and 85.0 with label maps
(Yun et al. 2021). Measured, in points of ReaL accuracy over single labels: pooled +1.0, real +3.5, shown +4.2 (docs/relabel.md).
"""

from ml_collections import ConfigDict

from configs import compare_digits, train_digits_relabel


def get_config() -> ConfigDict:
    config = train_digits_relabel.get_config()
    comparison = compare_digits.get_config()
    config.program = "compare"
    config.select_split = ""  # no model selection
    config.report = comparison.report  # writes no page for each run
    config.losses = ("softmax",)  # of the runs
    config.data = ("all", "real", "pooled", "shown")  # the others are compared with the first
    config.lengths = {
        "1536": config.steps,  # in length_in; lengths may have any names
    }
    config.length_in = "steps"  # steps, epochs (of the images of a run) or examples
    config.recipes = comparison.recipes  # names of `recipe_changes`; empty: this config alone
    config.recipe_changes = comparison.recipe_changes  # of each recipe, the fields in which it differs
    config.seeds = comparison.seeds  # of the initial parameters, the order and the crops; pair the differences
    config.clean = comparison.clean  # the list of clean labels, if "clean" is in `data`
    config.jobs = comparison.jobs  # runs at the same time, each on one core of the CPU; 0: one for each core
    return config
