"""Embeds the names of classes with the text tower of CLIP or SigLIP: a zero-shot head for `evaluate --head`."""

import json

import jax.numpy as jnp
import numpy as np
from etils import epath
from ml_collections import ConfigDict

from imagenet_real.builders import models
from imagenet_real.errors import InputError
from imagenet_real.io import storage
from imagenet_real.models import catalog
from imagenet_real.models.heads import unit
from imagenet_real.models.text import load_text_tower
from imagenet_real.models.tokens import encode
from imagenet_real.report.printing import show
from imagenet_real.runtime.progress import track
from imagenet_real.runtime.workdir import locks_workdir

FILE = "class_embeddings.npz"
OUTPUTS = (FILE, "class_embeddings.json")  # files that no input may be


@locks_workdir
def run(config: ConfigDict, workdir: epath.Path) -> None:
    """Writes class_embeddings.npz, `embeddings` [K, D] with `scale` and `bias`, and class_embeddings.json of its inputs."""
    config = models.with_published_model(config)
    names = _lines("class_names", config.class_names)
    prompts = _lines("prompts", config.prompts) if config.prompts else ["{}"]
    for prompt in prompts:
        if "{}" not in prompt:
            raise InputError(f"the prompt {prompt!r} has no {{}}. Write {{}} where the name of the class goes.")
    is_siglip = "_siglip_" in config.model
    activation = "gelu_tanh" if is_siglip else catalog.find(config.model).architecture.get("activation", "gelu")
    file = models.weights_file(config)
    apply, length, scale, bias = load_text_tower(file, activation=activation, heads=config.text_heads)
    cleaning = config.cleaning or ("canonicalize" if is_siglip else "lower")
    embeddings = []
    for name in track(names, len(names), "classes", "embedding"):
        ids = encode([prompt.replace("{}", name) for prompt in prompts], config.tokenizer, length, cleaning=cleaning)
        texts = apply(jnp.asarray(ids))
        mean = (unit(texts) if config.normalize_prompts else texts).mean(axis=0)
        embeddings.append(np.asarray(unit(mean)))
    with storage.open_atomically(workdir / FILE, "wb") as stream:
        np.savez(stream, embeddings=np.stack(embeddings), scale=np.float32(scale), bias=np.float32(bias))
    inputs = {
        "class_names": names,
        "prompts": prompts,
        "cleaning": cleaning,
        "normalize_prompts": config.normalize_prompts,
        "tokenizer": storage.sha256(config.tokenizer),
        "weights": models.weights_provenance(config, None),
    }
    with storage.open_atomically(workdir / "class_embeddings.json") as stream:
        json.dump(inputs, stream, indent=1, ensure_ascii=False)
    row = {"file": str(workdir / FILE), "classes": len(names), "prompts": len(prompts), "scale": scale, "bias": bias}
    show(config.format, [row], f"wrote {row['file']}: {len(names):,} classes, {len(prompts)} prompts each")


def _lines(option: str, file: str) -> list[str]:
    if not file:
        raise InputError(f"{option} is empty. Give --{option}=FILE, a text file with one per line.")
    try:
        lines = [line.strip() for line in storage.read_text(storage.to_path(file)).splitlines()]
    except FileNotFoundError:
        raise InputError(f"there is no {file}. Give --{option}=FILE, a text file with one per line.") from None
    lines = [line for line in lines if line]
    if not lines:
        raise InputError(f"{file} has no lines. Write one per line.")
    return lines
