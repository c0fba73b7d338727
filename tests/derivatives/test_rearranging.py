import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

import tinygraph as tg
from tinygraph.derivatives.rearranging import windows_added
from tinygraph.testing import check_grads
from tinygraph.testing.strategies import arrays, axes, shapes

from .laws import Call, enter, obey


@st.composite
def inserted(draw):
    """np.insert before one place, before several, at a slice; from a flat array, and along an axis."""
    x = draw(arrays(shapes(min_dims=1, max_dims=2, min_side=1)))
    axis = draw(axes(x.shape, several=False))
    size = x.size if axis is None else x.shape[axis]
    rest = () if axis is None else tuple(s for place, s in enumerate(x.shape) if place != axis % x.ndim)
    place = draw(st.integers(-size, size))
    several = draw(st.lists(st.integers(0, size), min_size=1, max_size=3))
    kind = draw(st.sampled_from(["one", "several", "slice", "number"]))
    if kind == "number":
        return Call((x, place, 2), {"axis": axis})
    if kind == "one":
        return Call((x, place, draw(arrays(rest))), {"axis": axis})
    if kind == "slice":
        return Call((x, slice(0, 1), draw(arrays(()))), {"axis": axis})
    shape = [len(several)] if axis is None else list(x.shape)
    shape[0 if axis is None else axis] = len(several)
    return Call((x, several, draw(arrays(tuple(shape)))), {"axis": axis})


@st.composite
def blocks(draw):
    rows, columns = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    x, right, below = (draw(arrays(s)) for s in ((rows, columns), (rows, 1), (columns + 1,)))
    return Call((draw(st.sampled_from([[[x, right], [below]], [x, right], [right[:, 0], below, 2.0], x])),))


@st.composite
def windowed(draw):
    x = draw(arrays(shapes(min_dims=1, max_dims=2, min_side=2)))
    axis = draw(st.none() | axes(x.shape, none=False, several=False))
    sides = x.shape if axis is None else (x.shape[axis],)
    window = tuple(draw(st.integers(1, min(side, 3))) for side in sides)
    return Call((x, window[0] if axis is not None else window), {"axis": axis})


@st.composite
def added(draw):
    """Windows with one shape for each of the axes, and the array that they are added into."""
    call = draw(windowed())
    (x, window), axis = call.args, call.keywords["axis"]
    g = draw(arrays(sliding_window_view(x, window, axis).shape))
    axes_of = tuple(range(x.ndim)) if axis is None else (axis % x.ndim,)
    return Call((g, window if isinstance(window, tuple) else (window,), axes_of, x.shape))


def padded_and_trimmed(x, **keywords):
    return np.trim_zeros(np.pad(x, 1), **keywords)


NONZERO = {"away_from": (0.0,)}
LAWS = enter(
    {
        np.insert: inserted(),
        np.resize: st.tuples(arrays(), st.sampled_from([4, (2, 3), (0,), (5, 1)])).map(Call),
        np.block: blocks(),
        sliding_window_view: windowed(),
        windows_added: added(),
        np.trim_zeros: arrays(shapes(1, 1, min_side=1), **NONZERO).map(lambda x: Call((x,))),
        padded_and_trimmed: st.tuples(
            arrays(shapes(1, 1, min_side=1), **NONZERO), st.sampled_from([{}, {"trim": "f"}, {"trim": "b"}])
        ).map(lambda drawn: Call(drawn[:1], drawn[1])),
        np.full_like: st.tuples(arrays(), arrays(())).map(Call),
    }
)


@pytest.mark.parametrize("entry", LAWS, ids=str)
@given(data=st.data())
def test_laws(entry, data):
    obey(entry, data)


def test_an_array_that_is_filled_like_a_tensor_has_no_gradient_and_can_be_written_into():
    filled = np.full_like(tg.Tensor(np.ones(3)), 2)
    assert not filled.requires_grad
    filled[1] = tg.Tensor(5.0)
    assert filled.requires_grad


@pytest.mark.parametrize(("window", "axis"), [(66, 0), ((9, 8), (0, 1)), ((2, 2), (0, 0))])
def test_large_windows_and_two_windows_along_one_axis_are_added_by_their_places(window, axis):
    x = np.random.default_rng(0).normal(size=(70, 9))
    check_grads(lambda x: sliding_window_view(x, window, axis)[::3], x, order=1)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.complex64])
def test_windows_that_are_added_keep_their_dtype(dtype):
    assert windows_added(np.ones((4, 3), dtype), (3,), (0,), (6,)).dtype == dtype


def test_nothing_is_left_of_zeros():
    assert np.trim_zeros(tg.Tensor(np.zeros(3))).shape == (0,)


def test_what_is_inserted_into_a_constant_is_a_variable():
    check_grads(lambda x: np.insert([1.0, 2.0], 1, x), np.array([3.0]))
