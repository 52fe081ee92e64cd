"""The search for duplicates of a config: its checks, and the nearest images of another set."""

from typing import Any

from etils import epath
from ml_collections import ConfigDict

from imagenet_real.data.sources.records import Source
from imagenet_real.duplicates.embeddings import Embeddings
from imagenet_real.duplicates.fingerprints import VARIANTS
from imagenet_real.errors import InputError
from imagenet_real.io import storage


def check(config: ConfigDict, workdir: epath.Path) -> None:
    """Raises InputError if fields contradict each other."""
    if not config.images or not config.others:
        raise InputError(
            f"images={config.images!r}, others={config.others!r}: one of them is empty. Give --images=... and "
            "--others=..., the set to search."
        )
    if bool(config.embeddings) != bool(config.others_embeddings):
        raise InputError(
            f"embeddings={config.embeddings!r}, others_embeddings={config.others_embeddings!r}: one of them is empty. "
            "Give embeddings of both sets, or none."
        )
    if config.embeddings and storage.in_bucket(workdir):
        raise InputError(f"{workdir} is in a bucket, where embeddings cannot be mapped. Give a --workdir on a disk.")


def search_others(
    config: ConfigDict, workdir: epath.Path, images: Source, others: Source
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns the nearest other images, and what the search depends on."""
    from imagenet_real.duplicates import search
    from imagenet_real.runtime import devices

    folder = workdir / "search"
    run_key = {"images": images.fingerprint, "others": others.fingerprint, "variants": VARIANTS}
    embeddings: dict[str, Embeddings] = {}
    if config.embeddings:
        sources = {"embeddings": images, "others_embeddings": others}
        run_key |= {name: storage.sha256(config[name]) for name in sources}
        embeddings = {
            name: Embeddings(config[name], source.label_fields().image_ids, folder) for name, source in sources.items()
        }
    result = search.search(
        images, others, folder, devices.make_mesh(), workers=config.workers, run_key=run_key, **embeddings
    )
    return result, run_key
