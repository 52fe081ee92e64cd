"""The images that a run could not read: a file in its workdir lists them, with the reasons."""

import json
import sys
from collections.abc import Mapping

from etils import epath

from imagenet_real.io.readers import read_json
from imagenet_real.io.storage import open_atomically

FILE = "unreadable.json"


def write(workdir: epath.Path, unreadable: Mapping[str, Mapping[str, str]]) -> None:
    """Writes the list `{image_id: reason}` of `training`, of `evaluation`, or of both, and says so; no list if it is empty."""
    path = workdir / FILE
    counts = {name: len(images) for name, images in unreadable.items() if images}
    if not counts:
        path.unlink(missing_ok=True)
        return
    with open_atomically(path) as file:
        json.dump({name: dict(images) for name, images in unreadable.items()}, file, indent=1)
    text = " and ".join(f"{count:,} images of {name}" for name, count in counts.items())
    print(f"unreadable: {text}. {path} lists them.", file=sys.stderr)


def read(workdir: epath.Path) -> dict[str, dict[str, str]]:
    """Returns the lists of a run of training."""
    path = workdir / FILE
    lists = read_json(path, dict[str, dict[str, str]], f"Delete {path}.") if path.exists() else {}
    return {"training": {}, "evaluation": {}} | lists
