"""Activations by name: their values by definition, their derivatives, and their names again."""

import json

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.nn import activations
from tinygraph.testing import check_grads

POINTS = np.linspace(-7.03, 7.07, 48).reshape(4, 12)
LOGISTIC = 1 / (1 + np.exp(-POINTS))

# By definition, at the points above.
DEFINED = {
    "celu": np.where(POINTS > 0, POINTS, np.exp(POINTS) - 1),
    "elu": np.where(POINTS > 0, POINTS, np.exp(POINTS) - 1),
    "exponential": np.exp(POINTS),
    "glu": POINTS[:, :6] * LOGISTIC[:, 6:],
    "hard_shrink": POINTS * (abs(POINTS) > 0.5),
    "hard_sigmoid": np.clip(POINTS / 6 + 0.5, 0, 1),
    "hard_silu": POINTS * np.clip(POINTS / 6 + 0.5, 0, 1),
    "hard_swish": POINTS * np.clip(POINTS / 6 + 0.5, 0, 1),
    "hard_tanh": np.clip(POINTS, -1, 1),
    "leaky_relu": np.where(POINTS > 0, POINTS, 0.2 * POINTS),
    "linear": POINTS,
    "log_sigmoid": np.log(LOGISTIC),
    "log_softmax": POINTS - np.log(np.sum(np.exp(POINTS), axis=-1, keepdims=True)),
    "mish": POINTS * np.tanh(np.log(1 + np.exp(POINTS))),
    "relu": np.maximum(POINTS, 0),
    "relu6": np.clip(POINTS, 0, 6),
    "selu": np.where(POINTS > 0, 1.0507009873554805 * POINTS, 1.7580993408473766 * (np.exp(POINTS) - 1)),
    "sigmoid": LOGISTIC,
    "silu": POINTS * LOGISTIC,
    "soft_shrink": np.sign(POINTS) * np.maximum(abs(POINTS) - 0.5, 0),
    "softmax": np.exp(POINTS) / np.sum(np.exp(POINTS), axis=-1, keepdims=True),
    "softplus": np.log(1 + np.exp(POINTS)),
    "softsign": POINTS / (1 + abs(POINTS)),
    "sparse_plus": np.where(POINTS <= -1, 0, np.where(POINTS < 1, (POINTS + 1) ** 2 / 4, POINTS)),
    "sparse_sigmoid": np.clip((POINTS + 1) / 2, 0, 1),
    "squareplus": (POINTS + np.sqrt(POINTS**2 + 4)) / 2,
    "swish": POINTS * LOGISTIC,
    "tanh": np.tanh(POINTS),
    "tanh_shrink": POINTS - np.tanh(POINTS),
}
ALL = sorted(activations.ACTIVATIONS)


@pytest.mark.parametrize("name", sorted(DEFINED))
def test_definitions(name):
    np.testing.assert_allclose(activations.get(name)(POINTS), DEFINED[name], rtol=1e-12, atol=1e-14)


def test_sparsemax_is_the_nearest_point_of_the_simplex():
    x = np.random.default_rng(0).normal(size=(3, 50, 6))
    y = activations.sparsemax(x, axis=1)
    assert (y >= 0).all() and (y == 0).any()
    np.testing.assert_allclose(y.sum(axis=1), 1)
    other = np.random.default_rng(1).dirichlet(np.ones(50), size=(200, 3, 6)).transpose(0, 1, 3, 2)
    assert (np.sum((other - x) ** 2, axis=2) > np.sum((y - x) ** 2, axis=1)).all()
    np.testing.assert_allclose(activations.sparsemax(np.array([[0.5, 0.3, -1.0]])), [[0.6, 0.4, 0.0]])


@pytest.mark.parametrize("name", ALL)
def test_gradients(name):
    check_grads(activations.get(name), np.array([[-6.3, -1.7, -0.7, 0.2], [0.9, 2.1, 4.3, 8.2]]), order=2)


@pytest.mark.parametrize("name", ALL)
def test_compiled_steps_are_the_eager_ones(name):
    function, x = activations.get(name), POINTS.astype(np.float32)
    step = tg.value_and_grad(lambda x: np.sum(function(x) ** 2))
    for found, expected in zip(tg.compile(step)(x), step(x), strict=True):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-5)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_dtypes_empty_batches_and_nan(name, dtype):
    function = activations.get(name)
    assert function(POINTS.astype(dtype)).dtype == dtype
    assert function(POINTS.astype(dtype)[:0]).shape == (0, *function(POINTS).shape[1:])
    if name not in ("softmax", "log_softmax", "sparsemax"):
        assert np.isnan(function(np.full((1, 2), np.nan, dtype))).all()


def test_large_numbers_do_not_overflow():
    far = np.array([[-1e4, 1e4]], np.float32)
    limits = {
        "relu6": [0, 6], "hard_tanh": [-1, 1], "hard_sigmoid": [0, 1], "softsign": [-0.9999, 0.9999],
        "mish": [0, 1e4], "log_sigmoid": [-1e4, 0], "selu": [-1.7580993, 10507.01], "sparsemax": [0, 1],
    }  # fmt: skip
    for name, expected in limits.items():
        np.testing.assert_allclose(activations.get(name)(far), [expected], rtol=1e-5, err_msg=name)
    assert activations.relu6(np.inf) == 6


def test_relu_and_its_relatives():
    np.testing.assert_array_equal(activations.relu(POINTS), tg.relu(POINTS))
    bent = activations.relu(POINTS, negative_slope=0.1, max_value=4, threshold=1)
    np.testing.assert_allclose(bent, np.where(POINTS > 1, np.minimum(POINTS, 4), 0.1 * (POINTS - 1)), rtol=1e-12)
    check_grads(lambda x: activations.relu(x, 0.1, 4.0, 1.0), np.array([-2.0, 0.5, 2.0, 5.0]), order=2)
    np.testing.assert_array_equal(activations.threshold(np.array([1.0, 2.0, 3.0]), 2, -1), [-1, -1, 3])


@pytest.mark.parametrize("name", ALL)
def test_a_function_has_its_name_again(name):
    found = activations.serialize(activations.get(name))
    assert json.loads(json.dumps(found)) == found
    assert activations.get(found) is activations.get(name)
    assert found == {"swish": "silu", "hard_swish": "hard_silu"}.get(name, name)


def test_names():
    assert activations.get(None) is activations.linear
    assert activations.get(np.cos) is np.cos
    assert activations.serialize(activations.relu) == activations.serialize(tg.relu) == "relu"
    with pytest.raises(ValueError, match="got 'rely'"):
        activations.get("rely")
    with pytest.raises(ValueError, match="has no name as an activation"):
        activations.serialize(np.cos)
    with pytest.raises(tg.ShapeError, match=r"glu: axis -1 of a batch of shape \(2, 3\) has no two halves"):
        activations.glu(np.ones((2, 3)))


def test_an_activation_is_one_box():
    y = activations.mish(tg.Tensor(POINTS))
    assert {node.scope[0] for node in tg.Graph.of(y) if not node.is_input} == {"mish"}
