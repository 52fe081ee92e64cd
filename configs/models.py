"""List the models and their published weights: cost, input, published top-1 and ReaL accuracy.

    imagenet-real models [--models='resnet*,vit_b_16'] [--workdir=DIR]

A --workdir also gets models.csv. Expected: the published parameters and GFLOPs, such as 25.56 M and 4.09 for resnet50.
"""

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
    return ConfigDict(
        {
            "program": "models",  # a file of imagenet_real/programs
            "models": "",  # comma-separated names or patterns; empty: all
            "format": "table",  # of the output: table, or json, one row per line
            "operations": True,  # count GFLOPs, which takes minutes for all models
        }
    )
