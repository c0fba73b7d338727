"""Losses of regions, of pairs of vectors, of sequences and of wrong labels: against plain NumPy, and against Keras."""

import importlib.util
import itertools
import os

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.testing import check_grads
from tinygraph.training import losses

RNG = np.random.default_rng(0)
MASKS = (RNG.random((3, 4, 4, 1)) < 0.5).astype(float)
INSIDE = RNG.uniform(0.05, 0.95, (3, 4, 4, 1))
VECTORS = RNG.normal(size=(9, 5))
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)
KINDS = np.array([0, 1, 2, 0, 1, 2, 0, 0, 4])
SHARES = RNG.uniform(0.05, 0.9, (6, 4))
LABELS = np.array([0, 1, 2, 3, 3, 1])
WORDS = np.array([[1, 2, 2], [3, 0, 0], [1, 1, 0], [2, 3, 1]])
LOGITS = RNG.normal(size=(4, 5, 4))
IMAGES = (1, 2, 3)


def overlap(y, p, alpha=0.5, beta=0.5, axis=None):
    common, extra, missed = ((a * b).sum(axis) for a, b in ((y, p), (1 - y, p), (y, 1 - p)))
    return 1 - common / (common + alpha * extra + beta * missed)


def circle(y, p, gamma=80.0, margin=0.4, remove_diagonal=True):
    cosine = p @ p.T
    found = []
    for i, row in enumerate(cosine):
        near = [-gamma * (1 + margin - s) * (s - 1 + margin) for j, s in enumerate(row)
                if y[j] == y[i] and (j != i or not remove_diagonal)]  # fmt: skip
        far = [gamma * max(s + margin, 0) * (s - margin) for j, s in enumerate(row) if y[j] != y[i]]
        found.append(np.log1p(np.exp(np.log(np.sum(np.exp(near))) + np.log(np.sum(np.exp(far))))))
    return np.array(found)


def by_all_paths(y, logits):
    """Add up the probabilities of all sequences of classes that are the labels without repeats and blanks."""
    shares = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    steps, classes = logits.shape[1:]
    found = []
    for row, share in zip(y, shares, strict=True):
        total = 0.0
        for path in itertools.product(range(classes), repeat=steps):
            if [k for k, _ in itertools.groupby(path) if k] == [k for k in row if k]:
                total += np.prod(share[np.arange(steps), path])
        found.append(-np.log(total))
    return np.array(found)


CASES = {
    "Dice": [({}, MASKS, INSIDE, overlap), ({"axis": IMAGES}, MASKS, INSIDE, lambda y, p: overlap(y, p, axis=IMAGES))],
    "Tversky": [
        ({}, MASKS, INSIDE, overlap),
        ({"alpha": 0.3, "beta": 0.6, "axis": [1, 2, 3]}, MASKS, INSIDE, lambda y, p: overlap(y, p, 0.3, 0.6, IMAGES)),
    ],
    "Circle": [
        ({}, KINDS[:8], VECTORS[:8], circle),
        ({"gamma": 2.0, "margin": 0.1, "remove_diagonal": False}, KINDS, VECTORS, lambda y, p: circle(y, p, 2, 0.1, 0)),
    ],
    "CTC": [({}, WORDS, LOGITS, by_all_paths)],
    "CategoricalGeneralizedCrossEntropy": [
        ({"q": 0.3}, LABELS, SHARES, lambda y, p: (1 - p[np.arange(6), y] ** 0.3) / 0.3),
        ({}, LABELS[:, None], SHARES, lambda y, p: 2 - 2 * np.sqrt(p[np.arange(6), y[:, 0]])),
    ],
}
EACH = [pytest.param(name, *case, id=f"{name}{case[0] or ''}") for name in CASES for case in CASES[name]]


@pytest.mark.parametrize(("name", "arguments", "y", "p", "expected"), EACH)
def test_values_are_those_of_the_formula(name, arguments, y, p, expected):
    np.testing.assert_allclose(getattr(losses, name)(**arguments, reduction=None)(y, p), expected(y, p), rtol=1e-6)
    total = getattr(losses, name)(**arguments, reduction="sum")(y, tg.Tensor(p.astype(np.float32)))
    assert total.dtype == np.float32
    np.testing.assert_allclose(total.data, np.sum(expected(y, p)), rtol=1e-5)


@pytest.mark.parametrize(("name", "arguments", "y", "p", "expected"), EACH)
def test_gradients_eager_and_compiled(name, arguments, y, p, expected):
    loss = getattr(losses, name)(**arguments)
    # The distance of a vector from itself, 0, is at the edge of a maximum.
    check_grads(lambda p: loss(y, p), p, order=1 if "remove_diagonal" in arguments else 2)
    value, gradient = tg.value_and_grad(lambda p: loss(y, p))(p)
    compiled = tg.compile(lambda y, p: tg.value_and_grad(lambda p: loss(y, p))(p))
    for _ in range(2):
        again = compiled(y, p)
        np.testing.assert_allclose(again[0], value, rtol=1e-12)
        np.testing.assert_allclose(again[1], gradient, rtol=1e-11, atol=1e-15)


@pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="Keras is not installed")
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", None], ids=str)
@pytest.mark.parametrize(("name", "arguments", "y", "p", "expected"), EACH)
def test_values_and_gradients_are_those_of_keras(name, arguments, y, p, expected, reduction):
    os.environ.setdefault("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras")
    if keras.backend.backend() != "jax":
        pytest.skip("gradients are taken with jax")
    import jax

    ours = getattr(losses, name)(**arguments, reduction=reduction)
    if "alpha" in arguments and tuple(map(int, keras.__version__.split(".")[:2])) < (3, 16):
        # Until 3.16 Keras's alpha is the weight of what its documentation gives to beta, and the other way round.
        arguments = arguments | {"alpha": arguments["beta"], "beta": arguments["alpha"]}
    theirs = getattr(keras.losses, name)(**arguments, reduction=reduction)
    if name == "CategoricalGeneralizedCrossEntropy":
        y = np.ravel(y)  # Keras broadcasts labels of shape (n, 1), which it documents, to n values for each example
    single = p.astype(np.float32)
    np.testing.assert_allclose(ours(y, single), theirs(y, single), rtol=2e-6, atol=2e-6)
    gradient = tg.grad(lambda p: np.sum(ours(y, p)))(single)
    np.testing.assert_allclose(gradient, jax.grad(lambda p: theirs(y, p).sum())(single), rtol=5e-6, atol=5e-6)


def test_a_vector_alone_in_its_class_has_no_loss_and_no_gradient():
    kinds = np.arange(4)
    value, gradient = tg.value_and_grad(lambda p: losses.Circle(reduction="sum")(kinds, p))(VECTORS[:4])
    assert value == 0
    assert np.all(gradient == 0)


def test_labels_that_do_not_fit_into_the_time_steps():
    """Two equal labels need three time steps. Keras's loss is about 1e5 there, and it has a finite gradient."""
    value, gradient = tg.value_and_grad(lambda p: losses.CTC()([[1, 1]], p))(LOGITS[:1, :2])
    assert 0.9e5 < value < 1.1e5
    assert np.isfinite(gradient).all()


def test_a_model_learns_the_labels_of_sequences():
    """The loss by its name, in a compiled step of fit."""
    tg.nn.set_seed(0)
    x = np.eye(4, dtype=np.float32)[np.array([[0, 1, 1, 0, 2, 0], [0, 3, 0, 2, 2, 0]] * 8)]
    y = np.array([[1, 2], [3, 2]] * 8)
    model = tg.nn.Sequential([tg.nn.Dense(4)])
    model.compile(tg.optim.Adam(0.1), "ctc")
    history = model.fit(x, y, epochs=30, verbose=0).history["loss"]
    assert history[-1] < 0.3 < history[0]


def test_errors():
    with pytest.raises(tg.ShapeError, match=r"ctc: targets of shape \(3,\) and logits of shape \(4, 5, 4\)"):
        losses.ctc([1, 2, 3], LOGITS)
    with pytest.raises(ValueError, match="labels run from 0 to 9, but num_classes is 4"):
        losses.ctc([[9, 0]] * 4, LOGITS)
    with pytest.raises(tg.ShapeError, match=r"circle: labels of shape \(3,\)"):
        losses.circle([1, 2, 3], VECTORS)
    with pytest.raises(ValueError, match="q must be"):
        losses.categorical_generalized_cross_entropy(LABELS, SHARES, 1.0)
    with pytest.raises(tg.ShapeError, match=r"dice: targets of shape \(2,\)"):
        losses.dice([1, 0], INSIDE)
