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
import resource
import subprocess
import sys
import tempfile
import time

from PIL import Image, ImageOps

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
EACH = 25


def resized(picture: Image.Image) -> Image.Image:
    return picture.resize((round(picture.width * 0.6), round(picture.height * 0.6)), Image.Resampling.BICUBIC)


def cropped(picture: Image.Image) -> Image.Image:
    x, y = round(picture.width * 0.025), round(picture.height * 0.025)
    return picture.crop((x, y, picture.width - x, picture.height - y))


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


def growing() -> list[str]:
    """Random vectors as wide as thumbnails, each size in a process of its own."""
    lines = [f"{'images':>8} {'others':>8} {'pairs/s':>10} {'peak MB':>8}"]
    for own, others in ((2_000, 20_000), (8_000, 20_000), (8_000, 80_000)):
        done = subprocess.run(
            [sys.executable, __file__, f"--one={own},{others}"], cwd=ROOT, capture_output=True, text=True, check=True
        )
        seconds, memory = map(float, done.stdout.split())
        lines.append(f"{own:>8,} {others:>8,} {own * others / seconds:>10.2e} {memory:>8.0f}")
    return lines


def one(own: int, others: int) -> None:
    import numpy as np

    from imagenet_real.devices import make_mesh
    from imagenet_real.neighbours import nearest

    random = np.random.default_rng(0)
    queries, block = (random.standard_normal((size, 768), np.float32) for size in (own, 2000))
    mesh = make_mesh()
    nearest(queries, [block], mesh)
    begun = time.perf_counter()
    nearest(queries, (block for _ in range(others // 2000)), mesh)
    print(time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main() -> None:
    data = os.environ.get("IMAGENET_REAL_DATA", "")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", default=os.path.join(data, "images", "val1000"))
    parser.add_argument("--others", default=os.path.join(data, "images", "train400"))
    parser.add_argument("--one", default="")
    arguments = parser.parse_args()
    if arguments.one:
        one(*map(int, arguments.one.split(",")))
        return
    text = "\n".join(
        [
            "$ python bench/duplicates.py",
            f"{os.cpu_count()} cores, in use by others too",
            "",
            *planted(arguments.images, arguments.others),
            "",
            *growing(),
        ]
    )
    print(text)
    (ROOT / "bench" / "results" / "duplicates.txt").write_text(text + "\n")


if __name__ == "__main__":
    main()
