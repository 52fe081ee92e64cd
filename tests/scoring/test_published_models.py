"""The table of published models, and folders with timm's own tables."""

import os
import pathlib

import numpy as np
import pytest

from imagenet_real.errors import InputError
from imagenet_real.scoring import published_models

HEAD = "model,img_size,top1,top1_err"


def write(folder, **tables):
    for name, rows in tables.items():
        (folder / f"timm_results-{name.replace('_', '-')}.csv").write_text("\n".join([HEAD, *rows]) + "\n")


def test_the_table_has_published_accuracies_as_fractions():
    models = published_models.load()
    at = models.models.index("resnet50.tv_in1k")
    assert models.pixels[at] == 224
    assert models.accuracy["original"][at] == pytest.approx(0.76156)
    assert models.accuracy["real"][at] == pytest.approx(0.82969)
    assert np.isnan(models.accuracy["imagenet_a"][at])  # its images were chosen by this model's mistakes
    assert set(models.accuracy) == set(published_models.TABLES)
    assert len(models) == 1557


def test_a_folder_of_tables_is_joined_by_model_and_size(tmp_path):
    write(tmp_path, imagenet=["net,224,80.5,19.5", "net,288,81.5,18.5"], imagenet_real=["net,288,87.25,12.75"])
    models = published_models.load_folder(tmp_path)
    assert (models.models, models.pixels) == (("net", "net"), (224, 288))
    np.testing.assert_allclose(models.accuracy["original"], [0.805, 0.815])
    np.testing.assert_allclose(models.accuracy["real"], [np.nan, 0.8725])
    assert set(models.accuracy) == {"original", "real"}


def test_a_folder_without_tables_is_one_error(tmp_path):
    with pytest.raises(InputError, match="has no results-imagenet.csv"):
        published_models.load_folder(tmp_path)
    write(tmp_path, imagenet=["net,224,many,19.5"])
    with pytest.raises(InputError, match="line 2 column top1 is .many."):
        published_models.load_folder(tmp_path)
    (tmp_path / "timm_results-imagenet.csv").write_text("model,accuracy\nnet,80\n")
    with pytest.raises(InputError, match="its columns are model, accuracy"):
        published_models.load_folder(tmp_path)


@pytest.mark.skipif("IMAGENET_REAL_DATA" not in os.environ, reason="IMAGENET_REAL_DATA is not set: no published tables")
def test_the_table_equals_the_published_files():
    files = published_models.load_folder(pathlib.Path(os.environ["IMAGENET_REAL_DATA"]) / "tables")
    models = published_models.load()
    assert (files.models, files.pixels) == (models.models, models.pixels)
    for name, values in files.accuracy.items():
        np.testing.assert_array_equal(values, models.accuracy[name])
