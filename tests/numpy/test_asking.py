"""NumPy's questions about what a value is."""

from __future__ import annotations

import numpy
import pytest

import tinygraph as tg
import tinygraph.numpy as np

ASKED = {
    "an element": lambda np, x: x[0],
    "a sum": lambda np, x: np.sum(x) * 2,
    "an array": lambda np, x: x,
    "an array of no axes": lambda np, x: np.reshape(x[:1], ()),
    "zeros of no axes": lambda np, x: np.zeros(()),
    "a number": lambda np, x: 2.0,
    "a text": lambda np, x: "text",
    "a list": lambda np, x: [x[0]],
}


@pytest.mark.parametrize("name", ASKED)
def test_a_number_is_a_scalar_in_a_tensor_too(name):
    x, made = numpy.array([1.0, 2.0]), ASKED[name]
    expected = numpy.isscalar(made(numpy, x))
    assert np.isscalar(made(np, x)) is np.isscalar(made(np, tg.Tensor(x))) is expected

    def branch(x):
        return np.sum(x * 3) if np.isscalar(made(np, x)) else np.sum(x * 5)

    slope = [3, 3] if expected else [5, 5]
    for gradient in (tg.grad(branch), tg.compile(tg.grad(branch))):
        numpy.testing.assert_array_equal(gradient(x), slope)
    assert tg.compile(branch)(x) == branch(x)
    assert np.isscalar(tg.Tensor(2.0))
