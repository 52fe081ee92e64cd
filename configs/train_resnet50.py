"""ResNet-50 on ImageNet, by the later ResNet-50 recipe of the authors of "Are we done with ImageNet?".

    imagenet-real train_resnet50 --epochs=90|270|900 --loss=softmax|sigmoid \
        [--clean_list=fnames_clean.txt] --images=tfds:imagenet2012 --workdir=DIR

The paper's own hyperparameters are not available. This is big_vision's configs/bit_i1k.py: batch 4096, SGD with momentum
0.9, a rate of 0.1 for every 256 images, 1,000 warm-up steps and cosine decay, gradients clipped to a norm of 1, Inception
crops and flips. Three things differ. Images are resized with antialiasing. The net is ResNet v1.5 with batch norm
instead of ResNet v2 with group norm and weight standardization. The weight decay of 1e-4 is added to the gradient: at
the peak rate, a kernel loses the share 1.6 * 1e-4 / (1 - 0.9) a step, as with big_vision's separate decay.

`train[:99%]` is for training, `train[99%:]` for model selection, validation for the report alone. Scale `learning_rate`
with the batch size.

Published: sigmoid loss and clean labels each help, and most together and on long schedules (Beyer et al. 2020,
section 6). Measured: not yet run.
"""

from ml_collections import ConfigDict, config_dict

BATCH_SIZE = 4096


def get_config() -> ConfigDict:
    return ConfigDict(
        {
            "program": "train",  # a file of imagenet_real/programs
            # The images and their labels.
            "images": "tfds:imagenet2012",  # tfds:NAME, or a folder with one folder per class, or a tar of such
            "tfds_dir": "",  # where TFDS datasets are prepared; empty: ~/tensorflow_datasets
            "train_split": "train[:99%]",  # in TFDS's notation
            "select_split": "train[99%:]",  # used for model selection and curves; empty disables it
            "select_fraction": 0.0,  # instead of select_split: this share of the training images of each class
            "report_checkpoint": "last",  # what is reported on: the last, or the best by `select_split`
            "split": "validation",  # scored at the end, never used for a choice
            "validation_images": "",  # the images of `split`, if they are in another place
            "class_map": "",  # JSON or CSV: folder or class name -> class index, wnid or name
            # A label set of the images, or FILE.json or FILE.csv, such as labels.json of review. shown: the digits in each
            # crop of digit scenes.
            "train_labels": "original",
            "clean_list": "",  # a file of image ids: trains on these images alone
            # A file of classes and probabilities of each image: MultiLabel-ImageNet's TSV, Parquet, or a label set in JSON.
            "soft_labels": "",  # the target of a class is the larger of its probability and that of `train_labels`
            "label_maps": "",  # a folder of label maps (configs/relabel.py): each crop has its own labels
            "label_pooling": {
                "unlisted": "zero",  # the score of a class that a place does not list: zero, lowest or never
                "activation": "softmax",  # softmax; sigmoid for annotators with a sigmoid loss
            },
            # The model and its input.
            # A model of configs/models.py, or package.module:function; resnet_digits is a small net for digit scenes.
            "model": "resnet50",
            "dtype": "bfloat16",  # of the computation: float32 or bfloat16; parameters are always float32
            "drop_path": 0.0,  # probability that training leaves out the last block; grows from 0 in the first one
            "drop_path_uniform": False,  # every block has this probability, as in DeiT III
            "resize": 256,  # short side in pixels before the central crop of evaluation; 0: crop only
            "crop": 224,  # side in pixels of the input of the model
            "interpolation": "bilinear",  # bicubic or bilinear
            "mean": (0.5, 0.5, 0.5),  # of RGB in [0, 1]
            "std": (0.5, 0.5, 0.5),  # of RGB in [0, 1]
            "exif": "ignore",  # ignore or apply the orientation in the files; torchvision ignores it
            # Where the parameters begin, and which of them learn.
            "init": "",  # a model of configs/models.py, hf_hub:ORG/NAME, a file of weights, or the workdir of a run; empty: at random
            "new_head": False,  # the head starts at random, also if it has the right number of classes
            "freeze": "",  # comma-separated: parameters or modules that stay as they are, such as blocks.0; backbone: all but the head
            "layer_decay": 1.0,  # of the learning rate, from each block to the one before it
            # The loss and its targets.
            "loss": "softmax",  # softmax or sigmoid
            "augmentation": {
                "crop": "inception",  # shift, for images of the size of the crop; or inception
                "shift": 0,  # at most, in pixels to each side
                "min_area": 0.05,  # of an inception crop, as a share of the image
                "flip": True,  # mirrors half of the images, at random
                "smoothing": 0.0,  # of the targets
                "mixup": 0.0,  # alpha; 0 disables it
                "cutmix": 0.0,  # alpha; 0 disables it
                "mixed": 1.0,  # share of the run, from its start, that mixes images
                # Of two mixed images, one with a larger share than this counts in full; not given: both by their shares.
                "target_threshold": config_dict.placeholder(float),
                "mix_probability": 1.0,  # of mixing a batch
                "switch_probability": 0.5,  # of CutMix instead of mixup, where both are on
                "repeats": 1,  # uses of an image in a row; with 3, an epoch shows a third of the images, three times each
                "jitter": 0.0,  # of brightness, contrast and saturation
                "jitter_on": "tensor",  # tensor; or pillow, which rounds after each change
                "lighting": 0.0,  # standard deviation, along the principal components of colors
                "three_augment": False,  # grays, solarizes or blurs each image, as DeiT III
                # Random operations, such as rotations: timm's rand-m7-mstd0.5-inc1 is library timm, magnitude 7,
                # deviation 0.5, increasing.
                "randaugment": {
                    "library": "none",  # none, timm or big_vision
                    "operations": 2,  # of each image
                    "magnitude": 10.0,  # 0 to 10
                    "deviation": 0.0,  # of the magnitude, normal; above 100, it is uniform; timm's alone, as the next three
                    "maximum": 10.0,  # of the magnitude
                    "increasing": False,  # all operations grow stronger with the magnitude
                    "probability": 0.5,  # of each operation
                },
                # Rectangles of a color, or of noise, at random.
                "erasing": {
                    "probability": 0.0,  # of erasing, in an image
                    "mode": "const",  # const: the mean color; rand: a random color; pixel: noise
                    "count": 1,  # rectangles, at most
                    "min_area": 0.02,  # as a share of the image
                    "max_area": 1 / 3,  # of all rectangles
                },
            },
            # The length: one of steps, epochs and examples. One on the command line replaces the one here.
            "batch_size": BATCH_SIZE,  # of all devices together
            "steps": 0,  # batches
            "epochs": 90.0,  # passes over all images
            "examples": 0,  # images, counted at each use
            # The optimizer.
            "optimizer": "sgd",  # adamw, sgd, adamp, lamb, lion, muon or schedule_free_adamw
            "learning_rate": 0.1 * BATCH_SIZE / 256,  # at its peak
            "schedule": "cosine",  # cosine, step, constant, or wsd, whose runs can be made longer
            "decay_share": 0.2,  # of the run, at its end: the learning rate falls there with schedule "wsd"
            "warmup_steps": 1000,  # the learning rate rises from 0
            "decay_at": (),  # shares of the run, for schedule "step"
            "weight_decay": 0.0001,  # of kernels; norms and biases do not decay
            "momentum": 0.9,  # of sgd and muon
            "momentum_dtype": "float32",  # of the first moments: float32 or bfloat16, for adamw, sgd, lion and muon
            "nesterov": False,  # of sgd and adamp
            "beta2": 0.95,  # of every optimizer but sgd; 0.999 would remember the first gradients for longer than a short run
            "clip_norm": 1.0,  # the largest norm of a gradient; 0 disables clipping
            "average_decay": 0.0,  # of the moving average of the parameters; 0 disables it
            "seed": 0,  # of the initial parameters, the order and the crops
            # How it runs. A run may continue with other values.
            "eval_every": 5000,  # steps between evaluations on the images for selection; 0: only at the end
            "checkpoint_every": 1000,  # steps
            "log_every": 50,  # steps
            "workers": 16,  # processes that decode; 0 uses threads
            "max_unreadable": 0,  # up to so many images that cannot be read are replaced or skipped, and listed
            "cache": False,  # keeps decoded images in memory
            "distributed": "none",  # or for several processes: auto, or HOST:PORT,COUNT,ID (docs/pods.md)
            "model_devices": 1,  # devices that share the parameters and activations of each layer
            "fsdp": False,  # divides parameters and the optimizer's state over all devices
            "remat": False,  # computes activations again in the backward pass, to save memory
            "accumulate": 1,  # parts of a batch that each device takes in turn, to save memory
            # A test of the recipe on synthetic images: 20 steps, and what the whole run would need.
            "smoke": False,
            "smoke_batch_size": 8,  # images of a batch of the test
            # The report.
            "label_sets": "",  # comma-separated; empty: all label sets of the images
            "save_scores": False,  # saves the scores of all classes, which mean average precision needs
            "labels_dir": "",  # the first folder to search for label files
            "export": "",  # files for other tools, comma-separated: per_image.csv, per_image.parquet, cleanlab, tensorboard, timm, safetensors
            "trackers": "",  # comma-separated, where the metrics also go: wandb, mlflow, trackio
            "format": "table",  # of the printed results: table, or json with one row a line
            "ks": (1, 5),  # top-k: right if one of the k best predictions is right
            "report": True,  # writes report.html, and its plots as PNG and SVG
            "class_names": "",  # a text file with one name a line; empty: names of the dataset or ImageNet, or class indices
        }
    )
