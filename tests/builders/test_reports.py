"""The report that programs write: class names, groups and pictures come from where a config says."""

import json

import numpy as np
import pytest
from PIL import Image

from configs import score as score_config
from imagenet_real.errors import InputError
from imagenet_real.labels.imagenet import imagenet_wnids, validation_ids, validation_labels
from imagenet_real.labels.json_format import save_label_set
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.predictions.predictions import Predictions, save_predictions
from imagenet_real.programs import score
from tests import toy


@pytest.fixture
def world(tmp_path):
    """The toy world as files: predictions, label sets and images; and a config that scores them."""
    save_predictions(tmp_path / "model.npz", toy.predictions())
    for label_set in (toy.original(), toy.real()):
        save_label_set(tmp_path / f"{label_set.name}.json", label_set)
    (tmp_path / "images").mkdir()
    for image_id in "abcde":
        Image.new("L", (30, 20), 90).save(tmp_path / "images" / f"{image_id}.png")
    (tmp_path / "images" / "f.png").write_bytes(b"no picture")
    (tmp_path / "names.txt").write_text("cat\ndog\ncow\nhen\n")
    config = score_config.get_config()
    config.update(
        {
            "predictions": str(tmp_path / "model.npz"),
            "label_sets": f"{tmp_path}/original.json,{tmp_path}/real.json",
            "ks": (1,),
        }
    )
    return config, tmp_path


def test_a_report_with_names_and_pictures(world):
    config, folder = world
    config.update({"images": str(folder / "images"), "class_names": str(folder / "names.txt")})
    score.run(config, folder / "out")
    page = (folder / "out" / "report.html").read_text()
    assert page.count("<img ") == 2  # b and c; f could not be read
    assert 'alt="b, predicted dog"' in page
    assert '<dd class="right">✓ dog, cow</dd>' in page


def test_a_report_that_nobody_wants(world):
    config, folder = world
    config.report = False
    score.run(config, folder / "out")
    assert sorted(path.name for path in (folder / "out").iterdir()) == [
        "accuracy_by_class.csv",
        "results.csv",
        "results.json",
    ]


def test_names_of_other_classes_are_told_and_the_results_kept(world):
    config, folder = world
    (folder / "names.txt").write_text("cat\n")
    config.class_names = str(folder / "names.txt")
    with pytest.raises(InputError, match="has 1 lines, expected 4. Give one class name a line"):
        score.run(config, folder / "out")
    assert (folder / "out" / "results.json").exists()


def test_groups_are_found_beside_the_labels(tmp_path, nowhere):
    """Two classes of ImageNet, one a dog, in a hierarchy that names dogs alone."""
    labels, ids = validation_labels()[:500], validation_ids()[:500]
    save_label_set(tmp_path / "mine.json", LabelSet("mine", ids, labels[:, None], np.ones(500), labels, 1000))
    save_predictions(tmp_path / "model.npz", Predictions(ids, labels[:, None], num_classes=1000))
    (tmp_path / "labels").mkdir()
    edges = [f"{'n02084071' if 151 <= at < 269 else 'root'} {wnid}" for at, wnid in enumerate(imagenet_wnids())]
    (tmp_path / "labels" / "wordnet_is_a.txt").write_text("\n".join(edges))
    info = [{"cid": at, "synset": [f"kind {at}", "x"], "gloss": ""} for at in range(1000)]
    (tmp_path / "labels" / "class_info.json").write_text(json.dumps(info))
    config = score_config.get_config()
    config.update({"predictions": f"{tmp_path}/model.npz", "label_sets": f"{tmp_path}/mine.json", "ks": (1,)})
    config.labels_dir = str(tmp_path / "labels")
    score.run(config, tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text()
    dogs = ((labels >= 151) & (labels < 269)).sum()
    assert f'<th scope="row">dogs</th><td class="n">{dogs}</td>' in page
    assert f">kind {labels[0]}</th>" in page


def test_a_dataset_with_1000_classes_of_its_own_is_not_imagenet(tmp_path, nowhere):
    """It has no names, wnids and groups of ImageNet, though their files are there."""
    labels = np.arange(1_000)
    ids = np.array([f"photo_{number:04d}" for number in labels])
    save_label_set(tmp_path / "mine.json", LabelSet("mine", ids, labels[:, None], np.ones(1_000), labels, 1_000))
    save_predictions(tmp_path / "model.npz", Predictions(ids, labels[:, None], num_classes=1_000))
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "wordnet_is_a.txt").write_text("\n".join(f"n02084071 {wnid}" for wnid in imagenet_wnids()))
    info = [{"cid": at, "synset": [f"kind {at}", "x"], "gloss": ""} for at in range(1_000)]
    (tmp_path / "labels" / "class_info.json").write_text(json.dumps(info))
    config = score_config.get_config()
    config.update({"predictions": f"{tmp_path}/model.npz", "label_sets": f"{tmp_path}/mine.json", "ks": (1,)})
    config.labels_dir = str(tmp_path / "labels")
    score.run(config, tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text()
    assert "kind 7" not in page
    assert "dogs" not in page
    rows = (tmp_path / "out" / "accuracy_by_class.csv").read_text().splitlines()
    assert rows[1] == "mine,0,,1,1.0"
