"""Weights on the Hugging Face Hub: a repository's file, in the user's usual cache, with its commit and checksum."""

import dataclasses
import json
import os
from collections.abc import Callable, Mapping
from typing import Any

from imagenet_real.errors import InputError, nearest
from imagenet_real.io import extras, storage

PREFIX = "hf_hub:"
ENDING = ".safetensors"
FILES = ("model.safetensors", "open_clip_model.safetensors")  # the first that exists is meant
TIMEOUT = 5  # seconds for the first answer
PLACE = "Or download it elsewhere, and give --weights=FILE"


@dataclasses.dataclass(frozen=True)
class HubFile:
    """A file of a repository at one commit."""

    repository: str  # ORG/NAME
    commit: str
    name: str
    path: str  # on the disk
    sha256: str
    config: Mapping[str, Any]  # of its config.json; empty if it has none


def parse(reference: str) -> tuple[str, str | None, str | None]:
    """`hf_hub:ORG/NAME/FILE@REVISION` -> repository, revision and file; the last two may be missing."""
    path, _, revision = reference.removeprefix(PREFIX).partition("@")
    organization, _, rest = path.partition("/")
    name, _, file = rest.partition("/")
    if not organization or not name:
        raise InputError(f"{reference} is not a repository. Write {PREFIX}ORG/NAME, or {PREFIX}ORG/NAME@REVISION.")
    return f"{organization}/{name}", revision or None, file or None


def fetch(reference: str, log: Callable[[str], None] = lambda line: None) -> HubFile:
    """Downloads a repository's weights, or finds them in the cache: `hf_hub:ORG/NAME[/FILE][@REVISION]`.

    Takes safetensors only, unless the file is named. A download that was interrupted continues. `log` receives what is
    used. Raises InputError if the repository, the revision or the file does not exist or needs a permission, if the Hub
    cannot be reached, and if the file differs from its checksum.
    """
    repository, revision, file = parse(reference)
    try:
        commit, checksums = _listing(repository, revision)
    except _Unreachable as error:
        found = _cached(repository, revision, file)
        if found is None:
            wanted = file or FILES[0]
            raise InputError(
                f"cannot reach {_endpoint()} for {wanted} of {repository} ({error}), and it is not in the cache. "
                f"Connect and try again. {PLACE}."
            ) from None
        log(f"cannot reach {_endpoint()} ({error}): {repository} comes from the cache, commit {found.commit[:10]}")
        return found
    name = _chosen(repository, file, checksums)
    path = _download(repository, revision, name)
    checksum = storage.sha256(path)
    if checksums[name] not in (None, checksum):
        _forget(path)
        raise InputError(
            f"{name} of {repository} has the SHA-256 {checksum[:12]}, the Hub has {checksums[name][:12]}. The damaged copy "
            f"was removed: run the command again."
        )
    config = _read_config(_download(repository, revision, "config.json")) if "config.json" in checksums else {}
    log(f"{repository}/{name}, commit {commit[:10]}, SHA-256 {checksum[:12]}")
    return HubFile(repository, commit, name, path, checksum, config)


def commit_of(repository: str, revision: str | None = None) -> str:
    """Returns the commit of a revision, by default of the newest one. Raises InputError, as `fetch`."""
    try:
        return _listing(repository, revision)[0]
    except _Unreachable as error:
        raise InputError(f"cannot reach {_endpoint()} for {repository} ({error}). Connect and try again.") from None


class _Unreachable(Exception):
    """The Hub gives no answer."""


def _listing(repository: str, revision: str | None) -> tuple[str, dict[str, str | None]]:
    """Returns the commit, and the files with their SHA-256, None for small files without one."""
    huggingface_hub, errors = _library()
    page = f"{_endpoint()}/{repository}"
    try:
        info = huggingface_hub.HfApi(endpoint=_endpoint()).model_info(
            repository, revision=revision, files_metadata=True, timeout=TIMEOUT
        )
    except errors.GatedRepoError:
        raise InputError(_gated(repository)) from None
    except errors.RepositoryNotFoundError:
        raise InputError(
            f"there is no repository {repository} at {_endpoint()}, or it is private. Check its name, or log in with "
            f"`hf auth login`."
        ) from None
    except errors.RevisionNotFoundError:
        raise InputError(f"{page} has no revision {revision!r}. Give a commit, tag or branch of it.") from None
    except errors.HFValidationError as error:
        raise InputError(f"{repository!r} is not a repository: {_line(error)}. Write {PREFIX}ORG/NAME.") from None
    except errors.HfHubHTTPError as error:
        raise InputError(f"{page} answers with an error ({_line(error)}). Try again later. {PLACE}.") from None
    except errors.OfflineModeIsEnabled:
        raise _Unreachable("HF_HUB_OFFLINE is set") from None
    except Exception as error:  # each version of the library has its own network errors
        raise _Unreachable(_line(error)) from None
    return info.sha, {file.rfilename: file.lfs.sha256 if file.lfs else None for file in info.siblings}


def _chosen(repository: str, file: str | None, checksums: Mapping[str, str | None]) -> str:
    if file is not None:
        if file not in checksums:
            raise InputError(f"{repository} has no file {file!r}: {nearest(file, list(checksums))}")
        return file
    weights = [name for name in checksums if name.endswith(ENDING)]
    name = next((name for name in FILES if name in weights), weights[0] if len(weights) == 1 else None)
    if name is None and weights:
        raise InputError(f"{repository} has several files of weights. Name one: {PREFIX}{repository}/{weights[0]}.")
    if name is None:
        pickles = [name for name in checksums if name.endswith((".bin", ".pth", ".pt"))]
        hint = f"Name a file if you trust it: {PREFIX}{repository}/{pickles[0]}." if pickles else "Give another one."
        raise InputError(f"{repository} has no {ENDING} file, only {', '.join(list(checksums)[:4])}. {hint}")
    return name


def _download(repository: str, revision: str | None, name: str) -> str:
    huggingface_hub, errors = _library()
    try:
        return huggingface_hub.hf_hub_download(
            repository, name, revision=revision, endpoint=_endpoint(), etag_timeout=TIMEOUT
        )
    except errors.GatedRepoError:
        raise InputError(_gated(repository)) from None
    except OSError as error:
        reason = error.strerror or _line(error)
        raise InputError(
            f"the download of {name} of {repository} stopped: {reason}. Run it again to continue."
        ) from None
    except Exception as error:
        raise InputError(
            f"the download of {name} of {repository} stopped: {_line(error)}. Run it again to continue."
        ) from None


def _cached(repository: str, revision: str | None, file: str | None) -> HubFile | None:
    huggingface_hub, _ = _library()
    for name in FILES if file is None else (file,):
        path = huggingface_hub.try_to_load_from_cache(repository, name, revision=revision or "main")
        if isinstance(path, str):
            commit = os.path.basename(os.path.dirname(path))
            config = huggingface_hub.try_to_load_from_cache(repository, "config.json", revision=revision or "main")
            read = _read_config(config) if isinstance(config, str) else {}
            return HubFile(repository, commit, name, path, storage.sha256(path), read)
    return None


def _read_config(path: str) -> Mapping[str, Any]:
    try:
        with open(path, encoding="utf-8") as file:
            config = json.load(file)
    except ValueError as error:
        raise InputError(f"{path} is not JSON ({_line(error)}). Name another revision of the repository.") from None
    return config if isinstance(config, dict) else {}


def _forget(path: str) -> None:
    """Removes a file from the cache, with what its link points to."""
    for name in {os.path.realpath(path), path}:
        if os.path.lexists(name):
            os.remove(name)


def _library() -> tuple[Any, Any]:
    """Returns `huggingface_hub` and its errors."""
    extras.check("weights from the Hub (give --weights=FILE for a file)", "huggingface_hub")
    import huggingface_hub
    import huggingface_hub.errors

    return huggingface_hub, huggingface_hub.errors


def _endpoint() -> str:
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")


def _gated(repository: str) -> str:
    return (
        f"{repository} is gated: its owner asks for an agreement. Accept it at {_endpoint()}/{repository} and log in with "
        f"`hf auth login`. {PLACE}."
    )


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:160].rstrip(".") or type(error).__name__
