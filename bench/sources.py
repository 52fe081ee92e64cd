"""The same images from every kind of source: accuracy, bytes of predictions.npz, and images read a second.

    python bench/sources.py --images=$IMAGENET_REAL_DATA/images --weights=FILE --workdir=DIR

It writes two sets of images: 40 of `train400` in 40 of ImageNet-V2's 1,000 folders, which are named by class indices, and
`val1000`. Each is a folder, a tar, WebDataset, Parquet and ArrayRecord. ViT-Ti predicts each of them. The speed is that of
reading, decoding and preprocessing alone, in turns, as the median of several rounds.
"""

import argparse
import collections
import hashlib
import pathlib
import shutil
import statistics
import sys
import tarfile
import time

from etils import epath

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

from configs import evaluate as evaluate_config
from imagenet_real.data.batches import evaluation_batches
from imagenet_real.data.preprocess import Preprocessing
from imagenet_real.data.sources.open import open_source
from imagenet_real.data.writers.prepare import prepare
from imagenet_real.labels.imagenet import class_index
from imagenet_real.programs import evaluate
from tests.data.shards import write_parquet, write_webdataset

KINDS = ("folder", "tar", "webdataset", "parquet", "array_record")
VIT = Preprocessing(248, 224, "bicubic", (0.5,) * 3, (0.5,) * 3)


def write_v2(images: pathlib.Path, root: pathlib.Path, count: int = 40) -> pathlib.Path:
    """The first of 400 training images by wnid, each in the folder of its class index, and as well in that of its wnid."""
    for file in sorted((images / "train400").iterdir())[:count]:
        wnid = file.name.partition("_")[0]
        for layout, folder in (("numbers", str(class_index()[wnid])), ("wnids", wnid)):
            target = root / layout / folder / f"{file.stem.partition('_')[2]}.jpeg"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
    return root / "numbers"


def write_kinds(folder: pathlib.Path, root: pathlib.Path, rows_per_group: int = 100) -> dict[str, tuple[str, str]]:
    """Writes the images of a folder as every kind of source. Returns what `images` and `tfds_dir` are."""
    source = open_source(str(folder))
    images = {path: (folder / path).read_bytes() for path in source.paths}
    fields = source.label_fields()
    labels = None
    if "label" in fields.fields:
        labels = [int(fields.class_names[label]) for label in fields.fields["label"]]
    with tarfile.open(root / "images.tar", "w") as archive:
        archive.add(folder, ".")
    prepare(source, str(root), name="same", split="test", version="1.0.0", shards=2, workers=1, shuffle=False)
    return {
        "folder": (str(folder), ""),
        "tar": (str(root / "images.tar"), ""),
        "webdataset": (write_webdataset(root / "webdataset", images, labels), ""),
        "parquet": (write_parquet(root / "parquet", images, labels, rows_per_group=rows_per_group), ""),
        "array_record": ("tfds:same", str(root)),
    }


def evaluate_kind(images: str, tfds_dir: str, weights: str, workdir: pathlib.Path) -> tuple[float, str]:
    """Returns the original accuracy, and the SHA-256 of the predictions."""
    config = evaluate_config.get_config()
    config.update(
        {"images": images, "tfds_dir": tfds_dir, "weights": weights, "report": False, "split": "test", "batch_size": 40}
        | {"label_sets": "original"}
    )
    results = evaluate.run(config, epath.Path(workdir))
    return results.rows[0]["accuracy"], hashlib.sha256((workdir / "predictions.npz").read_bytes()).hexdigest()


def speeds(kinds: dict[str, tuple[str, str]], rounds: int) -> dict[str, float]:
    """Returns images a second of reading and preprocessing, the median of rounds in which the kinds take turns."""
    seconds = collections.defaultdict(list)
    sources = {kind: open_source(images, split="test", tfds_dir=where) for kind, (images, where) in kinds.items()}
    for _ in range(rounds):
        for kind, source in sources.items():
            begin = time.perf_counter()
            for _ in evaluation_batches(source, VIT, batch_size=100):
                pass
            seconds[kind].append(time.perf_counter() - begin)
    return {kind: len(sources[kind]) / statistics.median(times) for kind, times in seconds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=pathlib.Path, required=True, help="folder with train400 and val1000")
    parser.add_argument("--weights", required=True, help="vit_tiny_patch16_224.safetensors")
    parser.add_argument("--workdir", type=pathlib.Path, required=True)
    parser.add_argument("--rounds", type=int, default=5, help="of the speeds; 0 leaves them out")
    parser.add_argument("--sets", default="v2,val1000")
    arguments = parser.parse_args()
    for name in arguments.sets.split(","):
        root = arguments.workdir / name
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir(parents=True)
        folder = write_v2(arguments.images, root) if name == "v2" else arguments.images / name
        kinds = write_kinds(folder, root)
        others = {"wnids": (str(root / "wnids"), "")} if name == "v2" else {}
        for kind, (images, tfds_dir) in (kinds | others).items():
            accuracy, digest = evaluate_kind(images, tfds_dir, arguments.weights, root / f"run_{kind}")
            print(f"{name:8} {kind:13} original {accuracy:.2%}  predictions.npz {digest[:16]}", flush=True)
        for kind, speed in (speeds(kinds, arguments.rounds) if arguments.rounds else {}).items():
            print(f"{name:8} {kind:13} {speed:7.1f} images/s")


if __name__ == "__main__":
    main()
