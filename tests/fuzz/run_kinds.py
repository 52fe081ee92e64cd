"""Files of unfinished and finished runs, from which another run continues."""

import json

import numpy as np
from etils import epath

from tests.fuzz.kinds import Folder, Kind
from tests.fuzz.prediction_kinds import IDS

RUN_KEY = {"model": "resnet50", "images": "folder", "fingerprint": "0" * 64, "crop": [224, 224], "nested": {"a": 1}}


def _parts(folder: Folder) -> Folder:
    from imagenet_real.predictions.parts import PartialPredictions

    parts = PartialPredictions(folder, RUN_KEY)
    for start in (0, 30):
        rows = {
            "image_ids": np.array(IDS[start : start + 30]),
            "top": np.zeros((30, 5), np.int32),
            "top_scores": np.zeros((30, 5), np.float32),
        }
        parts.append({**rows, "unreadable": np.array([["x", "cut off"]])}, 30)
        parts.flush()
    return folder / "identity.json"


def _one_part(folder: Folder) -> Folder:
    _parts(folder)
    return folder / "000000030-000000060.npz"


def _read_parts(path: Folder):
    from imagenet_real.predictions.parts import PartialPredictions

    parts = PartialPredictions(path.parent, RUN_KEY)
    return parts.rows(), parts.unreadable()


def _metrics(folder: Folder) -> Folder:
    lines = [json.dumps({"step": step, "loss": 1 / step, "images_per_second": 100.5}) for step in range(1, 30)]
    (folder / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    return folder / "metrics.jsonl"


def _read_metrics(path: Folder):
    from imagenet_real.training.metrics import Metrics

    metrics = Metrics(epath.Path(path.parent), 20)
    metrics.close()


def _read_share(path: Folder):
    return _planned(path.parent).share()


def _planned(folder: Folder):
    from ml_collections import ConfigDict

    from imagenet_real.builders.comparison import PlannedRun
    from imagenet_real.scoring.comparison import Variant

    config = ConfigDict(
        {"steps": 100, "epochs": 0.0, "examples": 0, "batch_size": 8, "clean_list": "", "soft_labels": ""}
    )
    return PlannedRun("run", config, epath.Path(folder), 1.0, lambda: _Data(), Variant("softmax", "all", "short"))


class _Data:
    """The training images, as far as their provenance needs them."""

    fingerprint = "0" * 64

    def __len__(self) -> int:
        return 60


def _results(folder: Folder) -> Folder:
    rows = [
        {
            "model": "m",
            "label_set": "real",
            "k": 1,
            "accuracy": 0.5,
            "low": 0.4,
            "high": 0.6,
            "images": 60,
            "excluded": 0,
            "missing": 0,
        }
    ]
    config = {"steps": 100, "epochs": 0.0, "examples": 0, "batch_size": 8, "clean_list": "", "soft_labels": ""}
    provenance = {"config": config, "training_images": {"count": 60, "fingerprint": "0" * 64}}
    (folder / "results.json").write_text(
        json.dumps({"schema": 1, "provenance": provenance, "rows": rows, "unavailable": []})
    )
    return folder / "results.json"


def _read_results(path: Folder):
    run = _planned(path.parent)
    return run.rows() if run.is_done() else None


def _fold(folder: Folder) -> Folder:
    (folder / "fold.json").write_text(json.dumps(RUN_KEY, indent=1))
    return folder / "fold.json"


def _read_fold(path: Folder):
    from imagenet_real.builders import folds

    return folds.is_done(epath.Path(path.parent), RUN_KEY)


def _search(folder: Folder) -> Folder:
    from imagenet_real.duplicates import search

    result = {"thumbnail": (np.zeros((30, 8), np.float32), np.zeros((30, 8), np.int32))}
    search._save(epath.Path(folder / "search.npz"), RUN_KEY, 30, result)
    return folder / "search.npz"


def _read_search(path: Folder):
    from imagenet_real.duplicates import search

    return search._load(epath.Path(path), RUN_KEY)


def _embeddings(folder: Folder) -> Folder:
    scores = np.random.default_rng(0).normal(size=(60, 12)).astype(np.float32)
    np.savez(folder / "scores.npz", image_ids=np.array(IDS), scores=scores)
    return folder / "scores.npz"


def _read_embeddings(path: Folder):
    from imagenet_real.duplicates.embeddings import Embeddings

    return Embeddings(path, np.array(IDS), path.parent)[0:60]


def _best_checkpoint(folder: Folder) -> Folder:
    for step in (10, 20):
        (folder / "checkpoints" / str(step) / "metrics").mkdir(parents=True)
        (folder / "checkpoints" / str(step) / "metrics" / "metrics").write_text(json.dumps({"score": step / 30}))
    return folder / "checkpoints" / "20" / "metrics" / "metrics"


def _read_best_checkpoint(path: Folder):
    from imagenet_real.training import trained

    return trained._folder(path.parent.parent.parent.parent, "best")


MAPS = {"model": "resnet50"}


def _label_maps(folder: Folder) -> Folder:
    from imagenet_real.relabel.label_map_writer import LabelMapWriter

    writer = LabelMapWriter(folder, MAPS, (3, 3, 2), 12)
    ids, maps = np.array(IDS[:20]), np.zeros((20, 3, 3, 2))
    writer.append(ids, maps.astype(np.int16), maps.astype(np.float16), records=20, unreadable={"x": "cut off"})
    writer.finish()
    return next(path for path in folder.iterdir() if path.name.endswith(".json") and path.name != "identity.json")


def _label_maps_shard(folder: Folder) -> Folder:
    _label_maps(folder)
    return next(folder.glob("maps-*"))


def _label_maps_key(folder: Folder) -> Folder:
    _label_maps(folder)
    return folder / "identity.json"


def _read_label_maps(path: Folder):
    from imagenet_real.relabel.label_maps import load_label_maps, summarize

    maps = load_label_maps(path.parent)
    summarize(path.parent)
    return maps.read(np.arange(len(maps.image_ids))) if hasattr(maps, "read") else len(maps.image_ids)


def _continue_label_maps(path: Folder):
    from imagenet_real.relabel.label_map_writer import LabelMapWriter

    return LabelMapWriter(path.parent, MAPS, (3, 3, 2), 12).stop


def _lock(folder: Folder) -> Folder:
    (folder / "lock").write_text(json.dumps({"machine": "another", "process": 3, "beat": 2}))
    return folder / "lock"


def _read_lock(path: Folder):
    from imagenet_real.runtime import workdir

    content = workdir._read(epath.Path(path))
    return content is None or workdir._is_dead(content)


KINDS = (
    Kind("run: identity.json", "json", _parts, _read_parts),
    Kind("run: part.npz", "npz", _one_part, _read_parts),
    Kind("run: metrics.jsonl", "jsonl", _metrics, _read_metrics),
    Kind("run: metrics.jsonl of compare", "jsonl", _metrics, _read_share),
    Kind("run: results.json of compare", "json", _results, _read_results),
    Kind("run: score of a checkpoint", "json", _best_checkpoint, _read_best_checkpoint),
    Kind("run: fold.json", "json", _fold, _read_fold),
    Kind("run: search.npz", "npz", _search, _read_search),
    Kind("run: scores of duplicates", "npz", _embeddings, _read_embeddings),
    Kind("run: label maps index", "json", _label_maps, _read_label_maps),
    Kind("run: label maps", "bytes", _label_maps_shard, _read_label_maps),
    Kind("run: label maps identity", "json", _label_maps_key, _continue_label_maps),
    Kind("run: lock of a bucket", "json", _lock, _read_lock),
)
