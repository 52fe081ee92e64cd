"""Models propose labels for each image, and rating tasks are made of them.

    python main.py --config=configs/propose.py --config.predictions='predictions/*.npz' --config.gold=real \\
        --config.models=6 --workdir=DIR

Published (Beyer et al. 2020, section 3.1): of 19 models a subset of 6 proposes 7.4 labels an image, with a recall of
97.1 % and a precision of 28.3 % on 256 images that experts labelled; 24,889 images are left to rate, in 37,988 tasks.
Measured with 47 older models: see README.md.
"""

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
    return ConfigDict(
        {
            "program": "propose",  # a file of imagenet_real/programs
            "predictions": "",  # a path or glob of files, as score reads them
            # What models are chosen by and gold questions made of; without it all models propose, and no question is gold.
            "gold": "",  # a label set known to be right, or experts' votes
            "gold_images": 256,  # drawn from it; 0: all
            "gold_seed": 0,  # of the drawing
            "gold_share": 0.6,  # of experts, from which on a class is right: 3 of 5
            "original": "original",  # what the images are labelled with now: a name of a label set, or FILE.json
            "images": "",  # a dataset that brings label sets, such as tfds:digit_scenes
            "split": "validation",  # of a TFDS dataset, in its notation
            "tfds_dir": "",  # where TFDS datasets are prepared; empty: ~/tensorflow_datasets
            "labels_dir": "",  # where label files are looked for first
            # What a model proposes.
            "ranking": "image",  # the k best classes of each image; or global: the highest scores over all images
            "k": 5,  # classes that each model proposes, in a ranking of each image
            "highest": 150_000,  # scores of a model, beside the best class of each image, in a global ranking
            # Which models propose: of the subsets with this recall the one of the highest precision.
            "models": 0,  # so many; 0: any number
            "min_recall": 0.97,  # of the right classes of the gold images
            "add_original": True,  # the original label is always asked about
            # The tasks.
            "labels_per_task": 8,  # at most
            "raters_per_task": 5,  # who answer each task
            "raters": 0,  # who share the tasks; 0: whoever comes
            "seed": 0,  # of the order of tasks and who gets which
            "hierarchy": "",  # lines "parent child" of wnids or class names; empty: labels_dir's wordnet_is_a.txt
            "class_names": "",  # text, a name a line; empty: the images' own, or wnids
            "format": "table",  # of what is printed: table, or json, a row a line
            "image_url": "/data/local-files/?d={image_id}.JPEG",  # where Label Studio finds an image
        }
    )
