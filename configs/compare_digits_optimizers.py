"""AdamW, LAMB and Muon: ViT-Ti/16 from its published weights on digit scenes, with a small sweep of the learning rate.

    imagenet-real compare_digits_optimizers --workdir=DIR [--init=FILE]

Scenes of 48 pixels are enlarged to 80. Measured: the table in docs/training.md.
"""

from ml_collections import ConfigDict

from configs import compare_digits


def get_config() -> ConfigDict:
    config = compare_digits.get_config()
    config.model, config.init = "vit_tiny_patch16_224", "vit_tiny_patch16_224"
    config.resize, config.crop = 80, 80
    config.augmentation.crop, config.augmentation.min_area = "inception", 0.7
    config.losses, config.data, config.seeds = ("softmax",), ("real",), (0,)
    config.lengths = {
        "800": 800,  # in length_in
    }
    config.batch_size, config.weight_decay, config.warmup_steps = 32, 0.02, 50
    config.recipes = ("adamw 2e-4", "lamb 2e-3", "muon 2e-4", "adamw 5e-4", "lamb 5e-3", "muon 5e-4")
    config.recipe_changes = {
        "adamw 2e-4": {
            "optimizer": "adamw",  # with rates about that of fine-tuning
            "learning_rate": 2e-4,  # at its peak
        },
        "adamw 5e-4": {
            "optimizer": "adamw",  # as above
            "learning_rate": 5e-4,  # at its peak
        },
        "lamb 2e-3": {
            "optimizer": "lamb",  # whose rates are shares of the norm of a kernel
            "learning_rate": 2e-3,  # at its peak
        },
        "lamb 5e-3": {
            "optimizer": "lamb",  # as above
            "learning_rate": 5e-3,  # at its peak
        },
        "muon 2e-4": {
            "optimizer": "muon",  # with the rates of AdamW
            "learning_rate": 2e-4,  # at its peak
        },
        "muon 5e-4": {
            "optimizer": "muon",  # as above
            "learning_rate": 5e-4,  # at its peak
        },
    }
    config.jobs = 1
    return config
