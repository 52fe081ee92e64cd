"""Finds label files in folders, or downloads them: pinned, checked, whole or not at all."""

import dataclasses
import os
import urllib.parse
from collections.abc import Sequence

from etils import epath

from imagenet_real.errors import InputError
from imagenet_real.io import storage
from imagenet_real.io.network import CONNECT_SECONDS, is_reachable
from imagenet_real.io.readers import shorten
from imagenet_real.io.storage import cache_folder
from imagenet_real.labels.published_files import PUBLISHED


class MissingFile(InputError):
    """A label set lacks a file that only the user can supply. It is unavailable, and others can be scored."""


@dataclasses.dataclass(frozen=True)
class LabelStore:
    """The folders with label files; `$IMAGENET_REAL_DATA/labels` and the user's cache folder always belong to them."""

    labels_dir: str | os.PathLike = ""  # the first folder; empty for none
    tfds_dir: str = ""  # prepared TFDS datasets, which may have multi-label labels; empty for TFDS's own folder

    def folders(self) -> list[epath.Path]:
        """The folders in the order of the search."""
        folders = [storage.to_path(self.labels_dir)] if self.labels_dir else []
        if data := os.environ.get("IMAGENET_REAL_DATA"):
            folders.append(storage.to_path(data) / "labels")
        return [*folders, cache_folder()]

    def look_for(self, *names: str) -> epath.Path | None:
        """The first of several equivalent files, or None. An earlier folder goes before an earlier name."""
        paths = (folder / name for folder in self.folders() for name in names)
        return next((path for path in paths if path.is_file()), None)

    def find(self, names: Sequence[str]) -> dict[str, epath.Path]:
        """The paths of published files. Downloads those that are in no folder into the cache folder.

        Raises InputError, within `CONNECT_SECONDS` without a network, with the names of the files and the address of one.
        """
        paths = {name: self.look_for(name) for name in names}
        missing = [name for name, path in paths.items() if path is None]
        if missing and not is_reachable(urllib.parse.urlsplit(PUBLISHED[missing[0]].url).netloc):
            names = shorten(", ".join(missing), 60)
            raise InputError(f"{names}: no network answers. Put {_description(missing[0])} into --labels_dir=FOLDER.")
        return {name: path or _download(name) for name, path in paths.items()}


DEFAULT_STORE = LabelStore()


def _description(name: str) -> str:
    """The address of a file, and the beginning of its checksum."""
    return f"{PUBLISHED[name].url} (sha256 {PUBLISHED[name].sha256[:8]}...)"


def _download(name: str) -> epath.Path:
    import pooch

    pooch.get_logger().setLevel("WARNING")
    downloader = pooch.HTTPDownloader(timeout=(CONNECT_SECONDS, 30))
    file = PUBLISHED[name]
    try:
        # pooch writes to a temporary neighbor, checks the SHA-256, and only then moves the file to its name.
        return epath.Path(
            pooch.retrieve(file.url, f"sha256:{file.sha256}", name, cache_folder(), downloader=downloader)
        )
    except Exception as error:  # requests, urllib3 and pooch each raise their own
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"could not download {name}: {shorten(reason, 25)}. Put {_description(name)} into --labels_dir=FOLDER."
        ) from None
