"""Evaluation from end to end, with a model of the user's own on small pictures."""

import json
import os
import signal
import time

import numpy as np
import pytest

from imagenet_real.data.sources.open import open_source
from imagenet_real.data.writers.prepare import prepare
from imagenet_real.labels.image_ids import match
from imagenet_real.labels.json_format import save_label_set
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.predictions import parts
from imagenet_real.predictions.predictions import load_predictions
from tests import commands
from tests.data.pictures import label, picture, write_folder, write_tar
from tests.data.shards import write_parquet, write_table, write_tfrecords, write_webdataset

pytestmark = pytest.mark.slow

NUMBERS = range(1, 38)
PREPROCESSING = ["--config.resize=20", "--config.crop=16", "--config.interpolation=bilinear"]
PREPROCESSING += ["--config.mean=(0.5,0.5,0.5)", "--config.std=(0.5,0.5,0.5)"]


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    root = tmp_path_factory.mktemp("places")
    folder = write_folder(root / "folder", NUMBERS)
    prepare(open_source(str(folder)), str(root), name="imagenet2012", split="validation", version="5.1.0")
    tar = write_tar(root / "images.tar", folder)
    images, labels = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}, [*map(label, NUMBERS)]
    return {
        "webdataset": [f"--config.images={write_webdataset(root / 'webdataset', images, labels)}"],
        "parquet": [f"--config.images={write_parquet(root / 'parquet', images, labels)}"],
        "tfrecords": [f"--config.images={write_tfrecords(root / 'tfrecords', images, [n + 1 for n in labels])}"],
        "table": [f"--config.images={write_table(root / 'table', images, labels)}"],
        "folder": [f"--config.images={folder}"],
        "tar": [f"--config.images={tar}"],
        "tfds": ["--config.images=tfds:imagenet2012", f"--config.tfds_dir={root}"],
    }


def command(workdir, *arguments, model="colours"):
    model = f"--config.model=tests.programs.models:{model}"
    return ["--config=configs/evaluate.py", model, f"--workdir={workdir}", *arguments]


def run(workdir, *arguments, devices=1, preprocessing=tuple(PREPROCESSING), model="colours"):
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={devices}"
    environment = {**os.environ, "XLA_FLAGS": flags}
    environment.pop("IMAGENET_REAL_DATA", None)
    options = ["--config.label_sets=original", "--config.report=False", *preprocessing, *arguments]
    by_name = {option.partition("=")[0]: option for option in options}  # the last of each
    return commands.run(command(workdir, *by_name.values(), model=model), env=environment)


@pytest.fixture(scope="module")
def reference(places, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("reference")
    done = run(workdir, *places["folder"], "--config.batch_size=37", "--config.report=True")
    assert done.returncode == 0, done.stderr
    return workdir


@pytest.mark.parametrize(("kind", "devices", "batch_size"), [("tar", 8, 16), ("tfds", 8, 11), ("tfds", 1, 10)])
def test_any_source_mesh_and_batch_size_gives_the_same_predictions(
    places, reference, tmp_path, kind, devices, batch_size
):
    done = run(tmp_path, *places[kind], f"--config.batch_size={batch_size}", devices=devices)
    assert done.returncode == 0, done.stderr
    first, second = (load_predictions(folder / "predictions.npz") for folder in (reference, tmp_path))
    assert first.image_ids.tolist() == second.image_ids.tolist() == [f"ILSVRC2012_val_{n:08d}" for n in NUMBERS]
    np.testing.assert_array_equal(first.top[:, 0], second.top[:, 0])
    np.testing.assert_allclose(first.top_scores, second.top_scores, atol=1e-4)
    rows = [json.loads((folder / "results.json").read_text())["rows"] for folder in (reference, tmp_path)]
    assert rows[0] == rows[1]
    assert (rows[0][0]["images"], rows[0][0]["missing"]) == (37, 50_000 - 37)


def test_results_tell_where_they_come_from(reference):
    provenance = json.loads((reference / "results.json").read_text())["provenance"]
    assert provenance["preprocessing"] == {
        "resize": 20,
        "crop": 16,
        "interpolation": "bilinear",
        "mean": [0.5] * 3,
        "std": [0.5] * 3,
        "exif": "ignore",
    }
    assert {
        "jax",
        "flax",
        "devices",
        "dtype",
        "model",
        "weights",
        "images",
        "labels",
        "predictions",
    } <= provenance.keys()


def test_the_report_stands_beside_the_results(reference):
    page = (reference / "report.html").read_text()
    row = json.loads((reference / "results.json").read_text())["rows"][0]
    assert f"<b>{row['accuracy'] * 100:.2f}</b>" in page
    assert "Calibration" in page
    assert {path.name for path in reference.glob("calibration.*")} == {"calibration.png", "calibration.svg"}


def small_parts():
    parts.RECORDS_PER_PART = 4


SLOWLY = ["--config.batch_size=2", "--config.label_sets=original", "--config.report=False", *PREPROCESSING]


@pytest.fixture(scope="module")
def undisturbed(places, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("undisturbed")
    done = commands.run(command(workdir, *places["folder"], *SLOWLY))
    assert done.returncode == 0, done.stderr
    return (workdir / "predictions.npz").read_bytes()


@pytest.mark.parametrize("kind", ["folder", "webdataset", "parquet", "tfrecords", "table"])
def test_a_killed_evaluation_goes_on_and_ends_in_the_same_bytes(places, undisturbed, tmp_path, kind):
    """Killed as soon as the first part of the predictions is on the disk."""
    arguments = command(tmp_path / "killed", *places[kind], *SLOWLY)
    process = commands.Command(arguments, before=small_parts)
    for _ in range(600):
        if any((tmp_path / "killed").glob("parts/*.npz")):
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert any((tmp_path / "killed").glob("parts/*.npz"))

    assert commands.run(arguments).returncode == 0
    assert (tmp_path / "killed" / "predictions.npz").read_bytes() == undisturbed


def own_images(root):
    """Photographs in a tree of folders that has nothing to do with ImageNet."""
    for number in range(12):
        path = root / ("cats" if number % 2 else "dogs") / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(number))
    return [f"--config.images={root}"]


def test_images_that_are_not_imagenets(tmp_path):
    images = own_images(tmp_path / "photos")
    done = run(tmp_path / "out", *images, "--config.label_sets=", "--config.ks=(1,2)", model="two_classes")
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "out" / "results.json").read_text())["rows"]
    assert [(row["label_set"], row["k"], row["images"]) for row in rows] == [("original", 1, 12), ("original", 2, 12)]
    assert rows[1]["accuracy"] == 1.0
    predictions = load_predictions(tmp_path / "out" / "predictions.npz")
    assert predictions.image_ids[0] == "cats/1"

    mine = LabelSet("mine", np.array(["cats/1", "dogs/4"]), np.array([[0], [1]]), np.ones(2), np.array([0, 1]), 2)
    save_label_set(tmp_path / "mine.json", mine)
    done = run(
        tmp_path / "out", *images, f"--config.label_sets={tmp_path}/mine.json", "--config.ks=(1,)", model="two_classes"
    )
    assert done.returncode == 0, done.stderr
    (row,) = json.loads((tmp_path / "out" / "results.json").read_text())["rows"]
    expected = predictions.top[match(mine.image_ids, predictions.image_ids), 0] == mine.labels[:, 0]
    assert (row["accuracy"], row["images"]) == (expected.mean(), 2)


def test_a_few_of_imagenets_images_do_not_take_a_dataset_over(tmp_path):
    images = own_images(tmp_path / "photos")
    (tmp_path / "photos" / "dogs" / "ILSVRC2012_val_00000293.JPEG").write_bytes(picture(293))
    done = run(tmp_path / "out", *images, "--config.label_sets=", "--config.ks=(1,)", model="two_classes")
    assert done.returncode == 0, done.stderr
    (row,) = json.loads((tmp_path / "out" / "results.json").read_text())["rows"]
    assert (row["label_set"], row["images"]) == ("original", 13)


def test_images_without_labels_are_predicted_and_said_so(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(picture(1))
    done = run(tmp_path / "out", f"--config.images={tmp_path}/photos", "--config.label_sets=")
    assert done.returncode == 0, done.stderr
    assert "brings no labels" in done.stderr
    assert len(load_predictions(tmp_path / "out" / "predictions.npz")) == 1


def test_an_unreadable_image_is_named_or_left_out(tmp_path):
    folder = write_folder(tmp_path / "folder", (1, 2, 3))
    (folder / "ILSVRC2012_val_00000002.JPEG").write_bytes(b"\xff\xd8 not really")
    arguments = [f"--config.images={folder}"]
    stopped = run(tmp_path / "out", *arguments)
    assert stopped.returncode == 1
    assert "image ILSVRC2012_val_00000002 is unreadable" in stopped.stderr
    assert not (tmp_path / "out" / "results.json").exists()
    done = run(tmp_path / "out", *arguments, "--config.skip_unreadable=True")
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [entry["image_id"] for entry in results["missing"]] == ["ILSVRC2012_val_00000002"]
    assert results["rows"][0]["images"] == 2
    listed = json.loads((tmp_path / "out" / "unreadable.json").read_text())
    assert list(listed["evaluation"]) == ["ILSVRC2012_val_00000002"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preprocessing": ["--config.crop=16"]}, "Add --resize=... --interpolation=..."),
        ({"model": "colour"}, "no function 'colour': did you mean colours"),
        ({"model": "broken"}, "ILSVRC2012_val_00000001 are not finite"),
        ({"preprocessing": [*PREPROCESSING, "--config.interpolation=cubic"]}, "did you mean bicubic"),
        ({"preprocessing": [*PREPROCESSING, "--config.batch_size=0"]}, "batch_size=0"),
        ({"preprocessing": [*PREPROCESSING, "--config.repair=shuffle"]}, "unknown repair 'shuffle'"),
        ({"preprocessing": [*PREPROCESSING, "--config.std=('a','b','c')"]}, "three finite numbers"),
        (
            {"preprocessing": [*PREPROCESSING, "--config.dtype=float16"]},
            "unknown dtype 'float16': did you mean bfloat16",
        ),
        ({"preprocessing": [*PREPROCESSING, "--config.dtype=bfloat16"]}, "is for models of the catalog"),
        ({"model": "two_classes"}, "has 2 classes, the label set original has 1000 classes"),
    ],
)
def test_mistakes_are_one_line(places, tmp_path, options, message):
    done = run(tmp_path / "out", *places["folder"], **options)
    errors = [line for line in done.stderr.replace("\r", "\n").splitlines() if line.startswith("error: ")]
    assert done.returncode == 1, done.stderr
    assert len(errors) == 1
    assert message in errors[0]
    assert not (tmp_path / "out" / "predictions.npz").exists()
    assert "Traceback" not in done.stderr


def test_another_model_does_not_go_on_with_the_predictions_of_the_first(places, reference):
    done = run(reference, *places["folder"], "--config.batch_size=37", model="other_colours")
    assert done.returncode == 1
    assert "has predictions of a different run: model was" in done.stderr


def test_an_unknown_model_of_the_catalog(places, tmp_path):
    arguments = ["--config.model=vit_tiny_patch16_242", *places["folder"], f"--workdir={tmp_path}"]
    done = commands.run(["--config=configs/evaluate.py", *arguments])
    assert done.returncode == 1
    assert "did you mean vit_tiny_patch16_224" in done.stderr


def test_exports_for_other_tools(places, tmp_path):
    done = run(
        tmp_path,
        *places["folder"],
        "--config.save_scores=True",
        "--config.export=cleanlab,timm",
        "--config.format=json",
    )
    assert done.returncode == 0, done.stderr
    (row, _) = [json.loads(line) for line in done.stdout.splitlines()]
    assert (row["label_set"], row["k"], row["images"]) == ("original", 1, 37)
    folder = tmp_path / "cleanlab" / row["model"]
    labels, probabilities = np.load(folder / "labels.npy"), np.load(folder / "pred_probs.npy")
    assert (probabilities.argmax(axis=1) == labels).mean() == pytest.approx(row["accuracy"])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    table = (tmp_path / "timm" / "results-imagenet.csv").read_text().splitlines()
    assert table[1].endswith(",,16,0.800,bilinear")  # of a model of the user's own the parameters are not counted


def test_cleanlab_needs_all_scores(places, tmp_path):
    done = run(tmp_path, *places["folder"], "--config.export=cleanlab")
    assert done.stderr == "error: export=cleanlab needs the scores of all classes: give --save_scores=True.\n"
