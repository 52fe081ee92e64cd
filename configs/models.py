"""List the models and their published weights: cost, input, and published accuracy on six test sets.

    imagenet-real models [--models='resnet*,vit_b_16'] [--family=DINOv2] [--max_parameters=30] [--workdir=DIR]

A --workdir also gets models.csv. Expected: the published parameters and GFLOPs, such as 25.56 M and 4.09 for resnet50.
"""

from ml_collections import ConfigDict, config_dict


def get_config() -> ConfigDict:
    return ConfigDict(
        {
            "program": "models",  # a file of imagenet_real/programs
            "models": "",  # comma-separated names or patterns; empty: all
            "format": "table",  # of the output: table, or json, one row per line
            "operations": True,  # list GFLOPs
            "family": "",  # comma-separated, such as ViT, CLIP, ConvNeXt V2; empty: all
            "max_parameters": config_dict.placeholder(float),  # millions
            "max_operations": config_dict.placeholder(float),  # billions of multiply-adds
            "min_top1": 0.0,  # percent under the original labels; weights without a published accuracy have 0
            "min_real": 0.0,  # percent under ReaL
        }
    )
