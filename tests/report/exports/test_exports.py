"""Results in the formats of other tools, read back by those tools where they are installed."""

import csv

import numpy as np
import pytest

from configs import score as score_config
from imagenet_real.errors import InputError
from imagenet_real.labels.json_format import save_label_set
from imagenet_real.predictions.predictions import save_predictions
from imagenet_real.programs import score as program
from imagenet_real.report.comparison import write_boards
from imagenet_real.report.exports import exports
from imagenet_real.report.exports.tensorboard import write_accuracies
from imagenet_real.report.exports.timm_tables import write_timm_tables
from imagenet_real.scoring.comparison import compare
from imagenet_real.scoring.results import Results, score_models
from tests import toy

SCORES = np.log(np.random.default_rng(0).dirichlet([0.5] * 4, 6)).astype(np.float32) + 3


def model(name="first", rows=slice(None)):
    top = np.argsort(-SCORES[rows], axis=1)
    best = np.take_along_axis(SCORES[rows], top, axis=1)
    sums = np.log(np.exp(SCORES[rows]).sum(axis=1))
    return toy.predictions(name, image_ids=toy.IDS[rows], top=top, top_scores=best, logsumexp=sums, scores=SCORES[rows])


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """All exports of a model with probabilities, and one without, which lacks two images."""
    folder = tmp_path_factory.mktemp("written")
    models = {
        "first": model(),
        "second": toy.predictions("second", image_ids=toy.IDS[:4], top=toy.TOP[:4], scores=SCORES[:4]),
    }
    results = score_models(list(models.values()), toy.label_sets(), ks=(1, 2), allow_missing=True)
    exports.write(folder, exports.NAMES, results, models.get, {"first": {"param_count": 1234.5, "img_size": 224}})
    return folder, results


def accuracies(results):
    return {(row["model"], row["label_set"]): row["accuracy"] for row in results.rows if row["k"] == 1}


def test_per_image_csv(written):
    folder, results = written
    rows = list(csv.DictReader((folder / "per_image.csv").open()))
    assert [row["image_id"] for row in rows] == [*toy.IDS, *toy.IDS[:4]]
    for (name, label_set), accuracy in accuracies(results).items():
        model_rows = [row for row in rows if row["model"] == name]
        hits = [int(row[f"right_{label_set}"] or 0) for row in model_rows]
        weights = [float(row[f"weight_{label_set}"]) for row in model_rows]
        assert np.average(hits, weights=weights) == pytest.approx(accuracy)
    d = rows[3]  # has no ReaL label
    assert (d["right_real"], d["weight_real"], d["right_original"]) == ("", "0", str(int(np.argmax(SCORES[3]) == 1)))
    probability = np.exp(SCORES[3].max()) / np.exp(SCORES[3]).sum()
    assert float(d["probability"]) == pytest.approx(probability)
    assert int(d["answer"]) == np.argmax(SCORES[3])
    assert rows[6]["probability"] == ""


def test_pandas_reads_both_alike(written):
    pandas = pytest.importorskip("pandas")
    folder, results = written
    parquet, text = pandas.read_parquet(folder / "per_image.parquet"), pandas.read_csv(folder / "per_image.csv")
    assert list(parquet.columns) == list(text.columns)
    assert parquet.right_real.isna().tolist() == text.right_real.isna().tolist()
    np.testing.assert_allclose(parquet.probability, text.probability, rtol=1e-6)
    for name, model_rows in parquet.groupby("model"):
        assert model_rows.right_real.mean() == pytest.approx(accuracies(results)[name, "real"])


def test_parquet_says_what_is_unknown(written):
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(written[0] / "per_image.parquet")
    assert table.column("right_real").to_pylist()[3] is None
    assert table.column("answer").null_count == 0
    assert table.column("probability").null_count == 4


def test_cleanlab_files_have_labels_and_probabilities(written):
    folder = written[0] / "cleanlab"
    labels, probabilities = (np.load(folder / "first" / f"{name}.npy") for name in ("labels", "pred_probs"))
    assert labels.tolist() == toy.ORIGINAL.tolist()
    assert np.load(folder / "first" / "image_ids.npy").tolist() == toy.IDS.tolist()
    np.testing.assert_allclose(probabilities, np.exp(SCORES) / np.exp(SCORES).sum(axis=1, keepdims=True), rtol=1e-5)
    assert np.load(folder / "second" / "labels.npy").tolist() == toy.ORIGINAL[:4].tolist()


def test_cleanlab_finds_the_wrong_label(tmp_path):
    from cleanlab.filter import find_label_issues

    labels, _ = toy.large_world(images_per_class=20, classes=4)
    true = labels.original.copy()
    labels.original[7] = labels.labels[7, 0] = (true[7] + 1) % 4
    scores = np.eye(4, dtype=np.float32)[true] * 6
    predictions = toy.predictions(image_ids=labels.image_ids, top=scores.argsort(axis=1)[:, ::-1], scores=scores)
    results = score_models(predictions, [labels])
    exports.write(tmp_path, ["cleanlab"], results, lambda name: predictions)
    arrays = {name: np.load(tmp_path / "cleanlab" / "model" / f"{name}.npy") for name in ("labels", "pred_probs")}
    assert np.flatnonzero(find_label_issues(**arrays, n_jobs=1)).tolist() == [7]


def test_probabilities_stay_as_they_are(tmp_path):
    shares = np.exp(SCORES - 3)
    predictions = toy.predictions(scores=shares)
    results = score_models(predictions, [toy.original()])
    exports.write(tmp_path, ["cleanlab"], results, lambda name: predictions)
    np.testing.assert_allclose(np.load(tmp_path / "cleanlab" / "model" / "pred_probs.npy"), shares, atol=1e-6)


def test_what_cleanlab_cannot_take(tmp_path):
    results = score_models(model(), [toy.original()])
    with pytest.raises(
        InputError, match="scores of all classes, but the predictions have only the best 2. Predict with .*save_scores"
    ):
        exports.write(tmp_path, ["cleanlab"], results, lambda name: toy.predictions())
    results = score_models(model(), [toy.real()])
    with pytest.raises(InputError, match="one label per image, but real has several. Add original"):
        exports.write(tmp_path, ["cleanlab"], results, lambda name: model())
    with pytest.raises(InputError, match="unknown export 'cleanlap': did you mean cleanlab"):
        exports.parse("timm, cleanlap")
    assert exports.parse(" timm,cleanlab ") == ["timm", "cleanlab"]


def test_timm_tables(written):
    folder, results = written
    base, real = (
        (folder / "timm" / name).read_text() for name in ("results-imagenet.csv", "results-imagenet-real.csv")
    )
    assert base.splitlines()[0] == "model,top1,top1_err,top5,top5_err,param_count,img_size,crop_pct,interpolation"
    assert real.splitlines()[0].endswith(",interpolation,top1_diff,top5_diff,rank_diff")
    percent = {key: f"{accuracy * 100:.3f}" for key, accuracy in accuracies(results).items()}
    rows = {row["model"]: row for row in csv.DictReader(base.splitlines())}
    assert {name: row["top1"] for name, row in rows.items()} == {name: percent[name, "original"] for name in rows}
    assert (rows["first"]["param_count"], rows["first"]["img_size"], rows["first"]["top5"]) == ("1,234.50", "224", "")
    assert rows["second"]["param_count"] == ""


def test_timm_tables_of_its_own_accuracies_are_its_published_ones(data, tmp_path):
    published = {}
    for label_set, name in (("original", "results-imagenet.csv"), ("real", "results-imagenet-real.csv")):
        lines = (data / "tables" / f"timm_{name}").read_text().splitlines()
        published[label_set] = {f"{row['model']} {row['img_size']}": row for row in csv.DictReader(lines)}
    rows = [
        {"model": name, "label_set": label_set, "k": k, "accuracy": float(row[f"top{k}"]) / 100}
        for label_set, table in published.items()
        for name, row in table.items()
        for k in (1, 5)
    ]
    write_timm_tables(tmp_path, Results(rows=rows))
    ours = list(csv.DictReader((tmp_path / "results-imagenet-real.csv").read_text().splitlines()))
    assert len(ours) == len(published["real"]) == 1556
    for row in ours:
        theirs = published["real"][row["model"]]
        assert (row["top1"], row["top5"]) == (theirs["top1"], theirs["top5"])
        for name in ("top1_err", "top1_diff"):  # theirs are of more digits than they publish
            assert abs(float(row[name]) - float(theirs[name])) < 0.0011
        assert abs(int(row["rank_diff"]) - int(theirs["rank_diff"])) <= 3  # of models that tie in three digits


def test_tensorboard_reads_accuracies(written):
    reading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    folder, results = written
    for name in ("first", "second"):
        board = reading.EventAccumulator(str(folder / "tensorboard" / name)).Reload()
        (event,) = board.Scalars("top1/real")
        assert event.value == pytest.approx(accuracies(results)[name, "real"])
        assert "_hparams_/session_start_info" in board.PluginTagToContent("hparams")


def test_events_are_records_with_checksums(tmp_path):
    from tensorboardX.proto.event_pb2 import Event

    write_accuracies(tmp_path, [{"label_set": "real", "k": 5, "accuracy": 0.25}], step=7)
    data, events = (tmp_path / "results.tfevents").read_bytes(), []
    while data:
        length = int.from_bytes(data[:8], "little")
        events.append(Event.FromString(data[12 : 12 + length]))
        data = data[16 + length :]
    assert events[0].file_version == "brain.Event:2"
    assert (events[1].step, events[1].summary.value[0].tag) == (7, "top5/real")
    assert events[1].summary.value[0].simple_value == 0.25


def test_every_run_of_a_comparison_has_a_board(tmp_path):
    rows = [
        {"loss": loss, "data": "all", "length": "short", "seed": 0, "label_set": "real", "k": 1, "accuracy": 0.5}
        for loss in ("softmax", "sigmoid")
    ]
    write_boards(tmp_path, compare(rows, [], {}))
    assert sorted(path.parent.name for path in tmp_path.glob("*/*.tfevents")) == [
        "sigmoid_all_short_0",
        "softmax_all_short_0",
    ]
    assert b"_hparams_/session_start_info" in next(tmp_path.glob("soft*/*")).read_bytes()


def test_score_exports_what_is_asked_for(tmp_path):
    for name in ("first", "second"):
        save_predictions(tmp_path / f"{name}.npz", model(name))
    save_label_set(tmp_path / "original.json", toy.original())
    config = score_config.get_config()
    fields = {"predictions": f"{tmp_path}/*.npz", "label_sets": f"{tmp_path}/original.json", "report": False}
    config.update(fields | {"export": "cleanlab,per_image.csv"})
    program.run(config, tmp_path / "out")
    assert np.load(tmp_path / "out" / "cleanlab" / "second" / "pred_probs.npy").shape == (6, 4)
    assert (tmp_path / "out" / "per_image.csv").read_text().count("\n") == 13
    config.export = "cleanlab,per_picture"
    with pytest.raises(InputError, match="unknown export 'per_picture': did you mean per_image"):
        program.run(config, tmp_path / "never")
    assert not (tmp_path / "never").exists()


def test_names_that_are_no_exports_are_refused(tmp_path):
    with pytest.raises(ValueError, match="is no export"):
        exports.write(tmp_path, toy.label_sets(), score_models([toy.predictions()], toy.label_sets()), model)
