"""Looks at label maps: compares them with predictions and with what crops show, and draws some of them."""

import json
from typing import Any

from etils import epath
from ml_collections import ConfigDict

from imagenet_real.builders import class_sets, config_groups
from imagenet_real.builders.images import open_images
from imagenet_real.builders.objects import load_objects
from imagenet_real.data.crop_statistics import overlap_statistics, random_crops
from imagenet_real.data.sources.records import label_sets_of
from imagenet_real.errors import InputError
from imagenet_real.io.names import as_file_name
from imagenet_real.io.storage import open_atomically
from imagenet_real.labels.classes import identify
from imagenet_real.predictions.predictions import load_predictions
from imagenet_real.relabel import inspection
from imagenet_real.relabel.label_maps import LabelMaps, load_label_maps
from imagenet_real.relabel.pooling import Pooling
from imagenet_real.report.label_maps import as_rows, as_text
from imagenet_real.report.plots.label_maps import figure
from imagenet_real.report.printing import show, show_written
from imagenet_real.runtime.workdir import locks_workdir

OUTPUTS = ("label_maps.json", "*.png")  # files that no input may be


@locks_workdir
def run(config: ConfigDict, workdir: epath.Path) -> dict[str, Any]:
    """Writes label_maps.json and pictures into `workdir`, and prints the comparisons."""
    maps = load_label_maps(config.label_maps) if config.label_maps else None
    pooling = config_groups.build(Pooling, config, "label_pooling")
    summary = inspect(config, maps, pooling).as_json()
    if not summary and not config.pictures:
        raise InputError("there is nothing to look at. Give predictions, boxes, images=tfds:digit_scenes, or pictures.")
    if config.pictures:
        draw_pictures(config, workdir, maps, pooling)
    with open_atomically(workdir / "label_maps.json") as file:
        json.dump(summary, file, indent=1)
    show(config.format, as_rows(summary), as_text(summary))
    pictures = [f"{config.pictures} pictures"] if config.pictures else []
    show_written(config.format, workdir, ["label_maps.json", *pictures])
    return summary


def inspect(config: ConfigDict, maps: LabelMaps | None, pooling: Pooling) -> inspection.Inspection:
    """Makes the comparisons that the config asks for."""
    predictions = crops = None
    agreement = {}
    if config.predictions:
        maps = required(maps, "predictions")
        loaded = load_predictions(config.predictions)
        predictions = inspection.compare_with_predictions(loaded.image_ids, loaded.top[:, 0], maps, pooling)
    objects = load_objects(config)
    if objects is not None:
        boxes = random_crops(objects.sizes, config.crops, min_area=config.min_area, seed=config.seed)
        crops = overlap_statistics(objects, boxes)
        if objects.labels is not None:
            source = open_images(config.images, split=config.split, tfds_dir=config.tfds_dir)
            agreement = inspection.compare_labels_with_crops(label_sets_of(source), objects, boxes)
            if maps is not None:
                agreement["pooled label"] = inspection.compare_maps_with_crops(maps, pooling, objects, boxes)
    return inspection.Inspection(predictions, crops, agreement)


def draw_pictures(config: ConfigDict, workdir: epath.Path, maps: LabelMaps | None, pooling: Pooling) -> None:
    """Writes a picture of the label map of some images, chosen at random."""
    maps = required(maps, "pictures")
    source = open_images(config.images, split=config.split, tfds_dir=config.tfds_dir)
    classes = identify(maps.num_classes, maps.image_ids, source.class_names)
    names = class_sets.with_names(classes, config.class_names).names
    options = {"count": config.pictures, "min_area": config.min_area, "seed": config.seed}
    for example in inspection.examples(source, maps, pooling, **options):
        drawing = figure(
            example.image_id, example.image, example.classes, example.shares, example.crops, example.targets, names
        )
        with open_atomically(workdir / as_file_name(f"{example.image_id.replace('/', '_')}.png"), "wb") as file:
            drawing.savefig(file, format="png", dpi=80)


def required(maps: LabelMaps | None, purpose: str) -> LabelMaps:
    """Returns the maps. Raises InputError if the config names none."""
    if maps is None:
        raise InputError(f"{purpose} need --label_maps=FOLDER. The program `relabel` makes such a folder.")
    return maps
