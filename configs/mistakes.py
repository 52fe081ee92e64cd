"""All mistakes of a model, with a first guess of what kind each is; and what people said of published mistakes.

    python main.py --config=configs/mistakes.py --config.predictions=FILE.npz --config.label_set=real \\
        --config.others='predictions/*.npz' --workdir=DIR
    python main.py --config=configs/mistakes.py --config.judged=vit3b_mistakes.json,greedy_soups_mistakes.json \\
        --workdir=DIR

Expected of the second (Vasudevan et al. 2022): 378 and 249 mistakes, 164 images in common, 143 with the same answer.
Measured, with --config.together=real, --config.groups=clusters.json and --config.others of 47 models: the category is
guessed as people said on 277 of ViT-3B's 378 mistakes, on which the rules were chosen, and on 54 of 85 others; always
answering "fine-grained" is right on 241 and 56. The guess is a place to begin, with its reason, and no judgment.
"""

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
    return ConfigDict(
        {
            "program": "mistakes",  # a file of imagenet_real/programs
            "predictions": "",  # of the model: a file, as score reads it
            "others": "",  # a path or glob of other models: where many agree a label may be missing, where few do a setting misleads
            "label_set": "multilabel",  # a published name, one that the images bring, or a FILE.json
            "judged": "",  # comma-separated: published mistake files, or those that the review page writes
            "confused": "",  # class_confusion_wnids.json: published pairs of classes, beside those of the first of judged
            "missed_by": 0,  # writes hard.json: images judged a major mistake that so many of judged and others miss; 0: none
            # What the category is guessed from.
            "hierarchy": "",  # lines "parent child" of wnids or class names; empty: labels_dir's wordnet_is_a.txt
            "groups": "",  # of confusable classes, JSON: [{"classes": {"72": NAME, ...}}, ...]
            "together": "",  # the label set that tells, in a reason, which classes stand side by side; empty: label_set
            "images": "",  # a dataset that brings label sets, such as tfds:digit_scenes
            "split": "validation",  # of a TFDS dataset, in its notation
            "tfds_dir": "",  # where TFDS datasets are prepared; empty: ~/tensorflow_datasets
            "labels_dir": "",  # where label files are looked for first
            "class_names": "",  # text, a name a line; empty: those of labels_dir's class_info.json, wnids, or class indices
            "format": "table",  # of what is printed: table, or json, a row a line
            "shown": 10,  # rows of each table
        }
    )
