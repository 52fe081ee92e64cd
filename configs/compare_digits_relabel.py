"""Single labels, labels of the image, pooled labels and true labels of each crop, for random crops of digit scenes.

    python main.py --config=configs/compare_digits_relabel.py --config.label_maps=maps --workdir=DIR
    python main.py --config=configs/compare_digits_relabel.py --config.data="('all','real')" \\
        --config.augmentation.crop=shift --workdir=DIR        # the same for whole images, moved by up to 5 pixels

configs/train_digits_relabel.py tells how the maps are made. "all" are the images' single labels, some of them wrong;
"real" are all digits of the image; "pooled" is what the maps see in each crop; "shown" are the digits of which the crop
has at least half, which nobody knows outside of a made-up dataset. So all against real is what noise and missing labels
cost, real against shown what crops cost, and pooled lies between. The length, the seeds and all else were fixed
before the first comparison.

Published, for ResNet-50 on ImageNet: 77.5 % top-1 and 83.6 % ReaL with single labels, 78.9 and 85.0 with label maps
(Yun et al. 2021). Measured, in points of ReaL accuracy over single labels: pooled +1.0, real +3.5, shown +4.2 (docs/relabel.md).
"""

from ml_collections import ConfigDict

from configs import compare_digits, train_digits_relabel


def get_config() -> ConfigDict:
    config = train_digits_relabel.get_config()
    comparison = compare_digits.get_config()
    config.program = "compare"
    config.select_split = ""  # nothing is chosen
    config.report = comparison.report  # a page for each of the runs
    config.losses = ("softmax",)  # those that are compared
    config.data = ("all", "real", "pooled", "shown")  # the first is what the others are compared with
    config.lengths = {
        "1536": config.steps,  # in length_in; lengths may have any names
    }
    config.length_in = "steps"  # or epochs, of the images that are there, or examples
    config.seeds = (
        comparison.seeds
    )  # of the initial parameters, the order and the crops; differences are paired by them
    config.clean = comparison.clean  # how the list of clean labels is made, where "clean" is among `data`
    config.jobs = comparison.jobs  # runs side by side, each on one core of the CPU; 0: one a core
    return config
