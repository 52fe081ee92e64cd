"""Planted copies: which kinds are found, and what else; pairs a second and memory as both sides grow.

    python bench/duplicates.py --images=FOLDER --others=FOLDER

Copies of the first images, made in four ways, are planted among the others.
"""

import argparse
import collections
import io
import json
import os
import pathlib
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

from PIL import Image, ImageOps

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
EACH = 50
SIZES = ["1000,20000", "1000,80000", "4000,20000", "4000,40000"]


def resized(picture: Image.Image) -> Image.Image:
    return picture.resize((round(picture.width * 0.6), round(picture.height * 0.6)), Image.Resampling.BICUBIC)


PLACES = random.Random(0)


def cropped(picture: Image.Image) -> Image.Image:
    """95 % of each side, anywhere."""
    width, height = round(picture.width * 0.95), round(picture.height * 0.95)
    x, y = PLACES.randint(0, picture.width - width), PLACES.randint(0, picture.height - height)
    return picture.crop((x, y, x + width, y + height))


KINDS = {"resized": resized, "recompressed": lambda picture: picture, "cropped": cropped, "flipped": ImageOps.mirror}


def planted(images: str, others: str) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        both = pathlib.Path(folder, "others")
        both.mkdir()
        for path in pathlib.Path(others).iterdir():
            (both / path.name).symlink_to(path.resolve())
        sources = sorted(pathlib.Path(images).iterdir())[: EACH * len(KINDS)]
        for at, path in enumerate(sources):
            kind = list(KINDS)[at % len(KINDS)]
            buffer = io.BytesIO()
            KINDS[kind](Image.open(path).convert("RGB")).save(
                buffer, "JPEG", quality=30 if kind == "recompressed" else 85
            )
            (both / f"{kind}__{path.stem}.jpg").write_bytes(buffer.getvalue())
        command = [sys.executable, "main.py", "--config=configs/duplicates.py", f"--config.images={images}"]
        begun = time.perf_counter()
        subprocess.run([*command, f"--config.others={both}", f"--workdir={folder}/out"], cwd=ROOT, check=True)
        seconds = time.perf_counter() - begun
        pairs = json.loads(pathlib.Path(folder, "out", "duplicates.json").read_text())["pairs"]
        found = collections.Counter()
        for pair in pairs:
            kind, _, name = pair["other"].partition("__")
            found[kind if name == pair["image_id"] else "not planted"] += 1
        lines = [f"{kind:<14} {found[kind]:>3} of {EACH} found" for kind in KINDS]
        right = sum(found[kind] for kind in KINDS)
        lines.append(
            f"recall {right / len(sources):.3f}, precision {right / max(1, len(pairs)):.3f} ({len(pairs)} pairs)"
        )
        lines.append(f"{len(list(both.iterdir()))} others, {seconds:.1f} s, the whole process")
        return lines


def growing(sizes: list[tuple[int, int]]) -> Iterator[str]:
    """Each size in a process of its own."""
    yield f"{'images':>9} {'others':>9} {'pairs/s':>10} {'seconds':>8} {'peak MB':>8}"
    for own, others in sizes:
        done = subprocess.run(
            [sys.executable, __file__, f"--one={own},{others}"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
        )
        seconds, memory = map(float, done.stdout.split())
        yield f"{own:>9,} {others:>9,} {own * others / seconds:>10.2e} {seconds:>8.1f} {memory:>8.0f}"


class Random:
    """A source of so many images, in whose place random fingerprints come: all but reading and decoding."""

    def __init__(self, count: int):
        self.count = count

    def __len__(self) -> int:
        return self.count


def random_blocks(what: str, source: Random, start: int, variants: int, workers: int) -> Iterator[dict]:
    import numpy as np

    from imagenet_real.duplicates.fingerprints import BITS, SIDE
    from imagenet_real.duplicates.search import BLOCK

    generator = np.random.default_rng(0)
    thumbnail, bits = (generator.standard_normal((BLOCK, variants, width)) for width in (3 * SIDE * SIDE, BITS))
    block = {"thumbnail": thumbnail.astype(np.float16), "hash": np.sign(bits).astype(np.float16)}
    for first in range(start, len(source), BLOCK):
        yield {kind: prints[: len(source) - first] for kind, prints in block.items()}


def one(own: int, others: int) -> None:
    """Both kinds of fingerprint with all variants; compiled before the clock starts."""
    from imagenet_real.duplicates import search
    from imagenet_real.runtime.devices import make_mesh

    search._blocks = random_blocks
    with tempfile.TemporaryDirectory() as name:
        for turn, count in enumerate((search.BLOCK, others)):
            begun = time.perf_counter()
            folder, run_key = pathlib.Path(name, str(turn)), {"others": count}
            search.search(Random(own), Random(count), folder, make_mesh(), workers=1, run_key=run_key)
    print(time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main() -> None:
    data = os.environ.get("IMAGENET_REAL_DATA", "")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", default=os.path.join(data, "images", "val1000"))
    parser.add_argument("--others", default=os.path.join(data, "images", "train400"))
    parser.add_argument("--sizes", nargs="*", default=SIZES, help="images,others")
    parser.add_argument("--one", default="")
    arguments = parser.parse_args()
    if arguments.one:
        one(*map(int, arguments.one.split(",")))
        return
    lines = [
        "$ python bench/duplicates.py",
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.0f} at the start",
        "",
        *planted(arguments.images, arguments.others),
        "",
    ]
    print("\n".join(lines))
    for line in growing([tuple(map(int, size.split(","))) for size in arguments.sizes]):
        lines.append(line)
        print(line, flush=True)
    (ROOT / "bench" / "results" / "duplicates.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
