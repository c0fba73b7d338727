"""However its arguments lie in memory, a compiled function takes their elements in the order in which NumPy does."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygraph as tg
import tinygraph.numpy as tnp

WHOLE = np.random.default_rng(0).normal(size=(2, 3, 4))


def _layouts(array: Any) -> list[Any]:
    """The array with each order of its axes in memory, in part of a larger one, and backwards."""
    axes = range(array.ndim)
    found = [
        np.ascontiguousarray(array.transpose(order)).transpose(np.argsort(order))
        for order in itertools.permutations(axes)
    ]
    large = np.zeros([2 * size for size in array.shape])
    part = large[(slice(None, None, 2),) * array.ndim]
    part[...] = array
    repeated = [np.broadcast_to(array[(slice(None),) * axis + (slice(1),)], array.shape) for axis in axes]
    return [
        *found,
        *repeated,
        part,
        np.asfortranarray(array[::-1])[::-1],
        np.ascontiguousarray(array[..., ::-1])[..., ::-1],
    ]


# What is made of an argument, and how its elements are taken.
MADE: dict[str, Callable[[Any], Any]] = {
    "itself": lambda x: x, "its double": lambda x: x * 2, "its transpose": lambda x: (x * 2).T,
    "a copy": lambda x: np.copy(x), "a copy by the method": lambda x: x.copy(), "F": lambda x: np.copy(x, order="F"),
    "a part": lambda x: x[:, 1:], "sums": lambda x: np.cumsum(x, axis=0),
    "another dtype": lambda x: x.astype(np.float32),
    "Fortran's float32": lambda x: x.astype(np.float32, order="F"), "stacked": lambda x: np.stack([x, x]),
    "zeros": lambda x: np.zeros_like(x) + np.arange(x.shape[-1]), "chosen": lambda x: np.where(x > 0, x, 0),
    "a Tensor": lambda x: tg.Tensor(x) * 2,
}  # fmt: skip
TAKEN: dict[str, Callable[[Any, str], Any]] = {
    "ravel": lambda x, order: np.ravel(x, order=order), "ravel by place": lambda x, order: np.ravel(x, order),
    "the method": lambda x, order: x.ravel(order), "flatten": lambda x, order: x.flatten(order),
    "reshape": lambda x, order: np.reshape(x, (x.shape[-1], -1), order=order if order != "K" else "A"),
    "one axis": lambda x, order: x.reshape(-1, order=order if order != "K" else "F"),
}  # fmt: skip


@pytest.mark.parametrize("made", MADE)
@pytest.mark.parametrize("order", ["C", "F", "A", "K", "a"])
def test_elements_in_the_order_of_memory(made: str, order: str) -> None:
    def f(x: Any) -> Any:
        taken = [take(MADE[made](x), order) for take in TAKEN.values()]
        return tuple([item.data if isinstance(item, tg.Tensor) else item for item in taken])

    for array in (WHOLE, WHOLE[0], WHOLE[:, :1], WHOLE[0, 0]) if made != "a part" else (WHOLE, WHOLE[0]):
        compiled = tg.compile(f)
        for x in _layouts(array):
            for got, wanted in zip(compiled(x), f(x), strict=True):
                np.testing.assert_array_equal(got, wanted)
        assert order in "CF" or array.ndim == 1 or len(compiled.signatures) > 1
        assert order not in "CF" or len(compiled.signatures) == 1, "the order is said: the layout does not matter"


def test_the_layout_of_tensors_and_of_arrays_outside_counts() -> None:
    w, outside = tg.Tensor(np.ones((2, 3)), requires_grad=False), {"table": np.arange(6.0).reshape(2, 3)}
    f = tg.compile(lambda x: np.ravel(x * w.data, order="K") + np.ravel(outside["table"] * 1.0, order="K"))
    x = np.arange(6.0).reshape(2, 3)
    for array in (x, np.asfortranarray(x)):
        for table in (x, np.asfortranarray(x)):
            outside["table"] = table
            np.testing.assert_array_equal(f(array), np.ravel(array * w.data, order="K") + np.ravel(table, order="K"))


@pytest.mark.parametrize("order", ["F", "C"])
def test_gradients_through_an_order(order: Any) -> None:
    gradient = tg.grad(lambda x: np.sum(np.reshape(x * x, (4, -1), order=order)[1:] ** 2))
    compiled = tg.compile(gradient)
    for x in _layouts(WHOLE):
        np.testing.assert_allclose(compiled(x), gradient(x))


MADE_BY_OURS: dict[str, Callable[[Any], Any]] = {
    "F by array": lambda x: tnp.array(x, order="F"), "C by array": lambda x: tnp.array(x, order="C"),
    "A by array": lambda x: tnp.array(x, order="A"), "K by array": lambda x: tnp.array(x),
    "F by asarray": lambda x: tnp.asarray(x, order="F"), "C by asarray": lambda x: tnp.asarray(x, order="C"),
    "asfortranarray": lambda x: tnp.asfortranarray(x), "of a result": lambda x: tnp.asfortranarray(np.exp(x)),
    "ascontiguousarray": lambda x: tnp.ascontiguousarray(x), "lists": lambda x: tnp.array([x, x]),
    "lists in F": lambda x: tnp.array([x, x], order="F"), "copy": lambda x: tnp.copy(x, "F"),
}  # fmt: skip


@pytest.mark.parametrize("made", MADE_BY_OURS)
@pytest.mark.parametrize("order", ["A", "K"])
def test_arrays_of_our_own_namespace_lie_in_memory_as_numpys_do(made: str, order: str) -> None:
    def taken(x: Any) -> Any:
        return MADE_BY_OURS[made](x).ravel(order)

    def of_numpy(x: Any) -> Any:
        code = MADE_BY_OURS[made]
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(code.__globals__, "tnp", np)
            return code(x).ravel(order)

    compiled = tg.compile(taken)
    for x in _layouts(WHOLE):
        expected = of_numpy(x)
        assert np.array_equal(compiled(x), expected)
        assert np.array_equal(taken(tg.Tensor(x) if made == "lists" else x), expected)
