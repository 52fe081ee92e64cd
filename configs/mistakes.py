"""Lists all mistakes of a model with a first guess of their kind, and summarizes mistakes that people judged.

    imagenet-real mistakes --predictions=FILE.npz --label_set=real \\
        --others='predictions/*.npz' --workdir=DIR
    imagenet-real mistakes --weights=RUN --model=NAME --images=FOLDER --workdir=DIR
    imagenet-real mistakes --judged=vit3b_mistakes.json,greedy_soups_mistakes.json \\
        --workdir=DIR

Expected of the last (Vasudevan et al. 2022): 378 and 249 mistakes, 164 images in common, 143 with the same
prediction. Measured with --together=real, --groups=clusters.json and --others of 47 models: the
guess is right on 277 of ViT-3B's 378 mistakes, on which the rules were chosen, and on 54 of 85 others. The guess
"fine-grained" alone is right on 241 and 56. A guess is a start for people, and no judgment.
"""

from ml_collections import ConfigDict

from configs import evaluate

# Fields of evaluate that predict the images with a model.
MODEL = ("model", "weights", "report_checkpoint", "dtype", "batch_size", "workers", "model_devices")
MODEL += ("resize", "crop", "interpolation", "mean", "std", "exif", "skip_unreadable", "max_unreadable")
MODEL += ("class_map", "image_labels")


def get_config() -> ConfigDict:
    model = evaluate.get_config()
    config = ConfigDict(
        {
            "program": "mistakes",  # a file of imagenet_real/programs
            "predictions": "",  # file of the model, as score reads it, or workdir of evaluate or train; empty: `weights` predict
            "others": "",  # path or glob of other models; if many agree, a label may be missing
            "label_set": "",  # a published name, FOLDER, or FILE.json; empty: the best of images, or ImageNet's multilabel
            "judged": "",  # comma-separated files of judged mistakes: published, or of the review page
            "confused": "",  # class_confusion_wnids.json: published pairs of classes, compared with judged's first file
            "missed_by": 0,  # writes hard.json: images with a major mistake that this many models miss; 0: no file
            # The guess of the category.
            "hierarchy": "",  # lines "parent child" of wnids or class names; empty: labels_dir's wordnet_is_a.txt
            "groups": "",  # confusable classes, JSON: [{"classes": {"72": NAME, ...}}, ...]
            "together": "",  # label set that counts, for the reason, which classes occur together; empty: label_set
            "images": "",  # FOLDER with one folder a class, FILE.tar or tfds:NAME: brings labels and class names
            "split": "validation",  # of a TFDS dataset, in the notation of TFDS
            "tfds_dir": "",  # folder of prepared TFDS datasets; empty: ~/tensorflow_datasets
            "labels_dir": "",  # first folder in which label files are looked for
            "class_names": "",  # text, one name a line; empty: labels_dir's class_info.json, or the dataset's names
            "format": "table",  # of the printed text: table, or json with one row a line
            "shown": 10,  # rows of each printed table
        }
    )
    for name in MODEL:
        config[name] = model.get_ref(name)
    return config
