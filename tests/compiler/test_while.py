"""Loops that a condition ends: one program for any number of iterations, made of two recordings that agree."""

from __future__ import annotations

import numpy as np
import pytest

import tinygraph as tg
from tests.loading import loaded
from tinygraph.compiler.program.decisions import begins_with, outcomes_at


def newton(a):
    x = a
    err = np.abs(x * x - a)
    while np.max(err) > 1e-10:
        x = 0.5 * (x + a / x)
        err = np.abs(x * x - a)
    return x


def fixed_point(a):
    x = np.ones(3)
    for _ in range(3):
        x = x + a
    while True:
        new = np.cos(x) * a
        d = np.max(np.abs(new - x))
        x = new
        if d < 1e-9:
            break
    return x * 2


def halved(a):
    """The backward pass of an iteration reads nothing of it: the loops are tied by their number alone."""
    x = a
    while np.max(x) > 1.0:
        x = x * 0.5
    return x


def two_loops(a):
    x = a
    while np.max(x) > 1.0:
        x = x * 0.5 + 0.01
    y = x + a
    while np.max(y) > 0.1:
        y = np.sin(y) * 0.7
    return y * x


def with_path(a):
    """A branch behind a loop, so that a call may leave the program there."""
    x = a
    while np.max(x) > 1.0:
        x = np.sqrt(x)
        x = x * 0.9
    if np.sum(x) > 2.5:
        return x * 3
    return x - 1


def counted(a):
    """The number of iterations enters the result: each has a program of its own."""
    x, k = a, 0
    while np.max(x) > 1.0:
        x = x * 0.5 + 0.01 * k
        k += 1
    return x + k


def limited(a):
    """A second condition, which Python decides alone, ends the loop as well."""
    x, k = a, 0
    while np.max(x) > 1.0 and k < 9:
        x = x * 0.8
        k += 1
    return x


def limited_by_list(a):
    x, left = a, [0] * 9
    while np.max(x) > 1.0:
        x = x * 0.8
        left.pop()
        if not left:
            break
    return x


FUNCTIONS = [newton, fixed_point, halved, two_loops, with_path]
SCALES = [3.0, 40.0, 1.2, 900.0, 7.0, 1e5, 0.5, 1e3, 2.0, 250.0, 0.9]


def arguments_of(function):
    scales = [0.1, 0.5, 0.7, 0.3, 0.05, 0.9] if function is fixed_point else SCALES
    return [scale * np.array([1.0, 0.7, 0.4]) for scale in scales]


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("order", [0, 1, 2])
def test_a_loop_is_one_program_for_any_number_of_iterations(function, order):
    def derived(a):
        if order == 0:
            return function(a)
        gradient = tg.grad(lambda a: np.sum(function(a) * np.array([1.0, 2.0, 3.0])))
        return gradient(a) if order == 1 else tg.grad(lambda a: np.sum(gradient(a) ** 2))(a)

    compiled = tg.compile(derived)
    for a in arguments_of(function):
        np.testing.assert_allclose(compiled(a), derived(a), rtol=1e-9, atol=1e-12)
    if order < 2:
        assert len(compiled.signatures) <= (10 if function in (two_loops, with_path) else 6)
    if order == 0 and function not in (two_loops, with_path):
        assert "while True:" in compiled.source


@pytest.mark.parametrize("function", [counted, limited, limited_by_list])
def test_a_loop_that_python_counts_has_a_program_for_each_number_of_iterations(function):
    compiled = tg.compile(function)
    for a in arguments_of(function):
        assert np.array_equal(compiled(a), function(a))
    assert "while True:" not in compiled.source


def in_turn(a, first, second):
    """Two loops, each repeated a number of times that is given."""
    x = a
    while np.max(first) > 0:
        x = np.sin(x) * 1.1
        first = first - 1
    y = x + a
    while np.max(second) > 0:
        y = np.cos(y) * 0.9 + x
        second = second - 1
    return x * y


def states_of_both(a, first, second):
    """The second loop reads what the first ended with, and its backward pass what both kept."""
    x, steps = a, first
    while np.max(steps) > 0:
        x = x * np.sin(x) + 0.1 * a
        steps = steps - 1
    z, y = x * x, a
    while np.max(second) > 0:
        y = np.sin(y) * z - np.cos(y) * np.max(second)
        second = second - 1
    return y + z * np.max(first)


def apart(a, first, second):
    """Two loops of which neither reads anything of the other."""
    x, y = a, a * 2
    while np.max(second) > 0:
        y = y * np.cos(y)
        second = second - 1
    while np.max(first) > 0:
        x = np.tanh(x) + 0.3 * x * x
        first = first - 1
    return x - y[::-1]


# So often are two loops repeated, call by call: equally often, or both by as many iterations more than before.
TRIPS = [
    [(5, 5), (8, 8), (5, 8), (8, 5), (6, 7), (4, 9)],
    [(4, 7), (6, 9), (6, 6), (9, 6), (7, 4), (3, 8)],
    [(7, 5), (7, 9), (4, 5), (9, 9), (6, 3), (5, 7)],
    [(3, 3), (4, 4), (0, 0), (1, 6), (6, 1), (2, 2), (0, 7), (7, 0)],
    [(9, 4), (4, 9), (9, 4), (6, 6), (5, 8), (12, 2)],
]  # fmt: skip


@pytest.mark.parametrize("trips", TRIPS, ids=str)
@pytest.mark.parametrize("function", [in_turn, states_of_both, apart])
@pytest.mark.parametrize("order", [0, 1])
def test_two_loops_that_are_repeated_equally_often_are_not_taken_for_one_another(function, order, trips):
    def derived(a, first, second):
        if order == 0:
            return function(a, first, second)
        return tg.grad(lambda a: np.sum(function(a, first, second) * np.array([1.0, 2.0, 3.0])))(a)

    compiled, a = tg.compile(derived), np.array([0.4, 0.7, -0.2])
    for first, second in trips:
        arguments = a, np.full(1, float(first)), np.full(1, float(second))
        np.testing.assert_allclose(compiled(*arguments), derived(*arguments), rtol=1e-9, atol=1e-12)


def test_a_tensor_is_updated_by_as_many_iterations_as_it_takes():
    for scales in (SCALES, SCALES[::-1]):
        w, twin = tg.Tensor(np.array([0.5, 0.7]), name="w"), tg.Tensor(np.array([0.5, 0.7]), name="w")

        def step(w, scale):
            x = w * scale
            while np.sum(x * x) > 1.0:
                x = x * 0.75
            loss = np.sum((x - 0.1) ** 2)
            w.grad = None
            loss.backward()
            w.assign(w.data - 0.01 * w.grad)
            return loss

        compiled = tg.compile(step)
        for scale in scales:
            expected = step(twin, scale)
            np.testing.assert_allclose(compiled(w, scale), expected.data, rtol=1e-12)
            np.testing.assert_allclose(w.data, twin.data, rtol=1e-12)
            np.testing.assert_allclose(w.grad, twin.grad, rtol=1e-12)


def test_a_saved_file_has_the_loop(tmp_path, monkeypatch):
    compiled = tg.compile(tg.grad(lambda a: np.sum(newton(a))))
    arguments = arguments_of(newton)
    results = [compiled(a) for a in arguments]
    compiled.save(tmp_path / "solve.py")
    monkeypatch.syspath_prepend(tmp_path)
    import solve

    for a, result in zip(arguments, results, strict=True):
        np.testing.assert_allclose(solve.step(a), result, rtol=1e-12)


@pytest.mark.parametrize("parameters", ["arguments", "beside"])
def test_a_saved_step_that_leaves_gradients_has_the_loop(parameters, tmp_path):
    w = tg.Tensor(np.full(3, 0.5), name="w")

    @tg.compile
    def step(a):
        x, err = a, np.abs(a * a - a)
        while np.max(err) > 1e-10:
            x = 0.5 * (x + a / x)
            err = np.abs(x * x - a)
        loss = np.sum(w * x)
        w.grad = None
        loss.backward()
        w.assign(w.data - 0.1 * w.grad)
        return loss

    arguments = arguments_of(newton)
    for a in arguments:
        step(a)
    count = len(step.signatures)
    step.save(tmp_path / "step.py", parameters=parameters)
    module = loaded(tmp_path / "step.py")
    state = {"w": w.data.copy()}
    for a in arguments:
        if parameters == "beside":
            found = module.step(a)
        else:
            found, state = module.step(a, **state)
            state = {"w": state["w"]}
        np.testing.assert_allclose(found, step(a), rtol=1e-12)
        np.testing.assert_allclose(state["w"] if parameters == "arguments" else module.w, w.data, rtol=1e-12)
    assert len(step.signatures) == count


def test_a_loop_that_counts_in_an_array_is_open():
    @tg.compile
    def decayed(x):
        n = np.zeros((), like=x)
        while np.max(x) > 1 and n < 60:
            x = x * 0.9
            n = n + 1
        return x, n

    for scale in range(40):
        expected, n = np.full(3, 1.2**scale), 0
        while np.max(expected) > 1 and n < 60:
            expected, n = expected * 0.9, n + 1
        found = decayed(np.full(3, 1.2**scale))
        np.testing.assert_allclose(found[0], expected, rtol=1e-12)
        assert found[1] == n
    assert len(decayed.signatures) < 6


def test_outcomes_and_paths():
    path = (True, ((True, False), (False,)), True)
    assert outcomes_at(path, (2,)) == (True, True, False, True, False, False, True)
    assert outcomes_at(path, (0,)) == (True, False, True)
    for trips in range(4):
        outcomes = outcomes_at(path, (trips,))
        assert all(begins_with(path, outcomes[:length]) for length in range(len(outcomes) + 1))
        assert not begins_with(path, (*outcomes, True))
        assert not begins_with(path, (*outcomes[:-1], False))
    assert not begins_with(path, (False,))
    assert not begins_with(path, (True, True, True))


def test_a_call_that_leaves_a_loop_behind_its_condition_finds_the_path_that_was_made(tmp_path):
    def reduced(x, bound):
        while np.sum(x * x) > bound and np.max(x) > bound / 4:
            x = x * 0.9
        return x

    def arguments():
        rng = np.random.default_rng(0)
        return [(rng.normal(size=12), np.array(bound)) for bound in (1.0, 5.0, 0.1, 30.0, 0.0, 1.0)]

    compiled = tg.compile(reduced)
    for x, bound in arguments():
        np.testing.assert_allclose(compiled(x, bound), reduced(x, bound))
    count = len(compiled.signatures)
    compiled.save(tmp_path / "reduced.py")
    module = loaded(tmp_path / "reduced.py")
    for x, bound in arguments():
        np.testing.assert_allclose(module.reduced(x, bound), reduced(x, bound))
        np.testing.assert_allclose(compiled(x, bound), reduced(x, bound))
    assert len(compiled.signatures) == count


def test_a_file_that_was_changed_is_not_taken_for_the_text_of_its_code(tmp_path, monkeypatch):
    """The text says `while`, and the code that runs has a loop whose end Python alone knows."""
    text = """
import numpy as np

def halved(a):
    x = a
    {}
        if np.max(x) < 1.0:
            break
        x = x * 0.5
    return x
"""
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "changed_halved.py"
    path.write_text(text.format("for _ in range(7):"))
    import changed_halved

    path.write_text(text.format("while True:"))
    compiled = tg.compile(changed_halved.halved)
    for scale in (20.0, 40.0, 3.0, 1e6):
        a = scale * np.array([1.0, 0.7])
        assert np.array_equal(compiled(a), changed_halved.halved(a))
    assert "while True:" not in compiled.source


def test_a_division_that_is_read_is_not_kept_once_more():
    def root(a):
        x = a
        while np.abs(x * x - a) > 1e-10:
            x = 0.5 * (x + a / x)
        return x

    def unread(a):
        while np.abs(a) > 1:
            1 / (a - 3)
            a = a - 1
        return a

    read, kept = tg.compile(root), tg.compile(unread)
    for value in (2.0, 9.0, 1e6):
        assert read(value) == root(value)
    assert "attempted" not in read.source
    for value in (2.5, 7.5, 4.5):
        assert kept(value) == unread(value)
    assert "attempted" in kept.source
    with pytest.raises(ZeroDivisionError):
        kept(5.0)
