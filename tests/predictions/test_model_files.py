"""Models in files: few stay in memory, and the others are read again."""

import numpy as np
import pytest

from imagenet_real.predictions import model_files
from imagenet_real.predictions.model_files import ModelFiles
from imagenet_real.scoring.results import score_models
from tests import toy


@pytest.mark.parametrize(("max_bytes", "reads"), [(2**28, 3), (0, 6)])
def test_models_that_do_not_fit_are_read_again(monkeypatch, max_bytes, reads):
    monkeypatch.setattr(model_files, "MAX_BYTES", max_bytes)
    seen = []

    def read(path):
        seen.append(path)
        return [toy.predictions(path)]

    models = ModelFiles(["a", "b", "c"], read)
    assert [model.name for model in models] == ["a", "b", "c"]
    assert [heading.name for heading in models.headings] == ["a", "b", "c"]
    assert len(seen) == reads
    assert models.path_of == {"a": "a", "b": "b", "c": "c"}
    assert models.headings[0].image_ids is models.headings[2].image_ids


def test_results_of_files_are_those_of_models(monkeypatch):
    monkeypatch.setattr(model_files, "MAX_BYTES", 0)
    pair = {"a": toy.predictions("a"), "b": toy.predictions("b", top=toy.TOP[:, ::-1])}
    ours, expected = (
        score_models(models, [toy.original(), toy.real()])
        for models in (ModelFiles(list(pair), lambda name: [pair[name]]), list(pair.values()))
    )
    assert ours.rows == expected.rows
    assert ours.rankings == expected.rankings
    np.testing.assert_array_equal(ours.evidence.predicted, expected.evidence.predicted)
