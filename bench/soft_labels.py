"""Seconds and memory to read soft labels of as many images as ImageNet has for training, and to join them by image id.

    python bench/soft_labels.py [--images=1281167]

Writes a TSV in the format of MultiLabel-ImageNet, with 1 to 5 classes an image, in the order of ImageNet's folders. Reads
it in a process of its own, whose peak of memory includes Python and NumPy.
"""

import argparse
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))  # runs from a checkout that is not installed

RESULT = pathlib.Path(__file__).parent / "results" / "soft_labels.txt"
IMAGES = 1_281_167  # of ImageNet's training set


def write_tsv(path: pathlib.Path, images: int) -> None:
    """Writes random soft labels of images of 1,000 classes."""
    from imagenet_real.labels.imagenet import imagenet_wnids

    random, wnids = np.random.default_rng(0), imagenet_wnids()
    per_class = -(-images // len(wnids))
    counts = random.integers(1, 6, images)
    classes, values = random.integers(0, 1000, counts.sum()).tolist(), random.random(counts.sum()).tolist()
    start = 0
    with path.open("w") as file:
        for row, count in enumerate(counts.tolist()):
            label, number = divmod(row, per_class)
            unique = dict(zip(classes[start : start + count], values[start : start + count], strict=True))
            start += count
            names, probabilities = ",".join(map(str, unique)), ",".join(f"{value:.4f}" for value in unique.values())
            file.write(f"{wnids[label]}/{wnids[label]}_{number}.JPEG\t{label}\t{names}\t{probabilities}\n")


def read(path: str) -> None:
    """Reads and joins, and prints seconds and the peak of memory."""
    from imagenet_real.labels.soft_label_files import load_soft_labels

    start = time.perf_counter()
    labels = load_soft_labels(path)
    loaded = time.perf_counter() - start
    ids = labels.image_ids[np.random.default_rng(0).permutation(len(labels))]
    start = time.perf_counter()
    joined = labels.probabilities.at(labels.rows_of(ids))
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"{len(labels):,} images, {len(joined.classes):,} classes, a file of {os.path.getsize(path) / 1e6:.0f} MB: read in "
        f"{loaded:.1f} s, joined by image id in {seconds:.1f} s; {peak:.2f} GB of memory at the peak"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=IMAGES)
    parser.add_argument("--file", help="reads this file, in this process")
    arguments = parser.parse_args()
    if arguments.file:
        return read(arguments.file)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "multilabel_annotations.tsv"
        write_tsv(path, arguments.images)
        command = [sys.executable, __file__, f"--file={path}"]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    print(text, end="")
    if arguments.images == IMAGES:
        RESULT.write_text(f"python bench/soft_labels.py\n\n{text}")
    return None


if __name__ == "__main__":
    main()
