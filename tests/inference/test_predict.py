"""Inference over a toy source: the pixels of an image follow from its number, and so do its scores."""

import dataclasses
import os
import signal
import subprocess
import sys
import textwrap

import jax.numpy as jnp
import numpy as np
import pytest

from imagenet_real.errors import InputError
from imagenet_real.inference import predict
from imagenet_real.models.functional import normalized
from imagenet_real.predictions import parts
from imagenet_real.predictions.predictions import save_predictions
from imagenet_real.runtime import devices
from tests import ROOT
from tests.meshes import mesh_of

pytestmark = pytest.mark.slow

CLASSES, SIZE = 7, 4
MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.5)
WEIGHTS = np.random.default_rng(0).normal(size=(SIZE * SIZE * 3, CLASSES)).astype(np.float32)


@dataclasses.dataclass(frozen=True)
class Batch:
    images: np.ndarray
    image_ids: np.ndarray
    valid: np.ndarray
    unreadable: dict


def pixels(number):
    return np.random.default_rng(number).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)


def toy_batches(total, batch_size, unreadable=(), killed_at=None, mesh=None):
    """`batches_from` of a source of `total` images, batches padded; the process dies at record `killed_at`."""
    rows = devices.local_rows(mesh or devices.make_mesh(), batch_size)

    def batches_from(start):
        assert start % batch_size == 0
        for first in range(start, total, batch_size):
            if first == killed_at:
                os.kill(os.getpid(), signal.SIGKILL)
            numbers = [first + row if row < batch_size and first + row < total else None for row in rows]
            exists = [number is not None for number in numbers]
            images = np.zeros((len(rows), SIZE, SIZE, 3), np.uint8)
            images[exists] = [pixels(number) for number in numbers if number is not None]
            ids = np.array(["" if number is None else f"image_{number}" for number in numbers])
            valid = np.array([number is not None and number not in unreadable for number in numbers])
            reasons = {f"image_{number}": "cut short" for number in numbers if number in unreadable}
            yield Batch(images, ids, valid, reasons)

    return batches_from


def linear(params, images):
    return images.reshape(len(images), -1) @ params


def run(total=23, batch_size=4, apply=linear, params=WEIGHTS, batches=None, mesh=None, **options):
    return predict.predict(
        normalized(apply, MEAN, STD),
        params,
        batches or toy_batches(total, batch_size, mesh=mesh),
        total=total,
        batch_size=batch_size,
        image_size=SIZE,
        mesh=mesh or devices.make_mesh(),
        name="toy",
        **{"top_k": 3, **options},
    )


def expected_scores(number):
    """One image by plain NumPy."""
    normalized_pixels = (pixels(number) / 255 - np.array(MEAN)) / np.array(STD)
    return normalized_pixels.ravel() @ WEIGHTS.astype(np.float64)


@pytest.mark.parametrize(("total", "batch_size"), [(23, 4), (24, 4), (3, 8), (5, 1)])
def test_every_image_is_predicted_once(total, batch_size):
    predictions, unreadable = run(total, batch_size, save_scores=True)
    assert predictions.image_ids.tolist() == [f"image_{number}" for number in range(total)]
    assert (predictions.num_classes, predictions.name, unreadable) == (CLASSES, "toy", {})
    for number in range(total):
        scores = expected_scores(number)
        best = sorted(range(CLASSES), key=lambda label: -scores[label])[:3]
        assert predictions.top[number].tolist() == best
        np.testing.assert_allclose(predictions.top_scores[number], scores[best], atol=1e-4)
        np.testing.assert_allclose(predictions.scores[number], scores, atol=1e-4)
        np.testing.assert_allclose(predictions.logsumexp[number], np.log(np.exp(scores).sum()), atol=1e-4)


def test_scores_are_kept_only_when_asked_for():
    assert run()[0].scores is None


def test_of_equal_scores_the_lower_class_comes_first():
    tied = jnp.array([[1.0, 2.0, -0.0, 2.0, 0.0, 0.0, -3.0]])
    predictions, _ = run(
        apply=lambda params, images: jnp.repeat(tied, len(images), axis=0).astype(jnp.bfloat16), top_k=6
    )
    assert (predictions.top == [1, 3, 0, 2, 4, 5]).all()
    assert predictions.top_scores.dtype == np.float32


def test_fewer_classes_than_asked_for():
    assert run(top_k=20)[0].top.shape == (23, CLASSES)


def test_unreadable_images_stop_the_run_or_are_listed():
    batches = toy_batches(23, 4, unreadable={6, 20})
    with pytest.raises(InputError, match=r"image_6 is unreadable \(cut short\).*--skip_unreadable=True"):
        run(batches=batches)
    with pytest.raises(InputError, match=r"2 images are unreadable, more than max_unreadable=1, such as image_20"):
        run(batches=batches, max_unreadable=1)
    assert run(batches=batches, max_unreadable=2)[1].keys() == {"image_6", "image_20"}
    predictions, unreadable = run(batches=batches, max_unreadable=None)
    assert unreadable == {"image_6": "cut short", "image_20": "cut short"}
    assert predictions.image_ids.tolist() == [f"image_{number}" for number in range(23) if number not in (6, 20)]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_scores_that_are_not_finite_name_the_first_image(value):
    def breaks(params, images):
        ninth = (pixels(9) / 255 - np.array(MEAN)) / np.array(STD)
        wrong = jnp.all(jnp.abs(images - ninth) < 1e-3, axis=(1, 2, 3))
        return jnp.where(wrong[:, None], value, linear(params, images))

    with pytest.raises(InputError, match="scores of image_9 are not finite"):
        run(apply=breaks)


def test_padding_may_be_anything():
    def breaks_on_black(params, images):
        black = jnp.ptp(images[..., 0], axis=(1, 2)) == 0
        return jnp.where(black[:, None], jnp.nan, linear(params, images))

    assert len(run(apply=breaks_on_black)[0]) == 23


@pytest.mark.parametrize(
    ("apply", "message"),
    [
        (
            lambda params, images: images,
            r"an array of shape \[4, 4, 4, 3\] for 4 images. Return logits of shape \[4, classes\]",
        ),
        (lambda params, images: linear(params, images)[:3], r"an array of shape \[3, 7\]"),
        (lambda params, images: (images, images), "returned tuple for 4 images"),
    ],
)
def test_outputs_that_are_no_logits(apply, message):
    with pytest.raises(InputError, match=message):
        run(apply=apply)


def test_no_images():
    with pytest.raises(InputError, match="no images"):
        run(total=0)


def test_a_source_that_gives_fewer_images_than_it_has():
    with pytest.raises(RuntimeError, match="20 images came out of 20 records, expected 23"):
        run(total=23, batches=toy_batches(20, 4))


def test_bigger_steps_on_the_disk_change_no_byte(tmp_path, monkeypatch):
    save_predictions(tmp_path / "memory.npz", run()[0])
    for records in (1, 8, 12, 1000):
        monkeypatch.setattr(parts, "RECORDS_PER_PART", records)
        save_predictions(tmp_path / f"{records}.npz", run(folder=tmp_path / f"parts{records}")[0])
        assert (tmp_path / f"{records}.npz").read_bytes() == (tmp_path / "memory.npz").read_bytes()
    assert sorted(file.name for file in (tmp_path / "parts12").glob("*.npz")) == [
        "000000000-000000012.npz",
        "000000012-000000023.npz",
    ]


def in_another_process(code, **environment):
    """Runs code with the names of this module; gives the exit status and the standard error."""
    code = f"from tests.inference.test_predict import *\n{textwrap.dedent(code)}"
    root = str(ROOT)
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stderr


def test_a_killed_run_ends_in_the_same_bytes(place, monkeypatch, capsys):
    unreadable = {6, 20}
    alone = run(43, 4, batches=toy_batches(43, 4, unreadable), max_unreadable=None, folder=place / "alone")
    save_predictions(place / "alone.npz", alone[0])

    status, _ = in_another_process(f"""
        parts.RECORDS_PER_PART = 8
        batches = toy_batches(43, 4, {unreadable}, killed_at=32)
        run(43, 4, batches=batches, max_unreadable=None, folder={str(place / "parts")!r}, mesh=devices.make_mesh())
    """)
    assert status == -signal.SIGKILL
    parts = sorted(file.name for file in (place / "parts").glob("*.npz"))
    expected = ["000000000-000000008.npz", "000000008-000000016.npz", "000000016-000000024.npz"]
    assert parts
    assert parts == expected[: len(parts)]  # batches are read ahead, so that it was killed some batches before the 8th

    starts = []

    def batches_from(start):
        starts.append(start)
        return toy_batches(43, 4, unreadable)(start)

    resumed = run(43, 4, batches=batches_from, max_unreadable=None, folder=place / "parts")
    save_predictions(place / "resumed.npz", resumed[0])
    assert (place / "resumed.npz").read_bytes() == (place / "alone.npz").read_bytes()
    assert resumed[1] == alone[1] == {"image_6": "cut short", "image_20": "cut short"}
    assert starts == [8 * len(parts)]
    assert "43 of 43 images" in capsys.readouterr().err


def test_a_finished_run_reads_no_image(place):
    def no_batches(start):
        raise AssertionError("batches were asked for")

    first = run(folder=place)[0]
    again = run(folder=place, batches=no_batches)[0]
    np.testing.assert_array_equal(again.top_scores, first.top_scores)


def test_unreadable_images_of_an_earlier_run_are_not_forgotten(place):
    batches = toy_batches(23, 4, unreadable={6})
    run(batches=batches, folder=place, max_unreadable=None)
    with pytest.raises(InputError, match="image_6 is unreadable"):
        run(batches=batches, folder=place)


def test_parts_of_another_run_are_refused(place):
    run(folder=place, run_key={"weights": "aaaa", "preprocessing": {"resize": 248}})
    with pytest.raises(InputError) as caught:
        run(folder=place, batch_size=8, run_key={"weights": "bbbb", "preprocessing": {"resize": 248}})
    message = str(caught.value)
    assert "\n" not in message
    assert 'weights was "aaaa", is "bbbb"' in message
    assert "batch_size was 4, is 8" in message
    assert "preprocessing" not in message
    assert "another --workdir" in message
    (place / "identity.json").unlink()
    with pytest.raises(InputError, match="an unknown run"):
        run(folder=place)


def test_a_damaged_part_is_named(place):
    run(folder=place)
    part = next(place.glob("*.npz"))
    part.write_bytes(part.read_bytes()[:100])
    with pytest.raises(InputError, match=f"{part.name}: it is damaged.*Delete it"):
        run(folder=place)


@pytest.mark.parametrize("batch_size", [3, 8, 23])
def test_eight_devices_give_the_predictions_of_one(batch_size):
    """Batches that are and are not a multiple of the devices, and that do and do not divide the images."""
    eight, _ = run(23, batch_size, save_scores=True, mesh=mesh_of(8))
    single, _ = run(23, 4, save_scores=True, mesh=mesh_of(1))
    np.testing.assert_array_equal(eight.top, single.top)
    np.testing.assert_allclose(eight.scores, single.scores, atol=1e-4)
