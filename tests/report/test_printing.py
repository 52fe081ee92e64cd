"""Rows for other programs."""

import json
import subprocess
import sys

from configs import aggregate, labels, mistakes, propose
from imagenet_real.labels.json_format import save_label_set
from imagenet_real.predictions.predictions import save_predictions
from imagenet_real.report.printing import show, show_results, tagged
from imagenet_real.scoring.results import score_models
from tests import toy


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def test_a_table_is_printed_as_it_is(capsys):
    show("table", [{"a": 1}], "a text", ["a note"])
    assert capsys.readouterr() == ("a text\n", "")


def test_rows_of_results_are_those_of_the_file_and_notes_go_elsewhere(capsys):
    results = score_models(toy.predictions(), toy.label_sets(), ks=(1, 2, 3))
    show_results("json", results)
    out, err = capsys.readouterr()
    assert lines(out) == results.rows
    assert err == "model: no top-3, the file has only top-2.\n"


def test_tagged_rows():
    assert tagged(a=[{"x": 1}], b=[], c=[{"x": 2}]) == [{"table": "a", "x": 1}, {"table": "c", "x": 2}]


def test_score_prints_nothing_but_rows(tmp_path):
    save_predictions(tmp_path / "model.npz", toy.predictions())
    save_label_set(tmp_path / "mine.json", toy.original())
    fields = [f"predictions={tmp_path}/model.npz", f"label_sets={tmp_path}/mine.json", "ks=(1,9)", "format=json"]
    command = [sys.executable, "main.py", "--config=configs/score.py", f"--workdir={tmp_path}/out"]
    done = subprocess.run(command + [f"--config.{field}" for field in fields], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert lines(done.stdout) == json.loads((tmp_path / "out" / "results.json").read_text())["rows"]
    assert "no top-9" in done.stderr
    wrong = [f"--config.{field}" for field in (*fields[:3], "format=jason")]
    done = subprocess.run(command + wrong, capture_output=True, text=True)
    assert done.stderr == "error: unknown format 'jason': did you mean json?\n"


def run(config_file, module, workdir, capsys, **fields):
    """The lines that a program prints as JSON."""
    config = config_file.get_config()
    config.update(fields | {"format": "json"})
    capsys.readouterr()
    module.run(config, workdir)
    return lines(capsys.readouterr().out)


def test_other_programs_print_their_tables_with_names(tmp_path, capsys):
    from etils import epath

    from imagenet_real.programs import labels as labels_program
    from imagenet_real.programs import mistakes as mistakes_program
    from imagenet_real.programs import propose as propose_program

    workdir = epath.Path(tmp_path)
    for name in ("one", "two"):
        save_predictions(workdir / f"{name}.npz", toy.predictions())
    save_label_set(workdir / "original.json", toy.original())
    save_label_set(workdir / "real.json", toy.real())
    own = {"labels_dir": "", "predictions": str(workdir / "one.npz")}

    rows = run(labels, labels_program, workdir, capsys, label_set=str(workdir / "real.json"), against="", labels_dir="")
    assert [row["images"] for row in rows if row["table"] == "images_by_labels"] == [1, 3, 2]
    rows = run(mistakes, mistakes_program, workdir, capsys, label_set=str(workdir / "original.json"), **own)
    assert [row["image_id"] for row in rows if row["table"] == "mistakes"] == ["b", "c", "e", "f"]
    both = {"predictions": str(workdir / "*o*.npz"), "original": str(workdir / "original.json"), "k": 1}
    rows = run(propose, propose_program, workdir, capsys, **both)
    assert [row["model"] for row in rows if row["table"] == "models"] == ["one", "two"]
    assert next(row for row in rows if row["table"] == "images")["images"] == 6


def test_aggregate_prints_raters(tmp_path, capsys):
    from etils import epath

    from imagenet_real.programs import aggregate as program

    workdir = epath.Path(tmp_path)
    save_label_set(workdir / "original.json", toy.original())
    votes = "image_id,class,rater,answer\n" + "".join(f"{name},0,{rater},yes\n" for name in "ab" for rater in "xyz")
    (workdir / "votes.csv").write_text(votes)
    files = {"votes": str(workdir / "votes.csv"), "original": str(workdir / "original.json")}
    rows = run(aggregate, program, workdir, capsys, method="majority", threshold=0.5, **files)
    assert [row["rater"] for row in rows if row["table"] == "raters"] == ["x", "y", "z"]
    assert next(row for row in rows if row["table"] == "votes")["votes"] == 6
