"""Finds images that stand in another set too, such as validation images in the training set."""

import dataclasses
import json
import sys
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from etils import epath
from ml_collections import ConfigDict
from tqdm import tqdm

from imagenet_real import storage
from imagenet_real.data.fingerprints import BITS, SIDE, VARIANTS, fingerprints
from imagenet_real.data.sources import Source, open_source
from imagenet_real.errors import InputError
from imagenet_real.labels.image_ids import image_id
from imagenet_real.labels.label_set import save_label_set
from imagenet_real.programs import label_sets
from imagenet_real.report import provenance
from imagenet_real.report.printing import show
from imagenet_real.scoring.accuracy import match

BLOCK = 2048  # images of the other set that are held at a time

Prints = tuple[np.ndarray, np.ndarray, np.ndarray]  # of V variants each: thumbnails, hashes, embeddings or nothing


def run(config: ConfigDict, workdir: epath.Path) -> dict[str, Any] | None:
    """Writes duplicates.json; or with `confirmed` the label set without those images, as without_duplicates.json."""
    if config.confirmed:
        without_confirmed(config, workdir)
        return None
    from imagenet_real import devices
    from imagenet_real.neighbours import Nearest

    if not config.images or not config.others:
        raise InputError("give --config.images=... and --config.others=..., the set that they are looked for in.")
    if bool(config.embeddings) != bool(config.others_embeddings):
        raise InputError(
            "give embeddings of both sets, --config.embeddings=FILE --config.others_embeddings=FILE, or none."
        )
    own = open_source(config.images, split=config.split, tfds_dir=config.tfds_dir)
    others = open_source(config.others, split=config.others_split, tfds_dir=config.tfds_dir)
    own_rows = _embeddings(config.embeddings, own) if config.embeddings else None
    other_rows = _embeddings(config.others_embeddings, others) if config.others_embeddings else None

    held = [np.concatenate(parts) for parts in zip(*_blocks(own, own_rows, VARIANTS, config.workers), strict=True)]
    mesh = devices.make_mesh()
    searches = [Nearest(part, mesh) for part in held if part.shape[1]]
    for block in _blocks(others, other_rows, 1, config.workers):
        for search, part in zip(searches, block, strict=False):
            search.see(part)
    own_ids, other_ids = own.label_fields().image_ids, others.label_fields().image_ids
    found: dict[tuple[str, str], dict[str, float]] = {}
    names = ("similarity", "bits", "embedding")
    for name, search in zip(names, searches, strict=False):
        products, places = search.found()
        values = (BITS - products) / 2 if name == "bits" else products
        passes = values <= config.most_bits if name == "bits" else values >= _least(config, name)
        for row in np.flatnonzero(passes & (places >= 0)):
            pair = found.setdefault((str(own_ids[row // VARIANTS]), str(other_ids[places[row]])), {})
            better = min if name == "bits" else max
            pair[name] = better(float(values[row]), pair.get(name, float(values[row])))
    pairs = [
        {
            "image_id": a,
            "other": b,
            "similarity": one.get("similarity"),
            "bits": one.get("bits"),
            "embedding": one.get("embedding"),
        }
        for (a, b), one in found.items()
    ]
    pairs.sort(key=lambda pair: (-max(pair["similarity"] or 0, 1 - (pair["bits"] or BITS) / BITS), pair["image_id"]))
    summary = {
        "schema": 1,
        "images": len(own),
        "others": len(others),
        "pairs": pairs,
        "provenance": {
            **provenance.versions(),
            "config": config.to_dict(),
            "images": own.fingerprint,
            "others": others.fingerprint,
        },
    }
    storage.write_together({workdir / "duplicates.json": json.dumps(summary, indent=1, allow_nan=False) + "\n"})
    images = len({pair["image_id"] for pair in pairs})
    text = (
        f"{len(pairs):,} candidates for {images:,} of {len(own):,} images among {len(others):,} others: look at them with "
        f"--config=configs/review.py --config.pairs={workdir / 'duplicates.json'}"
    )
    show(config.format, pairs, text)
    return summary


def _least(config: ConfigDict, name: str) -> float:
    return config.least_similarity if name == "similarity" else config.least_embedding


def _blocks(source: Source, rows: np.ndarray | None, variants: int, workers: int) -> Iterator[Prints]:
    """Fingerprints of the images of a source, block by block, the variants of an image one after the other."""

    def one(index: int) -> tuple[np.ndarray, np.ndarray]:
        try:
            return fingerprints(source[index]["image"], variants)
        except InputError:  # what cannot be read is like nothing
            return np.zeros((variants, 3 * SIDE * SIDE), np.float32), np.zeros((variants, BITS), np.float32)

    with ThreadPoolExecutor(workers) as pool, tqdm(total=len(source), unit=" images", file=sys.stderr) as bar:
        for start in range(0, len(source), BLOCK):
            indices = range(start, min(start + BLOCK, len(source)))
            thumbnails, hashes = zip(*pool.map(one, indices), strict=True)
            bar.update(len(indices))
            embedded = (
                np.zeros((0, 0)) if rows is None else np.repeat(rows[indices.start : indices.stop], variants, axis=0)
            )
            yield np.concatenate(thumbnails), np.concatenate(hashes), embedded


def _embeddings(path: str, source: Source) -> np.ndarray:
    """[N, K] float32 of length 1: the scores of a model for the images of a source, less their mean over the classes."""
    try:
        with storage.open_to_read(path) as file, np.load(file, allow_pickle=False) as archive:
            ids, scores = np.array([image_id(name) for name in archive["image_ids"].tolist()]), archive["scores"]
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{path} has no scores of all classes ({error}): predict with evaluate and --config.save_scores=True."
        ) from None
    rows = match(source.label_fields().image_ids, ids)
    if (rows < 0).any():
        raise InputError(f"{path} lacks {(rows < 0).sum()} of the {len(rows)} images of {source.name}.")
    scores = scores[rows].astype(np.float32)
    scores -= scores.mean(axis=1, keepdims=True)
    return scores / np.maximum(np.linalg.norm(scores, axis=1, keepdims=True), 1e-6)


def without_confirmed(config: ConfigDict, workdir: epath.Path) -> None:
    """Writes the label set without the images that people confirmed to stand in the other set."""
    try:
        pairs = json.loads(storage.read_bytes(config.confirmed))["pairs"]
        leaked = sorted({str(pair["image_id"]) for pair in pairs})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{config.confirmed} has no pairs ({error!r}): give confirmed.json of the review page."
        ) from None
    brought = label_sets.brought_by(config.images, config.split, config.tfds_dir) if config.images else {}
    label_set = label_sets.one(config.label_set, brought, config.labels_dir)
    kept = label_set.take(~np.isin(label_set.image_ids, leaked))
    named = dataclasses.replace(kept, name=f"{label_set.name}_without_duplicates")
    save_label_set(workdir / "without_duplicates.json", named)
    left_out = len(label_set) - len(kept)
    text = (
        f"{left_out} of {len(label_set):,} images are left out: score with "
        f"--config.label_sets={config.label_set},{workdir / 'without_duplicates.json'}"
    )
    show(config.format, [{"images": len(label_set), "left_out": left_out}], text)
