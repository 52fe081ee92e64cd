"""Lists all mistakes of a model with a first guess of their kind, and summarizes mistakes that people judged.

    imagenet-real mistakes --predictions=FILE.npz --label_set=real \\
        --others='predictions/*.npz' --workdir=DIR
    imagenet-real mistakes --weights=RUN --images=FOLDER --workdir=DIR
    imagenet-real mistakes --judged=vit3b_mistakes.json,greedy_soups_mistakes.json \\
        --workdir=DIR

Expected of the last (Vasudevan et al. 2022): 378 and 249 mistakes, 164 images in common, 143 with the same
prediction. Measured with --together=real, --groups=clusters.json and --others of 47 models: the
guess is right on 277 of ViT-3B's 378 mistakes, on which the rules were chosen, and on 54 of 85 others. The guess
"fine-grained" alone is right on 241 and 56. A guess is a start for people, and no judgment.
"""

from ml_collections import ConfigDict

from configs import evaluate

# Fields of evaluate that are about its results; the others are about the model that predicts the images.
RESULTS = (
    "label_sets",
    "slices",
    "slice_pairs",
    "export",
    "reference",
    "ks",
    "report",
    "repair",
    "save_scores",
    "distributed",
)


def get_config() -> ConfigDict:
    config = evaluate.get_config()
    for name in RESULTS:
        del config[name]
    config.program = "mistakes"  # a file of imagenet_real/programs
    config.predictions = (
        ""  # file of the model, as score reads it, or workdir of evaluate or train; empty: `weights` predict
    )
    config.others = ""  # path or glob of other models; if many agree, a label may be missing
    config.label_set = ""  # a published name, FOLDER, or FILE.json; empty: the best of images, or ImageNet's multilabel
    config.judged = ""  # comma-separated files of judged mistakes: published, or of the review page
    config.confused = ""  # class_confusion_wnids.json: published pairs of classes, compared with judged's first file
    config.missed_by = 0  # writes hard.json: images with a major mistake that this many models miss; 0: no file
    # The guess of the category.
    config.hierarchy = ""  # lines "parent child" of wnids or class names; empty: labels_dir's wordnet_is_a.txt
    config.groups = ""  # confusable classes, JSON: [{"classes": {"72": NAME, ...}}, ...]
    config.together = ""  # label set that counts, for the reason, which classes occur together; empty: label_set
    config.images = ""  # FOLDER with one folder per class, FILE.tar or tfds:NAME: brings labels and class names
    config.split = "validation"  # of a TFDS dataset, in the notation of TFDS
    config.tfds_dir = ""  # folder of prepared TFDS datasets; empty: ~/tensorflow_datasets
    config.labels_dir = ""  # first folder in which label files are looked for
    config.class_names = ""  # text, one name a line; empty: labels_dir's class_info.json, or the dataset's names
    config.format = "table"  # of the printed text: table, or json with one row a line
    config.shown = 10  # rows of each printed table
    return config
