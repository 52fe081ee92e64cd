"""The ten models of the articles on label errors, and the files of their weights in a folder."""

import sys

from etils import epath
from ml_collections import ConfigDict

from imagenet_real.errors import InputError, nearest
from imagenet_real.io import storage
from imagenet_real.runtime import distributed

# The catalog's weights with the articles' preprocessing, and torchvision's file, whose name has its SHA-256.
MODELS = {
    "convnext_large": ("convnext_large.tv_in1k", "convnext_large-ea097f82.pth"),
    "convnext_base": ("convnext_base.tv_in1k", "convnext_base-6075fbad.pth"),
    "efficientnet_b7": ("efficientnet_b7.tv_in1k_633", "efficientnet_b7_lukemelas-c5b4e57e.pth"),
    "convnext_small": ("convnext_small.tv_in1k", "convnext_small-0c510722.pth"),
    "efficientnet_b4": ("efficientnet_b4.tv_in1k", "efficientnet_b4_rwightman-23ab8bcd.pth"),
    "efficientnet_b5": ("efficientnet_b5.tv_in1k_489", "efficientnet_b5_lukemelas-1a07897c.pth"),
    "convnext_tiny": ("convnext_tiny.tv_in1k", "convnext_tiny-983f1562.pth"),
    "efficientnet_b3": ("efficientnet_b3.tv_in1k", "efficientnet_b3_rwightman-b3899882.pth"),
    "vit_b_16": ("vit_b_16.tv_in1k", "vit_b_16-c867db91.pth"),
    "regnet_x_32gf": ("regnet_x_32gf.tv_in1k", "regnet_x_32gf-9d47f8d0.pth"),
}
ENDINGS = (".safetensors", ".pth", ".pt", ".bin", ".npz")


def weights_files(config: ConfigDict) -> dict[str, epath.Path]:
    """Returns the file of each of the config's models that the folder `weights` has.

    Raises InputError if it has no model, or several files of one.
    """
    if not config.weights:
        raise InputError("weights is empty. Give --weights=FOLDER, a folder with the models' weights.")
    folder = storage.to_path(config.weights)
    models, existing = _chosen_models(config.model), set(storage.names_in(folder))
    files_of = {model: [folder / name for name in _names(model) if name in existing] for model in models}
    for model, files in files_of.items():
        if len(files) > 1:
            raise InputError(
                f"{folder} has several files of {model}: {files[0].name}, {files[1].name}. Keep one of them."
            )
    files = {model: candidates[0] for model, candidates in files_of.items() if candidates}
    if not files:
        raise InputError(
            f"{folder} has none of the articles' models {', '.join(models)}. Add {MODELS[models[0]][1]}, "
            f"{models[0]}.safetensors or the like."
        )
    if len(files) < len(models) and distributed.is_primary():
        absent = ", ".join(model for model in models if model not in files)
        print(f"left out, because their weights are not in {folder}: {absent}", file=sys.stderr)
    return files


def model_config(config: ConfigDict, model: str, file: epath.Path) -> ConfigDict:
    """Returns the config that evaluates one of the models."""
    copy = ConfigDict(config.to_dict())
    copy.model, copy.weights, copy.export = MODELS[model][0], str(file), ""
    return copy


def checksum_note(model: str, file: epath.Path) -> str:
    """Returns a note if the file is not torchvision's, else ""."""
    published = MODELS[model][1].removesuffix(".pth").rpartition("-")[2]
    checksum = storage.sha256(file)
    if checksum.startswith(published):
        return ""
    return (
        f"{model}: {file.name} is not torchvision's file, its SHA-256 begins with {checksum[:8]} and not {published}."
    )


def _chosen_models(names: str) -> list[str]:
    models = [name.strip() for name in names.split(",") if name.strip()] or list(MODELS)
    for model in models:
        if model not in MODELS:
            raise InputError(f"the articles have no model {model!r}: {nearest(model, list(MODELS))}")
    return models


def _names(model: str) -> list[str]:
    """Returns the names under which a folder may have the weights of a model."""
    weights, published = MODELS[model]
    return [published, *(f"{stem}{ending}" for stem in (model, weights) for ending in ENDINGS)]
