"""Whatever stands next to a Tensor, the result has NumPy's dtype and shape, and the gradient those of its leaf.

The other arguments of each law's calls become arrays of other dtypes, Python numbers, NumPy scalars, lists, lists of
Tensors.
"""

import importlib
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.derivatives.decompositions import unchosen
from tinygraph.derivatives.linalg import least_squares
from tinygraph.engine.operands import plain
from tinygraph.testing.strategies import kinds

from .laws import REGISTER, convert

for path in sorted(Path(__file__).parent.glob("test_*.py")):
    if path.stem not in ("test_promotion", "test_complex_laws", "test_completeness"):
        importlib.import_module(f"tests.derivatives.{path.stem}")


def others(array):
    """Other operands, lists of Tensors among them."""
    tensors = [tg.Tensor(row) for row in array] if array.ndim else tg.Tensor(array)
    return kinds(array) | st.just(tensors)


# NumPy hands over these only if the first argument is a Tensor, or they return no array, or nothing near what they had,
# or they are given no other Tensor.
APART = {least_squares, np.full_like, np.polyint, np.intersect1d, unchosen}
ENTRIES = [
    entry
    for entries in REGISTER.values()
    for entry in entries
    if entry.function not in APART
    and not entry.calls.is_empty
    and not str(entry).startswith("histogram")
    # In float32 SciPy's spheroidal functions do not come back for some parameters.
    and not any(word in str(entry) for word in ("pro_", "obl_"))
]


@pytest.mark.parametrize("entry", ENTRIES, ids=str)
@settings(max_examples=8, phases=[Phase.generate])
@given(data=st.data())
def test_what_stands_next_to_a_tensor(entry, data):
    call = data.draw(entry.calls)
    arrays = []
    convert(call.args, lambda array: arrays.append(array))
    if not arrays:
        return
    leaf = tg.Tensor(arrays[which := data.draw(st.integers(0, len(arrays) - 1))].astype(data.draw(FLOATING)))
    given_to_us = iter([leaf if place == which else data.draw(others(array)) for place, array in enumerate(arrays)])
    args = convert(call.args, lambda _: next(given_to_us))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            expected = entry.function(*plain(args), **call.keywords)
        except Exception:  # NumPy does not take this
            return
        found = entry.function(*args, **call.keywords)
        for right, got in zip(flat(expected), flat(found), strict=True):
            if hasattr(right, "dtype"):
                assert (got.dtype, got.shape) == (right.dtype, right.shape)
        losses = [np.sum(np.abs(item)) for item in flat(call.read(found)) if isinstance(item, tg.Tensor)]
        losses = [loss for loss in losses if loss.requires_grad]
        if losses:
            sum(losses).backward()
            if leaf.grad is not None:  # the result may be made of other Tensors alone
                good_gradient(leaf)


FLOATING = st.sampled_from([np.float64, np.float32, np.float16])


def flat(result):
    return [part for item in result for part in flat(item)] if isinstance(result, tuple | list) else [result]


def good_gradient(leaf):
    assert type(leaf.grad) is np.ndarray
    assert (leaf.grad.dtype, leaf.grad.shape) == (leaf.dtype, leaf.shape)
    assert leaf.grad.flags.writeable
    assert not np.shares_memory(leaf.grad, leaf.data)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize(
    "f",
    [
        np.mean,
        np.var,
        np.std,
        np.median,
        np.average,
        np.linalg.norm,
        np.cumprod,
        np.ptp,
        np.i0,
        np.sinc,
        np.prod,
        lambda x: np.nanvar(x),
        lambda x: np.mean(x, where=np.array([True, False, True])),
        lambda x: np.var(x, where=np.array([True, False, True])),
        lambda x: np.quantile(x, 0.3),
        lambda x: np.trapezoid(x, dx=0.5),
        lambda x: np.gradient(x, 0.5),
        lambda x: np.clip(x, 0.1, 0.9) ** 1.5,
        lambda x: 2.0**x + 3**x + x**3 + x**0.5,
        lambda x: np.where(x > 1, x * 2.5, 0.5) / 3,
        lambda x: np.logaddexp(x, 1.0) + np.hypot(x, 2) + np.arctan2(1.0, x),
        lambda x: np.exp2(x) + np.log10(x) + np.degrees(x) - np.cbrt(x) + np.power(2, x),
    ],
)
def test_single_precision_stays_through_second_order(f, dtype):
    """No value on the way, of the function, its gradient and the gradient of that, is wider than it need be."""
    x = tg.Tensor(np.array([0.5, 1.25, 2.0], dtype))
    np.sum(f(x)).backward(create_graph=True)
    first = x.grad
    assert first.dtype == dtype
    if first.requires_grad:
        widths = {str(node.dtype) for node in tg.Graph.of(first).nodes}
        assert not widths & WIDER[dtype]
        x.grad = None
        np.sum(first * first).backward()
        assert x.grad.dtype == dtype


# Rules compute the gradient of a float16 in float32.
WIDER = {"float16": {"float64"}, "float32": {"float64"}}
