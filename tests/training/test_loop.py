"""The loop: it may be killed, stopped or evaluated at any step, and ends in the same arrays and the same metrics."""

import contextlib
import json
import os
import signal

import jax
import numpy as np
import pytest
from etils import epath

from imagenet_real.errors import InputError
from imagenet_real.training import loop
from imagenet_real.training.checkpoint import Checkpoints
from imagenet_real.training.metrics import Metrics
from tests.training import small

pytestmark = pytest.mark.slow

STEPS = 13


class Batches:
    """The batches of `small`, by number; something may happen while one is read."""

    batch_size = 16

    def __init__(self, happens=None):
        self.number, self.happens = 0, happens or {}

    def __next__(self):
        self.number += 1
        self.happens.get(self.number, lambda: None)()
        return small.batch(self.number)

    def get_state(self):
        return self.number

    def set_state(self, number):
        self.number = number


class Killed(Exception):
    """What a test raises in the place of a SIGKILL, which nobody can catch."""


def killed():
    raise Killed


def asked_to_stop():
    os.kill(os.getpid(), signal.SIGTERM)


def fit(folder, happens=None, *, in_step=None, batches=None, steps=STEPS, average=False, **options):
    mesh = small.one_device()
    graph, start = small.created(mesh, average=average)
    template = small.template(mesh, average)
    train_step = small.train_step(graph, mesh)

    def step(train_state, batch):  # something may happen while one is computed, too
        (in_step or {}).get(int(train_state.step) + 1, lambda: None)()
        return train_step(train_state, batch)

    folder = epath.Path(folder)
    folder.mkdir(exist_ok=True)
    with Checkpoints(folder / "checkpoints", {}) as checkpoints:
        restored, position = checkpoints.restore(template) or (start, None)
        with contextlib.closing(Metrics(folder, int(restored.step))) as metrics:
            final = loop.fit(
                restored,
                step,
                batches or Batches(happens),
                mesh,
                position=position,
                steps=steps,
                checkpoints=checkpoints,
                metrics=metrics,
                **{"checkpoint_every": 3, "log_every": 4} | options,
            )
            return jax.device_get(final)


def lines(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted")
    return fit(folder), lines(folder)


def test_metrics_are_means_over_the_steps_since_the_last(tmp_path, uninterrupted):
    fit(tmp_path / "every", log_every=1)
    every = {line["step"]: line["loss"] for line in lines(tmp_path / "every")}
    _, rows = uninterrupted
    assert [row["step"] for row in rows] == [4, 8, 12, 13]
    for row, steps in zip(rows, ([1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12], [13]), strict=True):
        assert row["loss"] == pytest.approx(np.mean([every[step] for step in steps]))


@pytest.mark.parametrize("moments", [(2,), (4,), (8, 12), (7, 8, 9, 10, 13)])
def test_killed_and_continued(place, uninterrupted, moments):
    for moment in moments:
        with pytest.raises(Killed):
            fit(place, {moment: killed})
    final = fit(place)
    small.assert_equal(final, uninterrupted[0])
    assert lines(place) == uninterrupted[1]


@pytest.mark.parametrize("moment", [1, 6, 12])
def test_sigterm_saves_its_step(place, uninterrupted, moment):
    with pytest.raises(loop.Stopped, match=f"SIGTERM stopped the run after step {moment}") as stopped:
        fit(place, in_step={moment: asked_to_stop})
    assert stopped.value.exit_code == 143
    assert (place / "checkpoints" / str(moment)).is_dir()
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    small.assert_equal(fit(place), uninterrupted[0])
    assert lines(place) == uninterrupted[1]


def test_sigterm_in_the_last_step_stops_before_what_follows(tmp_path, uninterrupted):
    with pytest.raises(loop.Stopped, match=f"after step {STEPS}"):
        fit(tmp_path, in_step={STEPS: asked_to_stop})
    small.assert_equal(fit(tmp_path), uninterrupted[0])


def test_ctrl_c_saves_its_step_too(tmp_path, uninterrupted):
    with pytest.raises(loop.Stopped, match="Ctrl-C stopped the run after step 6") as stopped:
        fit(tmp_path, in_step={6: lambda: os.kill(os.getpid(), signal.SIGINT)})
    assert stopped.value.exit_code == 130
    small.assert_equal(fit(tmp_path), uninterrupted[0])


def test_half_a_line_of_a_killed_run_is_taken_back(place, uninterrupted):
    with pytest.raises(Killed):
        fit(place, {9: killed})
    (place / "metrics.jsonl").write_text((place / "metrics.jsonl").read_text() + '{"step": 9, "lo')
    fit(place)
    assert lines(place) == uninterrupted[1]


def test_a_finished_run_only_gives_its_state(tmp_path, uninterrupted):
    fit(tmp_path)
    small.assert_equal(fit(tmp_path, {1: killed, STEPS + 1: killed}), uninterrupted[0])
    assert lines(tmp_path) == uninterrupted[1]


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_loss_that_is_not_finite_names_its_step_and_is_not_saved(tmp_path, wrong):
    class Wrong(Batches):
        def __next__(self):
            batch = super().__next__()
            with np.errstate(invalid="ignore"):
                return batch if self.number != 8 else {**batch, "targets": batch["targets"] * np.float32(wrong)}

    with pytest.raises(InputError, match=r"step 8 failed \(loss -?(nan|inf), gradient_norm (nan|inf)\)"):
        fit(tmp_path, batches=Wrong())
    assert max(int(path.name) for path in (tmp_path / "checkpoints").glob("[0-9]*")) == 6
    assert [row["step"] for row in lines(tmp_path)] == [4]


def test_evaluations_at_their_own_steps_choose_the_best_checkpoint(place, uninterrupted):
    scores = {5: 0.3, 10: 0.9, 13: 0.4}

    def evaluate(train_state):
        return {"select_original": scores[int(train_state.step)], "select_real": 0.0}

    small.assert_equal(fit(place, evaluate=evaluate, evaluate_every=5), uninterrupted[0])
    rows = lines(place)
    assert {row["step"]: row["select_original"] for row in rows if "select_original" in row} == scores
    assert [row for row in rows if "loss" in row] == uninterrupted[1]
    with Checkpoints(place / "checkpoints", {}) as checkpoints:
        assert checkpoints.best_step() == 10


def test_only_at_the_end_where_no_interval_is_given(tmp_path):
    fit(tmp_path, evaluate=lambda train_state: {"select": float(train_state.step)})
    assert [row for row in lines(tmp_path) if "select" in row] == [{"step": STEPS, "select": float(STEPS)}]
