import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.testing import check_grads
from tinygraph.testing.strategies import arrays, shapes

from ..derivatives.laws import Call, enter, obey

REDUCTIONS = st.sampled_from(["mean", "sum", "none"])
INSIDE = {"low": 1 / 16, "high": 15 / 16}


@st.composite
def pairs(draw, first, second, minimum=0):
    shape = draw(shapes(min_dims=minimum, min_side=1))
    return Call((draw(arrays(shape, **first)), draw(arrays(shape, **second))))


@st.composite
def binary(draw):
    logits = draw(st.booleans())
    call = draw(pairs({} if logits else INSIDE, INSIDE))
    return Call(call.args, {"from_logits": logits, "reduction": draw(REDUCTIONS)})


@st.composite
def categorical(draw):
    """Logits or probabilities, against probabilities or class numbers."""
    keywords = {"from_logits": draw(st.booleans()), "reduction": draw(REDUCTIONS)}
    predictions, targets = draw(pairs({} if keywords["from_logits"] else INSIDE, INSIDE, minimum=1)).args
    if draw(st.booleans()):
        targets = np.argmax(targets, axis=-1)
    return Call((predictions, targets), keywords)


LAWS = enter(
    {
        tg.binary_cross_entropy: binary(),
        tg.cross_entropy: categorical(),
    }
)


@pytest.mark.parametrize("entry", LAWS, ids=str)
@given(data=st.data())
def test_laws(entry, data):
    obey(entry, data)


@given(arrays(shapes(min_dims=1, min_side=1), low=-8, high=8), st.data())
def test_the_definitions(x, data):
    p = 1 / (1 + np.exp(-x))
    y = data.draw(arrays(x.shape, low=0, high=1))
    naive = -(y * np.log(p) + (1 - y) * np.log(1 - p))
    np.testing.assert_allclose(tg.binary_cross_entropy(x, y, from_logits=True, reduction="none"), naive, rtol=1e-9)
    np.testing.assert_allclose(tg.binary_cross_entropy(p, y), np.mean(naive), rtol=1e-9)
    q = np.exp(x) / np.sum(np.exp(x), axis=-1, keepdims=True)
    naive = -np.sum(y * np.log(q), axis=-1)
    np.testing.assert_allclose(tg.cross_entropy(x, y, from_logits=True, reduction="none"), naive, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(tg.cross_entropy(q, y, from_logits=False, reduction="sum"), np.sum(naive), rtol=1e-9)
    labels = np.argmax(y, axis=-1)
    one_hot = np.eye(x.shape[-1])[labels]
    assert tg.cross_entropy(x, labels, from_logits=True) == pytest.approx(
        tg.cross_entropy(x, one_hot, from_logits=True), abs=1e-12
    )


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("size", [50.0, 800.0, 1e4])
def test_extreme_logits_of_yes_or_no(dtype, size):
    x = tg.Tensor(np.array([-size, -size, size, size], dtype=dtype))
    y = np.array([0, 1, 0, 1], dtype=dtype)
    loss = tg.binary_cross_entropy(x, y, from_logits=True, reduction="none")
    loss.backward(np.ones(4, dtype=dtype))
    assert loss.dtype == x.grad.dtype == dtype
    np.testing.assert_allclose(loss.data, [0, size, size, 0], atol=1e-15)
    np.testing.assert_allclose(x.grad, [0, -1, 1, 0], atol=1e-15)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("size", [50.0, 800.0, 1e4])
def test_extreme_logits_of_classes(dtype, size):
    x = tg.Tensor(np.array([[-size, size, 0], [-size, size, 0]], dtype=dtype))
    loss = tg.cross_entropy(x, [0, 1], from_logits=True, reduction="none")
    loss.backward(np.ones(2, dtype=dtype))
    assert loss.dtype == x.grad.dtype == dtype
    np.testing.assert_allclose(loss.data, [2 * size, 0], atol=1e-15)
    np.testing.assert_allclose(x.grad, [[-1, 1, 0], [0, 0, 0]], atol=1e-15)


def test_probabilities_of_exactly_zero_and_one():
    p = tg.Tensor([0.0, 1.0])
    loss = tg.binary_cross_entropy(p, [0, 1], reduction="none")
    loss.backward(np.ones(2))
    np.testing.assert_array_equal(loss.data, [0, 0])
    np.testing.assert_array_equal(p.grad, [1, -1])
    assert tg.binary_cross_entropy(np.array([0.0]), [1]) == np.inf
    q = tg.Tensor([[1.0, 0.0]])
    loss = tg.cross_entropy(q, [0], from_logits=False)
    loss.backward()
    np.testing.assert_array_equal(q.grad, [[-1, 0]])
    assert tg.cross_entropy(np.array([[1.0, 0.0]]), [1], from_logits=False) == np.inf


def test_targets_of_zero_have_a_second_derivative():
    """d²(−y ln p) / dp dy is −1/p where y is 0, too."""
    check_grads(
        lambda p, y: tg.cross_entropy(p, y, from_logits=False), np.array([[0.25, 0.75]]), np.array([[0.0, 1.0]])
    )
    check_grads(lambda x, y: tg.cross_entropy(x, y, from_logits=True), np.array([[0.25, 0.75]]), np.array([[0.0, 1.0]]))


def test_a_class_that_was_masked_out():
    x = tg.Tensor([[0.0, -np.inf, 0.0]])
    loss = tg.cross_entropy(x, [2], from_logits=True)
    loss.backward()
    assert float(loss) == pytest.approx(np.log(2))
    np.testing.assert_allclose(x.grad, [[0.5, 0, -0.5]])


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: tg.binary_cross_entropy(np.zeros(2), np.zeros(3)), tg.ShapeError, r"\(2,\).*\(3,\)"),
        (lambda: tg.binary_cross_entropy([1.5], [1.0]), ValueError, "from_logits=True"),
        (lambda: tg.binary_cross_entropy([0.5], [1.0], reduction="max"), ValueError, "mean, sum, none"),
        (lambda: tg.cross_entropy(np.zeros((2, 3)), [0.0, 1.0], from_logits=True), tg.ShapeError, r"\(2, 3\)"),
        (
            lambda: tg.cross_entropy(np.zeros((2, 3)), [0, 3], from_logits=True),
            ValueError,
            "^cross_entropy: labels .* num_classes is 3$",
        ),
        (lambda: tg.cross_entropy(1.0, 0, from_logits=True), tg.ShapeError, "scalar"),
        (lambda: tg.cross_entropy([[0.5, -0.5]], [0], from_logits=False), ValueError, "from_logits=True"),
        (lambda: tg.cross_entropy([[0.5, 0.5]], [0], from_logits=True, reduction="max"), ValueError, "mean, sum, none"),
    ],
)
def test_what_does_not_fit_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_classes_along_several_axes():
    x = np.linspace(-1, 1, 24).reshape(2, 3, 4)
    labels = np.arange(6).reshape(2, 3) % 4
    assert tg.cross_entropy(x, labels, from_logits=True, reduction="none").shape == (2, 3)
    check_grads(lambda x: tg.cross_entropy(x, labels, from_logits=True), x)
