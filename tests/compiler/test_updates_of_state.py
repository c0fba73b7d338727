"""Updates of state in a compiled function: in any order they leave what eager ones leave."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tests.compiler.sharing import SAME, SQUARE, VIEWS, as_it_is, check_apart, first

SHAPES = st.sampled_from([(), (1,), (2,), (1, 1), (2, 1)])
KINDS = [
    "copy", "subtract", "multiply", "data -=", "keep", "use kept", "reshape", "mean", "keep a part", "return kept",
    "out=", "return", "return a view", "squeeze", "return a sum", "descend",
]  # fmt: skip
ORDERS = st.tuples(
    st.lists(SHAPES, min_size=2, max_size=4),
    st.lists(st.tuples(st.sampled_from(KINDS), *[st.integers(0, 3)] * 3), min_size=2, max_size=6),
)


def shaped(value, shape):
    if np.shape(value) == shape:
        return value
    if np.size(value) == np.prod(shape, dtype=int):
        return np.reshape(value, shape)
    return np.mean(value) + np.zeros(shape)


def made_up(shapes, order):
    """Some state, and a step that updates it in that order."""
    state = [tg.Tensor(np.arange(1.0, 1 + np.prod(s, dtype=int)).reshape(s) + n) for n, s in enumerate(shapes)]

    def step(x):
        kept, returned = [], []
        for kind, *places in order:
            a, b, c = [state[place % len(state)] for place in places]
            if kind == "copy":
                a.assign(shaped(b.data, a.shape))
            elif kind == "subtract":
                a.assign(a.data - np.mean(x))
            elif kind == "multiply":
                a.assign(shaped(b.data, a.shape) * shaped(c.data, a.shape) * 0.5)
            elif kind == "data -=":
                a.data -= np.mean(x) * 0.5
            elif kind == "keep":
                kept.append(a.data)
            elif kind == "keep a part":
                kept.append(np.reshape(a.data, -1)[:1])
            elif kind == "use kept" and kept:
                a.assign(shaped(kept[places[1] % len(kept)], a.shape))
            elif kind == "return kept" and kept:
                returned.append(kept[-1] * 2.0)
            elif kind == "reshape":
                a.assign(shaped(np.reshape(b.data, -1), a.shape))
            elif kind == "mean":
                a.assign(np.mean(b.data) + np.zeros(a.shape))
            elif kind == "out=":
                np.multiply(a.data, 0.5, out=a.data)
            elif kind == "return":
                returned.append(a.data)
            elif kind == "return a view":
                returned.append(a.data.T)
            elif kind == "squeeze":
                a.assign(shaped(np.squeeze(b.data), a.shape))
            elif kind == "return a sum":
                returned.append(np.sum(a.data) * 1.0)
            elif kind == "descend":
                np.sum((a * shaped(b.data, a.shape)) ** 2).backward()
                a.assign(a.data - 0.01 * a.grad)
                returned.append(a.grad)
                a.grad = None
        return returned

    return state, step


@settings(max_examples=150, deadline=None)
@given(ORDERS)
def test_any_order_of_updates_of_state_is_the_eager_one(drawn):
    found = []
    for make in (as_it_is, tg.compile):
        state, step = made_up(*drawn)
        run, rows = make(step), []
        for call in range(3):
            returned = run(np.array([0.5, 1.5 + call]))
            rows += [np.array(item) for item in [*returned, *[t.data for t in state]]]
            if make is tg.compile:
                check_apart(returned, [t.data for t in state])
        found.append(rows)
    for eager, compiled in zip(*found, strict=True):
        np.testing.assert_allclose(compiled, eager, rtol=1e-10)


def test_the_old_value_of_a_number_is_kept():
    w, previous = tg.Tensor(1.0, name="w"), tg.Tensor(0.0, name="previous")

    @tg.compile
    def step(x):
        previous.assign(w.data)
        w.assign(w.data - np.mean(x))

    for call in range(3):
        step(np.ones(3))
        assert (w.data, previous.data) == (-call, 1 - call)


@pytest.mark.parametrize("name", VIEWS)
def test_a_tensor_keeps_what_a_view_of_another_showed(name):
    found = []
    for make in (as_it_is, tg.compile):
        w = tg.Tensor(SQUARE, name="w")
        kept = tg.Tensor(np.zeros(np.shape(first(VIEWS[name](SQUARE.copy())))), name="kept")

        def step(w=w, kept=kept):
            kept.assign(first(VIEWS[name](w.data)))
            w.assign(w.data * 2.0 + 1.0)
            return first(VIEWS[name](w.data))

        run, rows = make(step), []
        try:
            for _ in range(3):
                rows += [np.array(run()), kept.data.copy(), w.data.copy()]
        except tg.UnsupportedError:
            assert make is tg.compile
            return
        found.append(rows)
    for eager, compiled in zip(*found, strict=True):
        np.testing.assert_array_equal(compiled, eager)


@pytest.mark.parametrize("name", [name for name in SAME if "a" not in name.split() and name not in ("twice", "part")])
@pytest.mark.parametrize("shape", [(2, 2), (3,), (1,), ()])
def test_a_tensor_keeps_what_is_worth_the_same_as_another(name, shape):
    found = []
    for make in (as_it_is, tg.compile):
        w, kept, third = [tg.Tensor(np.full(shape, value)) for value in (1.5, 0.0, 3.0)]

        def same(t, shape=shape):
            return shaped(first(SAME[name](np.atleast_1d(t.data))), shape)

        def step(w=w, kept=kept, third=third, same=same):
            kept.assign(same(w))
            w.assign(w.data * 2.0 + 1.0)
            old = third.data
            third.assign(same(w))
            w.assign(same(kept) + old)

        run, rows = make(step), []
        for _ in range(3):
            run()
            rows += [w.data.copy(), kept.data.copy(), third.data.copy()]
        found.append(rows)
    for eager, compiled in zip(*found, strict=True):
        np.testing.assert_array_equal(compiled, eager)
