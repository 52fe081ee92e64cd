"""Predictions of models and people."""

import json

import numpy as np

from tests.fuzz.kinds import Folder, Kind

IMAGES, CLASSES = 60, 12
IDS = [f"image_{number:03d}" for number in range(IMAGES)]
NAMES = [f"class {number}" for number in range(CLASSES)]


def scores() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(IMAGES, CLASSES)).astype(np.float32)


def tops(k: int) -> np.ndarray:
    return np.argsort(-scores(), axis=1)[:, :k]


def load(path: Folder, **options):
    from imagenet_real.predictions.people import load_models_or_people

    return load_models_or_people(path, NAMES, **options)


def load_with_scores(path: Folder):
    return load(path, keep_scores=True)


def _top_npz(folder: Folder) -> Folder:
    path = folder / "model.npz"
    best = np.take_along_axis(scores(), tops(5), axis=1)
    arrays = {"top": tops(5).astype(np.int32), "top_scores": best, "logsumexp": np.zeros(IMAGES, np.float32)}
    np.savez_compressed(path, image_ids=np.array(IDS), num_classes=np.int64(CLASSES), **arrays)
    write_labels(folder)
    return path


def write_labels(folder: Folder) -> Folder:
    """Writes the label set of the images."""
    images = {
        name: {"correct": [int(label)], "weight": 1.0, "group": int(label)}
        for name, (label,) in zip(IDS, tops(1), strict=True)
    }
    path = folder / "labels.json"
    path.write_text(json.dumps({"schema": 1, "name": "mine", "classes": CLASSES, "images": images}))
    return path


def _scores_npz(folder: Folder) -> Folder:
    np.savez(folder / "model.npz", image_ids=np.array(IDS), scores=scores())
    return folder / "model.npz"


def _npy(folder: Folder) -> Folder:
    np.save(folder / "model.npy", np.tile(np.arange(2, dtype=np.int16), (50_000, 1)))
    return folder / "model.npy"


def write_csv(folder: Folder) -> Folder:
    """Writes predictions of the images, and their labels."""
    rows = [",".join([name, *map(str, row)]) for name, row in zip(IDS, tops(3).tolist(), strict=True)]
    (folder / "model.csv").write_text("\n".join(["image_id,top1,top2,top3", *rows]) + "\n")
    write_labels(folder)
    return folder / "model.csv"


def _timm_csv(folder: Folder) -> Folder:
    rows = [f'{name}.jpg,"{list(top)}","{[0.5, 0.25]}"' for name, top in zip(IDS, tops(2).tolist(), strict=True)]
    (folder / "model.csv").write_text("\n".join(["filename,index,prob", *rows]) + "\n")
    return folder / "model.csv"


def _pipeline_json(folder: Folder) -> Folder:
    content = {
        f"{name}.jpg": [{"label": NAMES[a], "score": 0.6}, {"label": NAMES[b], "score": 0.3}]
        for name, (a, b) in zip(IDS, tops(2).tolist(), strict=True)
    }
    (folder / "model.json").write_text(json.dumps(content))
    return folder / "model.json"


def _json_lines(folder: Folder) -> Folder:
    lines = [
        json.dumps({"image_id": name, "index": row, "score": [3.5, 2.5]})
        for name, row in zip(IDS, tops(2).tolist(), strict=True)
    ]
    (folder / "model.jsonl").write_text("\n".join(lines) + "\n")
    return folder / "model.jsonl"


def _parquet(folder: Folder) -> Folder:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"image_id": IDS, "scores": scores().tolist()}), folder / "model.parquet")
    return folder / "model.parquet"


def _people(folder: Folder) -> Folder:
    rows = [
        f"{name},{label},person{person}"
        for person in range(3)
        for name, (label,) in zip(IDS, tops(1).tolist(), strict=True)
    ]
    (folder / "people.csv").write_text("\n".join(["image_id,class,person", *rows]) + "\n")
    return folder / "people.csv"


SCORE = ("score", "--predictions=FILE", "--label_sets=FOLDER/labels.json", "--workdir=WORKDIR")
KINDS = (
    Kind("predictions: top.npz", "npz", _top_npz, load, SCORE),
    Kind("predictions: scores.npz", "npz", _scores_npz, load_with_scores),
    Kind("predictions: npy", "npy", _npy, load),
    Kind("predictions: csv", "csv", write_csv, load, SCORE),
    Kind("predictions: timm csv", "csv", _timm_csv, load),
    Kind("predictions: pipeline json", "json", _pipeline_json, load),
    Kind("predictions: json lines", "jsonl", _json_lines, load),
    Kind("predictions: parquet", "bytes", _parquet, load),
    Kind("predictions: people", "csv", _people, load),
)
