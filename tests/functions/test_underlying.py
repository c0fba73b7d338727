"""A loss of probabilities is computed from the logits that a softmax or a sigmoid made them of."""

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.engine.primitives import made_by
from tinygraph.functions.underlying import class_logits, normalized_class_logits, reshaped, yes_or_no_logits
from tinygraph.testing import check_grads

RUNS = pytest.mark.parametrize("run", [lambda f: f, tg.compile], ids=["eager", "compiled"])
BOTH = np.array([[0, 1], [1, 0]])

LOSSES = {
    "classes by number": lambda x: tg.cross_entropy(tg.softmax(x), np.array([0, 1])),
    "classes by probability": lambda x: tg.cross_entropy(tg.softmax(x), BOTH.astype(x.dtype), reduction="sum"),
    "sigmoid": lambda x: tg.binary_cross_entropy(tg.sigmoid(x), BOTH.astype(x.dtype)),
    "softmax, yes or no": lambda x: tg.binary_cross_entropy(tg.softmax(x), BOTH.astype(x.dtype), False, "mean"),
}


@RUNS
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("gap", [17.0, 100.0, 1e4])
@pytest.mark.parametrize("name", LOSSES)
def test_value_and_gradient_are_finite_at_any_gap(name, gap, dtype, run):
    logits = np.array([[0, gap], [0, gap]], dtype=dtype)
    value, gradient = run(tg.value_and_grad(LOSSES[name]))(logits)
    assert value.dtype == gradient.dtype == dtype
    expected = {"classes by probability": gap, "sigmoid": (gap + 2 * np.log(2)) / 4}.get(name, gap / 2)
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    assert np.isfinite(gradient).all()
    assert np.abs(gradient).max() > 0.2, "the example that is wrong is learnt from"


@pytest.mark.parametrize("name", LOSSES)
def test_the_loss_is_that_of_the_probabilities(name):
    logits = np.random.default_rng(0).normal(size=(2, 2))
    made = LOSSES[name]
    probabilities = (tg.sigmoid if name == "sigmoid" else tg.softmax)(logits)
    plain = {
        "classes by number": lambda: tg.cross_entropy(probabilities, np.array([0, 1])),
        "classes by probability": lambda: tg.cross_entropy(probabilities, BOTH, reduction="sum"),
    }.get(name, lambda: tg.binary_cross_entropy(probabilities, BOTH))
    np.testing.assert_allclose(made(tg.Tensor(logits)).item(), plain(), rtol=1e-12)
    check_grads(made, logits, order=2)


def test_a_softmax_of_many_classes_as_answers_of_yes_or_no():
    x = tg.Tensor(np.random.default_rng(1).normal(size=(5, 4)) * 3)
    p = tg.softmax(x)
    np.testing.assert_allclose(yes_or_no_logits(p).data, np.log(p.data / (1 - p.data)), rtol=1e-12)
    y = np.eye(4)[[0, 1, 2, 3, 0]]
    check_grads(lambda x: tg.binary_cross_entropy(tg.softmax(x), y), x.data, order=2)
    extreme = yes_or_no_logits(tg.softmax(tg.Tensor([[0.0, 1e4, 1e4], [0.0, 1e4, -1e4]]))).data
    np.testing.assert_allclose(extreme, [[-1e4 - np.log(2), 0, 0], [-1e4, 1e4, -2e4]])
    assert yes_or_no_logits(tg.softmax(x[:, :1])) is None


def test_a_sigmoid_divided_by_its_sum():
    x = tg.Tensor(np.random.default_rng(2).normal(size=(5, 4)))
    p = tg.sigmoid(x)
    again = tg.softmax(normalized_class_logits(p)).data
    np.testing.assert_allclose(again, p.data / p.data.sum(axis=-1, keepdims=True), rtol=1e-12)


@RUNS
def test_a_layer_with_an_activation(run):
    layer = tg.nn.Dense(2, activation="softmax", seed=0)
    x = np.array([[1e4], [-1e4]])
    layer(x)

    def step(x):
        for parameter in layer.parameters():
            parameter.grad = None
        loss = tg.cross_entropy(layer(x), np.array([0, 0]))
        loss.backward()
        return loss

    assert np.isfinite(float(run(step)(x)))
    assert all(np.isfinite(p.grad).all() for p in layer.parameters())
    with tg.no_grad():
        assert np.isfinite(tg.cross_entropy(layer(x), np.array([0, 0])).item())


def test_what_was_written_into_is_no_longer_what_was_computed():
    x = tg.Tensor([[0.0, 100.0]])
    p = tg.softmax(x)
    assert class_logits(p) is x
    x.assign([[0.0, 1.0]])
    assert class_logits(p) is None
    p = tg.softmax(x)
    x.data[0, 0] = 5
    assert class_logits(p) is None
    x = tg.Tensor([[0.0, 100.0]])
    logits = x * 2
    p = tg.softmax(logits)
    logits[0, 0] = 1.0
    assert class_logits(p) is None
    p = tg.softmax(x)
    p[0, 0] = 0.5
    assert class_logits(p) is None
    p = tg.softmax(x)
    p *= 0.5
    assert class_logits(p) is None


def test_other_probabilities_have_no_logits():
    x = tg.Tensor([[0.0, 1.0]])
    assert made_by(x) is made_by(2.0) is made_by(np.exp(x)) is made_by(tg.softmax(x.data)) is None
    assert class_logits(tg.sigmoid(x)) is None
    assert class_logits(tg.softmax(x).detach()) is None
    assert class_logits(tg.softmax(x, axis=0)) is None
    assert class_logits(tg.softmax(x, axis=0), axis=0) is x
    assert class_logits(tg.softmax(x, 1)) is x
    assert class_logits(tg.softmax(x, axis=(0, 1))) is None


def test_probabilities_in_another_shape():
    x = tg.Tensor(np.random.default_rng(3).normal(size=(6, 2)))
    p = reshaped(tg.softmax(x), (2, 3, 2))
    np.testing.assert_array_equal(class_logits(p).data, x.data.reshape(2, 3, 2))
    assert class_logits(reshaped(tg.softmax(x), (4, 3))) is None
    assert class_logits(reshaped(tg.softmax(x, axis=0), (2, 3, 2))) is None
    assert yes_or_no_logits(reshaped(tg.sigmoid(x), (12, 1))) is None
    np.testing.assert_array_equal(yes_or_no_logits(reshaped(tg.sigmoid(x), (3, 2, 2))).data, x.data.reshape(3, 2, 2))
    p[0, 0, 0] = 1.0
    assert class_logits(p) is None
    np.testing.assert_array_equal(reshaped(x.data, (12,)), x.data.ravel())


def test_logits_are_not_taken_for_probabilities():
    x = tg.Tensor([[0.0, 1.0]])
    p = tg.softmax(x)
    assert tg.cross_entropy(p, [0], from_logits=True).item() == tg.cross_entropy(p.data, [0], from_logits=True)
    with pytest.raises(TypeError, match=r"cross_entropy\(\) missing"):
        tg.cross_entropy(p)
    with pytest.raises(tg.ShapeError):
        tg.cross_entropy(p, [0, 1, 0])
