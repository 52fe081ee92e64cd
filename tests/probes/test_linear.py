"""Linear heads: the optimum of scikit-learn, and a run that continues."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from imagenet_real.errors import InputError
from imagenet_real.probes import linear
from imagenet_real.probes.linear import Recipe
from tests.probes.test_neighbors import clusters

DECAY = 1e-3


def trained(folder, *, loss="softmax", epochs=60, rates=(10.0, 30.0), key=None, **options):
    features, labels = clusters(600)
    rows = np.arange(600)
    scale = linear.scale_of(features, rows)
    recipe = Recipe(loss, epochs, 100, DECAY, 0)
    weight, bias = linear.train(
        features, labels, rows, scale, recipe, rates, 5, file=folder / "head.npz", run_key=key or {"a": 1}, **options
    )
    return features, labels, scale, weight, bias


def test_optimum_is_that_of_logistic_regression(tmp_path):
    features, labels, scale, weight, bias = trained(tmp_path)
    reference = LogisticRegression(C=1 / (DECAY * len(labels)), max_iter=1000, tol=1e-8).fit(scale(features), labels)
    held_out, truth = clusters(2000, seed=2)
    head = scale.fold(weight[1], bias[1])
    classes, _ = linear.top_classes(held_out, np.arange(2000), head, 1)
    assert abs(np.mean(classes[:, 0] == truth) - reference.score(scale(held_out), truth)) <= 0.002
    theirs = reference.coef_.T - reference.coef_.T.mean(axis=1, keepdims=True)
    ours = weight[1] - weight[1].mean(axis=1, keepdims=True)
    np.testing.assert_allclose(ours, theirs, atol=0.02 * np.abs(theirs).max())


def test_folded_head_reads_features_that_are_not_scaled(tmp_path):
    features, _, scale, weight, bias = trained(tmp_path, epochs=2)
    head = scale.fold(weight[0], bias[0])
    np.testing.assert_allclose(features @ head.weight.T + head.bias, scale(features) @ weight[0] + bias[0], atol=1e-4)


def test_sigmoid_starts_from_rare_classes(tmp_path):
    features, labels, scale, weight, bias = trained(tmp_path, loss="sigmoid", epochs=20)
    logits = scale(features) @ weight[1] + bias[1]
    assert np.mean(logits.argmax(axis=1) == labels) > 0.8
    assert 0.8 < (1 / (1 + np.exp(-logits))).sum(axis=1).mean() < 1.2  # about one class per image


def test_a_killed_run_returns_the_same_bytes(tmp_path):
    def stop(epoch):
        if epoch == 3:
            raise KeyboardInterrupt

    (tmp_path / "whole").mkdir()
    *_, weight, bias = trained(tmp_path / "whole", epochs=6)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path, epochs=6, epoch_done=stop)
    *_, continued, continued_bias = trained(tmp_path, epochs=6)
    assert continued.tobytes() == weight.tobytes()
    assert continued_bias.tobytes() == bias.tobytes()


def test_another_run_in_the_file_is_refused(tmp_path):
    trained(tmp_path, epochs=1)
    with pytest.raises(InputError, match="is of a different run: a"):
        trained(tmp_path, epochs=1, key={"a": 2})
    (tmp_path / "head.npz").write_bytes(b"cut")
    with pytest.raises(InputError, match="is damaged"):
        trained(tmp_path, epochs=1)
