"""AdamW, LAMB and Muon: ViT-Ti/16 from its published weights on digit scenes, with a small sweep of the learning rate.

    imagenet-real compare_digits_optimizers --workdir=DIR [--init=FILE]

Scenes of 48 pixels are enlarged to 80. Measured: the table in docs/training.md.
"""

from ml_collections import ConfigDict

from configs import compare_digits

LEARNING_RATES = {"adamw": (2e-4, 5e-4), "lamb": (2e-3, 5e-3), "muon": (2e-4, 5e-4)}


def get_config() -> ConfigDict:
    config = compare_digits.get_config()
    config.model, config.init = "vit_tiny_patch16_224", "vit_tiny_patch16_224"
    config.resize, config.crop = 80, 80
    config.augmentation.crop, config.augmentation.min_area = "inception", 0.7
    config.losses, config.data, config.seeds = ("softmax",), ("real",), (0,)
    config.lengths = {"800": 800}
    config.batch_size, config.weight_decay, config.warmup_steps = 32, 0.02, 50
    config.recipe_changes = {
        f"{optimizer} {rates[turn]:.0e}": {"optimizer": optimizer, "learning_rate": rates[turn]}
        for turn in (0, 1)
        for optimizer, rates in LEARNING_RATES.items()
    }
    config.recipes = tuple(config.recipe_changes)
    config.jobs = 1
    return config
