"""Labels that FiftyOne exports as JSON: its own format of samples, and that of image classification."""

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

from imagenet_real.io.readers import FileError, Name

FIELD = "ground_truth"  # of several fields with classes, the one with the right classes
_REMEDY = "Export the samples with one label field, or with ground_truth."


class Samples(TypedDict):
    """An export as FiftyOneDataset: a record for each image."""

    samples: list[dict[str, Any]]


class Targets(TypedDict):
    """An export as FiftyOneImageClassificationDataset: a class, or several, for each image."""

    classes: NotRequired[list[Name] | None]
    labels: dict[Name, Any]


def columns(content: Mapping[str, Any], path: Any) -> tuple[dict[str, list[Any]], list[str] | None]:
    """The images and labels of `Samples` or `Targets` as columns, and the names of the classes if the export has them."""
    if "samples" in content:
        return _of_samples(content["samples"], path), None
    names = content.get("classes") or None
    labels = [_names(target, names, path) for target in content["labels"].values()]
    return {"image_id": list(map(_without_folder, content["labels"])), "label": labels}, names


def _of_samples(samples: list[dict[str, Any]], path: Any) -> dict[str, list[Any]]:
    fields = {
        name for sample in samples for name, value in sample.items() if isinstance(value, dict) and _is_class(value)
    }
    if len(fields) > 1 and FIELD not in fields:
        raise FileError(path, f"its samples have several label fields, {', '.join(sorted(fields))}", _REMEDY)
    if not fields:
        raise FileError(path, "its samples have no label field", _REMEDY)
    field = FIELD if FIELD in fields else fields.pop()
    images = [_without_folder(str(sample.get("filepath") or "")) for sample in samples]
    return {"image_id": images, "label": [_names(sample.get(field), None, path) for sample in samples]}


def _is_class(value: dict[str, Any]) -> bool:
    return str(value.get("_cls", "")).startswith("Classification") or "label" in value or "classifications" in value


def _names(target: Any, names: list[str] | None, path: Any) -> list[str]:
    """The labels of an image: a name, an index of the export's classes, a record with a label, or a list of these."""
    if target is None:
        return []
    if isinstance(target, list):
        return [name for part in target for name in _names(part, names, path)]
    if isinstance(target, dict):
        several = target.get("classifications")
        return _names(several if several is not None else target.get("label"), names, path)
    if type(target) is int and names is not None:
        if not 0 <= target < len(names):
            raise FileError(path, f"it has the class {target}, expected 0 to {len(names) - 1}", _REMEDY)
        return [names[target]]
    return [str(target)]


def _without_folder(path: str) -> str:
    """The path in the exported folder: FiftyOne copies the images into its folder `data`."""
    return path.replace("\\", "/").removeprefix("data/")
