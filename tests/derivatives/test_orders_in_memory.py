"""The results of functions that are written out with others lie in memory as NumPy's own do."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygraph as tg
import tinygraph.numpy as tnp

WHOLE = np.random.default_rng(0).normal(size=(2, 3, 4))
SQUARE = np.random.default_rng(1).normal(size=(3, 3))
MATRICES = np.random.default_rng(2).normal(size=(2, 3, 3))
VECTOR = np.arange(1.0, 6.0)
MASK = WHOLE > 0
BORDERS = [1, ((0, 0), (1, 1), (0, 0)), ((1, 0), (0, 1), (2, 0)), 0]
MODES = [
    "constant", "edge", "linear_ramp", "maximum", "mean", "median", "minimum", "reflect", "symmetric", "wrap",
]  # fmt: skip


def layouts(array: Any) -> list[Any]:
    """The array with each order of its axes in memory, in part of a larger one, and backwards."""
    found = [
        np.ascontiguousarray(array.transpose(order)).transpose(np.argsort(order))
        for order in itertools.permutations(range(array.ndim))
    ]
    large = np.zeros([2 * size for size in array.shape])
    part = large[(slice(None, None, 2),) * array.ndim]
    part[...] = array
    return [*found, part, np.asfortranarray(array[::-1])[::-1], np.ascontiguousarray(array[..., ::-1])[..., ::-1]]


CALLS: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "select": (WHOLE, lambda x: np.select([x > 0, x < -1], [x, x * 2], 0.0)),
    "piecewise": (WHOLE, lambda x: np.piecewise(x, [MASK], [np.negative, 2])),
    "angle": (WHOLE, np.angle),
    "angle of complex numbers": (WHOLE, lambda x: np.angle(x + 1j)),
    "nan_to_num": (WHOLE, np.nan_to_num),
    "insert in order": (WHOLE, lambda x: np.insert(x, 1, 0.5)),
    "tile": (WHOLE, lambda x: np.tile(x, (2, 1, 1, 1))),
    "tile once": (WHOLE, lambda x: np.tile(x, 1)),
    "tile a vector": (VECTOR, lambda x: np.tile(x, (3, 1))),
    "meshgrid": (VECTOR, lambda x: np.meshgrid(x, x * 2)),
    "meshgrid of three": (VECTOR, lambda x: np.meshgrid(x, x * 2, x, indexing="ij")),
    "block": (SQUARE, lambda x: np.block([[x, x], [x, x]])),
    "block of one": (SQUARE, lambda x: np.block(x)),
    "block of vectors": (VECTOR, lambda x: np.block([[x], [x]])),
    "cross": (WHOLE[..., :3], lambda x: np.cross(x, x * 2)),
    "cross along an axis": (WHOLE, lambda x: np.cross(x, x + 1, axis=1)),
    "cross of another axis": (WHOLE, lambda x: np.cross(x, x + 1, axisa=1, axisb=1, axisc=0)),
    "gradient": (WHOLE, np.gradient),
    "vander": (VECTOR, np.vander),
    "correlate": (VECTOR, lambda x: np.correlate(x[:2], x, "full")),
    "matrix_power": (SQUARE, lambda x: np.linalg.matrix_power(x, 0) + 0 * x),
    "qr": (MATRICES, np.linalg.qr),
    "svd": (WHOLE, lambda x: np.linalg.svd(x, full_matrices=False)),
    "eigh": (MATRICES, np.linalg.eigh),
    "full_like": (WHOLE, lambda x: np.full_like(x, np.sum(x))),
    "full_like in F": (WHOLE, lambda x: np.full_like(x, np.sum(x), order="F")),
    "einsum in F": (WHOLE, lambda x: np.einsum("ijk,k->kij", x, np.ones(4), order="F")),
    "einsum as a view": (WHOLE, lambda x: np.einsum("ijk->kij", x, order="C")),
    "+=": (WHOLE, lambda x: (x * 1).__iadd__(np.ones((2, 3, 4)))),
    **{
        f"{name} {order}": (WHOLE, lambda x, name=name, made=made, order=order: getattr(x, name)(*made, order))
        for name, made in {"astype": (np.float32,), "copy": ()}.items()
        for order in "CFAK"
    },
    **{
        f"pad {mode} {width}": (WHOLE, lambda x, mode=mode, width=width: np.pad(x, width, mode))
        for mode in MODES
        for width in BORDERS
    },
}  # fmt: skip
ALONG: dict[str, Callable[[Any, int], Any]] = {
    "delete one": lambda x, axis: np.delete(x, 1, axis),
    "delete none": lambda x, axis: np.delete(x, [], axis),
    "delete two": lambda x, axis: np.delete(x, [0, 1], axis),
    "delete a slice": lambda x, axis: np.delete(x, slice(0, 1), axis),
    "insert one": lambda x, axis: np.insert(x, 1, 0.5, axis),
    "insert two": lambda x, axis: np.insert(x, [0, 1], 0.5, axis),
    "partition": lambda x, axis: np.partition(x, 1, axis),
    "unique": lambda x, axis: np.unique(x, axis=axis),
    "nanquantile": lambda x, axis: np.nanquantile(x, [0.3, 0.5, 0.7], axis),
    "nanpercentile": lambda x, axis: np.nanpercentile(x, [30, 50], axis, keepdims=True),
    "gradient along an axis": lambda x, axis: np.gradient(x, axis=axis),
    "cumulative_sum": lambda x, axis: np.cumulative_sum(x, axis=axis, include_initial=True),
    "maximum.accumulate": lambda x, axis: np.maximum.accumulate(x, axis),
    "subtract.accumulate": lambda x, axis: np.subtract.accumulate(x, axis),
    "logaddexp.accumulate": lambda x, axis: np.logaddexp.accumulate(x, axis),
    "logaddexp.reduce": lambda x, axis: np.logaddexp.reduce(x, axis),
    "add.reduceat": lambda x, axis: np.add.reduceat(x, [0, 1], axis),
}
CALLS |= {
    f"{name} {axis}": (WHOLE, lambda x, call=call, axis=axis: call(x, axis))
    for name, call in ALONG.items()
    if name != "cumulative_sum" or hasattr(np, "cumulative_sum")
    for axis in range(3)
}
AT_ONCE = {name for name in CALLS if name.startswith("unique")}  # of a length that depends on values


def results(made: Any) -> list[Any]:
    return list(made) if isinstance(made, tuple | list) else [made]


@pytest.mark.parametrize("call", CALLS)
def test_results_lie_in_memory_as_numpys_do(call: str) -> None:
    array, function = CALLS[call]
    for x in layouts(array):
        t = tg.Tensor(x)
        for got, expected in zip(results(function(t)), results(function(x)), strict=True):
            np.testing.assert_allclose(got.data.ravel("K"), expected.ravel("K"), rtol=1e-6)
            lies, wanted = got.data.flags, expected.flags
            assert lies.c_contiguous == wanted.c_contiguous
            assert lies.f_contiguous == wanted.f_contiguous
            assert np.may_share_memory(got.data, t.data) == np.may_share_memory(expected, x)


@pytest.mark.parametrize("call", [call for call in CALLS if call not in AT_ONCE])
def test_compiled_functions_find_their_elements_in_numpys_order(call: str) -> None:
    array, function = CALLS[call]

    def of_array(x: Any) -> list[Any]:
        return [made.ravel("K") for made in results(function(x))]

    def of_tensor(x: Any) -> list[Any]:
        return [made.data.ravel("K") for made in results(function(tg.Tensor(x)))]

    for compiled in map(tg.compile, [of_array, of_tensor]):
        for x in layouts(array):
            for got, expected in zip(compiled(x), of_array(x), strict=True):
                np.testing.assert_allclose(got, expected, rtol=1e-6)


@pytest.mark.parametrize("signature", [None, "(n)->(n)"])
def test_vectorize_as_numpys(signature: Any) -> None:
    for x in layouts(WHOLE):
        expected = np.vectorize(lambda v: v * 2, signature=signature)(x)
        got = tnp.vectorize(lambda v: v * 2, signature=signature)(tg.Tensor(x))
        np.testing.assert_array_equal(got.data.ravel("K"), expected.ravel("K"))


def test_a_border_of_no_width_is_a_copy() -> None:
    for mode in MODES:
        t = tg.Tensor(np.ones(3))
        padded = np.pad(t * 1.0, 0, mode)
        of_it = np.pad(padded, 0, mode)
        of_it[0] = 5.0
        assert padded.data[0] == 1


def test_the_gradient_does_not_depend_on_the_order() -> None:
    weights = np.arange(40.0).reshape(2, 5, 4)
    for x in layouts(WHOLE):
        gradient = tg.grad(lambda x: np.sum(np.pad(x, ((0, 0), (1, 1), (0, 0)), "edge") * weights))
        expected = gradient(np.ascontiguousarray(x))
        np.testing.assert_allclose(gradient(x), expected)
        np.testing.assert_allclose(tg.compile(gradient)(x), expected)
