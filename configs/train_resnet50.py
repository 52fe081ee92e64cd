"""ResNet-50 on ImageNet, by the later ResNet-50 recipe of the authors of "Are we done with ImageNet?".

    imagenet-real train_resnet50 --epochs=90|270|900 --loss=softmax|sigmoid \\
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

from ml_collections import ConfigDict

from configs import train_digits

BATCH_SIZE = 4096


def get_config() -> ConfigDict:
    config = train_digits.get_config()
    config.images = "tfds:imagenet2012"
    config.train_split, config.select_split = "train[:99%]", "train[99%:]"

    config.model, config.dtype = "resnet50", "bfloat16"
    config.resize, config.crop = 256, 224
    config.augmentation.crop, config.augmentation.shift, config.augmentation.flip = "inception", 0, True
    # The recipe uses the default of tf.image.sample_distorted_bounding_box.
    config.augmentation.min_area = 0.05

    config.batch_size, config.steps, config.epochs = BATCH_SIZE, 0, 90.0
    config.optimizer, config.learning_rate = "sgd", 0.1 * BATCH_SIZE / 256
    config.warmup_steps, config.weight_decay, config.clip_norm = 1000, 1e-4, 1.0

    config.eval_every, config.checkpoint_every = 5000, 1000
    config.workers, config.cache = 16, False
    config.ks = (1, 5)
    return config
