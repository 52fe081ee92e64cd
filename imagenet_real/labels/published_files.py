"""The label files that others publish: where, at which revision, and their checksums."""

import dataclasses

from etils import epath

from imagenet_real.io import storage

DOWNLOAD_AGAIN = "Delete it, and it is downloaded again."


@dataclasses.dataclass(frozen=True)
class PublishedFile:
    """Where a label file is published, at a pinned revision, and its SHA-256."""

    url: str
    sha256: str


_REASSESSED = (
    "https://raw.githubusercontent.com/google-research/reassessed-imagenet/bcd006fe12e929f055e0ec7fe39dbf4d64a6881a"
)
_MISTAKES = "https://raw.githubusercontent.com/google-research/imagenet-mistakes/6fdda60a87dd79cdef764c8823db7b2f67c43a97/metadata"
_CORRECTIONS = (
    "https://raw.githubusercontent.com/klarajanouskova/ImageNet/008f8fbb123d584ae2a3573bd5f982dc8f31ab23"
    "/eval_corrections/load_data/validation_correction"
)
_IMAGENET_V2 = "https://raw.githubusercontent.com/modestyachts/ImageNetV2/b14e00d85f3065a18486d1a43181990a538e0122"
PUBLISHED = {
    "real.json": PublishedFile(
        f"{_REASSESSED}/real.json", "d83e9bff374c631aae8439eb064c7019acc56e1b3bc3f56b8380c2a710b0220b"
    ),
    "scores.npz": PublishedFile(
        f"{_REASSESSED}/scores.npz", "c4b558569f3da12945c57684294f439214a9cb7919b0ae5b44432bd077d03b79"
    ),
    "raters.npz": PublishedFile(
        f"{_REASSESSED}/raters.npz", "d3ffe8082e4e61e9716cbc93a7a4e877e3b1d1240032a176e797b43f19107ec8"
    ),
    "golden.npz": PublishedFile(
        f"{_REASSESSED}/golden.npz", "738a795e88351799934669ac48bb70e2ebe484b447fc3e09e0c36fbd987d06d2"
    ),
    "raters_golden.npz": PublishedFile(
        f"{_REASSESSED}/raters_golden.npz", "6fd910fc7389c3d695ac5e18269689797d0246a378c536e218854f9d93bc8ea6"
    ),
    "vit3b_mistakes.json": PublishedFile(
        f"{_MISTAKES}/vit3b_mistakes.json", "7c48988d683c60714ee720b9ee8f762b32e5759e2b98a12a5ab23d41b20d4c2a"
    ),
    "multilabel.csv": PublishedFile(
        f"{_CORRECTIONS}/imagenet_multilabel/multilabel.csv",
        "3d2068a392410a04cee532732c1f0c298e8c69535e1c391a062412ce9bc86602",
    ),
    "class_info.json": PublishedFile(
        f"{_IMAGENET_V2}/data/metadata/class_info.json",
        "01968f45aa507b6ccf4d9a1f5f71f1dfc16819f32d6d84ee95861edba98d043b",
    ),
}


def origin(path: epath.Path) -> dict[str, str]:
    """What a result records of a label file: its name, its checksum, and the published checksum if that differs."""
    digest = storage.sha256(path)
    record = {"file": path.name, "sha256": digest}
    if path.name in PUBLISHED and digest != PUBLISHED[path.name].sha256:
        record["differs_from_published"] = PUBLISHED[path.name].sha256
    return record
