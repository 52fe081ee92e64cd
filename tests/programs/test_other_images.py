"""Other images of ImageNet's classes, slices and drops, by the programs as a user runs them."""

import csv
import json

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from configs import evaluate as evaluate_config
from configs import score as score_config
from imagenet_real.errors import InputError
from imagenet_real.io import storage
from imagenet_real.labels.imagenet import imagenet_wnids, validation_ids, validation_labels
from imagenet_real.programs import evaluate, score
from tests.data.pictures import picture

KNOWN = list(range(0, 1000, 5))


def run(program, config, workdir, **fields):
    config.update({"report": False, **fields})
    program.run(config, storage.to_path(str(workdir)))
    return json.loads((workdir / "results.json").read_text())


def save(path, ids, top):
    np.savez(path, image_ids=np.array(ids), top=np.array(top))
    return str(path)


def objectnet(folder):
    """Gray photographs with a red border of 2 pixels, and ObjectNet's mapping files."""
    (folder / "folder_to_objectnet_label.json").write_text('{"alarm_clock": "Alarm clock", "fish": "Fish"}')
    (folder / "objectnet_to_imagenet_1k.json").write_text('{"Alarm clock": "analog clock", "Fish": "tench"}')
    rows = [{"cid": label, "synset": [f"class {label}"], "gloss": ""} for label in range(1000)]
    rows[0]["synset"], rows[409]["synset"] = ["tench"], ["analog clock"]
    (folder / "class_info.json").write_text(json.dumps(rows))
    for name in ("alarm_clock", "fish"):
        pixels = np.full((20, 24, 3), (255, 0, 0), np.uint8)
        pixels[2:-2, 2:-2] = 100
        (folder / "photographs" / name).mkdir(parents=True)
        Image.fromarray(pixels).save(folder / "photographs" / name / "1.png")
    return folder


def redness():
    """A model whose class 0 is likelier the redder the image is, and whose class 409 is the other one."""

    def apply(params, images):
        red = (images[..., 0] - images[..., 1]).mean(axis=(1, 2))
        return jnp.zeros((len(images), 1000)).at[:, 0].set(red).at[:, 409].set(0.001)

    return apply, {}


@pytest.mark.parametrize(("border", "cut", "right"), [(None, 2, "alarm_clock"), (0, 0, "fish")])
def test_the_red_border_of_objectnet_is_cut_off(nowhere, border, cut, right):
    folder = objectnet(nowhere)
    fields = {"model": "tests.programs.test_other_images:redness", "images": str(folder / "photographs")}
    fields |= {"labels_dir": str(folder), "resize": 0, "crop": 20, "interpolation": "bilinear", "batch_size": 2}
    fields |= {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0), "border": border, "ks": (1,)}
    results = run(evaluate, evaluate_config.get_config(), folder / "run", **fields)
    assert results["provenance"]["images"].get("border", 0) == cut
    assert results["rows"][0]["label_set"] == "objectnet"
    with np.load(folder / "run" / "predictions.npz") as archive:
        assert set(archive["top"][:, 0].tolist()) == {{"alarm_clock": 409, "fish": 0}[right]}


@pytest.fixture
def predictions(nowhere):
    """Of ImageNet-A's and the validation images, with scores: right on a half and on most of them."""
    random = np.random.default_rng(0)
    other = [f"{imagenet_wnids()[label]}/{copy}" for label in KNOWN for copy in range(2)]
    labels = np.repeat(KNOWN, 2)
    for name, ids, right, labels_of in (
        ("other", other, 0.5, labels),
        ("clean", validation_ids().tolist()[:1000], 0.8, validation_labels()[:1000]),
    ):
        scores = random.normal(size=(len(ids), 1000)).astype(np.float32)
        chosen = random.random(len(ids)) < right
        scores[np.flatnonzero(chosen), labels_of[chosen]] += 9
        np.savez(nowhere / f"{name}.npz", image_ids=np.array(ids), scores=scores)
    (nowhere / "imagenet_a_wnids.txt").write_text("".join(f"{imagenet_wnids()[label]}\n" for label in KNOWN))
    return nowhere


def test_a_score_on_other_images_has_the_drop_from_its_clean_twin(predictions, capsys):
    fields = {"predictions": str(predictions / "other.npz"), "clean": str(predictions / "clean.npz")}
    fields |= {"label_sets": "imagenet_a,imagenet_a_clean", "labels_dir": str(predictions), "allow_missing": True}
    results = run(score, score_config.get_config(), predictions / "run", **fields)
    with np.load(predictions / "other.npz") as archive:
        best = [max(KNOWN, key=lambda label: row[label]) for row in archive["scores"]]
    rows = {(row["label_set"], row["k"]): row for row in results["rows"]}
    assert rows["imagenet_a", 1]["accuracy"] == np.mean(np.array(best) == np.repeat(KNOWN, 2))
    twin = rows["imagenet_a_clean", 1]
    assert twin["images"] == np.isin(validation_labels()[:1000], KNOWN).sum()
    drop = results["drops"][0]
    assert drop["difference"] == rows["imagenet_a", 1]["accuracy"] - twin["accuracy"] < 0
    assert "difference" in capsys.readouterr().out


def test_the_image_ids_choose_the_label_sets(predictions, capsys):
    fields = {"predictions": str(predictions / "other.npz"), "labels_dir": str(predictions)}
    results = run(score, score_config.get_config(), predictions / "run", **fields)
    assert {row["label_set"] for row in results["rows"]} == {"imagenet_a"}
    (predictions / "more").mkdir()
    for name in ("a", "b"):
        save(predictions / "more" / f"{name}.npz", ["x"], [[0]])
    fields["clean"] = str(predictions / "more" / "*.npz")
    with pytest.raises(InputError, match="clean=.* has no predictions of other"):
        run(score, score_config.get_config(), predictions / "run2", **fields)


def test_slices_of_a_table_are_files_beside_the_results(nowhere, capsys):
    ids = validation_ids()[:300].tolist()
    labels = validation_labels()[:300]
    top = np.where(np.arange(300) % 3 > 0, labels, (labels + 1) % 1000)[:, None]
    path = save(nowhere / "model.npz", ids, top)
    rows = "".join(f"{name},{'night' if at % 3 else 'day'},{at}\n" for at, name in enumerate(ids))
    (nowhere / "data.csv").write_text(f"image_id,light,number\n{rows}")
    fields = {"predictions": path, "label_sets": "original", "allow_missing": True, "ks": (1,), "slice_pairs": True}
    run(score, score_config.get_config(), nowhere / "run", **fields, slices=str(nowhere / "data.csv"))
    with (nowhere / "run" / "slices.csv").open() as file:
        table = {(row["column"], row["value"]): row for row in csv.DictReader(file)}
    assert float(table["light", "day"]["accuracy"]) == 0.0
    assert float(table["light", "night"]["accuracy"]) == 1.0
    assert table["light", "day"]["resolved"] == "True"
    assert float(table["light x number", "day x 0 to 59"]["images"]) == 20
    content = json.loads((nowhere / "run" / "slices.json").read_text())
    assert len(content["rows"]) == len(table)
    assert content["sources"]["light"]["file"] == "data.csv"
    assert "2 of" not in content["correction"]
    assert "slices differ" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("slices", "message"),
    [
        ("imagenet_y", "unknown slices 'imagenet_y': did you mean imagenet_x"),
        ("imagenet_x", "slices=imagenet_x: ImageNet-X's .* is missing. Run pip install imagenet-x"),
        ("reimagenet", "slices=reimagenet: .*vrg-prague"),
        ("superclass", "slices=superclass: .*wordnet_is_a.txt"),
        ("scenes", "needs digit scenes"),
        ("missing.csv", "missing.csv"),
    ],
)
def test_slices_that_cannot_be_made_are_one_line(nowhere, slices, message):
    path = save(nowhere / "model.npz", validation_ids()[:3].tolist(), [[1], [2], [3]])
    fields = {"predictions": path, "label_sets": "original", "allow_missing": True, "slices": slices}
    with pytest.raises(InputError, match=message) as error:
        run(score, score_config.get_config(), nowhere / "run", **fields)
    assert "\n" not in str(error.value)


@pytest.mark.slow
def test_images_in_folders_of_known_classes_are_compared_among_them(nowhere):
    for number, label in enumerate(KNOWN):
        folder = nowhere / "images" / imagenet_wnids()[label]
        folder.mkdir(parents=True)
        (folder / f"{number}.jpg").write_bytes(picture(number))
    (nowhere / "imagenet_a_wnids.txt").write_text("".join(f"{imagenet_wnids()[label]}\n" for label in KNOWN))
    fields = {"model": "tests.programs.models:colours", "images": str(nowhere / "images"), "labels_dir": str(nowhere)}
    fields |= {"resize": 20, "crop": 16, "interpolation": "bilinear", "mean": (0.5,) * 3, "std": (0.5,) * 3}
    results = run(evaluate, evaluate_config.get_config(), nowhere / "run", **fields)
    with np.load(nowhere / "run" / "predictions.npz") as archive:
        scores, ids = archive["scores"], archive["image_ids"].tolist()
    hits = [
        imagenet_wnids()[max(KNOWN, key=lambda label: row[label])] == image.partition("/")[0]
        for row, image in zip(scores, ids, strict=True)
    ]
    assert [(row["label_set"], row["k"]) for row in results["rows"]] == [("imagenet_a", 1), ("imagenet_a", 5)]
    assert results["rows"][0]["accuracy"] == np.mean(hits)
    assert results["rows"][0]["images"] == 200
