"""Writes scores and labels in the formats published with ReaL (Beyer et al. 2020)."""

import json

import numpy as np
from etils import epath

from imagenet_real.io import storage
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.raters.aggregation import Aggregation


def save_scores(path: epath.Path, aggregation: Aggregation) -> None:
    """Writes `tensor` [P], the scores, and `info` [P, 2] str, image and class, as in ReaL's scores.npz."""
    votes = aggregation.votes
    info = np.stack([votes.image_ids, votes.classes.astype(str)], axis=1)
    with storage.open_atomically(path, "wb") as file:
        np.savez_compressed(file, tensor=aggregation.scores, info=info)


def as_lists(labels: LabelSet) -> str:
    """Returns the content of a file such as real.json: a list of class indices for each image."""
    return json.dumps([[int(label) for label in row if label >= 0] for row in labels.labels])
