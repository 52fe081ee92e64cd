"""Writes imagenet_real/models/weights.csv anew: python -m tests.reference.weights_table TABLES

TABLES is a folder of timm's results-*.csv. Rows that exist stay; new ones come from timm's configs and these tables. Runs where the dependency group `reference` is installed.
"""

import csv
import math
import pathlib
import sys

from imagenet_real.models import pretrained_weights

FILE = pathlib.Path(pretrained_weights.__file__).parent / pretrained_weights.FILE
TABLES = {"top1": "imagenet", "real": "imagenet-real"}
COLUMNS = [
    "model",
    "tag",
    "publisher",
    "parameters",
    "classes",
    "resize",
    "crop",
    "interpolation",
    "mean",
    "std",
    "hub",
    "top1",
    "real",
]


def published_tables(folder: pathlib.Path) -> dict[str, dict[str, list[dict[str, str]]]]:
    """The rows of each table by model."""
    tables: dict[str, dict[str, list[dict[str, str]]]] = {}
    for column, name in TABLES.items():
        with open(folder / f"timm_results-{name}.csv", newline="") as file:
            for row in csv.DictReader(file):
                tables.setdefault(column, {}).setdefault(row["model"], []).append(row)
    return tables


def timm_rows(model: str, tables: dict, parameters: int | None) -> list[dict[str, str]]:
    """A row for every set of weights that timm publishes of a model."""
    from timm.models import get_pretrained_cfg, list_pretrained

    rows = []
    for name in list_pretrained(f"{model}.*"):
        config = get_pretrained_cfg(name).to_dict()
        size = config["input_size"][-1]
        published = next((row for row in tables["top1"].get(name, []) if int(row["img_size"]) == size), None)
        if published is None and tables["top1"].get(name):
            published = tables["top1"][name][0]
            size = int(published["img_size"])
        crop_pct = float(published["crop_pct"]) if published else config["crop_pct"]
        interpolation = published["interpolation"] if published else config["interpolation"]
        squashes = config["crop_mode"] == "squash"
        if config["num_classes"] != 1000 and "siglip" in model:  # as its authors resize: the whole image
            squashes, crop_pct = True, 1.0
        elif config["num_classes"] != 1000 and "_clip_" in model:  # as OpenAI and OpenCLIP: the short side is the crop
            crop_pct = 1.0
        if squashes and crop_pct != 1.0:
            print(f"left out: {name} squashes, then crops {crop_pct}")
            continue
        accuracies = {
            column: next((row["top1"] for row in table.get(name, []) if int(row["img_size"]) == size), "")
            for column, table in tables.items()
        }
        rows.append(
            {
                "model": model,
                "tag": name.partition(".")[2],
                "publisher": "timm" if published else "",
                "parameters": str(parameters),
                "classes": str(config["num_classes"]),
                "resize": "squash" if squashes else str(math.floor(size / crop_pct)),
                "crop": str(size),
                "interpolation": interpolation,
                "mean": " ".join(map(str, config["mean"])),
                "std": " ".join(map(str, config["std"])),
                "hub": config["hf_hub_id"] or "",
                **accuracies,
            }
        )
    return rows


def count(model: str) -> int:
    """The parameters of timm's model, for the classes of its first weights."""
    import timm
    import torch

    with torch.device("meta"):
        return sum(parameter.numel() for parameter in timm.create_model(model).parameters())


def main(folder: str) -> None:
    import timm

    from imagenet_real.models import catalog

    tables = published_tables(pathlib.Path(folder))
    with open(FILE, newline="") as file:
        old = list(csv.DictReader(file))
    by_model: dict[str, list[dict[str, str]]] = {}
    for row in old:
        by_model.setdefault(row["model"], []).append(row)
    rows = []
    for family in catalog.FAMILIES:
        for model in family.SPECS:
            known = by_model.get(model, [])
            parameters = int(known[0]["parameters"]) if known else None
            if not timm.is_model(model):
                fresh = {}
            else:
                parameters = count(model) if parameters is None else parameters
                fresh = {row["tag"]: row for row in timm_rows(model, tables, parameters)}
            for row in known:  # their order says which weights a bare name means
                rows.append({"classes": "1000", "hub": "", **fresh.pop(row["tag"], {}), **row})
            rows += sorted(fresh.values(), key=lambda row: (row["classes"] != "1000", not row["top1"]))
    with open(FILE, "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(f"{len(rows)} sets of weights of {len({row['model'] for row in rows})} models")


if __name__ == "__main__":
    main(sys.argv[1])
