"""Prefetching keeps the order and its limit, and ends with its caller."""

import contextlib
import itertools
import threading
import time
import weakref

import numpy as np
import pytest

from imagenet_real.errors import InputError
from imagenet_real.runtime import devices
from imagenet_real.runtime.prefetch import prefetch


def maker(values, fails=None):
    """`make` of these values, which then raises, and the list of those that were made."""
    made, left = [], iter(values)

    def make():
        try:
            made.append(next(left))
        except StopIteration:
            raise (fails or StopIteration) from None
        return made[-1]

    return make, made


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "prefetch"]


def wait_for(condition):
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_results_keep_their_order_and_no_more_than_count_wait(count):
    make, made = maker(range(20))
    ready = prefetch(make, count)
    for number in range(20):
        assert next(ready) == number
        wait_for(lambda: len(made) == min(20, number + 1 + count))  # noqa: B023
        time.sleep(0.01)
        assert len(made) == min(20, number + 1 + count)
    assert list(ready) == []
    assert not threads()


def test_a_result_does_not_wait_for_the_next():
    taken = threading.Event()
    numbers = itertools.count()

    def make():
        number = next(numbers)
        if number == 1:
            assert taken.wait(30)
        return number

    with contextlib.closing(prefetch(make)) as ready:
        assert next(ready) == 0
        taken.set()
        assert next(ready) == 1


@pytest.mark.parametrize("error", [InputError("training image x is unreadable"), KeyboardInterrupt()])
def test_an_exception_is_raised_in_its_turn(error):
    make, _ = maker(range(3), fails=error)
    ready = prefetch(make, 5)
    assert [next(ready) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(type(error)) as raised:
        next(ready)
    assert raised.value is error
    assert not threads()


def test_closing_ends_the_thread():
    make, made = maker(itertools.count())
    ready = prefetch(make, 2)
    assert next(ready) == 0
    ready.close()
    assert not threads()
    assert len(made) <= 4


def test_it_keeps_no_reference_to_a_result():
    class Batch:
        pass

    ready = prefetch(Batch, 1)
    batch = next(ready)
    gone = weakref.ref(batch)
    del batch
    assert gone() is None
    ready.close()


def test_batches_lie_on_the_devices_with_their_positions():
    import jax

    mesh = devices.make_mesh()
    batches = iter([np.full((2 * mesh.size, 3), number, np.uint8) for number in range(4)])
    position = itertools.count(1)
    ready = prefetch(lambda: (devices.shard_batch(mesh, next(batches), 2 * mesh.size), next(position)))
    for number, (batch, after) in enumerate(ready):
        assert isinstance(batch, jax.Array)
        assert batch.sharding == devices.batch_sharding(mesh)
        assert (np.asarray(batch) == number).all()
        assert after == number + 1
    assert number == 3
