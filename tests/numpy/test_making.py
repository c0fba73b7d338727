"""Functions that make arrays: NumPy's values to the bit, in Tensors that Tensors can be written into."""

from __future__ import annotations

import numpy
import pytest

import tinygraph as tg
import tinygraph.numpy as np

FLOATS = {
    "arange": lambda np: np.arange(0.5, 3.0, 0.3),
    "array": lambda np: np.array([[1, 2.5], [3, 4]], order="F", ndmin=3),
    "asarray of a list": lambda np: np.asarray([1.0, 2.0], device="cpu"),
    "asanyarray": lambda np: np.asanyarray([1, 2], dtype=float),
    "asarray_chkfinite": lambda np: np.asarray_chkfinite([1.0, 2.0]),
    "ascontiguousarray": lambda np: np.ascontiguousarray([[1.0, 2.0]]),
    "asfortranarray": lambda np: np.asfortranarray([[1.0, 2.0], [3.0, 4.0]]),
    "block": lambda np: np.block([[numpy.eye(2), numpy.ones((2, 1))]]),
    "c_": lambda np: np.c_[[1.0, 2.0], [3.0, 4.0]],
    "copy": lambda np: np.copy(numpy.arange(3.0)),
    "diag": lambda np: np.diag([1.0, 2.0], 1),
    "diagflat": lambda np: np.diagflat([[1.0, 2.0]]),
    "empty": lambda np: np.empty((0, 3)),
    "empty_like": lambda np: np.empty_like(numpy.ones((0, 2))),
    "eye": lambda np: np.eye(3, 4, k=1, dtype=numpy.float32),
    "from_dlpack": lambda np: np.from_dlpack(numpy.ones(3)),
    "fromfunction": lambda np: np.fromfunction(lambda i, j: i * 10 + j, (2, 3)),
    "fromiter": lambda np: np.fromiter((x / 3 for x in range(5)), float, count=4),
    "full": lambda np: np.full((2, 3), 1.5, order="F"),
    "full_like": lambda np: np.full_like(numpy.ones(3), 2),
    "geomspace": lambda np: np.geomspace(1, 7, 5),
    "hanning": lambda np: np.hanning(7),
    "identity": lambda np: np.identity(3),
    "indices": lambda np: np.indices((2, 3), dtype=float),
    "kaiser": lambda np: np.kaiser(5, 14.0),
    "linspace": lambda np: np.linspace(0, 1, 7, endpoint=False),
    "logspace": lambda np: np.logspace(0, 1, 3),
    "mgrid": lambda np: np.mgrid[0:1:3j, 0:2:2j],
    "ndarray": lambda np: np.ndarray((2, 0)),
    "ones": lambda np: np.ones((2, 3), numpy.complex64),
    "ones_like": lambda np: np.ones_like(numpy.ones(3)),
    "r_": lambda np: np.r_[0:1:5j, 2.0, [3.0]],
    "require": lambda np: np.require([1.0, 2.0], requirements=["C"]),
    "tri": lambda np: np.tri(3),
    "tril": lambda np: np.tril([[1.0, 2.0], [3.0, 4.0]]),
    "vander": lambda np: np.vander([1.0, 2.0, 3.0], 2),
    "vectorize": lambda np: np.vectorize(lambda x: x / 3)([1, 2]),
    "zeros": lambda np: np.zeros((2, 3), dtype=numpy.float32),
    "zeros_like": lambda np: np.zeros_like(numpy.ones(3)),
}


@pytest.mark.parametrize("name", sorted(FLOATS))
def test_what_is_made_of_floats_has_numpys_bits_and_can_be_written_into(name):
    make = FLOATS[name]
    made, plain = make(np), make(numpy)
    assert isinstance(made, tg.Tensor) and not made.requires_grad
    assert made.dtype == plain.dtype and made.shape == plain.shape and made.data.tobytes() == plain.tobytes()
    assert made.data.strides == plain.strides
    if made.size and made.dtype.kind == "f" and plain.flags.writeable:
        t = tg.Tensor(0.5)
        made[(0,) * made.ndim] = t
        np.sum(made).backward()
        assert t.grad == 1


@pytest.mark.parametrize(
    "make",
    [
        lambda np: np.arange(5),
        lambda np: np.array([True, False]),
        lambda np: np.zeros(3, int),
        lambda np: np.r_[1:4],
        lambda np: np.indices((2, 2)),
        lambda np: np.full(3, 7),
        lambda np: np.array(["a", "b"]),
        lambda np: np.concatenate([numpy.ones(2), numpy.zeros(2)]),
        lambda np: np.exp(numpy.ones(2)),
    ],
)
def test_integers_truths_texts_and_what_is_made_of_plain_arrays_stay_plain(make):
    made, plain = make(np), make(numpy)
    assert type(made) is numpy.ndarray and made.dtype == plain.dtype
    assert numpy.array_equal(made, plain)


def test_a_plain_array_that_is_asked_for_as_an_array_stays_what_it_is():
    plain = numpy.ones(3)
    assert np.asarray(plain) is np.asanyarray(plain) is np.ascontiguousarray(plain) is np.require(plain) is plain
    assert type(np.diag(numpy.eye(2))) is numpy.ndarray  # a view


WITH_TENSORS = {
    "array": lambda np, x: np.array([[x[0], 1], [x[1], x[2] * x[0]]], ndmin=3),
    "array of a row": lambda np, x: np.array([x, numpy.ones(3)], dtype=float, order="F"),
    "array, copied": lambda np, x: np.array(x, copy=True),
    "asarray": lambda np, x: np.asarray([x[0], 2.0], dtype=float),
    "ascontiguousarray": lambda np, x: np.ascontiguousarray(np.outer(x, x).T),
    "asfortranarray": lambda np, x: np.asfortranarray(np.outer(x, x)),
    "require": lambda np, x: np.require(np.outer(x, x), float, ["F"]),
    "copy": lambda np, x: np.copy([x[0], x[1]]),
    "full": lambda np, x: np.full((2, 3), x, order="F"),
    "full of a number": lambda np, x: np.full(4, x[1]),
    "full_like": lambda np, x: np.full_like(numpy.ones((2, 3)), x[1]),
    "r_": lambda np, x: np.r_[0, x, 1:3, x[1]],
    "r_ of a range": lambda np, x: np.r_[0 : x[0] : 4j, x[1] : 9 : x[0]],
    "r_ with a directive": lambda np, x: np.r_["0,2", x, [1.0, 2.0, 3.0]],
    "c_": lambda np, x: np.c_[x, [1.0, 2.0, 3.0], x * x],
    "block": lambda np, x: np.block([[x[0], 1.0], [0.0, x[1]]]),
    "diag": lambda np, x: np.diag([x[0], x[1]]),
    "tril": lambda np, x: np.tril([[x[0], x[1]], [x[1], x[2]]]),
    "vander": lambda np, x: np.vander([x[0], 2.0, x[2]]),
    "meshgrid": lambda np, x: np.stack(np.meshgrid([x[0], x[1]], [1.0, 2.0])),
    "linspace": lambda np, x: np.linspace(0, [x[0], x[1]], 3),
    "arange": lambda np, x: np.arange(x[0], 9.0, x[1]),
    "fromfunction": lambda np, x: np.fromfunction(lambda i, j: x[0] * i + j, (2, 3)),
    "fromiter": lambda np, x: np.fromiter((x[1] * i for i in range(3)), float),
    "vectorize": lambda np, x: np.vectorize(lambda a, b: a * b + b)(x, [[1.0], [2.0]]),
    "vectorize, by a closure": lambda np, x: np.vectorize(lambda i: x[0] * i)([1.0, 2.0]),
    "vectorize with a signature": lambda np, x: np.vectorize(lambda m, v: m @ v, signature="(i,j),(j)->(i)")(
        numpy.ones((2, 3, 3)), x
    ),
    "vectorize without some": lambda np, x: np.vectorize(
        lambda p, at: p[0] * at + p[1], excluded=["p"], otypes=[float]
    )(p=[x[0], 1.0], at=x),
    "piecewise, by a closure": lambda np, x: np.piecewise(
        numpy.arange(3.0), [[True, False, False]], [lambda a: a + x[0], 1.0]
    ),
    "apply_along_axis, by a closure": lambda np, x: np.apply_along_axis(lambda row: row * x[1], 0, numpy.ones(3)),
}


JOINED = {
    **{name: WITH_TENSORS[name] for name in ("r_", "r_ with a directive", "c_")},
    "r_ of numbers on a line": lambda np, x: np.r_[0 : x[0] : 4j, x],
    "c_ of one twice": lambda np, x: np.c_[x, x],
    "r_ of numbers": lambda np, x: np.r_[np.sum(x), x[0], 1],
    "r_ of lists": lambda np, x: np.r_[[x[0], x[1]], x[::-1], [2, 3]],
    "r_ of columns": lambda np, x: np.r_["1", np.c_[x, x], [[1.0]] * 3],
}


@pytest.mark.parametrize("name", sorted(JOINED))
@pytest.mark.parametrize("dtype", [float, numpy.float32])
def test_what_is_joined_is_joined_in_a_compiled_function(name, dtype):
    def joined(x):
        return JOINED[name](np, x)

    x = numpy.array([1.5, 2.25, 3.0], dtype)
    value = JOINED[name](numpy, x)
    weights = numpy.random.default_rng(0).normal(size=value.shape)
    program, gradient = tg.compile(joined), tg.grad(lambda x: np.sum(joined(x) * weights))
    for _ in range(2):
        found = program(x)
        assert found.dtype == value.dtype and found.tobytes() == value.tobytes()
    numpy.testing.assert_allclose(tg.compile(gradient)(x), gradient(x), rtol=1e-6)


@pytest.mark.parametrize("name", sorted(WITH_TENSORS))
def test_tensors_come_in_with_their_gradients(name):
    make = WITH_TENSORS[name]
    x = numpy.array([1.5, 2.25, 3.0])
    value = make(numpy, x)
    weights = numpy.random.default_rng(0).normal(size=value.shape)
    made = make(np, tg.Tensor(x))
    assert made.dtype == value.dtype and made.shape == value.shape
    assert numpy.asarray(made.data).tobytes() == value.tobytes()

    def loss(x):
        return np.sum(make(np, x) * weights)

    steps = 1e-6 * numpy.eye(3)
    slopes = [numpy.sum((make(numpy, x + step) - make(numpy, x - step)) * weights) / 2e-6 for step in steps]
    numpy.testing.assert_allclose(tg.grad(loss)(x), slopes, rtol=1e-6, atol=1e-7)
    tg.testing.check_grads(loss, x, order=2)


@pytest.mark.parametrize("order", ["C", "F"])
def test_tensors_lie_in_memory_as_asked_for(order):
    t = tg.Tensor(numpy.arange(6.0).reshape(2, 3).copy("F" if order == "C" else "C"))
    for made in (np.array(t, order=order), np.asarray(t, order=order), np.copy(t, order), np.require(t, None, [order])):
        assert made.data.flags[f"{order}_CONTIGUOUS"]
        assert made.requires_grad


def test_a_copy_that_is_not_allowed_is_refused():
    t = tg.Tensor(numpy.ones((2, 2)))
    assert np.asarray(t, copy=False) is t
    for make in (
        lambda: np.asarray([t, t], copy=False),
        lambda: np.asarray(t, dtype=numpy.float32, copy=False),
        lambda: np.array([1.0], copy=False),
    ):
        with pytest.raises(ValueError, match="copy"):
            make()


def test_several_results_of_a_vectorized_function_are_several_arrays():
    t = tg.Tensor([1.0, 2.0])
    double, count = np.vectorize(lambda x, n: (2 * x, n), otypes=[float, int])(t, [3, 4])
    assert double.requires_grad and numpy.array_equal(double.data, [2, 4])
    assert type(count) is numpy.ndarray and count.dtype == int

    @np.vectorize(otypes=[float])
    def tripled(x):
        """Return three times x."""
        return 3 * x

    assert numpy.array_equal(tripled(t).data, [3, 6]) and tripled.__name__ == "tripled"
    assert np.vectorize(abs, signature=None, cache=True).cache


def test_tensors_and_plain_arrays_are_instances_of_its_ndarray():
    assert isinstance(np.zeros(3), np.ndarray) and isinstance(numpy.zeros(3), np.ndarray)
    assert not isinstance([1.0], np.ndarray) and issubclass(numpy.ndarray, np.ndarray)
    assert np.ndarray[tuple[int], numpy.dtype[numpy.float64]] is not None
    assert np.ndarray.sum is numpy.ndarray.sum


def test_a_plain_array_says_what_to_write_instead():
    t, y = tg.Tensor(2.0), numpy.zeros(3)

    def store():
        y[0] = t

    with pytest.raises(ValueError, match="setting an array element") as caught:
        store()
    assert "write into a copy of the array, np.array(array)" in str(caught.value.__cause__)
    with pytest.raises(tg.UnsupportedError, match=r"write into a copy of the array, np\.array\(array\)"):
        numpy.copyto(y, t)
    copy = np.array(y)
    copy[0] = t
    assert copy.requires_grad
