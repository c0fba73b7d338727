"""Calls that other processes take part in: a program makes each of them, once, at its place."""

from __future__ import annotations

from queue import SimpleQueue

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.engine.primitives import ordered

MADE = SimpleQueue()  # a program compares lists from call to call, and not what is in a queue


@ordered(lambda x, before, *rest: np.array(x))
def doubled(x, before, tag):
    """Return twice an array, and note the call."""
    MADE.put((tag, None if before is None else np.array(before).tolist()))
    return x * 2


@pytest.fixture
def made():
    """Return a function that returns the calls made since it was called last."""

    def since():
        return [MADE.get() for _ in range(MADE.qsize())]

    since()
    return since


def test_a_recorded_function_makes_no_call_and_its_program_makes_each_once(made):
    w = tg.Tensor(np.ones(3))

    @tg.compile
    def step(x):
        w.grad = None
        loss = np.mean(x @ w)
        loss.backward()
        doubled(7.0, None, "nobody reads it")
        w.grad = doubled(w.grad, None, "gradient")
        doubled(7.0, None, "nobody reads it")
        w.assign(w.data - 0.5 * w.grad)
        return loss

    for call in range(2):
        assert step(np.ones((2, 3))) == 3 - 3 * call
        assert made() == [("nobody reads it", None), ("gradient", 14), ("nobody reads it", [2.0, 2.0, 2.0])]
        np.testing.assert_array_equal(w.grad, [2, 2, 2])
    step(np.ones((4, 3)))  # is compiled anew
    assert len(made()) == 3


def test_calls_keep_their_order_where_their_operands_do_not_ask_for_it(made):
    @tg.compile
    def both(x, y):
        late = doubled(np.exp(np.sum(x @ x)), None, "first")
        early = doubled(y, None, "second")
        return early, late

    for _ in range(2):
        both(np.zeros((50, 50)), np.ones(2))
        assert [tag for tag, _ in made()] == ["first", "second"]


def test_a_loop_makes_each_of_its_calls(made):
    @tg.compile
    def loop(x):
        for _ in range(40):
            x = doubled(np.sin(x), None, "in a loop")
        return x

    x = np.full(2, 0.3)
    loop(x)
    made()
    found = loop(x)
    assert "for _ in range" in loop.source
    assert len(made()) == 40
    for _ in range(40):
        x = 2 * np.sin(x)
    np.testing.assert_array_equal(found, x)


def test_a_decision_before_a_call_is_made_before_it(made):
    @tg.compile
    def choose(x):
        x = x + 1 if np.sum(x) > 0 else x - 1
        return doubled(x, None, "after the decision")

    for sign in (1, -1, 1, -1):
        np.testing.assert_array_equal(choose(np.full(2, sign)), np.full(2, 4 * sign))
        assert len(made()) == 1


def test_a_decision_after_a_call_is_refused_since_a_process_would_repeat_it_alone(made):
    def choose(x):
        x = doubled(x, None, "before the decision")
        return x + 1 if np.sum(x) > 0 else x

    with pytest.raises(tg.UnsupportedError, match=r"comes after a call that the other ranks take part in .*np\.where"):
        tg.compile(choose)(np.ones(2))
    assert not made()
    with pytest.warns(RuntimeWarning, match="runs eagerly"):
        np.testing.assert_array_equal(tg.compile(choose, otherwise="eager")(np.ones(2)), [3, 3])
    assert len(made()) == 1


@pytest.mark.parametrize("module", [__name__, "tinygraph.distributed.collectives"])
def test_nothing_is_updated_before_a_call_that_fails(module):
    """A call of tinygraph's own fails seldom; one that other processes take part in may."""

    @ordered(lambda x, before: np.array(x))
    def failing(x, before):
        if x.sum() > 2:
            raise RuntimeError("the ranks differ")
        return x

    failing.__module__ = module
    w = tg.Tensor(np.zeros(2))

    @tg.compile
    def step(x):
        w.assign(x * 3)
        return failing(x, None)

    step(np.ones(2))
    with pytest.raises(RuntimeError, match="the ranks differ"):
        step(np.full(2, 2.0))
    np.testing.assert_array_equal(w.data, [3, 3])


def test_it_takes_no_tensor_and_no_file(tmp_path):
    with pytest.raises(tg.UnsupportedError, match=r"doubled: a Tensor would lose its gradient here.*detach\(\)\.data"):
        doubled(tg.Tensor(1.0), None, "")
    step = tg.compile(lambda x: doubled(x, None, "saved"))
    step(np.ones(2))
    with pytest.raises(tg.UnsupportedError, match="calls doubled, which other ranks take part in"):
        step.save(tmp_path / "step.py")
