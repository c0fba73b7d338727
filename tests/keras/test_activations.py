"""Activations, regularisers and constraints have Keras's values and gradients."""

import inspect
import json

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.nn import activations, constraints, regularizers

from .beside import keras, pulled, weighed

pytestmark = pytest.mark.filterwarnings("ignore")

RNG = np.random.default_rng(0)
POINTS = np.concatenate([np.linspace(-7.03, 7.07, 44), [-300.1, 300.1, -0.01, 0.02]]).reshape(4, 12)
OTHERS = {
    "celu": {"alpha": 0.7},
    "elu": {"alpha": 1.7},
    "gelu": {"approximate": True},
    "glu": {"axis": 0},
    "hard_shrink": {"threshold": 1.5},
    "leaky_relu": {"negative_slope": 0.4},
    "log_softmax": {"axis": 0},
    "relu": {"negative_slope": 0.1, "max_value": 4.0, "threshold": 1.0},
    "soft_shrink": {"threshold": 1.5},
    "softmax": {"axis": 0},
    "squareplus": {"b": 1.0},
    "threshold": {"threshold": 1.0, "default_value": -2.0},
}
# Keras 3.15 adds up all partial sums in a sparsemax, where its source takes the last: the sum of its results is not 1.
CASES = [(name, {}) for name in sorted(activations.ACTIVATIONS) if name != "sparsemax"] + sorted(OTHERS.items())


def ours(function, x):
    t = tg.Tensor(x)
    y = function(t)
    np.sum(y * weighed(y.shape)).backward()
    return y.data, t.grad


@pytest.mark.parametrize(("name", "options"), CASES)
def test_activations_have_the_values_and_gradients_of_keras(name, options):
    theirs = getattr(keras().activations, name)
    function = getattr(activations, name)
    expected, (gradient,) = pulled(lambda x: theirs(x, **options), POINTS)
    value, found = ours(lambda x: function(x, **options), POINTS)
    close = 1e-6 if name == "tanh" else 1e-12  # which Keras computes in float32
    np.testing.assert_allclose(value, expected, rtol=1e-6, atol=close)
    np.testing.assert_allclose(found, gradient, rtol=1e-6, atol=close)


def test_every_name_of_keras_is_there_with_its_defaults():
    theirs = keras().activations
    for name, item in vars(theirs).items():
        if name.startswith("_") or name in ("get", "serialize", "deserialize"):
            continue
        try:
            parameters = inspect.signature(getattr(activations, name)).parameters
        except ValueError:  # a ufunc
            continue
        if name not in ("tanh", "exponential"):
            found = [(key, value.default) for key, value in parameters.items()]
            expected = [(key, value.default) for key, value in inspect.signature(item).parameters.items()]
            assert found == expected, name
    for name in activations.ACTIVATIONS:
        assert theirs.serialize(theirs.get(name)) == activations.serialize(activations.get(name)), name


MATRIX = RNG.normal(size=(5, 4))
KERNEL = RNG.normal(size=(3, 3, 2, 4))
PENALTIES = [
    ("L1", {}, KERNEL),
    ("L1", {"l1": 0.3}, MATRIX),
    ("L1L2", {"l1": 0.3, "l2": 0.2}, KERNEL),
    ("L2", {}, KERNEL),
    ("L2", {"l2": 0.5}, MATRIX),
    ("OrthogonalRegularizer", {}, MATRIX),
    ("OrthogonalRegularizer", {"factor": 2.0, "mode": "columns"}, MATRIX),
]


@pytest.mark.parametrize(("name", "options", "weight"), PENALTIES)
def test_regularizers_have_the_penalties_of_keras(name, options, weight):
    theirs = getattr(keras().regularizers, name)(**options)
    expected, (gradient,) = pulled(theirs, weight)
    made = getattr(regularizers, name)(**options)
    value, found = ours(made, weight)
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    np.testing.assert_allclose(found, gradient, rtol=1e-6, atol=1e-9)  # its factor is of float32
    assert made.get_config() == {
        key: pytest.approx(item) if key != "mode" else item for key, item in theirs.get_config().items()
    }
    assert regularizers.get(keras().regularizers.serialize(theirs)).get_config().keys() == made.get_config().keys()


CONSTRAINTS = [
    ("MaxNorm", {}, MATRIX),
    ("MaxNorm", {"max_value": 1.5, "axis": [0, 1, 2]}, KERNEL),
    ("MinMaxNorm", {}, MATRIX),
    ("MinMaxNorm", {"min_value": 1.0, "max_value": 1.8, "rate": 0.3, "axis": 1}, MATRIX),
    ("NonNeg", {}, MATRIX),
    ("UnitNorm", {}, MATRIX),
    ("UnitNorm", {"axis": [0, 1, 2]}, KERNEL),
]


@pytest.mark.parametrize(("name", "options", "weight"), CONSTRAINTS)
def test_constraints_put_weights_where_keras_does(name, options, weight):
    theirs = getattr(keras().constraints, name)(**options)
    made = getattr(constraints, name)(**options)
    expected = np.asarray(theirs(weight))
    np.testing.assert_allclose(made(weight), expected, rtol=1e-6)
    np.testing.assert_allclose(made(tg.Tensor(weight)).data, expected, rtol=1e-6)
    assert made.get_config() == theirs.get_config() == json.loads(json.dumps(made.get_config()))
