"""Programs that branch: each path is a program, and gives what the eager call gives."""

from __future__ import annotations

import numpy as np
import pytest

import tinygraph as tg
from tests.compiler.branching import CASES, PROGRAMS, clipped, early, line_search, network, newton, numbers, same
from tests.compiler.programs import compiled_by
from tinygraph.compiler import pipeline
from tinygraph.compiler.program.interpreter import Interpreter


@pytest.mark.parametrize("function", CASES, ids=lambda function: function.__name__)
def test_each_path_gives_what_the_eager_call_gives(function):
    compiled = tg.compile(function)
    for _ in range(2):
        for args in PROGRAMS[function]:
            same(compiled(*args), function(*args))
    programs = len(compiled.signatures)
    assert programs > 1
    for args in PROGRAMS[function][::-1]:
        same(compiled(*args), function(*args))
    assert len(compiled.signatures) == programs, "a known path is found"


@pytest.mark.parametrize("function", CASES, ids=lambda function: function.__name__)
def test_the_interpreter_branches_alike(function, monkeypatch):
    monkeypatch.setattr(pipeline, "runner_of", lambda program, name: Interpreter(program))
    compiled = tg.compile(function)
    for args in [*PROGRAMS[function], *PROGRAMS[function]]:
        same(compiled(*args), function(*args))


@pytest.mark.parametrize("options", [{"phases": ()}, {"blocks": False, "threads": 1}], ids=["no rewrites", "no blocks"])
@pytest.mark.parametrize("function", CASES, ids=lambda function: function.__name__)
def test_programs_without_optimisations_branch_alike(function, options):
    compiled = compiled_by(lambda program, name: pipeline.compile_program(program, name=name, **options))(function)
    for args in [*PROGRAMS[function], *PROGRAMS[function]]:
        same(compiled(*args), function(*args))


GRADED = [(newton, 0), (line_search, 0), (clipped, 0), (network, 0), (numbers, 0)]


@pytest.mark.parametrize(("function", "place"), GRADED, ids=lambda item: getattr(item, "__name__", None))
def test_gradients_branch_alike(function, place):
    def summed(*args):
        result = function(*args)
        return np.sum(result[0] if isinstance(result, tuple) else result)

    once, twice = tg.grad(summed, place), tg.grad(lambda *args: np.sum(tg.grad(summed, place)(*args) ** 2), place)
    for gradient in (once, twice):
        compiled = tg.compile(gradient)
        for args in [*PROGRAMS[function], *PROGRAMS[function]]:
            np.testing.assert_allclose(compiled(*args), gradient(*args), rtol=1e-9, atol=1e-9)
        assert len(compiled.signatures) > 1


# --- the text ---------------------------------------------------------------------------------------------------------


def test_the_text_reads_as_a_person_would_write_it():
    compiled = tg.compile(clipped)
    compiled(np.array([3.0, 4.0]))
    line = clipped.__code__.co_firstlineno + 2
    text = [
        f"    # forward · if norm > 1:                                      (branching.py:{line})",
        "    if not norm > 1:",
        f'        raise Left(0, False, "branching.py:{line}")',
    ]
    assert "\n".join(text) in compiled.source
    compiled(np.array([0.3, 0.4]))
    assert f'    if norm > 1:\n        raise Left(0, True, "branching.py:{line}")' in compiled.source


def test_an_index_is_compared_as_a_whole_number():
    compiled = tg.compile(lambda x: [1.0, 2.0, 3.0][np.argmax(x)] * x)
    compiled(np.array([1.0, 5.0, 2.0]))
    assert "!= 1:\n        raise Left(0, int(" in compiled.source


def test_a_value_is_checked_once_and_a_constant_never():
    @tg.compile
    def twice(x):
        large, known = np.sum(x) > 1, tg.Tensor(2.0) > 1
        if large and known:
            x = x * 2
        return x if large else -x

    same(twice(np.ones(2)), np.full(2, 2.0))
    assert twice.source.count("raise Left") == 1
    same(twice(np.zeros(2)), -np.zeros(2))


def test_the_profile_of_a_program_that_branches():
    compiled = tg.compile(early)
    assert compiled.profile(np.array([1.0, 2.0])).seconds > 0
    assert "Left" not in compiled.draw().source


# --- with the rest of tinygraph ---------------------------------------------------------------------------------------


def test_nan_and_infinity_have_programs_of_their_own():
    f = tg.compile(tg.grad(lambda w, x: np.sum((x @ w)[[0, 2]]) if np.sum(w) > 1 else np.sum(x @ w * 2)))
    eager = tg.grad(lambda w, x: np.sum((x @ w)[[0, 2]]) if np.sum(w) > 1 else np.sum(x @ w * 2))
    x = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    bad = x.copy()
    bad[1] = np.nan
    for _ in range(2):
        for w in (np.ones(2), np.zeros(2), np.array([np.nan, 1.0])):
            for item in (x, bad):
                np.testing.assert_array_equal(f(w, item), eager(w, item))


def test_inside_another_compiled_function_and_under_detect_nonfinite():
    inner = tg.compile(clipped)
    outer = tg.compile(lambda x: inner(x) * 2 if x[0] > 0 else inner(x))
    for x in ([3.0, 4.0], [0.1, 0.2], [-3.0, 4.0], [-0.1, 0.2]):
        x = np.array(x)
        same(outer(x), clipped(x) * (2 if x[0] > 0 else 1))
        with tg.detect_nonfinite():
            same(outer(x), clipped(x) * (2 if x[0] > 0 else 1))
    assert len(outer.signatures) == 4 and len(inner.signatures) == 0


def test_a_primitive_takes_part_in_decisions():
    @tg.primitive
    def doubled(x):
        return x * 2 if x[0] > 0 else x * -2

    doubled.derivative(lambda g, z, x: g * 2)

    @tg.compile
    def f(x):
        y = doubled(x)
        return y if np.sum(y) > 4 else -y

    for x in ([1.0, 2.0], [-1.0, 9.0], [0.1, 0.2]):
        y = np.array(x) * (2 if x[0] > 0 else -2)
        same(f(np.array(x)), y if np.sum(y) > 4 else -y)


def test_a_checkpoint_branches_once():
    def stepped(x):
        return np.where(x > 0, x, 0) * 2 if np.sum(x) > 1 else np.sin(x)

    gradient = tg.grad(lambda x: np.sum(tg.checkpoint(stepped)(x) ** 2))
    compiled = tg.compile(gradient)
    for x in (np.ones(3), np.zeros(3), np.full(3, 0.1), np.ones(3)):
        np.testing.assert_allclose(compiled(x), gradient(x))
    assert len(compiled.signatures) == 2
    assert compiled.source.count("raise Left") == 1


def test_a_rule_of_a_primitive_may_branch():
    @tg.primitive
    def cubed(x):
        return x**3

    def rule(g, z, x):
        return g * 3 * x**2 if np.sum(x) > 0 else g * 0

    cubed.derivative(rule)
    gradient = tg.grad(lambda x: np.sum(cubed(x)))
    compiled = tg.compile(gradient)
    for x in (np.ones(2), -np.ones(2), np.ones(2)):
        same(compiled(x), gradient(x))


class Trainer:
    def __init__(self):
        self.w = tg.Tensor(np.array([2.0, -1.0]), name="w")
        self.best = tg.Tensor(np.inf, requires_grad=False)
        self.worse = tg.Tensor(0.0, requires_grad=False)

    @tg.compile
    def step(self, x, rate):
        for _ in range(8):
            loss = np.mean((x @ self.w) ** 2)
            self.w.grad = None
            loss.backward()
            if np.linalg.norm(self.w.grad) < 1e-3:
                break
            with tg.no_grad():
                self.w -= rate * self.w.grad
        if loss < self.best:
            self.best.assign(loss.data)
        else:
            self.worse.assign(self.worse + 1)
        self.w.grad = None
        if self.worse > 3:
            raise ValueError("no progress")
        return loss


def test_a_method_that_trains_until_it_stops():
    rng = np.random.default_rng(2)
    one, other = Trainer(), Trainer()
    for _ in range(25):
        x, rate = rng.normal(size=(4, 2)), rng.uniform(0, 0.5)
        try:
            expected = Trainer.step.__wrapped__(other, x, rate).data
        except ValueError:
            # An eager call has changed what it had come to. A compiled one changes nothing.
            before = one.w.data.copy()
            with pytest.raises(ValueError, match="no progress"):
                one.step(x, rate)
            same(one.w.data, before)
            break
        same(one.step(x, rate), expected)
        same(one.w.data, other.w.data)
        same(one.best.data, other.best.data)
        same(one.worse.data, other.worse.data)
    else:
        pytest.fail("it makes progress for ever")


# --- questions that NumPy refuses, and ours ---------------------------------------------------------------------------


def test_the_truth_of_several_elements_is_numpys_error():
    compiled = tg.compile(lambda x: x if x > 0 else -x)
    with pytest.raises(ValueError, match="truth value of an array with more than one element is ambiguous"):
        compiled(np.ones(2))
    same(compiled(np.ones(1)), np.ones(1))
    same(compiled(-np.ones((1, 1))), np.ones((1, 1)))
    with pytest.raises(TypeError, match="integer"):
        tg.compile(lambda x: [1, 2, 3][x])(np.float64(1.0))


def test_a_path_that_changes_from_run_to_run_is_refused():
    generator = np.random.default_rng(0)

    def changing(x):
        return x if np.sum(x) > generator.random() else -x

    with pytest.raises(tg.UnsupportedError):
        tg.compile(changing)(np.full(2, 0.25))
