"""The config.json of timm's repositories on the Hub: architecture and preprocessing of a set of weights."""

import math
from collections.abc import Mapping
from typing import Any

from imagenet_real.errors import InputError, nearest
from imagenet_real.models import catalog


def architecture(config: Mapping[str, Any], repository: str) -> str | None:
    """Returns the model of a repository; None if its config is not timm's. Raises InputError for an unknown model."""
    name = config.get("architecture")
    if not isinstance(name, str):
        return None
    if name not in catalog.models():
        raise InputError(
            f"{repository} is a {name}, which is not in the catalog: {nearest(name, list(catalog.models()))} "
            f"(write your own model as package.module:function)"
        )
    return name


def preprocessing(config: Mapping[str, Any], repository: str) -> dict[str, Any]:
    """Returns the fields of data.preprocess.Preprocessing that the config has; {} if it is not timm's."""
    published = config.get("pretrained_cfg")
    if not isinstance(published, dict):
        return {}
    try:
        size = int(published["input_size"][-1])
        crop_pct = float(published.get("crop_pct", 1.0))
        squashes = published.get("crop_mode") == "squash"
        if squashes and crop_pct != 1.0:
            raise InputError(
                f"{repository} squashes images to a larger square and crops it, which is not supported. Give --resize, "
                f"--crop, --interpolation, --mean and --std."
            )
        return {
            "resize": "squash" if squashes else math.floor(size / crop_pct),
            "crop": size,
            "interpolation": str(published["interpolation"]),
            "mean": tuple(map(float, published["mean"])),
            "std": tuple(map(float, published["std"])),
        }
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"the config.json of {repository} has no complete preprocessing ({error!r}). Name another revision of it."
        ) from None
