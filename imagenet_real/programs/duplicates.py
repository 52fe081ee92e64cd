"""Finds images that stand in another set too, such as validation images in the training set."""

import dataclasses
import json
import sys
from typing import Any

import numpy as np
from etils import epath
from ml_collections import ConfigDict

from imagenet_real.builders import label_sets
from imagenet_real.builders.predictions import load_models
from imagenet_real.data.sources.open import open_source
from imagenet_real.duplicates.embeddings import Embeddings
from imagenet_real.duplicates.fingerprints import BITS, VARIANTS
from imagenet_real.errors import InputError
from imagenet_real.io import provenance, storage
from imagenet_real.labels.json_format import save_label_set
from imagenet_real.report.files import write_results
from imagenet_real.report.printing import show, show_results
from imagenet_real.runtime.workdir import claimed
from imagenet_real.scoring.results import score

KINDS = {"thumbnail": "similarity", "hash": "bits", "embedding": "embedding"}  # of fingerprints -> what a pair tells


def run(config: ConfigDict, workdir: epath.Path) -> dict[str, Any] | None:
    """Writes duplicates.json; or with `confirmed` the label set without those images, as without_duplicates.json.

    What was computed stays in `workdir`/search: a run that was killed goes on, and other thresholds are answered at once.
    """
    with claimed(workdir):
        if config.confirmed:
            without_confirmed(config, workdir)
            return None
        return find(config, workdir)


def find(config: ConfigDict, workdir: epath.Path) -> dict[str, Any]:
    """Writes duplicates.json, the pairs of images that are alike enough; prints how many there are."""
    from imagenet_real.duplicates import search
    from imagenet_real.runtime import devices

    if not config.images or not config.others:
        raise InputError("give --config.images=... and --config.others=..., the set that they are looked for in.")
    if bool(config.embeddings) != bool(config.others_embeddings):
        raise InputError(
            "give embeddings of both sets, --config.embeddings=FILE --config.others_embeddings=FILE, or none."
        )
    if config.embeddings and storage.in_bucket(workdir):
        raise InputError(f"{workdir} is in a bucket, where embeddings cannot be mapped: give a --workdir on a disk.")
    own = open_source(config.images, split=config.split, tfds_dir=config.tfds_dir)
    others = open_source(config.others, split=config.others_split, tfds_dir=config.tfds_dir)
    own_ids, other_ids = own.label_fields().image_ids, others.label_fields().image_ids
    folder = workdir / "search"
    run_key = {"images": own.fingerprint, "others": others.fingerprint, "variants": VARIANTS}
    embeddings = None, None
    if config.embeddings:
        files = {"embeddings": config.embeddings, "others_embeddings": config.others_embeddings}
        run_key |= {name: storage.sha256(path) for name, path in files.items()}
        embeddings = (
            Embeddings(config.embeddings, own_ids, folder),
            Embeddings(config.others_embeddings, other_ids, folder),
        )
    found = search.search(
        own,
        others,
        folder,
        devices.make_mesh(),
        workers=config.workers,
        embeddings=embeddings[0],
        others_embeddings=embeddings[1],
        run_key=run_key,
    )
    pairs = candidates(found, own_ids, other_ids, config)
    summary = {
        "schema": 1,
        "images": len(own),
        "others": len(others),
        "pairs": pairs,
        "provenance": {**provenance.versions(), "config": config.to_dict(), **run_key},
    }
    storage.write_together({workdir / "duplicates.json": json.dumps(summary, indent=1, allow_nan=False) + "\n"})
    images = len({pair["image_id"] for pair in pairs})
    text = (
        f"{len(pairs):,} candidates for {images:,} of {len(own):,} images among {len(others):,} others: look at them with "
        f"--config=configs/review.py --config.pairs={workdir / 'duplicates.json'}"
    )
    show(config.format, pairs, text)
    return summary


def candidates(
    found: dict[str, tuple[np.ndarray, np.ndarray]], own_ids: np.ndarray, other_ids: np.ndarray, config: ConfigDict
) -> list[dict[str, Any]]:
    """The pairs that are alike enough by one kind of fingerprint, the most alike first."""
    pairs: dict[tuple[str, str], dict[str, Any]] = {}
    least = {"thumbnail": config.least_similarity, "hash": BITS - 2 * config.most_bits}
    least["embedding"] = config.least_embedding
    for kind, (products, places) in found.items():
        for row, variant in zip(*np.nonzero((products >= least[kind]) & (places >= 0)), strict=True):
            key = str(own_ids[row]), str(other_ids[places[row, variant]])
            pair = pairs.setdefault(key, {"image_id": key[0], "other": key[1], **dict.fromkeys(KINDS.values())})
            product = float(products[row, variant])
            value, better = ((BITS - product) / 2, min) if kind == "hash" else (product, max)
            told = pair[KINDS[kind]]
            pair[KINDS[kind]] = value if told is None else better(told, value)

    def likeness(pair: dict[str, Any]) -> float:
        bits = BITS if pair["bits"] is None else pair["bits"]
        return max(pair["similarity"] or 0, pair["embedding"] or 0, 1 - bits / BITS)

    return sorted(pairs.values(), key=lambda pair: (-likeness(pair), pair["image_id"], pair["other"]))


def without_confirmed(config: ConfigDict, workdir: epath.Path) -> None:
    """Writes the label set without the images that people confirmed to stand in the other set.

    Where predictions are given it also scores them with and without, as the program `score` does.
    """
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
    if not config.predictions:
        show(config.format, [{"images": len(label_set), "left_out": left_out}], text)
        return
    print(text, file=sys.stderr)
    results = score(load_models(config.predictions), [label_set, named], allow_missing=config.allow_missing)
    write_results(workdir, results)
    show_results(config.format, results)
