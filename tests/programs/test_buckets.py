"""The programs with every path in a bucket, killed and continued: they end in what they write on a disk."""

import json
import signal

import numpy as np
import pytest

from configs import compare_digits
from configs import evaluate as evaluate_config
from configs import score as score_config
from imagenet_real.data.sources.open import open_source
from imagenet_real.errors import InputError
from imagenet_real.io import storage
from imagenet_real.labels.json_format import save_label_set
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.predictions.predictions import load_predictions, save_predictions
from imagenet_real.programs import compare, evaluate, score
from imagenet_real.runtime.exit_codes import exit_code_of
from tests import commands, toy
from tests.data.pictures import label, validation_name, write_folder
from tests.programs import models
from tests.programs import training_world as world
from tests.programs.test_evaluate import small_parts
from tests.programs.test_processes import ends
from tests.programs.test_processes import start as start_together

pytestmark = pytest.mark.slow

NUMBERS = range(1, 24)


def kill_when(bucket, process, name_part):
    """Kills the process as soon as the bucket has an object in whose name `name_part` stands."""

    def watch(request):
        if any(name_part in name for name in bucket.objects):
            process.kill()

    bucket.watch = watch
    output = process.communicate(timeout=300)
    bucket.watch = lambda request: None
    assert process.returncode == -signal.SIGKILL, output


def fields_of(place):
    """Of an evaluation whose images, weights and label set are in `place`."""
    return {
        "model": "tests.programs.models:from_file",
        "weights": str(place / "weights.npz"),
        "images": str(place / "images"),
        "label_sets": f"original,{place / 'mine.json'}",
        "ks": (1,),
        "batch_size": 2,
        "report": False,  # test_score writes one
        "resize": 20,
        "crop": 16,
        "interpolation": "bilinear",
        "mean": (0.5, 0.5, 0.5),
        "std": (0.5, 0.5, 0.5),
    }


def start(place):
    fields = [f"--config.{name}={value}" for name, value in fields_of(place).items()]
    return commands.Command(["--config=configs/evaluate.py", *fields, f"--workdir={place / 'out'}"], before=small_parts)


def test_evaluate(bucket, in_bucket, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("IMAGENET_REAL_DATA", raising=False)
    write_folder(tmp_path / "images", NUMBERS)
    np.savez(tmp_path / "weights.npz", weights=models.colours()[1])
    ids = np.array([validation_name(number).partition(".")[0] for number in NUMBERS])
    labels = np.array([label(number) for number in NUMBERS])
    save_label_set(tmp_path / "mine.json", LabelSet("mine", ids, labels[:, None], np.ones(len(ids)), labels, 1000))
    for name in ("images", "weights.npz", "mine.json"):
        bucket.copy(tmp_path / name, in_bucket / name)

    kill_when(bucket, start(in_bucket), "out/parts/000000000-000000004.npz")
    assert not (in_bucket / "out" / "predictions.npz").exists()
    process = start(in_bucket)
    out, error = process.communicate(timeout=300)
    assert process.returncode == 0, error
    assert out.count("mine") == 1
    assert len([name for name in storage.names_in(in_bucket / "out" / "parts") if name.endswith(".npz")]) == 6

    config = evaluate_config.get_config()
    config.update(fields_of(tmp_path))
    evaluate.run(config, tmp_path / "out")
    ours, theirs = (storage.read_bytes(place / "out" / "predictions.npz") for place in (in_bucket, tmp_path))
    assert ours == theirs
    ours, theirs = (json.loads(storage.read_text(place / "out" / "results.json")) for place in (in_bucket, tmp_path))
    assert ours["rows"] == theirs["rows"]
    assert ours["provenance"]["weights"] == theirs["provenance"]["weights"]


def test_train_in_one_process_and_then_in_two(bucket, in_bucket, tmp_path):
    bucket.copy(world.write_images(tmp_path / "images"), in_bucket / "images")
    places = in_bucket / "images", in_bucket / "out"
    fields = {"steps": 40, "checkpoint_every": 7}
    kill_when(bucket, world.start(*places, **fields), "out/checkpoints/14/commit_success")
    assert max(row["step"] for row in world.metrics(in_bucket / "out")) >= 10
    (code, out, error), (other_code, _, other_error) = ends(
        start_together(world.arguments(*places, **fields), processes=2, devices=1)
    )
    assert (code, other_code) == (0, 0), error + other_error
    assert "original" in out
    assert "watching" not in error  # that it was killed is known on its own machine
    assert [row["step"] for row in world.metrics(in_bucket / "out")] == [*range(5, 41, 5)]
    assert len(load_predictions(in_bucket / "out" / "predictions.npz")) == 60
    first, second = [steps_of(file) for file in sorted((in_bucket / "out" / "tensorboard").glob("events*"))]
    assert first[-1] >= 10
    assert second[1] - 1 in (14, 21, 28, 35)  # from which step on it hides the first
    assert second[-1] == 40
    assert len(storage.names_in(in_bucket / "out" / "checkpoints")) == 2


def steps_of(file):
    """The steps of the events in a file of TensorBoard's."""
    from tensorboardX.proto.event_pb2 import Event

    data, steps = storage.read_bytes(file), []
    while data:
        length = int.from_bytes(data[:8], "little")
        steps.append(Event.FromString(data[12 : 12 + length]).step)
        data = data[16 + length :]
    return steps


def test_score(bucket, in_bucket, capsys):
    save_predictions(in_bucket / "model.npz", toy.predictions())
    save_label_set(in_bucket / "mine.json", toy.original())
    config = score_config.get_config()
    config.update({"predictions": f"{in_bucket}/*.npz", "label_sets": f"{in_bucket}/mine.json"})
    score.run(config, in_bucket / "out")
    assert storage.names_in(in_bucket / "out") == [
        "accuracy_by_class.csv",
        "report.html",
        "results.csv",
        "results.json",
    ]
    bucket.refused.add("write")
    assert exit_code_of(lambda: score.run(config, in_bucket / "out")) == 1
    messages = capsys.readouterr().err.strip().splitlines()
    assert len(messages) == 1
    assert messages[0].startswith(f"error: {in_bucket}/out/results.json could not be read or written: ")
    assert "quota exceeded" in messages[0]


def test_without_a_login_it_is_told_in_one_line(bucket, in_bucket, capsys, monkeypatch):
    monkeypatch.setattr(bucket, "error", (401, "Anonymous caller does not have storage.objects.get access"))
    bucket.refused.add("read")
    assert exit_code_of(lambda: open_source(str(in_bucket / "images"))) == 1
    messages = capsys.readouterr().err.strip()
    assert messages.startswith("error: a bucket could not be read or written: Anonymous caller does not have")
    assert "\n" not in messages


def test_compare_keeps_its_logs_on_a_disk(bucket, in_bucket):
    with pytest.raises(InputError, match="is in a bucket, and the logs need a disk. Give a --workdir on a disk"):
        compare.run(compare_digits.get_config(), in_bucket)
