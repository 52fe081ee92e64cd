"""Trackers of experiments, with modules in place of their packages that have the functions they are called by."""

import json
import sys
import types

import pytest
from etils import epath

from imagenet_real.errors import InputError
from imagenet_real.training import trackers
from imagenet_real.training.metrics import Metrics


class Service:
    """What a tracker was called with."""

    def __init__(self):
        self.calls, self.broken = [], False

    def record(self, *call):
        if self.broken:
            raise ConnectionError("no network\nmore")
        self.calls.append(call)


@pytest.fixture
def service():
    return Service()


@pytest.fixture
def wandb(monkeypatch, service):
    def init(*, project, name, id, resume, config, settings, dir):
        service.record("init", project, name, id, resume, config["loss"])
        summary = types.SimpleNamespace(update=lambda values: service.record("summary", values))
        log = lambda values, step: service.record("log", step, values)  # noqa: E731
        return types.SimpleNamespace(log=log, summary=summary, finish=lambda: service.record("finish"))

    module = types.SimpleNamespace(init=init, Settings=lambda console: console)
    monkeypatch.setitem(sys.modules, "wandb", module)


@pytest.fixture
def mlflow(monkeypatch, service):
    class MlflowClient:
        def get_experiment_by_name(self, name):
            return None

        def create_experiment(self, name):
            return name

        def create_run(self, experiment_id, *, run_name):
            service.record("create_run", experiment_id, run_name)
            return types.SimpleNamespace(info=types.SimpleNamespace(run_id="r1"))

        def log_param(self, run_id, key, value):
            service.record("param", run_id, key, value)

        def log_metric(self, run_id, key, value, *, step=None):
            service.record("metric", run_id, key, value, step)

        def set_terminated(self, run_id):
            service.record("end", run_id)

    monkeypatch.setitem(sys.modules, "mlflow", types.SimpleNamespace(MlflowClient=MlflowClient))


@pytest.fixture
def trackio(monkeypatch, service):
    def init(*, project, name, resume, config):
        service.record("init", project, name, resume, config["augmentation.crop"])
        log = lambda values, step=None: service.record("log", step, values)  # noqa: E731
        return types.SimpleNamespace(log=log, finish=lambda: service.record("finish"))

    monkeypatch.setitem(sys.modules, "trackio", types.SimpleNamespace(init=init))


CONFIG = {"loss": "softmax", "augmentation": {"crop": "shift"}}


def written(name, workdir, steps=10):
    """A run that logs the metrics of a step, and its results."""
    trackers.check([name])
    runs = trackers.open_trackers([name], epath.Path(workdir), CONFIG, steps)
    metrics = Metrics(epath.Path(workdir), done=0, trackers=runs)
    metrics.write(5, {"loss": 0.5}, board={"images_per_second": 7.0})
    metrics.close()
    runs = trackers.open_trackers([name], epath.Path(workdir), CONFIG, steps)
    runs.summarize({"top1/real": 0.9})
    runs.close()
    return json.loads((workdir / trackers.FILE).read_text())["runs"][name]


def test_wandb(tmp_path, wandb, service):
    run_id = written("wandb", tmp_path)
    begin = ("init", "imagenet_real", tmp_path.name, run_id, "allow", "softmax")
    assert service.calls == [
        begin,
        ("log", 5, {"loss": 0.5, "images_per_second": 7.0}),
        ("finish",),
        begin,
        ("summary", {"top1/real": 0.9}),
        ("finish",),
    ]
    assert written("wandb", tmp_path, steps=20) != run_id  # a longer run: its curve may part from the first


def test_mlflow(tmp_path, mlflow, service):
    assert written("mlflow", tmp_path) == "r1"
    assert service.calls == [
        ("create_run", "imagenet_real", tmp_path.name),
        ("param", "r1", "loss", "softmax"),
        ("param", "r1", "augmentation.crop", "shift"),
        ("metric", "r1", "loss", 0.5, 5),
        ("metric", "r1", "images_per_second", 7.0, 5),
        ("end", "r1"),
        ("metric", "r1", "top1/real", 0.9, None),
        ("end", "r1"),
    ]


def test_trackio(tmp_path, trackio, service):
    name = written("trackio", tmp_path)
    assert name.startswith(f"{tmp_path.name}-")
    begin = ("init", "imagenet_real", name, "allow", "shift")
    log = ("log", 5, {"loss": 0.5, "images_per_second": 7.0})
    assert service.calls == [begin, log, ("finish",), begin, ("log", None, {"top1/real": 0.9}), ("finish",)]


def test_training_goes_on_without_a_tracker_that_fails(tmp_path, wandb, service, capsys):
    runs = trackers.open_trackers(["wandb"], epath.Path(tmp_path), CONFIG, 10)
    service.broken = True
    metrics = Metrics(epath.Path(tmp_path), done=0, trackers=runs)
    for step in (1, 2):
        metrics.write(step, {"loss": 0.5})
    metrics.close()
    assert capsys.readouterr().err == "wandb failed (no network); the run goes on without it\n"
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 2


def test_trackers_that_are_refused(tmp_path, wandb, service, monkeypatch):
    service.broken = True
    with pytest.raises(InputError, match=r"trackers=wandb does not start \(no network\)\. Log in, choose its offline"):
        trackers.open_trackers(["wandb"], epath.Path(tmp_path), CONFIG, 10)
    with pytest.raises(InputError, match="unknown tracker 'wandbb' in trackers: did you mean wandb"):
        trackers.check(["wandbb"])
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(InputError, match=r"trackers=mlflow: its package cannot be imported .* pip install mlflow"):
        trackers.check(["mlflow"])
