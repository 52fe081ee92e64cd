"""A small residual net on digit scenes: one run of the softmax/sigmoid x all/clean comparison.

    python main.py --config=configs/train_digits.py --config.loss=sigmoid [--config.clean_list=FILE] --workdir=DIR

What each choice of loss and labels gives is measured by configs/compare_digits.py; docs/digit_scenes.md describes the
images.
"""

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
    return ConfigDict(
        {
            "program": "train",  # a file of imagenet_real/programs
            # Images and what is right for them.
            "images": "tfds:digit_scenes",  # tfds:NAME, or a folder with one folder a class, or a tar of such
            "tfds_dir": "",  # where TFDS datasets are prepared; empty: ~/tensorflow_datasets
            "train_split": "train[:7000]",  # in TFDS's notation
            "select_split": "train[7000:]",  # what choices may be made by; empty: none are made
            "report_checkpoint": "last",  # what is reported on: the last, or the best by `select_split`
            "split": "validation",  # only reports
            "validation_images": "",  # where the images of `split` are, if elsewhere
            "train_labels": "original",  # a label set that the images bring; shown: the digits in each crop of digit scenes
            "clean_list": "",  # train on the images of this list alone
            "label_maps": "",  # a folder of label maps (configs/relabel.py): crops have the labels of what they show
            "label_pooling": {
                "unlisted": "zero",  # what a class counts that a place does not list: zero, lowest or never
                "activation": "softmax",  # softmax, or sigmoid for annotators that were trained with a sigmoid loss
            },
            # The model and its input.
            "model": "resnet_digits",  # of configs/models.py, or resnet_digits, a small net for digit scenes
            "dtype": "float32",  # of the computation; parameters are float32 always
            "resize": 0,  # short side in pixels before the central crop of evaluation; 0: crop only
            "crop": 48,  # side in pixels of what the model sees
            "interpolation": "bilinear",  # bicubic or bilinear
            "mean": (0.5, 0.5, 0.5),  # of RGB in [0, 1]
            "std": (0.5, 0.5, 0.5),  # likewise
            # The loss and its targets.
            "loss": "softmax",  # softmax or sigmoid
            "augmentation": {
                "crop": "shift",  # shift, for images of the size of the crop, or inception
                "shift": 5,  # pixels, at most, to each side
                "min_area": 0.08,  # of an inception crop, as a share of the image
                "flip": False,  # by chance, for images whose mirror image means the same
                "smoothing": 0.0,  # of the targets
                "mixup": 0.0,  # its alpha; 0: never
                "cutmix": 0.0,  # its alpha; 0: never
                "mixed": 1.0,  # the share of the run, from its beginning, in which images are mixed
                "jitter": 0.0,  # of brightness, contrast and saturation
                "lighting": 0.0,  # standard deviation, along the principal components of colors
            },
            # The length: steps, epochs or examples; one on the command line replaces the one here.
            "batch_size": 128,  # over all devices
            "steps": 768,  # batches
            "epochs": 0.0,  # times that all images are seen
            "examples": 0,  # images that are seen, each as often as it comes
            # The optimizer.
            "optimizer": "adamw",  # adamw, sgd or adamp
            "learning_rate": 1.5e-2,  # the highest
            "schedule": "cosine",  # cosine or step
            "warmup_steps": 50,  # in which the learning rate rises from 0
            "decay_at": (),  # shares of the run, for schedule "step"
            "weight_decay": 1e-2,  # of kernels; norms and biases do not decay
            "momentum": 0.9,  # of sgd
            "nesterov": False,  # of sgd and adamp
            "beta2": 0.95,  # of adamw and adamp; 0.999 would remember the first gradients for longer than a short run lasts
            "clip_norm": 1.0,  # what longer gradients are shortened to; 0: none are
            "average_decay": 0.0,  # of the moving average of the parameters; 0: none
            "seed": 0,  # of the initial parameters, the order and the crops
            # How it runs; a run may be continued with others.
            "eval_every": 0,  # steps; at the end always
            "checkpoint_every": 250,  # steps
            "log_every": 50,  # steps
            "workers": 0,  # processes that decode; 0: threads
            "cache": True,  # keep decoded images in memory
            "distributed": "none",  # several processes: auto, or HOST:PORT,COUNT,ID (docs/pods.md)
            "model_devices": 1,  # devices that share the parameters and activations of each layer
            "fsdp": False,  # parameters and the optimizer's state divided over all devices, gathered when used
            "remat": False,  # compute activations again in the backward pass, instead of keeping them
            "accumulate": 1,  # parts of a batch that each device takes one after the other
            # What is reported.
            "label_sets": "",  # comma-separated; empty: all that the images have
            "labels_dir": "",  # where label files are looked for first
            "export": "",  # comma-separated, for other tools: per_image.csv, per_image.parquet, cleanlab, tensorboard, timm
            "format": "table",  # of what is printed: table, or json, a row a line
            "ks": (1,),  # right if one of the k best answers is right
            "report": True,  # write report.html, and its plots as PNG and SVG
            "class_names": "",  # a text file, a name a line; empty: the dataset's or ImageNet's, or class indices
        }
    )
