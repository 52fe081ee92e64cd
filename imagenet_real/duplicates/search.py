"""The image of another set that is most like each of ours, by several kinds of fingerprint; a killed search goes on."""

import json
import os
import time
import zipfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from etils import epath
from jax.sharding import Mesh

from imagenet_real.data.sources.records import Source
from imagenet_real.duplicates.embeddings import Embeddings
from imagenet_real.duplicates.fingerprints import BITS, SIDE, VARIANTS, fingerprints
from imagenet_real.duplicates.nearest import Nearest
from imagenet_real.errors import InputError
from imagenet_real.io import storage
from imagenet_real.io.run_key import differences
from imagenet_real.predictions.parts import PartialPredictions
from imagenet_real.runtime.progress import Progress

BLOCK = 2048  # images that are held at a time
SECONDS_PER_SAVE = 20.0  # work that a kill costs

Found = dict[str, tuple[np.ndarray, np.ndarray]]
"""By kind of fingerprint: [N, V] products with the nearest other image of each variant, and [N, V] int which one it is."""


def search(
    own: Source,
    others: Source,
    folder: str | os.PathLike,
    mesh: Mesh,
    *,
    workers: int,
    embeddings: Embeddings | None = None,
    others_embeddings: Embeddings | None = None,
    run_key: Mapping[str, Any],
) -> Found:
    """The nearest of `others` for each image of `own`: by `thumbnail`, `hash`, and, where both are given, `embedding`.

    Of our images the fingerprints are held, divided over the mesh; the others come block by block, so that memory does not
    grow with them. `folder` keeps both as they come, and a run that finds some of its own there goes on behind them.

    Args:
      embeddings, others_embeddings: of both sets, by one model.
      workers: threads that read and decode.
      run_key: what the result depends on.

    Raises InputError where `folder` holds a search of a different run.
    """
    folder = storage.to_path(folder)
    seen, found = _load(folder / "search.npz", run_key)
    if seen < len(others):
        held = _held(own, folder / "images", run_key, workers)
        if embeddings is not None:
            held["embedding"] = embeddings[:][:, None]
        searches = {
            kind: Nearest(_rows(prints), mesh, seen, tuple(map(_rows, found[kind])) if found else None)
            for kind, prints in held.items()
        }
        shapes = {kind: prints.shape[:2] for kind, prints in held.items()}
        del held

        def so_far() -> Found:
            return {kind: tuple(one.reshape(shapes[kind]) for one in each.found()) for kind, each in searches.items()}

        saved = time.monotonic()
        try:
            for block in _blocks("others", others, seen, 1, workers):
                stop = seen + len(block["hash"])
                if others_embeddings is not None:
                    block["embedding"] = others_embeddings[seen:stop][:, None]
                for kind, each in searches.items():
                    each.see(_rows(block[kind]))
                seen = stop
                if time.monotonic() - saved >= SECONDS_PER_SAVE:
                    _save(folder / "search.npz", run_key, seen, so_far())
                    saved = time.monotonic()
        finally:
            found = so_far()
            _save(folder / "search.npz", run_key, seen, found)
        if (folder / "images").exists():
            (folder / "images").rmtree()  # the search is done
    return found


def _rows(variants: np.ndarray) -> np.ndarray:
    return variants.reshape(-1, *variants.shape[2:])


def _held(source: Source, folder: epath.Path, run_key: Mapping[str, Any], workers: int) -> dict[str, np.ndarray]:
    """Fingerprints of all images with their variants, [N, V, D] float16; those in `folder` are not made again."""
    done = PartialPredictions(folder, run_key)
    try:
        for block in _blocks("images", source, done.stop, VARIANTS, workers):
            done.append(block, len(block["hash"]))
    finally:
        done.flush()
    return done.rows()


def _blocks(what: str, source: Source, start: int, variants: int, workers: int) -> Iterator[dict[str, np.ndarray]]:
    """Fingerprints of the images of a source, [B, V, D] float16 of each kind, block by block."""

    def one(index: int) -> tuple[np.ndarray, np.ndarray]:
        try:
            thumbnails, hashes = fingerprints(source[index]["image"], variants)
            return thumbnails.astype(np.float16), hashes.astype(np.float16)
        except InputError:  # what cannot be read is like nothing
            return np.zeros((variants, 3 * SIDE * SIDE), np.float16), np.zeros((variants, BITS), np.float16)

    with (
        ThreadPoolExecutor(workers) as pool,
        Progress(len(source), "images", f"fingerprints of {what}", done=start) as progress,
    ):
        for first in range(start, len(source), BLOCK):
            indices = range(first, min(first + BLOCK, len(source)))
            made = []
            for prints in pool.map(one, indices):
                made.append(prints)
                progress.advance()
            thumbnails, hashes = zip(*made, strict=True)
            yield {"thumbnail": np.stack(thumbnails), "hash": np.stack(hashes)}


def _save(path: epath.Path, run_key: Mapping[str, Any], seen: int, found: Found) -> None:
    arrays = {
        f"{kind} {what}": one
        for kind, both in found.items()
        for what, one in zip(("product", "place"), both, strict=True)
    }
    with storage.open_atomically(path, "wb") as file:
        np.savez(file, identity=np.array(json.dumps(dict(run_key))), seen=np.int64(seen), **arrays)


def _load(path: epath.Path, run_key: Mapping[str, Any]) -> tuple[int, Found]:
    if not path.exists():
        return 0, {}
    try:
        with storage.open_to_read(path) as file, np.load(file, allow_pickle=False) as archive:
            there, seen = json.loads(str(archive["identity"])), int(archive["seen"])
            kinds = [name.removesuffix(" place") for name in archive.files if name.endswith(" place")]
            found = {kind: (archive[f"{kind} product"], archive[f"{kind} place"]) for kind in kinds}
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        raise InputError(f"{path} is damaged; delete it and run again") from None
    if other := differences(there, run_key):
        raise InputError(f"{path} holds another search: {other}. Use another --workdir, or delete {path.parent}.")
    return seen, found
