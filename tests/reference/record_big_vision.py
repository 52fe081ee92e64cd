"""Records what big_vision's operations of RandAugment make of a picture, for tests/data/test_randaugment.py.

    python -m tests.reference.record_big_vision autoaugment.py

autoaugment.py is big_vision/pp/autoaugment.py of github.com/google-research/big_vision at 538b8a8, the last version before
contrast changed. It needs TensorFlow Addons, so run this with Python 3.11, tensorflow-cpu 2.15.1, tensorflow-addons 0.23
and numpy 1.23.5, which converts a threshold of 256 to a byte as the versions of that time did. tf.data runs graphs, and
so does this.
"""

import importlib.util
import inspect
import pathlib
import sys

import numpy as np
import tensorflow as tf

from tests.data.pictures import textured

RESULT = pathlib.Path(__file__).parents[1] / "data" / "randaugment_big_vision.npz"
MAGNITUDES = (0.0, 2.5, 5.0, 7.5, 10.0)
CONSTANTS = {"cutout": 40, "translate_const": 100}  # of `distort_image_with_randaugment`
NUMBERS = (0.25, 0.75), 0.7  # the two directions, or heights of the center of a cutout; its width


def argument(name: str, level: float, sign: int) -> tuple:
    """What `level_to_arg` of the file makes of a level, with the sign chosen instead of drawn."""
    share = level / 10
    if name in ("Color", "Contrast", "Brightness", "Sharpness"):
        return (share * 1.8 + 0.1,)
    whole = {"Posterize": 4, "Solarize": 256, "SolarizeAdd": 110, "Cutout": CONSTANTS["cutout"]}
    if name in whole:
        return (int(share * whole[name]),)
    signed = {"Rotate": 30.0, "ShearX": 0.3, "ShearY": 0.3, "TranslateX": 100.0, "TranslateY": 100.0}
    return (tf.constant(sign * (share * signed[name]), tf.float32),) if name in signed else ()


def main(path: str) -> None:
    spec = importlib.util.spec_from_file_location("autoaugment", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    image = textured(0, 20, 26)
    recorded = {"image": image}
    for name, function in module.NAME_TO_FUNC.items():
        for magnitude in MAGNITUDES:
            for direction, number in enumerate(NUMBERS[0]):
                if direction and name not in ("Rotate", "ShearX", "ShearY", "TranslateX", "TranslateY", "Cutout"):
                    continue
                values = argument(name, magnitude, 1 if number >= 0.5 else -1)
                if "replace" in inspect.signature(function).parameters:
                    values = (*values, [128] * 3)
                center = [int(number * image.shape[0]), int(NUMBERS[1] * image.shape[1])]
                draws = iter([tf.constant(place) for place in center])
                module.tf.random_uniform = lambda *_, draws=draws, **__: next(draws)

                @tf.function
                def run(pixels, function=function, values=values):
                    return function(pixels, *values)

                recorded[f"{name} {magnitude:g} {direction}"] = run(tf.constant(image)).numpy()
    np.savez_compressed(RESULT, **recorded)
    print(f"wrote {RESULT}: {len(recorded)} arrays, {RESULT.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(sys.argv[1])
