"""A small residual net on digit scenes: one run of the softmax/sigmoid x all/clean comparison.

    python main.py --config=configs/train_digits.py --config.loss=sigmoid [--config.clean_list=FILE] --workdir=DIR

What each choice of loss and labels gives is measured by configs/compare_digits.py; docs/digit_scenes.md describes the
images.
"""

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
    return ConfigDict(
        {
            "program": "train",
            # Images and what is right for them.
            "images": "tfds:digit_scenes",  # or a folder with one folder a class, or a tar of such
            "tfds_dir": "",
            "train_split": "train[:7000]",
            "select_split": "train[7000:]",  # what choices may be made by; empty: nothing is
            "split": "validation",  # only reports
            "validation_images": "",  # where the images of `split` are, if elsewhere
            "train_labels": "original",  # a label set that the images bring; shown: the digits in each crop of digit scenes
            "clean_list": "",  # train on the images of this list alone
            "label_maps": "",  # a folder of label maps (configs/relabel.py): crops have the labels of what they show
            "label_pooling": {"unlisted": "zero", "activation": "softmax"},  # see data.label_pooling.Pooling
            # The model and its input.
            "model": "resnet_digits",
            "dtype": "float32",  # of the computation; parameters are float32 always
            "resize": 0,
            "crop": 48,
            "interpolation": "bilinear",
            "mean": (0.5, 0.5, 0.5),
            "std": (0.5, 0.5, 0.5),
            # The loss and its targets.
            "loss": "softmax",  # or sigmoid
            "augmentation": {
                "crop": "shift",  # or inception, for images of any size
                "shift": 5,
                "min_area": 0.08,  # of an inception crop
                "flip": False,
                "smoothing": 0.0,
                "mixup": 0.0,
                "cutmix": 0.0,
            },
            # The length; exactly one of steps, epochs and examples is not 0.
            "batch_size": 128,
            "steps": 768,
            "epochs": 0.0,
            "examples": 0,
            # The optimizer.
            "optimizer": "adamw",  # or sgd, or adamp
            "learning_rate": 1.5e-2,
            "schedule": "cosine",  # or step
            "warmup_steps": 50,
            "decay_at": (),  # shares of the run, for schedule "step"
            "weight_decay": 1e-2,
            "momentum": 0.9,  # of sgd
            "nesterov": False,  # of sgd and adamp
            "beta2": 0.95,  # of adamw and adamp; 0.999 would remember the first gradients for longer than a short run lasts
            "clip_norm": 1.0,
            "average_decay": 0.0,  # of the moving average of the parameters; 0: none
            "seed": 0,  # of the initial parameters, the order and the crops
            # How it runs; a run may be continued with others.
            "eval_every": 0,  # steps; at the end always
            "checkpoint_every": 250,
            "log_every": 50,
            "workers": 0,  # processes that decode; 0: threads
            "cache": True,  # keep decoded images in memory
            "distributed": "none",  # several processes: auto, or HOST:PORT,COUNT,ID (docs/pods.md)
            "model_devices": 1,  # devices that share the parameters and activations of each layer
            "fsdp": False,  # parameters and the optimizer's state divided over all devices, gathered when used
            "remat": False,  # compute activations again in the backward pass, instead of keeping them
            "accumulate": 1,  # parts of a batch that each device takes one after the other
            # What is reported.
            "label_sets": "",  # empty: all that the images have
            "labels_dir": "",
            "ks": (1,),
            "report": True,  # write report.html, and its plots as PNG and SVG
            "class_names": "",  # a text file, a name a line; empty: the dataset's or ImageNet's, or class indices
        }
    )
