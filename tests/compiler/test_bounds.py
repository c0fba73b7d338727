"""Facts about events that are known without their values hold for the values: bounds, and finite elements."""

from __future__ import annotations

import operator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.compiler.program.facts import FACTS
from tinygraph.compiler.trace.bounds import BOUNDS, CONDITIONS, bound_below, finiteness
from tinygraph.compiler.trace.events import ALWAYS, Event
from tinygraph.derivatives.shapes import astype
from tinygraph.functions.checks import CHECKS

DTYPES = [np.float64, np.float32, np.float16]
# Arguments beside the first array; None for a second array.
BESIDE = {
    **dict.fromkeys((np.add, np.multiply, np.divide, np.maximum), ((None,), (0.5,), (1e-50,), (-2,))),
    np.power: [(2,), (3,), (-2,), (0.5,), (4,)],
    np.reshape: [((-1,),)],
    np.broadcast_to: [((2, 4),)],
    operator.getitem: [(slice(1, None),)],
    astype: [(np.dtype(np.float32),), (np.dtype(np.float16),), (np.dtype(np.int8),)],
}
KEYWORDS = {
    **dict.fromkeys((np.sum, np.max, np.min), ({}, {"axis": 0}, {"initial": -2.0})),
    np.mean: [{}, {"axis": 0}],
}


def event_of(array, low):
    """An event of which a bound is known."""
    event = Event("call", 0, array.shape, array.dtype)
    event.low = low
    event.finite = int(bool(np.all(np.isfinite(array))))
    return event


@st.composite
def events(draw):
    """An array, and an event that is known to lie above a number that none of its elements is below."""
    dtype = draw(st.sampled_from(DTYPES))
    smallest = draw(st.sampled_from([-3.0, -1e-6, 0.0, 1e-30, 0.1, 0.7, 2.0]))
    spread = draw(st.sampled_from([0.0, 1e-7, 1.0, 30.0]))
    shares = np.array(draw(st.lists(st.floats(0, 1), min_size=4, max_size=4)))
    array = np.asarray(dtype(smallest) + (shares * spread).astype(dtype), dtype)
    low = draw(st.sampled_from([float(array.min()), float(array.min()) - 1, -np.inf]))
    return array, event_of(array, low)


@pytest.mark.parametrize("function", BOUNDS, ids=lambda function: function.__name__)
@given(data=st.data())
def test_no_computed_element_lies_below_its_bound(function, data):
    array, event = data.draw(events())
    beside = data.draw(st.sampled_from(BESIDE.get(function, [()])))
    keywords = data.draw(st.sampled_from(KEYWORDS.get(function, [{}])))
    others = [(item, item) for item in beside]
    if beside == (None,):
        second, second_event = data.draw(st.one_of(events(), st.just((array, event))))
        second = second.astype(array.dtype)
        if second_event is not event:
            second_event = event_of(second, min(second_event.low, float(second.min())))
        others = [(second, second_event)]
    with np.errstate(all="ignore"):
        result = np.asarray(function(array, *[value for value, _ in others], **keywords))
    low = bound_below(function, (event, *[known for _, known in others]), keywords, result.dtype)
    assert not np.any(result < low), (result, low)


def test_bounds_see_what_they_are_for():
    x = event_of(np.ones(3), -np.inf)
    square = event_of(np.ones(3), bound_below(np.multiply, (x, x), {}, np.dtype(np.float64)))
    assert bound_below(np.add, (square, 1), {}, np.dtype(np.float64)) == 1
    assert bound_below(np.add, (square, 1e-50), {}, np.dtype(np.float32)) == 0
    assert bound_below(np.square, (x,), {}, np.dtype(np.int8)) == -np.inf  # it wraps around


# In order of their names: a set's own order follows addresses, and each process that runs tests has others.
FINITE = {function for function, facts in FACTS.items() if facts.stays_finite} | CONDITIONS.keys()
UFUNCS = sorted((f for f in FINITE if isinstance(f, np.ufunc)), key=lambda ufunc: ufunc.__name__)
UNARY = [ufunc for ufunc in UFUNCS if ufunc.nin == 1]
BINARY = [ufunc for ufunc in UFUNCS if ufunc.nin == 2]


@pytest.mark.parametrize("function", [*UNARY, tg.sigmoid, tg.relu, tg.softmax], ids=lambda function: function.__name__)
@given(drawn=events())
def test_functions_of_finite_numbers_are_as_finite_as_is_said(function, drawn):
    array, event = drawn
    with np.errstate(all="ignore"):
        result = function(array)
    if finiteness(function, (event,), {}, result.dtype):
        # Overflow is not counted: of all these functions only 1/x has it, at numbers that are next to nothing.
        overflows = (function is np.reciprocal) & (np.abs(array) <= 1 / np.finfo(result.dtype).max)
        assert np.all(np.isfinite(result) | overflows)


@pytest.mark.parametrize("function", [f for f in BINARY if f.signature is None], ids=lambda function: function.__name__)
@given(one=events(), other=st.one_of(events(), st.sampled_from([2, 3, 0.5, -1, 0.0, -0.5])))
def test_functions_of_two_finite_numbers_are_as_finite_as_is_said(function, one, other):
    array, event = one
    number, known = other if isinstance(other, tuple) else (other, other)
    if isinstance(number, np.ndarray):
        number = number.astype(array.dtype)
        known = event_of(number, min(known.low, float(number.min())))
    with np.errstate(all="ignore"):
        result = function(array, number)
    too_large = np.isinf(result) & (function is np.divide)  # a quotient by next to nothing
    if finiteness(function, (event, known), {}, result.dtype):
        assert np.all(np.isfinite(result) | too_large)


def test_constants_are_looked_at():
    dtype = np.dtype(np.float64)
    for content, expected in ((np.array([1.0, np.inf]), 0), (np.array([1.0, 2.0]), 1)):
        event = Event("array", 0, content.shape, content.dtype)
        event.content = content
        assert finiteness(np.negative, (event,), {}, dtype) == expected
    assert finiteness(np.multiply, (2.0, 3), {}, dtype) == ALWAYS
    assert finiteness(np.multiply, (2.0, np.inf), {}, dtype) == 0


@pytest.mark.parametrize("check", sorted(CHECKS, key=lambda check: check.__name__), ids=lambda check: check.__name__)
def test_a_checked_array_is_as_finite_as_it_was(check):
    for known in (0, 1, 2):
        event = Event("call", 0, (3,), np.dtype(np.float64))
        event.finite = known
        assert finiteness(check, (event, 0, 1, "a call"), {}, event.dtype) == known


def test_checked_targets_do_not_make_a_pass_look_for_infinite_numbers():
    """A network with two convolutions took four times as long with it, for the reach through the second of them."""
    model = tg.nn.Sequential([
        tg.nn.Conv2D(2, 3, activation="relu"), tg.nn.MaxPooling2D(2), tg.nn.Conv2D(2, 3, activation="relu"),
        tg.nn.MaxPooling2D(2), tg.nn.Flatten(), tg.nn.Dense(3, activation="softmax"),
    ])  # fmt: skip
    x, y = np.random.default_rng(0).random((4, 12, 12, 1), np.float32), np.eye(3, dtype=np.float32)[[0, 1, 2, 0]]
    model(x)

    @tg.compile
    def step(x, y):
        loss = np.mean(tg.training.losses.categorical_crossentropy(y, model(x)))
        loss.backward()
        return loss

    step(x, y)
    assert "within(" in step.source
    assert "reach_of" not in step.source
    with pytest.raises(ValueError, match="targets run from"):
        step(x, y + np.float32(1))


def shifted(x, axis, spelling):
    """x without its maximum along an axis, as people write it."""
    largest = np.max(x, axis=axis, keepdims=spelling == "keepdims")
    if spelling == "None":
        largest = largest[:, None] if axis == 1 else largest[None, :]
    elif spelling == "reshape":
        largest = largest.reshape((-1, 1) if axis == 1 else (1, -1))
    return x - largest


@pytest.mark.parametrize("spelling", ["keepdims", "None", "reshape"])
@pytest.mark.parametrize("axis", [0, 1])
def test_a_softmax_by_hand_is_known_to_be_finite(spelling, axis):
    """Its sum has a term that is 1. Otherwise a pass would look for what a division by 0 leaves."""

    def loss(x):
        e = np.exp(shifted(x, axis, spelling))
        return np.sum((e / np.sum(e, axis=axis, keepdims=True)) ** 2)

    x = np.random.default_rng(0).normal(size=(40, 30)).astype(np.float32) * 50
    compiled = tg.compile(tg.grad(loss))
    assert np.allclose(compiled(x), tg.grad(loss)(x), atol=1e-6)
    assert "isnan" not in compiled.source and "float64" not in compiled.source, compiled.source


def test_the_maximum_of_other_axes_tells_nothing():
    """exp may overflow, and the sum may be 0, where rows are shifted by their maximum and columns are added up."""
    event = event_of(np.ones((3, 3)), -np.inf)
    largest = Event("call", 0, (3, 1), event.dtype)
    largest.function, largest.args, largest.kwargs = np.max, (event,), {"axis": 1, "keepdims": True}
    less = Event("call", 0, (3, 3), event.dtype)
    less.function, less.args = np.subtract, (event, largest)
    terms = Event("call", 0, (3, 3), event.dtype)
    terms.function, terms.args, terms.low, terms.finite = np.exp, (less,), 0.0, 1
    for axis, low in ((1, 1), (-1, 1), (None, 1), ((0, 1), 1), (0, 0)):
        assert bound_below(np.sum, (terms,), {"axis": axis}, event.dtype) == low
    transposed = Event("call", 0, (1, 3), event.dtype)
    transposed.function, transposed.args, transposed.kwargs = np.transpose, (largest,), {}
    less.args = (event, transposed)
    assert bound_below(np.sum, (terms,), {"axis": 1}, event.dtype) == 0
    assert finiteness(np.exp, (less,), {}, event.dtype) == 0
    for index in (slice(None, None, -1), np.array([2, 0, 1]), (slice(None), [0])):  # the maximum of another row
        moved = Event("call", 0, (3, 1), event.dtype)
        moved.function, moved.args = operator.getitem, (largest, index)
        less.args = (event, moved)
        assert bound_below(np.sum, (terms,), {"axis": 1}, event.dtype) == 0
        assert finiteness(np.exp, (less,), {}, event.dtype) == 0


def test_windows_of_finite_numbers_are_finite():
    def loss(x, k):
        windows = np.lib.stride_tricks.sliding_window_view(tg.relu(x), (3, 3), axis=(1, 2))
        return np.sum(tg.relu(np.tensordot(windows, k, ((4, 5, 3), (0, 1, 2)))))

    rng = np.random.default_rng(0)
    x, k = rng.normal(size=(2, 6, 6, 2)).astype(np.float32), rng.normal(size=(3, 3, 2, 4)).astype(np.float32)
    compiled = tg.compile(tg.grad(loss, argnums=(0, 1)))
    for ours, eager in zip(compiled(x, k), tg.grad(loss, argnums=(0, 1))(x, k), strict=True):
        assert np.allclose(ours, eager, atol=1e-4)
    assert "logical_or" not in compiled.source and "where" not in compiled.source, compiled.source
