"""Checkpoints: bitwise, atomic, on other devices, and of this run alone."""

import asyncio
import gc
import os
import resource
import signal
import sys
import types

import jax
import pytest
import tensorstore

from imagenet_real.errors import InputError
from imagenet_real.io import storage
from imagenet_real.training import state, step
from imagenet_real.training.checkpoint import METADATA, Checkpoints
from tests import commands
from tests.training import small
from tests.training.small import template

pytestmark = pytest.mark.slow

RUN_KEY = {"model": "small", "loss": "sigmoid"}


def train(train_state, graph, mesh, steps):
    for _ in range(steps):
        batch = small.batch(int(train_state.step))
        train_state, _ = small.train_step(graph, mesh)(train_state, step.shard_batch(mesh, batch))
    return train_state


def saved_run(folder, steps, mesh=None, **options):
    """The states after 1, 2, ... steps, with a checkpoint of each."""
    mesh = small.one_device() if mesh is None else mesh
    graph, train_state = small.created(mesh, average=True)
    states = []
    with Checkpoints(folder, RUN_KEY, **options) as checkpoints:
        for number in range(1, steps + 1):
            train_state = train(train_state, graph, mesh, 1)
            states.append(jax.device_get(train_state))
            checkpoints.save(train_state, {"records": 16 * number})
    return states


def test_a_resumed_run_ends_bit_for_bit_like_an_uninterrupted_one(place):
    mesh = small.one_device()
    graph, start = small.created(mesh, average=True)
    expected = jax.device_get(train(start, graph, mesh, 6))
    states = saved_run(place, 3)
    with Checkpoints(place, RUN_KEY) as checkpoints:
        restored, position = checkpoints.restore(template(mesh))
    assert position == {"records": 48}
    small.assert_equal(jax.device_get(restored), states[-1])
    small.assert_equal(jax.device_get(train(restored, graph, mesh, 3)), expected)


def test_no_checkpoint(place):
    with Checkpoints(place / "new", RUN_KEY) as checkpoints:
        assert checkpoints.restore(template(small.one_device())) is None
        assert checkpoints.latest_step() is None
        assert checkpoints.best_step() is None


def test_a_checkpoint_is_of_the_moment_it_was_asked_for(tmp_path):
    """Steps that reuse the state's memory while it is being written change nothing in it."""
    mesh = small.one_device()
    graph, train_state = small.created(mesh, average=True)
    with Checkpoints(tmp_path, RUN_KEY) as checkpoints:
        checkpoints.save(train_state, None)
        train(train_state, graph, mesh, 5)
        checkpoints.wait()
        restored, _ = checkpoints.restore(template(mesh))
    small.assert_equal(jax.device_get(restored), jax.device_get(small.created(mesh, average=True)[1]))


def test_the_newest_and_the_best_are_kept(place):
    mesh = small.one_device()
    graph, train_state = small.created(mesh, average=True)
    scores = {1: 0.3, 2: 0.9, 3: 0.1, 4: 0.2, 5: None}
    with Checkpoints(place, RUN_KEY, keep=2) as checkpoints:
        for number, score in scores.items():
            train_state = train(train_state, graph, mesh, 1)
            checkpoints.save(train_state, number, score=score)
        checkpoints.save(train_state, "again")  # this step is kept already
        checkpoints.wait()
        assert checkpoints.best_step() == 2
    assert sorted(folder.name for folder in place.iterdir()) == ["2", "4", "5"]
    with Checkpoints(place, RUN_KEY, keep=2) as checkpoints:
        assert (checkpoints.latest_step(), checkpoints.best_step()) == (5, 2)
        best, position = checkpoints.restore(template(mesh), checkpoints.best_step())
        assert (int(best.step), position) == (2, 2)
        assert checkpoints.restore(template(mesh))[1] == 5


def test_a_half_deleted_checkpoint_is_removed(place):
    saved_run(place, 3, keep=3)
    for number in ("1", "3"):
        (place / number / METADATA).unlink()
    with Checkpoints(place, RUN_KEY, keep=3) as checkpoints:
        assert checkpoints.steps() == [2, 3], "the newest is never being deleted"
    assert not (place / "1").exists()


def test_a_half_written_checkpoint_is_ignored(tmp_path):
    """What a killed run leaves: a folder under its temporary name."""
    states = saved_run(tmp_path, 2)
    half = tmp_path / "3.orbax-checkpoint-tmp"
    (half / "state").mkdir(parents=True)
    (half / "state" / "manifest.ocdbt").write_bytes(b"half")
    with Checkpoints(tmp_path, RUN_KEY) as checkpoints:
        restored, _ = checkpoints.restore(template(small.one_device()))
        small.assert_equal(jax.device_get(restored), states[-1])
        graph, _ = small.created(small.one_device(), average=True)
        checkpoints.save(train(restored, graph, small.one_device(), 1), None)  # the same step again
    assert sorted(folder.name for folder in tmp_path.iterdir()) == ["2", "3"]


def save_and_die(folder, environment):
    os.environ.update(environment)  # where the bucket is
    graph, train_state = small.created(small.one_device(), average=True)
    checkpoints = Checkpoints(storage.to_path(folder), RUN_KEY)
    for number in (1, 2, 3):
        train_state = train(train_state, graph, small.one_device(), 1)
        checkpoints.save(train_state, number)
    os.kill(os.getpid(), signal.SIGKILL)


def test_sigkill_keeps_every_complete_checkpoint(place):
    writer = commands.CONTEXT.Process(target=save_and_die, args=(os.fspath(place), dict(os.environ)))
    writer.start()
    writer.join(300)
    assert writer.exitcode == -signal.SIGKILL
    mesh = small.one_device()
    graph, train_state = small.created(mesh, average=True)
    with Checkpoints(place, RUN_KEY) as checkpoints:
        restored, position = checkpoints.restore(template(mesh))
    assert position in (2, 3)
    small.assert_equal(jax.device_get(restored), jax.device_get(train(train_state, graph, mesh, position)))


@pytest.mark.parametrize(
    ("run_key", "difference"),
    [
        ({"model": "small", "loss": "softmax"}, 'loss was "sigmoid", is "softmax"'),
        ({"model": "small", "loss": "sigmoid", "seed": 3}, "seed was missing, is 3"),
        ({"model": "small"}, 'loss was "sigmoid", is missing'),
    ],
)
def test_a_checkpoint_of_another_config(place, run_key, difference):
    saved_run(place, 1)
    with Checkpoints(place, run_key) as checkpoints, pytest.raises(InputError) as caught:
        checkpoints.restore(template(small.one_device()))
    assert "\n" not in str(caught.value)
    assert f"the checkpoint of step 1 in {place} belongs to a different run: {difference}. Use another" in str(
        caught.value
    )


def test_a_checkpoint_of_another_model(tmp_path):
    saved_run(tmp_path, 1)
    wider = state.create_abstract(lambda rngs: small.build(rngs, width=5), small.SGD, small.one_device(), average=True)
    with Checkpoints(tmp_path, RUN_KEY) as checkpoints:
        with pytest.raises(
            InputError, match=r'different run: params\.bn\.bias was "float32\[4\]", is "float32\[5\]"; '
        ):
            checkpoints.restore(wider[1])
        with pytest.raises(InputError, match=r'average\.0\.bn\.bias was "float32\[4\]", is missing; '):
            checkpoints.restore(template(small.one_device(), average=False))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of the writes that Orbax gave up
def test_a_disk_that_refuses(tmp_path):
    """One line, and the checkpoints that are whole stay."""
    states = saved_run(tmp_path, 2)
    graph, train_state = small.created(small.one_device(), average=True)
    later = train(train_state, graph, small.one_device(), 3)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    checkpoints = Checkpoints(tmp_path, RUN_KEY)

    def save():
        checkpoints.save(later, None)
        checkpoints.wait()

    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(
            InputError, match=r"could not be written \(.*\)\. Check the disk and run the same command again"
        ) as caught:
            save()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "\n" not in str(caught.value)
    with Checkpoints(tmp_path, RUN_KEY) as reopened:
        restored, _ = reopened.restore(template(small.one_device()))
    small.assert_equal(jax.device_get(restored), states[-1])
    gc.collect()


def test_an_error_that_finds_its_event_loop_closed_is_not_told_again(tmp_path, monkeypatch):
    messages = []
    monkeypatch.setattr(sys, "unraisablehook", messages.append)
    for _ in range(2):
        with Checkpoints(tmp_path, RUN_KEY):
            pass
    promise, future = tensorstore.Promise.new()

    async def awaited():
        await future

    async def leave_waiting():
        task = asyncio.ensure_future(awaited())
        await asyncio.sleep(0)
        return task

    loop = asyncio.new_event_loop()
    task = loop.run_until_complete(leave_waiting())
    task._log_destroy_pending = False
    loop.close()
    promise.set_exception(OSError("no space left"))
    assert messages == []
    another = types.SimpleNamespace(exc_value=RuntimeError("another"))
    sys.unraisablehook(another)
    assert messages == [another]
