"""Makes rating tasks of the labels that models propose for each image.

    imagenet-real propose --predictions='predictions/*.npz' --gold=real \\
        --models=6 --workdir=DIR

Published (Beyer et al. 2020, section 3.1): a subset of 6 of 19 models proposes 7.4 labels an image. Its recall is
97.1 % and its precision 28.3 % on 256 images with experts' labels. It leaves 24,889 images to rate, in 37,988 tasks.
Measured with 47 older models: see README.md.
"""

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
    return ConfigDict(
        {
            "program": "propose",  # a file of imagenet_real/programs
            "predictions": "",  # path or glob of files, as score reads them
            # Gold: it chooses the models and makes the gold questions. Without gold all models propose.
            "gold": "",  # a correct label set, or experts' votes
            "gold_images": 256,  # most images drawn from gold; 0: all
            "gold_seed": 0,  # of the draw
            "gold_share": 0.6,  # a class is right if at least this share of the experts says yes: 3 of 5
            "original": "original",  # the labels that the images have now: name of a label set, FOLDER or FILE.json
            "images": "",  # FOLDER with one folder per class, FILE.tar or tfds:NAME: brings labels, class names and files
            "split": "validation",  # of a TFDS dataset, in the notation of TFDS
            "tfds_dir": "",  # folder of prepared TFDS datasets; empty: ~/tensorflow_datasets
            "labels_dir": "",  # first folder in which label files are looked for
            # The proposals of a model.
            "ranking": "image",  # image: the k best classes of each image; global: the highest scores over all images
            "k": 5,  # number of classes of each image, for ranking=image
            "highest": 150_000,  # scores of a model, for ranking=global; the best class of each image comes too
            # The models: of all subsets with this recall, the one of the highest precision proposes.
            "models": 0,  # number of models; 0: any
            "min_recall": 0.97,  # least recall of the right classes of gold images
            "add_original": True,  # the original label is always a proposal
            # The tasks.
            "labels_per_task": 8,  # most labels of a task
            "raters_per_task": 5,  # number of raters of each task
            "raters": 0,  # number of raters who share the tasks; 0: any rater may take any task
            "seed": 0,  # of the order of the tasks and the assignments
            "hierarchy": "",  # lines "parent child" of wnids or class names; empty: labels_dir's wordnet_is_a.txt
            "class_names": "",  # text, one name a line; empty: the folders of images, or ImageNet's wnids
            "format": "table",  # of the printed text: table, or json with one row a line
            "image_url": "/data/local-files/?d={path}",  # address of an image in Label Studio; {path} is below images
        }
    )
