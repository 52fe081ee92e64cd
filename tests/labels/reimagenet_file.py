"""A synthetic file with ReImageNet's schema, and the rule of its authors as a plain loop.

python -m tests.labels.reimagenet_file FOLDER 0 50000    # seed, images: writes both files for a try by hand
"""

import json
import pathlib
import sys

import numpy as np

from imagenet_real.labels import imagenet

PAIRS = [[638, 639], [620, 681], [836, 837], [664, 782], [482, 848], [435, 876], [657, 744], [248, 249], [249, 250]]
FLAGS = ("crowd_flag", "reflected_flag", "rendition_flag", "ocr_needed_flag")


def entries(seed: int, images: int) -> list[dict]:
    """Lines for some of the first `images` validation images, in a random order and with repeated lines."""
    random = np.random.default_rng(seed)
    equivalent = {label: [other for other in pair if other != label] for pair in PAIRS for label in pair}
    lines = []
    for index in range(images):
        if random.random() < 0.02:
            continue  # missing images
        name, original = str(imagenet.validation_ids()[index]), int(imagenet.validation_labels()[index])
        labels = [original] if random.random() < 0.85 else []
        labels += random.integers(0, 1000, random.choice(4, p=[0.7, 0.2, 0.07, 0.03])).tolist()
        if random.random() < 0.2 and original in equivalent:
            labels += equivalent[original]
        if random.random() < 0.03:
            labels.append(-1)
        if random.random() < 0.002:
            labels.append(1000 + int(random.integers(5)))  # no class of ImageNet
        if random.random() < 0.03:
            labels = []
        boxes = [
            {"coordinates": [0, 0, 10, 10], "labels": labels[:1], "group": 0}
            | {flag: bool(random.random() < 0.05) for flag in FLAGS}
            for _ in range(random.integers(0, 3))
        ]
        lines.append(
            {
                "image_name": f"{name}.JPEG",
                "file_path": f"{imagenet.imagenet_wnids()[original]}/{name}.JPEG",
                "original_class": [original],
                "reannotated_labels": [int(label) for label in random.permutation(labels)],
                "bboxes": boxes,
            }
        )
    repeated = [lines[row] for row in random.choice(len(lines), len(lines) // 50, replace=False)]
    return [lines[row] for row in random.permutation(len(lines))] + repeated


def write(folder: pathlib.Path, lines: list[dict], pairs: list | None = PAIRS) -> pathlib.Path:
    """Writes both files; without `class_update_config.json` if `pairs` is None."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "reannotation.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    if pairs is not None:
        (folder / "class_update_config.json").write_text(json.dumps({"equivalent_classes": pairs}))
    return folder / "reannotation.jsonl"


def oracle(lines: list[dict], pairs: list, predicted: dict[str, int]) -> dict[str, tuple[int, float]]:
    """Images and accuracy of each part, by a loop over the lines: every step as the paper says it."""
    first = {}  # of each class the smallest class that is the same thing

    def canonical(label: int) -> int:
        while label in first:
            label = first[label]
        return label

    for a, b in pairs:
        low, high = sorted((canonical(a), canonical(b)))
        if low != high:
            first[high] = low
    hits: dict[str, list[bool]] = {}
    seen = set()
    for line in lines:
        name = line["image_name"].removesuffix(".JPEG")
        if name in seen:
            continue
        seen.add(name)
        labels = {canonical(label) for label in line["reannotated_labels"] if 0 <= label < 1000}
        original = canonical(line["original_class"][0])
        if not labels:
            hits.setdefault("n", []).append(False)
            continue
        correct = canonical(predicted[name]) in labels
        letter = "s" if len(labels) == 1 else "m"
        sign = "plus" if original in labels else "minus"
        for part in ("", f"_{letter}", f"_{letter}_{sign}"):
            hits.setdefault(f"reimagenet{part}", []).append(correct)
    return {part: (len(values), sum(values) / len(values)) for part, values in hits.items()}


if __name__ == "__main__":
    write(pathlib.Path(sys.argv[1]), entries(int(sys.argv[2]), int(sys.argv[3])))
