"""List the models, and every published set of weights of them: cost, input, published top-1 and ReaL accuracy.

    python main.py --config=configs/models.py [--config.models='resnet*,vit_b_16'] [--workdir=DIR]

With a --workdir it writes models.csv. Expected: parameters and GFLOPs as published, such as 25.56 M and 4.09 of resnet50.
"""

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
    return ConfigDict(
        {
            "program": "models",  # a file of imagenet_real/programs
            "models": "",  # comma-separated names or patterns; empty: all
            "format": "table",  # of what is printed: table, or json, a row a line
            "operations": True,  # count them, which takes minutes for all models
        }
    )
