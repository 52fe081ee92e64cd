"""A folder of small pictures in three classes, some labels of which are wrong, and commands that train on it."""

import json
import os
import re

import numpy as np
from PIL import Image

from tests import commands

COLORS = {"blue": (40, 40, 200), "green": (40, 200, 40), "red": (200, 40, 40)}
SIZE = 12
PROGRESS = re.compile(r": [\d,]+ of [\d,]+ (images|steps|epochs)\b|images in batches of")  # a line of it in a log


def write_images(root, per_class=20, wrong=(), classes=tuple(COLORS)):
    """PNGs of noisy color, one folder per class; those of `wrong`, (class, number), show the next color."""
    random = np.random.default_rng(0)
    colors = list(COLORS.values())
    for index, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for number in range(per_class):
            color = colors[(index + ((name, number) in wrong)) % 3]
            pixels = np.clip(np.array(color) + random.normal(0, 25, (SIZE, SIZE, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / name / f"{number:03d}.png")
    return root


def arguments(images, workdir, config="train_digits", **fields):
    fields = {
        "images": images,
        "validation_images": images,
        "select_split": "",
        "model": "tiny",
        "crop": SIZE,
        "augmentation.shift": 1,
        "batch_size": 8,
        "steps": 12,
        "warmup_steps": 2,
        "log_every": 5,
        "checkpoint_every": 4,
        "report": False,
    } | fields
    return [
        f"--config=configs/{config}.py",
        f"--workdir={workdir}",
        *(f"--config.{name}={value}" for name, value in fields.items() if value is not None),
    ]


def start(images, workdir, *, devices=1, before=None, **fields):
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={devices} --xla_cpu_multi_thread_eigen=false"
    environment = {**os.environ, "XLA_FLAGS": flags}
    options = {"module": "tests.programs.tiny_model", "env": environment, "before": before}
    return commands.Command(arguments(images, workdir, **fields), **options)


def run(*positional, **named):
    """The exit code, what went to stdout, and the lines of stderr."""
    process = start(*positional, **named)
    out, error = process.communicate(timeout=300)
    return process.returncode, out, error


def metrics(workdir):
    return [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
