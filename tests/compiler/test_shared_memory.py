"""Arguments that lie in the memory of a Tensor that the step updates: the step goes on with what they were."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.compiler.run import tensor_buffers


def shapes_of_sharing(w):
    """Ways to hand out an array that looks into the memory of w.data."""
    return {
        "the array": w.data,
        "a view": w.data[::-1],
        "a view of a view": w.data[1:].T[::-1],
        "a flat view": w.data.reshape(-1)[2:],
        "through a memoryview": np.frombuffer(memoryview(w.data), np.float64)[1:],
        "through the array interface": np.asarray(Foreign(w.data)),
        "detached": w.detach(),
        "a detached view": w.detach()[1:],
    }


class Foreign:
    """An object of another library that shows an array's memory."""

    def __init__(self, array):
        self.array = array
        self.__array_interface__ = array.__array_interface__


def steps(w):
    """A step that updates w first, and reads its argument only afterwards."""

    def step(x):
        w.assign(w.data * 2 + 1)
        return np.sum(x * x) + 0 * np.sum(w.data), x * 3

    return step


@pytest.mark.parametrize("how", shapes_of_sharing(tg.Tensor(np.ones((4, 3)))))
def test_an_argument_in_the_memory_of_an_updated_tensor_keeps_its_value(how):
    found = []
    for make in (lambda step: step, tg.compile):
        w = tg.Tensor(np.arange(1.0, 13.0).reshape(4, 3), name="w")
        run, taken = make(steps(w)), []
        for _ in range(3):
            squares, three = run(shapes_of_sharing(w)[how])
            taken += [np.array(getattr(item, "data", item)) for item in (squares, three)]
        found.append([*taken, w.data.copy()])
    for eager, compiled in zip(*found, strict=True):
        np.testing.assert_allclose(compiled, eager, rtol=1e-12)


def test_a_plain_array_found_outside_that_is_a_view_of_the_tensor():
    w = tg.Tensor(np.ones(5), name="w")
    holder = {"x": np.zeros(5)}

    @tg.compile
    def step():
        x = holder["x"]
        w.assign(w.data + 1)
        return x * 1

    step()
    holder["x"] = w.data
    assert step().tolist() == [2.0] * 5
    assert w.data.tolist() == [3.0] * 5


def test_arguments_of_their_own_are_not_copied():
    w = tg.Tensor(np.ones(5), name="w")
    seen = []

    @tg.compile
    def step(x):
        w.assign(w.data + np.sum(x))

    x = np.arange(10.0)
    step(x)
    version = step._programs.used()
    for array in (x, x[::2], np.frombuffer(bytes(80), np.float64)):
        step(array)
        version, leaves = step._programs.for_call((array,), {})
        seen.append(version.bound(leaves)[0][0] is array)
    assert seen == [True] * 3


class Parts:
    """A step that updates w, and reads a large Tensor, a small one and draws: what others do to them between calls."""

    def __init__(self, compiles: bool) -> None:
        self.w = tg.Tensor(np.arange(80.0), name="w")
        self.scale = tg.Tensor(np.linspace(0.5, 1.5, 80), name="scale", requires_grad=False)
        self.rate = tg.Tensor(0.1, name="rate", requires_grad=False)
        self.generator = np.random.default_rng(3)
        self.of_w = False  # the argument looks into w.data
        self.x = np.linspace(-1, 1, 80)
        self.step = tg.compile(self.plain) if compiles else self.plain

    def plain(self, x):
        noise = tg.draws.uniform(self.generator, (80,))
        self.w.assign(self.w.data - self.rate.data * self.scale.data * x + noise)
        return np.sum(self.w.data * self.scale.data) + 0 * self.rate.data

    def do(self, what: str) -> None:
        if what == "rate":
            self.rate.assign(self.rate.data * 0.5)
        elif what == "rate in place":
            self.rate.data[...] = 0.3
        elif what == "rate of w":
            self.rate.assign(self.w.data[3])
        elif what == "scale":
            self.scale.assign(self.scale.data[::-1].copy())
        elif what == "scale in place":
            self.scale.data[2] = 4
        elif what == "scale of w":
            self.scale.assign(self.w.data)
        elif what == "w":
            self.w.assign(np.ones(80))
        elif what == "w of scale":
            self.w.assign(self.scale.data)
        self.of_w = what == "x of w"

    def call(self):
        found = self.step(self.w.data[::-1] if self.of_w else self.x)
        return getattr(found, "data", found)


EVENTS = (
    "rate", "rate in place", "rate of w", "scale", "scale in place", "scale of w", "w", "w of scale", "x of w",
    "nothing",
)  # fmt: skip


@given(st.lists(st.sampled_from(EVENTS), min_size=1, max_size=8))
def test_a_program_that_knows_its_arrays_from_the_last_call_sees_what_others_do_between_calls(events):
    eager, compiled = Parts(compiles=False), Parts(compiles=True)
    for what in ("nothing", "nothing", *events):
        for one in (eager, compiled):
            one.do(what)
        # The values of large numbers are compared: they grow with each call.
        np.testing.assert_allclose(compiled.call(), eager.call(), rtol=1e-9)
        for name in ("w", "scale", "rate"):
            np.testing.assert_allclose(getattr(compiled, name).data, getattr(eager, name).data, rtol=1e-9)


def test_a_tensor_that_is_gone_leaves_no_buffer_behind():
    gc.collect()
    before = len(tensor_buffers._buffers), len(tensor_buffers.buffer_ids)

    def lives_and_goes():
        w = tg.Tensor(np.ones(3), name="w")
        tg.compile(lambda: w.assign(w.data + 1))()
        return len(tensor_buffers.buffer_ids)

    assert lives_and_goes() == before[1] + 1
    gc.collect()
    assert (len(tensor_buffers._buffers), len(tensor_buffers.buffer_ids)) == before


def test_a_computed_tensor_without_a_gradient_is_an_argument_like_its_values():
    run = tg.compile(lambda x: np.exp(x * x) - 1)
    data = tg.Tensor(np.array([0.0, 1.0, 2.0]), requires_grad=False)[1:]
    for _ in range(2):
        found = run(data)
        assert type(found) is np.ndarray
        np.testing.assert_allclose(found, np.exp([1.0, 4.0]) - 1)


@pytest.mark.parametrize("shape", [(3,), ()])
@pytest.mark.parametrize("how", ["place", "choice", "inverse", "primitive"])
def test_a_call_that_fails_after_an_update_changes_nothing(how, shape):
    w, v = tg.Tensor(np.ones(shape)), tg.Tensor(np.ones(3))

    @tg.primitive
    def doubled(x):
        if x[0] == 7:
            raise ValueError("no")
        return x * 2

    @tg.compile
    def step(x, matrix, place):
        np.sum(x * w).backward()
        w.assign(w.data - 0.1 * np.mean(w.grad))
        w.grad = None
        later = w.data * x[0] * 2
        if how == "place":
            more = np.take(v.data, place)
        elif how == "choice":
            more = np.choose(place, [np.arange(2.0), np.ones(2)])
        elif how == "inverse":
            more = np.linalg.inv(matrix)
        else:
            more = doubled(x)
        v.assign(v.data + np.sum(more) + np.sum(later))
        return more

    good = (np.ones(3), np.eye(2), np.array([0, 1]))
    bad = (np.full(3, 7.0), np.zeros((2, 2)), np.array([0, 7]))
    for _ in range(3):
        step(*good)
        before = (w.data.copy(), v.data.copy(), w.grad, v.grad)
        with pytest.raises((IndexError, np.linalg.LinAlgError, ValueError)):
            step(*bad)
        np.testing.assert_array_equal(w.data, before[0])
        np.testing.assert_array_equal(v.data, before[1])
        assert (w.grad, v.grad) == before[2:]
    assert len(step.signatures) == 1


def updated_twice(w, x):
    old = w.data
    w.data -= x
    w.data -= x
    return old, w.data


def updated_after_an_assignment(w, x):
    w.assign(w.data * 2)
    old = w.data
    w.data -= x
    twice = w.data * 2
    w.data -= x
    return old, twice, w.data


def assigned_and_then_written(w, x):
    y = x * 2
    w.assign(y)
    y += 1
    w.data += 1
    return y, w.data


def data_set_and_then_written(w, x):
    y = x * 2
    w.data = y
    w.data += 1
    return y, w.data


def a_tensor_of_an_array(w, x):
    y = x * 2
    t = tg.Tensor(y)
    t.data += 1
    y += 3
    return t.data * 1, y


def a_gradient_and_its_other_name(w, x):
    np.sum(w * x).backward()
    first = w.grad
    w.grad *= 2
    second = w.grad
    w.grad = None
    return first * 1, second * 1


def a_gradient_that_is_added_to(w, x):
    np.sum(w * x).backward()
    first = w.grad
    np.sum(w * w * x).backward()
    second = w.grad
    w.grad = None
    return first * 1, second * 1


def written_under_no_grad(w, x):
    with tg.no_grad():
        old = w.data
        t = w
        t *= 2
        t += x
    return old * 1, w.data


def a_detached_tensor(w, x):
    copy, before = w.detach(), w.data.copy()
    w.data -= x
    return copy.data * 1, before, w.data * 1


@pytest.mark.parametrize(
    "function",
    [
        updated_twice, updated_after_an_assignment, assigned_and_then_written, data_set_and_then_written,
        a_tensor_of_an_array, a_gradient_and_its_other_name, a_gradient_that_is_added_to, written_under_no_grad,
        a_detached_tensor,
    ],
    ids=lambda function: function.__name__,
)  # fmt: skip
def test_one_array_under_two_names(function):
    found = []
    for make in (lambda f: f, tg.compile):
        w = tg.Tensor(np.ones(3), name="w")
        step = make(lambda x, w=w: function(w, x))
        found.append([])
        for call in range(3):
            results = [np.array(item) for item in step(np.arange(3.0) + call)]
            found[-1] += [*results, w.data.copy()]
    for wanted, got in zip(*found, strict=True):
        np.testing.assert_array_equal(got, wanted)
