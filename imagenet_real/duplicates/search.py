"""For each image the most similar image of another set, by several kinds of fingerprint. A killed search continues."""

import json
import os
import sys
import time
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
from imagenet_real.io import readers, storage
from imagenet_real.io.readers import FileError
from imagenet_real.io.run_key import differences
from imagenet_real.predictions.parts import PartialPredictions
from imagenet_real.runtime.progress import Progress

BLOCK = 2048  # images in memory at a time
DELETE = "Delete it and run again."
MAX_KEY = 2**20  # characters of the run key
SECONDS_PER_SAVE = 20.0  # a killed search repeats this much work

Result = dict[str, tuple[np.ndarray, np.ndarray]]
"""By kind of fingerprint: for each variant the largest product [N, V] with another image, and its index [N, V] int."""


def search(
    images: Source,
    others: Source,
    folder: str | os.PathLike,
    mesh: Mesh,
    *,
    workers: int,
    embeddings: Embeddings | None = None,
    others_embeddings: Embeddings | None = None,
    run_key: Mapping[str, Any],
) -> Result:
    """Returns the nearest of `others` for each of `images`: by `thumbnail`, `hash` and, if both are given, `embedding`.

    The fingerprints of `images` stay in memory, divided over the mesh. `others` come block by block, so that memory does
    not grow with them. `folder` keeps the state, and a run with the same key continues from it.

    Args:
      images: the images.
      others: the images of the other set.
      folder: of the state.
      mesh: devices of the search.
      workers: threads that read and decode.
      embeddings: of `images`, by one model.
      others_embeddings: of `others`, by the same model.
      run_key: what the result depends on.

    Raises InputError if `folder` has a search of a different run.
    """
    folder = storage.to_path(folder)
    stop, result = _load(folder / "search.npz", run_key)
    if stop < len(others):
        prints = _fingerprints_of(images, folder / "images", run_key, workers)
        if embeddings is not None:
            prints["embedding"] = embeddings[:][:, None]
        searches = {
            kind: Nearest(
                _rows(variants), mesh, stop, (_rows(result[kind][0]), _rows(result[kind][1])) if result else None
            )
            for kind, variants in prints.items()
        }
        shapes = {kind: variants.shape[:2] for kind, variants in prints.items()}
        del prints

        def current_result() -> Result:
            return {
                kind: tuple(array.reshape(shapes[kind]) for array in nearest.result())
                for kind, nearest in searches.items()
            }

        last_save = time.monotonic()
        try:
            for block in _blocks("others", others, stop, 1, workers):
                end = stop + len(block["hash"])
                if others_embeddings is not None:
                    block["embedding"] = others_embeddings[stop:end][:, None]
                for kind, nearest in searches.items():
                    nearest.add(_rows(block[kind]))
                stop = end  # after all kinds: a block that was interrupted is added again
                if time.monotonic() - last_save >= SECONDS_PER_SAVE:
                    _save(folder / "search.npz", run_key, stop, current_result())
                    last_save = time.monotonic()
        finally:
            result = current_result()
            _save(folder / "search.npz", run_key, stop, result)
        if (folder / "images").exists():
            (folder / "images").rmtree()  # the search is done
    return result


def _rows(variants: np.ndarray) -> np.ndarray:
    return variants.reshape(-1, *variants.shape[2:])


def _fingerprints_of(
    source: Source, folder: epath.Path, run_key: Mapping[str, Any], workers: int
) -> dict[str, np.ndarray]:
    """Returns the fingerprints of all variants, [N, V, D] float16; it continues from those in `folder`."""
    parts = PartialPredictions(folder, run_key)
    try:
        for block in _blocks("images", source, parts.stop, VARIANTS, workers):
            parts.append(block, len(block["hash"]))
    finally:
        parts.flush()
    return parts.rows()


def _blocks(what: str, source: Source, start: int, variants: int, workers: int) -> Iterator[dict[str, np.ndarray]]:
    """Yields the fingerprints of a source block by block, [B, V, D] float16 of each kind."""

    def read(index: int) -> tuple[np.ndarray, np.ndarray]:
        try:
            thumbnails, hashes = fingerprints(source[index]["image"], variants)
            return thumbnails.astype(np.float16), hashes.astype(np.float16)
        except InputError as error:  # it is like no other image: all its products are 0
            print(f"{_id_of(source, index)} of {what} is unreadable ({error}): it is like no other", file=sys.stderr)
            return np.zeros((variants, 3 * SIDE * SIDE), np.float16), np.zeros((variants, BITS), np.float16)

    with (
        ThreadPoolExecutor(workers) as pool,
        Progress(len(source), "images", f"fingerprints of {what}", done=start) as progress,
    ):
        for first in range(start, len(source), BLOCK):
            indices = range(first, min(first + BLOCK, len(source)))
            prints = []
            for pair in pool.map(read, indices):
                prints.append(pair)
                progress.advance()
            thumbnails, hashes = zip(*prints, strict=True)
            yield {"thumbnail": np.stack(thumbnails), "hash": np.stack(hashes)}


def _id_of(source: Source, index: int) -> str:
    return str(source.label_fields().image_ids[index])


def _save(path: epath.Path, run_key: Mapping[str, Any], stop: int, result: Result) -> None:
    arrays: dict[str, Any] = {
        f"{kind} {name}": array
        for kind, pair in result.items()
        for name, array in zip(("product", "place"), pair, strict=True)
    }
    with storage.open_atomically(path, "wb") as file:
        np.savez(file, identity=np.array(json.dumps(dict(run_key))), seen=np.int64(stop), **arrays)


def _load(path: epath.Path, run_key: Mapping[str, Any]) -> tuple[int, Result]:
    if not path.exists():
        return 0, {}
    arrays = readers.read_npz(path, None, DELETE, max_length=MAX_KEY)
    lacking = [name for name in ("identity", "seen") if name not in arrays or arrays[name].shape != ()]
    kinds = [name.removesuffix(" place") for name in arrays if name.endswith(" place")]
    if lacking or any(f"{kind} product" not in arrays for kind in kinds):
        raise FileError(path, f"it has the arrays {', '.join(arrays)}", DELETE)
    result = {kind: (arrays[f"{kind} product"], arrays[f"{kind} place"]) for kind in kinds}
    for kind, (products, places) in result.items():
        if products.shape != places.shape or products.ndim != 2:
            raise FileError(path, f"its arrays of {kind} have the shapes {products.shape} and {places.shape}", DELETE)
    if arrays["seen"].dtype.kind not in "iu" or arrays["identity"].dtype.kind != "U":
        raise FileError(path, "its array seen is no integer, or its identity no text", DELETE)
    saved_key, stop = readers.parse_json(str(arrays["identity"]), path, dict[str, Any], DELETE), int(arrays["seen"])
    if difference := differences(saved_key, run_key):
        problem = f"it is of a different search: {difference}"
        raise FileError(path, problem, f"Give another --workdir, or delete {path.parent.name}.")
    return stop, result
