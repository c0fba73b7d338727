"""Keras's losses: values and gradients as plain numbers, and against Keras itself where it is installed."""

import importlib.util

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.keras import losses
from tinygraph.testing import check_grads

# Probabilities of exactly 0 and 1 among them, and rows that do not add up to 1.
Y = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.25, 0.25, 0.5]])
P = np.array([[0.0, 1.0, 0.0], [0.2, 0.7, 0.1], [0.5, 0.4, 0.3]])
LABELS = np.array([0, 1, 2])

CALLS = {
    "binary": lambda p, of: of.binary_crossentropy(Y, p),
    "binary, smoothed": lambda p, of: of.binary_crossentropy(Y, p, label_smoothing=0.1),
    "binary, logits": lambda p, of: of.binary_crossentropy(Y, p, from_logits=True),
    "categorical": lambda p, of: of.categorical_crossentropy(Y, p),
    "categorical, axis 0": lambda p, of: of.categorical_crossentropy(Y, p, axis=0),
    "categorical, smoothed": lambda p, of: of.categorical_crossentropy(Y, p, label_smoothing=0.3),
    "categorical, logits": lambda p, of: of.categorical_crossentropy(Y, p, from_logits=True),
    "sparse": lambda p, of: of.sparse_categorical_crossentropy(LABELS, p),
    "sparse, logits": lambda p, of: of.sparse_categorical_crossentropy(LABELS[:, None], p, from_logits=True),
    "divergence": lambda p, of: of.kl_divergence(Y, 0.9 * p),
    "squares": lambda p, of: of.mean_squared_error(Y, p),
    "distances": lambda p, of: of.mean_absolute_error(Y, p + 0.01),
}

# What Keras 3.15 returns in float64 for these calls, and the gradient of the sum by p.
KERAS = {
    "binary": (
        [10.74539757, 0.2283930033, 0.6952209473],
        [[-0.0, 0.0, 0.0], [0.4166666791, -0.4761904904, 0.3703703814], [0.3333333433, 0.2083333395, -0.3174603269]],
    ),
    "binary, smoothed": (
        [10.47676277, 0.3022399545, 0.6985998154],
        [[-0.0, 0.0, -0.0], [0.3125000093, -0.3968254087, 0.1851851907], [0.3000000089, 0.1736111163, -0.3174603269]],
    ),
    "binary, logits": (
        [0.8998519778, 0.6485738754, 0.788815856],
        [
            [-0.1666666716, 0.2436862001, 0.1666666716],
            [0.1832780046, -0.1106040792, 0.1749930677],
            [0.1241531141, 0.1162292235, 0.02481417301],
        ],
    ),
    "categorical": (
        [16.11809565, 0.3566749439, 1.186667437],
        [[-0.0, -0.0, -0.0], [1.0, -0.4285714286, 1.0], [0.3333333333, 0.2083333333, -0.8333333333]],
    ),
    "categorical, axis 0": (
        [16.20221371, 1.513169308, 0.1438410362],
        [
            [0.3571428571, 0.5952380952, 1.25],
            [0.3571428571, -0.8333333333, 1.25],
            [-0.1428571429, -0.02976190476, -0.4166666667],
        ],
    ),
    "categorical, smoothed": (
        [14.5062861, 0.6765422557, 1.166704745],
        [[-0.0, -0.0, -0.0], [0.5, -0.1428571429, 1.110223025e-16], [0.2833333333, 0.1458333333, -0.6666666667]],
    ),
    "categorical, logits": (
        [1.551444714, 0.7679495489, 1.126942848],
        [
            [-0.7880584424, 0.5761168848, 0.2119415576],
            [0.281408044, -0.536036572, 0.254628528],
            [0.1171654011, 0.08222499353, -0.1993903946],
        ],
    ),
    "sparse": (
        [16.11809565, 0.3566749439, 1.386294361],
        [[-0.0, -0.0, -0.0], [1.0, -0.4285714286, 1.0], [0.8333333333, 0.8333333333, -2.5]],
    ),
    "sparse, logits": (
        [1.551444714, 0.7679495489, 1.201942848],
        [
            [-0.7880584424, 0.5761168848, 0.2119415576],
            [0.281408044, -0.536036572, 0.254628528],
            [0.3671654011, 0.3322249935, -0.6993903946],
        ],
    ),
    "divergence": (
        [16.11809405, 0.4620326483, 0.06998562509],
        [[-0.0, -1e-07, -0.0], [-5e-07, -1.428571429, -1e-06], [-0.5, -0.625, -1.666666667]],
    ),
    "squares": (
        [0.6666666865, 0.04666666687, 0.04166666791],
        [
            [-0.6666666865, 0.6666666865, -0.0],
            [0.1333333373, -0.200000006, 0.06666666865],
            [0.1666666716, 0.100000003, -0.1333333373],
        ],
    ),
    "distances": (
        [0.6700000167, 0.203333348, 0.203333348],
        [
            [-0.3333333433, 0.3333333433, 0.3333333433],
            [0.3333333433, -0.3333333433, 0.3333333433],
            [0.3333333433, 0.3333333433, -0.3333333433],
        ],
    ),
}


def value_and_gradient(call, p):
    value = call(p, losses)
    return value, tg.grad(lambda p: np.sum(call(p, losses)))(p)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("run", [lambda f: f, tg.compile], ids=["eager", "compiled"])
def test_values_and_gradients(name, run):
    call = CALLS[name]
    value = run(lambda p: call(p, losses))(P)
    gradient = run(tg.grad(lambda p: np.sum(call(p, losses))))(P)
    np.testing.assert_allclose(value, KERAS[name][0], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(gradient, KERAS[name][1], rtol=1e-6, atol=1e-9)


@given(st.integers(0, 2**32 - 1))
def test_second_derivatives_inside(seed):
    rng = np.random.default_rng(seed)
    p = rng.uniform(0.1, 0.9, (3, 3))
    for name in ("binary", "categorical", "categorical, axis 0", "sparse", "divergence", "squares"):
        check_grads(lambda p: CALLS[name](p, losses), p)


def test_what_is_clipped_has_a_finite_loss_where_the_exact_one_is_infinite():
    p = np.array([[0.0, 1.0]])
    assert losses.binary_crossentropy([[1.0, 0.0]], p) == pytest.approx(-np.log(1e-7), rel=1e-6)
    assert tg.binary_cross_entropy(p, [[1.0, 0.0]]) == np.inf
    half = losses.categorical_crossentropy(Y, P.astype(np.float16))
    assert half.dtype == np.float16
    assert np.isfinite(half).all()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: losses.binary_crossentropy(np.ones(3), np.ones((3, 2))), tg.ShapeError, r"\(3,\).*\(3, 2\)"),
        (lambda: losses.sparse_categorical_crossentropy(np.ones((2, 2)), np.ones((2, 3))), tg.ShapeError, "class nu"),
        (lambda: losses.sparse_categorical_crossentropy([0, 3], np.ones((2, 3))), ValueError, "from 0 to 3"),
    ],
)
def test_what_does_not_fit_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()


@pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="keras is not installed; its numbers stand above")
@pytest.mark.filterwarnings("ignore")
def test_values_are_keras_own():
    import keras

    for name, call in CALLS.items():
        theirs = call(keras.ops.convert_to_tensor(P.astype(np.float32)), keras.losses)
        np.testing.assert_allclose(call(P.astype(np.float32), losses), np.asarray(theirs), rtol=1e-4, err_msg=name)


@pytest.mark.parametrize("name", ["binary", "categorical", "sparse", "divergence"])
def test_probabilities_of_float16_are_clipped_in_float32(name):
    """In float16 1 − 1e-7 is 1, and its logarithm's argument 0."""
    p = P.astype(np.float16)
    found, wanted = (CALLS[name](item, losses) for item in (p, p.astype(np.float32)))
    assert found.dtype == np.float16 and np.all(np.isfinite(found))
    np.testing.assert_allclose(found, wanted, rtol=3e-3)
    gradients = [tg.grad(lambda p: np.sum(CALLS[name](p, losses)))(item) for item in (p, p.astype(np.float32))]
    np.testing.assert_allclose(*gradients, rtol=2e-3, atol=1e-3)
