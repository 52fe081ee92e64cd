"""Predictions as timm and Hugging Face write them; the files are spelled out as those tools wrote them."""

import json

import numpy as np
import pytest

from imagenet_real.errors import InputError
from imagenet_real.predictions.predictions import load_predictions

NAMES = [["tench", "Tinca tinca"], ["crane"], ["crane"], ["maillot"], ["maillot", "tank suit"], ["great white shark"]]
NAMES += [["yellow lady's slipper", "Cypripedium calceolus"]]
MEANINGS = ["a fish", "a bird", "a machine", "tights", "a bathing suit", "a shark", "an orchid"]
IDS = ["ILSVRC2012_val_00000001", "ILSVRC2012_val_00000002"]


@pytest.fixture
def labels_dir(tmp_path):
    rows = [
        {"cid": number, "wnid": f"n{number}", "synset": names, "gloss": meaning}
        for number, (names, meaning) in enumerate(zip(NAMES, MEANINGS, strict=True))
    ]
    (tmp_path / "class_info.json").write_text(json.dumps(rows[::-1]))
    return tmp_path


def load(folder, name, content, **options):
    (folder / name).write_text(content) if isinstance(content, str) else (folder / name).write_bytes(content)
    return load_predictions(folder / name, labels_dir=folder, **options)


def is_right(loaded, top, probabilities=None):
    assert loaded.image_ids.tolist() == IDS
    assert loaded.top.tolist() == top
    if probabilities is not None:
        np.testing.assert_allclose(np.exp(loaded.top_scores - loaded.logsumexp[:, None]), probabilities, rtol=1e-6)
    return True


TOP2, PROB2 = [[6, 0], [3, 5]], [[0.75, 0.125], [0.5, 0.25]]
CSV = {
    "index": 'filename,index,prob\nILSVRC2012_val_00000001.JPEG,[6 0],"[0.75  0.125]"\n'
    "ILSVRC2012_val_00000002.JPEG,[3 5],[0.5 2.5e-01]\n",
    "description": 'filename,label,prob\nILSVRC2012_val_00000001.JPEG,"[""yellow lady\'s slipper, Cypripedium calceolus""\n'
    " 'tench, Tinca tinca']\",[0.75  0.125]\nILSVRC2012_val_00000002.JPEG,['maillot' 'great white shark'],[0.5  0.25]\n",
    "separate": "filename,index_0,index_1,label_0,label_1,prob_0,prob_1\n"
    "ILSVRC2012_val_00000001.JPEG,6,0,x,y,0.75,0.125\nILSVRC2012_val_00000002.JPEG,3,5,x,y,0.5,0.25\n",
    "lists": 'image_id,prediction,prob\nILSVRC2012_val_00000001,"[6, 0]","[0.75, 0.125]"\n'
    'ILSVRC2012_val_00000002,"[3, 5]","[0.5, 0.25]"\n',
    "not in order": "filename,index_0,index_1,prob_0,prob_1\n"
    "ILSVRC2012_val_00000001.JPEG,0,6,0.125,0.75\nILSVRC2012_val_00000002.JPEG,5,3,0.25,0.5\n",
}


@pytest.mark.parametrize("form", CSV)
def test_csv_of_timm(labels_dir, form):
    loaded = load(labels_dir, "model.csv", CSV[form])
    assert is_right(loaded, TOP2, PROB2)
    assert (loaded.num_classes, loaded.name) == (7 if form == "description" else None, "model")


def as_json(form):
    labels = [["yellow lady's slipper, Cypripedium calceolus", "tench, Tinca tinca"], ["maillot", "great white shark"]]
    files = [f"{name}.JPEG" for name in IDS]
    rows = [{"filename": file, "label": two, "prob": p} for file, two, p in zip(files, labels, PROB2, strict=True)]
    pipeline = [
        [{"label": a, "score": b} for a, b in zip(*pair, strict=True)] for pair in zip(labels, PROB2, strict=True)
    ]
    if form == "json":
        return {row["filename"]: {"label": row["label"], "prob": row["prob"]} for row in rows}
    if form == "json-split":
        return {"columns": ["filename", "label", "prob"], "data": [list(row.values()) for row in rows]}
    if form == "pipeline by file":
        return dict(zip([f"folder/{file}" for file in files], pipeline, strict=True))
    if form == "pipeline in records":
        return [{"file": file, "answers": answers} for file, answers in zip(files, pipeline, strict=True)]
    return rows


@pytest.mark.parametrize("form", ["json", "json-split", "records", "pipeline by file", "pipeline in records"])
def test_json_of_timm_and_of_pipelines(labels_dir, form):
    assert is_right(load(labels_dir, "model.json", json.dumps(as_json(form))), TOP2, PROB2)


def test_json_line_by_line(labels_dir):
    lines = "".join(json.dumps(row) + "\n" for row in as_json("records"))
    for name in ("model.json", "model.jsonl"):
        assert is_right(load(labels_dir, name, lines), TOP2, PROB2)


def test_a_pipeline_of_50000_images_without_names_is_in_the_order_of_the_files(labels_dir):
    one = [{"label": "LABEL_281", "score": 0.5}]
    loaded = load(labels_dir, "model.json", json.dumps([one] * 50_000))
    assert set(loaded.top.ravel().tolist()) == {281}
    assert "order of the validation files" in loaded.notes[0]
    with pytest.raises(InputError, match="wrong_count"):
        load(labels_dir, "short.json", json.dumps([one] * 9))


def test_parquet(labels_dir):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    pictures = [{"bytes": b"x" * 9, "path": f"{name}.JPEG"} for name in IDS]
    answers = [
        [{"label": str(a), "score": b} for a, b in zip(*two, strict=True)] for two in zip(TOP2, PROB2, strict=True)
    ]
    tables = {
        "timm": {"index": TOP2, "prob": PROB2, "filename": IDS},
        "wnids": {"label": [["n13054560", "n15075141"], ["n01440764", "n01443537"]], "filename": IDS},
        "dataset": {"image": pictures, "label": [1, 2], "answers": answers},
        "separate": {"file": IDS, **{f"top{rank + 1}": [row[rank] for row in TOP2] for rank in range(2)}},
    }
    expected = {"wnids": [[997, 999], [0, 1]]}
    for name, columns in tables.items():
        path = labels_dir / f"{name}.parquet"
        pq.write_table(pa.table(columns), path)
        assert is_right(
            load_predictions(path), expected.get(name, TOP2), PROB2 if name in ("timm", "dataset") else None
        )


def test_all_scores_of_a_table_are_reduced_and_may_be_kept(labels_dir):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    scores = np.random.default_rng(0).normal(size=(2, 30)).astype(np.float32)
    pq.write_table(pa.table({"filename": IDS, "logit": list(scores)}), labels_dir / "model.parquet")
    loaded = load_predictions(labels_dir / "model.parquet", keep_scores=True)
    assert is_right(loaded, np.argsort(-scores, axis=1)[:, :20].tolist())
    np.testing.assert_array_equal(loaded.scores, scores)
    assert load_predictions(labels_dir / "model.parquet").scores is None


ONE = "filename,label,prob\nILSVRC2012_val_00000001.JPEG,{},0.5\nILSVRC2012_val_00000002.JPEG,{},0.5\n"


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        (("tench", "great white shark"), [0, 5]),  # the first of a class's names
        (("tench", "great_white_shark"), [0, 5]),  # Keras
        (('"tench, Tinca tinca"', "maillot"), [0, 3]),  # all names, of which class 4 has two
        (('"maillot, tank suit"', "maillot"), [4, 3]),
        (("crane: a bird", "crane: a machine"), [1, 2]),
        (("n01440764", "n15075141"), [0, 999]),
        (("LABEL_3", "LABEL_0"), [3, 0]),
        (("3", "0"), [3, 0]),
    ],
)
def test_labels_in_every_spelling(labels_dir, labels, found):
    loaded = load(labels_dir, "model.csv", ONE.format(*labels))
    assert loaded.top[:, 0].tolist() == found


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (
            ("crane", '"tench, Tinca tinca"'),
            r'"crane" may mean class 1 \(n01443537\) or 2 .*\. Save',
        ),
        (("maillot", "tench"), '"maillot" may mean class 3 .* or 4'),
        (("maillot", "crane: a bird"), "is no name of ImageNet's classes"),  # two spellings in one file
        (("tensch", "tench"), '"tensch" is no name of ImageNet.s classes; set class_names .*[.] Did you mean tench'),
    ],
)
def test_what_may_mean_two_classes_or_none_is_refused(labels_dir, labels, message):
    with pytest.raises(InputError, match=message) as error:
        load(labels_dir, "model.csv", ONE.format(*labels))
    assert "\n" not in str(error.value)


def test_torchvision_has_a_name_for_each_class(tmp_path):
    names = [[f"kind {number}"] for number in range(1000)]
    names[134], names[517], names[638], names[639] = ["crane"], ["crane"], ["maillot"], ["maillot", "tank suit"]
    rows = [{"cid": number, "wnid": f"n{number}", "synset": row, "gloss": "x"} for number, row in enumerate(names)]
    (tmp_path / "class_info.json").write_text(json.dumps(rows))
    for labels, classes in ((("crane bird", "crane"), [134, 517]), (("maillot tank suit", "maillot"), [639, 638])):
        assert load(tmp_path, "model.csv", ONE.format(*labels)).top[:, 0].tolist() == classes


def test_background_is_no_class(labels_dir):
    assert load(labels_dir, "model.csv", ONE.format("background", "tench")).top[:, 0].tolist() == [-1, 0]
    with_background = load(labels_dir, "model.csv", ONE.format("background", "cat"), class_names=["background", "cat"])
    assert with_background.top[:, 0].tolist() == [0, 1]


def test_another_column_resolves_a_name_of_two_classes(labels_dir):
    lines = (
        "filename,label,prob,{}\nILSVRC2012_val_00000001.JPEG,crane,0.5,{}\nILSVRC2012_val_00000002.JPEG,tench,0.5,{}\n"
    )
    for column, first, second in (
        ("wnid", "n01484850", "n01440764"),
        ("detail", "crane: a machine", '"tench, Tinca tinca: a fish"'),
    ):
        loaded = load(labels_dir, "model.csv", lines.format(column, first, second), allow_ambiguous=True)
        assert (loaded.top[:, 0].tolist(), loaded.readings) == ([2, 0], ())
    # Right labels are no second column of predictions: they differ where the model errs.
    loaded = load(labels_dir, "model.csv", lines.format("target", "2", "5"), allow_ambiguous=True)
    assert loaded.top[:, 0].tolist() == [-1, 0]
    assert [reading[:, 0].tolist() for reading in loaded.readings] == [[1, 0], [2, 0]]


def test_names_of_other_classes(labels_dir):
    loaded = load(labels_dir, "model.csv", ONE.format("cat", "dog"), class_names=["dog", "bird", "cat"])
    assert (loaded.top.tolist(), loaded.num_classes) == ([[2], [0]], 3)
    with pytest.raises(InputError, match='"cat" may mean class 0 or 2'):
        load(labels_dir, "model.csv", ONE.format("cat", "dog"), class_names=["cat", "dog", "cat"])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "image_id,label\na,1\nb,2\n", "which may be the right classes. Name a column of predictions index"),
        ("a.csv", "model,top1,top1_err,top5,param_count\nresnet50,80.1,19.9,95,25\n", "timm's inference.py writes"),
        ("a.csv", "filename,prob\na,[0.5 0.5]\nb,[0.5]\n", "prob has lists of different lengths"),
        ("a.csv", "filename,index,prob\na,[0 1],0.5\n", "2 classes and 1 scores an image. Leave out index or prob"),
        ("a.csv", "filename,index,prob\na,0,7\n", "prob has values from 7.0 to 7.0, expected probabilities"),
        ("a.csv", "filename,index,prob\na,0,high\n", "prob has a value that is no number"),
        ("a.csv", "filename,index,prob\na,0.5,0.5\n", 'index has "0.5", expected class indices'),
        ("a.json", '{"a": 1}', "has no list"),
        (
            "a.json",
            '[{"file": "a", "index": 1}, {"file": "b"}]',
            "record 1 has the fields file, the first record file, index",
        ),
        ("a.json", "[{", "it is not JSON"),
        ("a.parquet", b"PAR1", "it is not a whole Parquet file"),
    ],
)
def test_tables_that_do_not_fit(labels_dir, name, content, message):
    with pytest.raises(InputError, match=message) as error:
        load(labels_dir, name, content)
    assert "\n" not in str(error.value)


def test_probabilities_that_are_no_shares_stay_scores(labels_dir):
    loaded = load(labels_dir, "model.csv", "filename,index,prob\na,[0 1],[0.9 0.8]\n")  # of a sigmoid
    assert loaded.logsumexp is None
    np.testing.assert_allclose(np.exp(loaded.top_scores), [[0.9, 0.8]], rtol=1e-6)
