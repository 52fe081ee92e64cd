"""Trackers of experiments beside metrics.jsonl: Weights & Biases, MLflow and trackio, where their package is installed."""

import importlib
import json
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol, TypedDict

from etils import epath

from imagenet_real.errors import InputError, nearest
from imagenet_real.io import storage
from imagenet_real.io.readers import read_json

FILE = "trackers.json"  # in the workdir: the runs by which the trackers know this one
PROJECT = "imagenet_real"


class Tracker(Protocol):
    """A run in a tracker."""

    run_id: str

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Adds the values of a step by name."""
        ...

    def summarize(self, values: Mapping[str, float]) -> None:
        """Adds the results of the run by name."""
        ...

    def close(self) -> None:
        """Returns when everything is sent."""
        ...


class Wandb:
    """A run of Weights & Biases. `WANDB_MODE`, `WANDB_ENTITY` and the like are its own settings."""

    def __init__(self, name: str, run_id: str | None, config: Mapping[str, Any], folder: epath.Path):
        import wandb

        self.run_id = run_id or secrets.token_hex(4)
        options: dict[str, Any] = {} if storage.in_bucket(folder) else {"dir": str(folder)}
        settings = wandb.Settings(console="off")  # the terminal shows progress, which is no log
        self._run = wandb.init(
            project=PROJECT,
            name=name,
            id=self.run_id,
            resume="allow",
            config=dict(config),
            settings=settings,
            **options,
        )

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log(dict(values), step=step)

    def summarize(self, values: Mapping[str, float]) -> None:
        self._run.summary.update(dict(values))

    def close(self) -> None:
        self._run.finish()


class Mlflow:
    """A run of MLflow. `MLFLOW_TRACKING_URI` says where it is kept."""

    def __init__(self, name: str, run_id: str | None, config: Mapping[str, Any], folder: epath.Path):
        import mlflow

        self._client = mlflow.MlflowClient()
        if run_id is None:
            experiment = self._client.get_experiment_by_name(PROJECT)
            number = experiment.experiment_id if experiment else self._client.create_experiment(PROJECT)
            run_id = self._client.create_run(number, run_name=name).info.run_id
            for field, value in _flat(config).items():
                self._client.log_param(run_id, field, value)
        self.run_id = run_id

    def log(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._client.log_metric(self.run_id, name, value, step=step)

    def summarize(self, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._client.log_metric(self.run_id, name, value)

    def close(self) -> None:
        self._client.set_terminated(self.run_id)


class Trackio:
    """A run of trackio, which knows it by its name."""

    def __init__(self, name: str, run_id: str | None, config: Mapping[str, Any], folder: epath.Path):
        import trackio

        self.run_id = run_id or f"{name}-{secrets.token_hex(4)}"
        self._run = trackio.init(project=PROJECT, name=self.run_id, resume="allow", config=_flat(config))

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log(dict(values), step=step)

    def summarize(self, values: Mapping[str, float]) -> None:
        self._run.log(dict(values))

    def close(self) -> None:
        self._run.finish()


TRACKERS: dict[str, Callable[..., Tracker]] = {"wandb": Wandb, "mlflow": Mlflow, "trackio": Trackio}


class _Runs(TypedDict):
    """The content of trackers.json."""

    schema: Literal[1]
    steps: int
    runs: dict[str, str]


class Trackers:
    """The runs of some trackers. A tracker that fails is left out from then on: training does not stop for it."""

    def __init__(self, runs: Mapping[str, Tracker]):
        self._runs = dict(runs)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Adds the values of a step by name."""
        self._each("log", step, values)

    def summarize(self, values: Mapping[str, float]) -> None:
        """Adds the results of the run by name."""
        self._each("summarize", values)

    def close(self) -> None:
        """Ends the runs."""
        self._each("close")

    def _each(self, method: str, *arguments: Any) -> None:
        for name, run in list(self._runs.items()):
            try:
                getattr(run, method)(*arguments)
            except Exception as error:  # of a service that is not ours
                del self._runs[name]
                print(f"{name} failed ({_first_line(error)}); the run goes on without it", file=sys.stderr)


def check(names: Sequence[str]) -> None:
    """Raises InputError for an unknown tracker, and for one whose package is not installed."""
    for name in names:
        if name not in TRACKERS:
            raise InputError(f"unknown tracker {name!r} in trackers: {nearest(name, list(TRACKERS))}")
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise InputError(
                f"trackers={name}: its package cannot be imported ({_first_line(error)}). Install it, pip install {name}, "
                "or leave it out."
            ) from None


def open_trackers(names: Sequence[str], workdir: epath.Path, config: Mapping[str, Any], steps: int) -> Trackers:
    """Opens a run in each tracker, or continues those that the workdir knows for a run of as many steps.

    Raises InputError if a tracker refuses, for example without a login.
    """
    if not names:
        return Trackers({})
    path, known = workdir / FILE, {}
    if path.exists():
        saved = read_json(path, _Runs, "Delete it: the trackers then begin new runs.")
        known = saved["runs"] if saved["steps"] == steps else {}
    runs: dict[str, Tracker] = {}
    for name in names:
        try:
            runs[name] = TRACKERS[name](workdir.name, known.get(name), config, workdir)
        except Exception as error:
            raise InputError(
                f"trackers={name} does not start ({_first_line(error)}). Log in, choose its offline mode, or leave it out."
            ) from error
    with storage.open_atomically(path) as file:
        json.dump({"schema": 1, "steps": steps, "runs": known | {name: run.run_id for name, run in runs.items()}}, file)
    return Trackers(runs)


def _flat(config: Mapping[str, Any], beginning: str = "") -> dict[str, Any]:
    """Returns a config without groups: `augmentation.mixup`."""
    flat: dict[str, Any] = {}
    for name, value in config.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{beginning}{name}.")
        else:
            flat[f"{beginning}{name}"] = list(value) if isinstance(value, tuple) else value
    return flat


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
