"""Programs that branch: each path is a program, and a call that leaves a path has changed nothing."""

from __future__ import annotations

import importlib.util
import operator
import sys
import warnings

import numpy as np
import pytest

import tinygraph as tg
from tests.compiler.programs import compiled_by, in_threads
from tinygraph import draws
from tinygraph.compiler import pipeline
from tinygraph.compiler.program.decisions import Left
from tinygraph.compiler.program.interpreter import Interpreter
from tinygraph.compiler.run.paths import MOST, STRAYED

RNG = np.random.default_rng(7)


def same(one, other):
    """Assert that two results are the same nest of the same kinds, to rounding."""
    assert type(one) is type(other) or np.ndim(one) == np.ndim(other) == 0, (one, other)
    if isinstance(one, list | tuple):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            same(a, b)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key, item in one.items():
            same(item, other[key])
    elif isinstance(one, str):
        assert one == other
    else:
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12, strict=True)


# --- programs, each with arguments that lead along several paths ------------------------------------------------------


def bisection(low, high):
    def f(x):
        return x**3 - 2 * x - 5

    while high - low > 1e-3:
        middle = (low + high) / 2
        if f(middle) > 0:
            high = middle
        else:
            low = middle
    return (low + high) / 2


def newton(a, x):
    error = np.abs(x * x - a)
    while np.max(error) > 1e-9:
        x = (x + a / x) / 2
        error = np.abs(x * x - a)
    return x


def line_search(x, direction):
    def f(x):
        return np.sum(x**4 - 3 * x**2 + x)

    step = 1.0
    while f(x + step * direction) > f(x):
        step = step / 2
    return x + step * direction, step


def clipped(x):
    norm = np.sqrt(np.sum(x * x))
    if norm > 1:
        x = x / norm
    return x


def early(x):
    if np.all(x > 0):
        return np.log(x)
    if np.any(np.isnan(x)):
        return np.zeros_like(x), "nan"
    return {"negative": np.minimum(x, 0)}


def network(x):
    a, b, c, d = x
    if a > b:
        a, b = b, a
    if c > d:
        c, d = d, c
    if a > c:
        a, c = c, a
    if b > d:
        b, d = d, b
    if b > c:
        b, c = c, b
    return np.stack([a, b, c, d])


def pivoting(a):
    for column in range(2):
        pivot = column + np.argmax(np.abs(a[column:, column]))
        order = list(range(3))
        order[column], order[pivot] = order[pivot], column
        a = a[order]
        factor = a[column + 1 :, column] / a[column, column]
        a = np.concatenate([a[: column + 1], a[column + 1 :] - factor[:, None] * a[column]])
    return a


def python_functions(x):
    a, b, c = x
    largest, smallest = max(a, b, c), min(a, b, c)
    between = sorted([a, b, c])[1]
    inside = between in [1.0, 2.0]
    return (largest, between, smallest) if inside or not largest > 3 else largest - smallest


def logic(a, b):
    if a > 0 and b > 0:
        return a * b
    if a > 0 or b > 0:
        return a + b
    return 0.0 if not a else a - b


def counts(x):
    total = x[0]
    for i in range(np.sum(x > 0)):
        total = total + x[i] * (i + 1)
    return total, x[: np.argmax(x)], [10.0, 20.0, 30.0, 40.0][np.argmin(x)]


def chained(x):
    return x if 0 < np.sum(x) < 5 else -x


def asserted(x):
    assert np.sum(x) < 10, "too large"
    return 2 * x


def numbers(a, b):
    while a > b:
        a = a / 2
    return a * a + b if a != b else np.sqrt(a)


def vectors(count):
    return [(RNG.normal(size=4) * scale,) for scale in np.linspace(0.1, 3, count)]


PROGRAMS = {
    bisection: [(1.0, 3.0), (2.0, 2.5), (1.5, 3.5), (0.0, 4.0), (2.0, 2.5)],
    newton: [(np.array([2.0, 9.0]), np.ones(2)), (np.array([2.0, 2e4]), np.ones(2)), (np.ones(2), np.ones(2))],
    line_search: [(np.array([a, 0.5]), np.array([b, -1.0])) for a, b in [(1.0, 3.0), (2.0, -9.0), (0.1, 0.1)]],
    clipped: [(np.array([0.1, 0.2]),), (np.array([3.0, 4.0]),), (np.array([np.nan, 1.0]),)],
    early: [(np.array([1.0, 2.0]),), (np.array([1.0, np.nan]),), (np.array([1.0, -2.0]),), (np.array([1.0, 3.0]),)],
    network: vectors(12),
    pivoting: [(RNG.normal(size=(3, 3)),) for _ in range(8)],
    python_functions: [(np.array(x),) for x in ([1.0, 2.0, 3.0], [9.0, 1.0, 2.0], [4.0, 8.0, 6.0], [2.0, 1.0, 5.0])],
    logic: [(1.0, 2.0), (-1.0, 2.0), (1.0, -2.0), (-1.0, -2.0), (0.0, -1.0), (1.0, 2.0)],
    counts: vectors(8),
    chained: [(np.array([1.0, 2.0]),), (np.array([3.0, 4.0]),), (np.array([-1.0, 0.0]),)],
    numbers: [(8.0, 1.0), (9.0, 1.0), (0.0, 1.0), (np.float64(5.0), np.float64(2.0))],
}  # fmt: skip
CASES = sorted(PROGRAMS, key=lambda function: function.__name__)


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
        f"    # forward · if norm > 1:                                      (test_branches.py:{line})",
        "    if not norm > 1:",
        f'        raise Left(0, False, "test_branches.py:{line}")',
    ]
    assert "\n".join(text) in compiled.source
    compiled(np.array([0.3, 0.4]))
    assert f'    if norm > 1:\n        raise Left(0, True, "test_branches.py:{line}")' in compiled.source


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
    assert "Left" not in str(compiled.draw().svg) or compiled.draw()


# --- what is left unchanged -------------------------------------------------------------------------------------------


def state_and_step(compile_it):
    w = tg.Tensor(np.array([1.0, -2.0, 3.0]), name="w")
    moment = tg.Tensor(np.zeros(3), requires_grad=False, name="moment")
    count = tg.Tensor(0.0, requires_grad=False, name="count")
    generator = np.random.default_rng(3)
    legacy = np.random.RandomState(5)

    def step(x, bound):
        noise = draws.normal(generator, (3,)) + draws.normal(legacy, (3,)) * 0.1
        loss = np.sum((w * x + noise) ** 2)
        loss.backward()
        moment.assign(0.9 * moment.data + w.grad)
        w.assign(w.data - 0.01 * moment.data)
        count.assign(count.data + 1)
        if loss > bound:
            w.assign(w.data * 0.5)
            noise = noise + draws.uniform(generator, (3,))
        w.grad = None
        if np.max(moment.data) > 2:
            moment.assign(moment.data * 0)
        return loss, noise

    return w, moment, count, generator, legacy, tg.compile(step) if compile_it else step


def test_updates_and_draws_wait_for_the_last_decision():
    *eager, step = state_and_step(False)
    *compiled, quick = state_and_step(True)
    rng = np.random.default_rng(1)
    for _ in range(40):
        x, bound = rng.normal(size=3), rng.choice([0.5, 5.0, 50.0])
        expected = step(x, bound)
        same(quick(x, bound), (expected[0].data, expected[1]))
        for one, other in zip(compiled[:3], eager[:3], strict=True):
            same(one.data, other.data)
            assert one.grad is None and other.grad is None
        assert compiled[3].bit_generator.state == eager[3].bit_generator.state
        same(compiled[4].get_state()[1], eager[4].get_state()[1])
        assert compiled[4].get_state()[2:] == eager[4].get_state()[2:]
    assert 3 <= len(quick.signatures) <= 4


def writing(x, y, w):
    x += 1
    y[1:] = y[1:] * x[0]
    w[0] += np.sum(y)
    if np.sum(y) > 10:
        x[1] = 7.0
    assert y[0] < 5, "too large"
    if np.max(w) > 20:
        w[:] = w * 0.5
    return x * y


@pytest.mark.parametrize("of", [np.array, lambda x: tg.Tensor(x, requires_grad=False)], ids=["arrays", "a Tensor"])
def test_writes_into_arguments_wait_for_the_last_decision(of):
    compiled = tg.compile(writing)
    w, twin = of(np.zeros(2)), of(np.zeros(2))
    rng = np.random.default_rng(4)
    for _ in range(30):
        x, y = rng.uniform(0, 3, size=2), rng.uniform(0, 7, size=2)
        one, other = (x.copy(), y.copy()), (x.copy(), y.copy())
        if y[0] >= 5:
            with pytest.raises(AssertionError):
                compiled(*one, w)
            same(one, (x, y))
            continue
        got, wanted = compiled(*one, w), writing(*other, twin)
        same(got, np.asarray(wanted))
        same(one, other)
        same(np.asarray(w), np.asarray(twin))
    assert len(compiled.signatures) >= 3


def test_a_failed_assertion_raises_and_changes_nothing():
    w = tg.Tensor(np.ones(2))

    @tg.compile
    def step(x):
        w.assign(w.data + x)
        assert np.sum(w.data) < 10, "too large"
        return w.data

    same(step(np.ones(2)), np.full(2, 2.0))
    for _ in range(2):
        with pytest.raises(AssertionError, match="too large"):
            step(np.full(2, 50.0))
        same(w.data, np.full(2, 2.0))
    same(step(np.ones(2)), np.full(2, 3.0))


def test_what_comes_after_a_decision_is_not_computed_before_it():
    @tg.compile
    def safe(x):
        y = x * 2
        if np.min(x) > 0:
            y = y + np.log(x)
        return y

    x = np.linspace(1, 2, 100_000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for item in (x, -x, x, -x):
            same(safe(item), item * 2 + (np.log(item) if item[0] > 0 else 0))


def test_checks_of_values_belong_to_their_path():
    @tg.compile
    def loss(logits, labels):
        if np.max(labels) > 2:
            return np.sum(logits)
        return tg.cross_entropy(logits, labels, from_logits=True)

    x = np.zeros((2, 3))
    for _ in range(2):
        same(loss(x, np.array([0, 2])), np.log(3))
        same(loss(x, np.array([0, 7])), 0.0)


# --- how paths are found, and when there are too many -----------------------------------------------------------------


def test_a_call_on_its_path_costs_no_python_call_more():
    def count(function, *args):
        calls = 0

        def look(frame, event, called):
            nonlocal calls
            calls += event == "call"

        function(*args), function(*args)
        sys.setprofile(look)
        try:
            function(*args)
        finally:
            sys.setprofile(None)
        return calls

    x = np.ones(3)
    assert count(tg.compile(clipped), x) == count(tg.compile(lambda x: x / np.sqrt(np.sum(x * x))), x)


def countdown(x):
    for _ in range(200):  # its end is no decision, so that each number of steps is a path
        if x <= 0.5:
            break
        x = x - 1
    return np.stack([x, 2 * x])


def test_beyond_the_most_paths_a_signature_runs_eagerly_with_one_warning():
    compiled = tg.compile(countdown)
    for n in range(MOST):
        same(compiled(float(n)), countdown(float(n)))
    assert len(compiled.signatures) == MOST
    line = countdown.__code__.co_firstlineno + 2
    said = rf"countdown runs eagerly.*more than {MOST} paths.*most part at test_branches.py:{line}\..*while loop counts"
    with pytest.warns(RuntimeWarning, match=said) as caught:
        same(compiled(100.0), countdown(100.0))
    assert len(caught) == 1 and caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for n in (3.0, 50.0, 100.0, 4.5):
            same(compiled(n), countdown(n))
        same(compiled(np.float32(3)), countdown(np.float32(3)))
    assert len(compiled.signatures) == 1, "another signature has its own paths"
    compiled.clear()
    same(compiled(3.0), countdown(3.0))
    assert "raise Left" in compiled.source


def test_an_eager_signature_updates_and_returns_what_a_program_would():
    w = tg.Tensor(np.ones(2), name="w")

    @tg.compile
    def step(x):
        loss = np.sum(w * w)
        loss.backward()
        index = [*range(100)][np.argmax(x)]
        w.assign(w.data - 0.001 * w.grad)
        w.grad = None
        return loss, {"w": w, "index": index, "of x": x[:1]}

    expected = np.ones(2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for n in range(MOST + 3):
            x = np.eye(MOST + 3)[n]
            loss, rest = step(x)
            same(loss, np.sum(expected**2))
            expected = expected - 0.002 * expected
            same(w.data, expected)
            assert type(loss) is np.float64 and type(rest["w"]) is np.ndarray
            rest["w"][:] = 7.0
            rest["of x"][:] = 7.0
            assert x[0] != 7.0
    assert step.signatures == ()
    with pytest.raises(tg.UnsupportedError, match="runs eagerly"):
        step.profile(np.zeros(MOST + 3))


@pytest.mark.parametrize("sizes", [[2], range(2, 7)], ids=["one size", "several sizes"])
def test_the_paths_of_a_signature_count_as_one_program(sizes):
    compiled = tg.compile(clipped, maxsize=len({*sizes}) + 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(3):
            for size in sizes:
                for scale in (0.01, 3.0):
                    same(compiled(np.full(size, scale)), clipped(np.full(size, scale)))


def test_counters_and_open_axes_have_paths():
    def stepped(x, epoch):
        y = x * epoch
        return y / 2 if np.sum(y) > 10 else y

    compiled = tg.compile(stepped)
    for epoch in [*range(8), *range(8)]:
        for scale in (1.0, -1.0, 0.1):
            same(compiled(np.full(3, scale), epoch), stepped(np.full(3, scale), epoch))
    assert len(compiled.signatures) <= 4
    compiled = tg.compile(stepped)
    for size in [*range(2, 12), *range(2, 12)]:
        for scale in (1.0, 9.0):
            same(compiled(np.full(size, scale), 1), stepped(np.full(size, scale), 1))
    assert len(compiled.signatures) <= 6


def test_programs_for_other_surroundings_are_no_paths():
    settings = {"scale": 1.0}

    @tg.compile(maxsize=4)
    def scaled(x):
        return x * settings["scale"] if np.sum(x) > 0 else -x

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for n in range(60):
            settings["scale"] = float(n)
            for sign in (1.0, -1.0):
                same(scaled(sign * np.ones(2)), np.ones(2) * n if sign > 0 else np.ones(2))
    assert len(scaled.signatures) <= 4 * MOST


def test_a_comparison_that_rounding_decides_is_answered_as_eagerly():
    @tg.compile
    def knife(x, w):
        return x @ w if np.sum(x * w) == x @ w else np.zeros(())

    def eager(x, w):
        return x @ w if np.sum(x * w) == x @ w else np.zeros(())

    rng = np.random.default_rng(0)
    for _ in range(20):
        x, w = rng.normal(size=37), rng.normal(size=37)
        assert float(knife(x, w)) in (float(eager(x, w)), 0.0) or np.isclose(knife(x, w), x @ w)


def test_threads_on_several_paths():
    compiled = tg.compile(newton)
    failures = []

    def work(seed):
        rng = np.random.default_rng(seed)
        for _ in range(30):
            a = rng.uniform(0.1, 1000, size=2)
            try:
                same(compiled(a, np.ones(2)), newton(a, np.ones(2)))
            except BaseException as error:
                failures.append(error)

    in_threads(work, 3)
    assert not failures


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


def test_a_refusal_of_int_and_arange_names_the_way_that_works():
    for refused, name in ((lambda x: x[int(np.argmax(x))], "int"), (lambda x: np.arange(np.argmax(x)), "arange")):
        with pytest.raises(tg.UnsupportedError, match=rf"{name}.*operator\.index\("):
            tg.compile(refused)(np.array([1.0, 2.0]))
    compiled = tg.compile(lambda x: np.arange(operator.index(np.argmax(x))) * 1.0)
    for x in ([1.0, 2.0], [2.0, 1.0]):
        same(compiled(np.array(x)), np.arange(np.argmax(x)) * 1.0)


COUNTING = {
    "repeat": lambda x, n: np.repeat(x, n), "tile": lambda x, n: np.tile(x, n), "roll": lambda x, n: np.roll(x, n),
    "split": lambda x, n: np.split(x, [n]), "delete": lambda x, n: np.delete(x, n), "pad": lambda x, n: np.pad(x, n),
    "linspace": lambda x, n: np.linspace(0, 1, n), "eye": lambda x, n: np.eye(n), "a text": lambda x, n: "abcd"[n - 1],
    "power": lambda x, n: np.linalg.matrix_power(np.outer(x, x), n), "ones": lambda x, n: np.ones((n, 2)),
    "slices": lambda x, n: (x[n:], x[:n], x[::n]), "range": lambda x, n: [i * x for i in range(n)],
}  # fmt: skip


@pytest.mark.parametrize("name", COUNTING)
def test_computed_counts(name):
    def counting(x):
        return COUNTING[name](x, np.sum(x > 0))

    compiled = tg.compile(counting)
    for x in ([1.0, 2.0, -1.0, -3.0], [1.0, 2.0, 3.0, -3.0], [1.0, -2.0, 3.0, -3.0], [0.5, -2.0, -3.0, -3.0]):
        same(compiled(np.array(x)), counting(np.array(x)))


def test_sizes_and_axes_are_decisions():
    def sized(x, n):
        k = np.argmax(n)
        return (
            np.zeros(k),
            x.reshape(-1, k + 1),
            np.sum(x, axis=k - k),
            [x] * range(3)[k],
            np.broadcast_to(x[0], (k, 4)),
        )

    compiled = tg.compile(sized)
    x = RNG.normal(size=(6, 4))
    for n in np.eye(4)[[1, 2, 1, 0]]:
        same(compiled(x, n), sized(x, n))


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


# --- saved files ------------------------------------------------------------------------------------------------------


def loaded(path):
    specification = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize("function", CASES, ids=lambda function: function.__name__)
def test_a_file_with_all_paths_chooses_among_them(function, tmp_path):
    compiled = tg.compile(function)
    for args in PROGRAMS[function]:
        compiled(*args)
    compiled.save(tmp_path / "saved.py")
    saved = getattr(loaded(tmp_path / "saved.py"), function.__name__)
    assert "import tinygraph" not in (tmp_path / "saved.py").read_text()
    for args in [*PROGRAMS[function], *PROGRAMS[function]]:
        same(saved(*args), function(*args))


def test_a_file_with_one_path_refuses_the_others_by_line(tmp_path):
    tg.compile(clipped).save(tmp_path / "saved.py", np.array([3.0, 4.0]))
    module = loaded(tmp_path / "saved.py")
    same(module.clipped(np.array([3.0, 4.0])), np.array([0.6, 0.8]))
    line = clipped.__code__.co_firstlineno + 2
    with pytest.raises(ValueError, match=rf"no program for a call that comes to False at test_branches.py:{line}\."):
        module.clipped(np.array([0.3, 0.4]))
    same(module.clipped(np.array([3.0, 4.0])), np.array([0.6, 0.8]))


def test_save_and_profile_follow_the_path_of_their_arguments_and_update_nothing(tmp_path):
    w, *_, generator, _, step = state_and_step(True)
    before = w.data.copy(), generator.bit_generator.state
    step.profile(np.ones(3), 0.5)
    step.save(tmp_path / "low.py", np.ones(3), 0.5)
    step.save(tmp_path / "high.py", np.ones(3), 1e6)
    same(w.data, before[0])
    assert generator.bit_generator.state == before[1]
    assert "loss > bound" in (tmp_path / "low.py").read_text()


def test_a_saved_step_updates_nothing_on_a_path_that_it_leaves(tmp_path):
    w, moment, count, generator, legacy, step = state_and_step(True)
    bounds = [0.5, 5.0, 50.0, 1e9, 0.5]
    for bound in bounds:
        step(np.ones(3), bound)
    step.save(tmp_path / "saved.py")
    module = loaded(tmp_path / "saved.py")
    for own in ("generator_0", "generator_1"):
        getattr(module, own).bit_generator.state = np.random.default_rng(9).bit_generator.state
    twins = np.random.default_rng(9), np.random.default_rng(9)
    ran = 0
    for bound in [*bounds, *bounds]:
        states = [twin.bit_generator.state for twin in twins]
        drawn = twins[0].standard_normal(3) + twins[1].standard_normal(3) * 0.1
        w, total = module.w.copy(), module.count.copy()
        try:
            loss, noise = module.step(np.ones(3), bound)
        except ValueError:
            same(module.w, w)
            for twin, before in zip(twins, states, strict=True):
                twin.bit_generator.state = before
        else:
            same(loss, np.sum((w + drawn) ** 2))
            if loss > bound:
                drawn = drawn + twins[0].random(3)
            same(noise, drawn)
            assert module.count == total + 1
            ran += 1
        assert module.generator_0.bit_generator.state == twins[0].bit_generator.state
        assert module.generator_1.bit_generator.state == twins[1].bit_generator.state
    assert ran > len(bounds)


def test_paths_with_parameters_as_arguments_return_the_same_kind(tmp_path):
    w = tg.Tensor(np.ones(2), name="w")

    @tg.compile
    def step(x):
        if np.sum(x * w.data) > 1:
            w.assign(w.data + x)
        return x * 2

    step(np.ones(2))
    step(-np.ones(2))
    step.save(tmp_path / "saved.py", parameters="arguments")
    saved = loaded(tmp_path / "saved.py").step
    for sign in (1.0, -1.0, 1.0):
        result, new = saved(sign * np.ones(2), np.full(2, 2.0))
        same(result, np.full(2, 2.0 * sign))
        same(new, {"w": np.full(2, 3.0 if sign > 0 else 2.0)})


# --- otherwise="eager" ------------------------------------------------------------------------------------------------


def test_what_cannot_be_compiled_runs_eagerly_when_asked(capsys):
    history = []
    w = tg.Tensor(np.ones(2), name="w")

    @tg.compile(otherwise="eager")
    def step(x):
        loss = np.sum((w * x) ** 2)
        loss.backward()
        w.assign(w.data - 0.1 * w.grad)
        w.grad = None
        history.append(loss.item())
        print(f"loss {float(loss):.1f}")
        return loss

    line = step.__wrapped__.__code__.co_firstlineno + 6
    with pytest.warns(RuntimeWarning, match=rf"runs eagerly: .*item\(\).*test_branches.py:{line}") as caught:
        assert step(np.ones(2)) == 2.0
    assert len(caught) == 1
    assert history == [2.0] and capsys.readouterr().out == "loss 2.0\n"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(step(np.ones(2)), 2 * 0.8**2)
    assert len(history) == 2 and type(history[1]) is float
    np.testing.assert_allclose(w.data, 0.64)
    assert tg.compile(lambda x: x * float(np.sum(x)), otherwise="eager").signatures == ()


def test_a_recording_that_failed_has_changed_nothing_before_the_eager_call():
    class Counter:
        count = 0
        seen: dict[str, float] = {}

    counter, generator = Counter(), np.random.default_rng(0)
    w = tg.Tensor(np.zeros(2))

    @tg.compile(otherwise="eager")
    def step(x):
        counter.count += 1
        counter.seen[f"call {counter.count}"] = generator.random()
        w.assign(w.data + x)
        w.grad = np.ones(2) if w.grad is None else w.grad + 1
        return float(np.sum(w.data))

    twin = np.random.default_rng(0)
    with pytest.warns(RuntimeWarning, match="runs eagerly"):
        assert step(np.ones(2)) == 2.0
    assert step(np.ones(2)) == 4.0
    assert counter.count == 2 and counter.seen == {"call 1": twin.random(), "call 2": twin.random()}
    same(w.data, np.full(2, 2.0))
    same(w.grad, np.full(2, 2.0))


def test_a_path_that_cannot_be_compiled_runs_eagerly_when_asked():
    def f(x):
        return x * float(np.sum(x)) if np.sum(x) > 1 else x * 2

    compiled = tg.compile(f, otherwise="eager")
    same(compiled(np.zeros(2)), np.zeros(2))
    assert len(compiled.signatures) == 1
    with pytest.warns(RuntimeWarning, match=r"f runs eagerly: float\(\) asks"):
        same(compiled(np.ones(2)), np.full(2, 2.0))
    same(compiled(np.zeros(2)), np.zeros(2))
    strict = tg.compile(f)
    same(strict(np.zeros(2)), np.zeros(2))
    with pytest.raises(tg.UnsupportedError, match=r"float\(\) asks"):
        strict(np.ones(2))
    same(strict(np.zeros(2)), np.zeros(2))


def test_an_eager_call_loses_no_gradient():
    compiled = tg.compile(lambda x: np.sum(x * x.data.item(0)), otherwise="eager")
    with pytest.warns(RuntimeWarning, match="runs eagerly"):
        same(tg.grad(lambda x: compiled(x))(np.ones(3)), np.ones(3))


def test_otherwise_is_raise_or_eager():
    with pytest.raises(ValueError, match='otherwise must be "raise" or "eager", got \'jit\''):
        tg.compile(clipped, otherwise="jit")
    with pytest.raises(tg.UnsupportedError):
        tg.compile(lambda x: float(np.sum(x)), otherwise="raise")(np.ones(2))


def test_left_is_what_it_says():
    left = Left(3, False, "solve.py:12")
    assert (left.number, left.outcome, left.line) == (3, False, "solve.py:12")


def test_a_decision_that_rounding_takes_is_the_eager_one_and_costs_few_recordings():
    x = np.random.default_rng(0).normal(size=100)
    assert np.any(x**3 != x * x * x)

    def split(x):
        return x if np.any(x**3 != x * x * x) else -x

    compiled = tg.compile(split)
    for _ in range(STRAYED):
        same(compiled(x), x)
    with pytest.warns(RuntimeWarning, match=r"split runs eagerly.*near that rounding decided it"):
        same(compiled(x), x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        same(compiled(x), x)


# Python's bools count, and NumPy's do not: `True + True` is 2.
BOOLS = {
    "an index": lambda x, s: [x, x * 2][s > 1],
    "an index of both": lambda x, s: (x, x * 2)[(s > 1) & (s > 2)],
    "of text": lambda x, s: x * (2 if "ab"[s > 1] == "a" else 3),
    "a key": lambda x, s: {True: x, False: x * 2}[s > 1],
    "an end": lambda x, s: x[(s > 1) :],
    "an axis": lambda x, s: x[s > 1],
    "a sum": lambda x, s: x * ((s > 1) + (s > 2)),
    "a sum of many": lambda x, s: x * sum(s > i for i in range(4)),
    "a difference": lambda x, s: x * ((s > 1) - (s > 2)),
    "negative": lambda x, s: x * -(s > 1),
    "inverted": lambda x, s: x * ~(s > 1),
    "a power": lambda x, s: x * (s > 1) ** 2,
    "bits": lambda x, s: x * ((s > 1) | 2),
    "shifted": lambda x, s: x * ((s > 1) << 2),
    "abs": lambda x, s: x * abs(s > 1),
    "times a number": lambda x, s: x * (s * (s > 1)),
    "times True": lambda x, s: x * (s * True),
    "times an array": lambda x, s: x * (s > 1),
    "times integers": lambda x, s: np.arange(3, dtype=np.uint8) * (s > 1),
    "int()": lambda x, s: x * int(s > 1),
    "float()": lambda x, s: x * float(s > 1),
    "a count": lambda x, s: len([1] * (s > 1)) * x,
    "its class": lambda x, s: x * (2 if isinstance(s > 1, bool) else 3),
    "int() of NumPy's": lambda x, s: x * int((x > s).any()),
    "a key of NumPy's": lambda x, s: {True: x, False: x * 2}[(x > s).any()],
    "complex": lambda x, s: x * (s * 1j),
    "a part": lambda x, s: x * (s * 1j).imag,
    "no part": lambda x, s: x + s.imag,
    "the size of a complex number": lambda x, s: x * abs(s + 1j),
    "conjugate": lambda x, s: x * (s + 1j).conjugate(),
}


@pytest.mark.parametrize("what", BOOLS)
def test_comparisons_of_numbers_are_bools_of_pythons(what):
    f, compiled = BOOLS[what], tg.compile(BOOLS[what])
    x = np.array([1.0, 2.0], np.float32)
    for s in (0.5, 1.5, 2.5, 0.5, 2.5):
        expected, got = f(x, s), compiled(x, s)
        assert got.dtype == expected.dtype
        np.testing.assert_array_equal(got, expected)


def test_what_raises_in_python_raises_in_a_program():
    compiled = tg.compile(lambda x, s: x * (1 // (s > 1)))
    assert np.array_equal(compiled(np.ones(2), 2.0), np.ones(2))
    with pytest.raises(ZeroDivisionError):
        compiled(np.ones(2), 0.5)
    with pytest.raises(TypeError, match="interpreted as an integer"):
        tg.compile(lambda x: [x, x * 2][(x > 1).any()])(np.ones(2))


def test_computed_places_in_a_list_take_elements_of_a_plain_array():
    def permuted(a):
        u, p = a * 1.0, np.arange(3)
        for k in range(3):
            j = k + np.argmax(np.abs(u[k:, k]))
            p[[k, j]] = p[[j, k]]
            u[[k, j]] = u[[j, k]]
            u[k + 1 :] -= (u[k + 1 :, k] / u[k, k])[:, None] * u[k]
        return u * p[[0, np.argmax(a[:, 0])]].sum() + p

    gradient = tg.grad(lambda a: np.sum(permuted(a) ** 2))
    compiled, of_gradient = tg.compile(permuted), tg.compile(gradient)
    a = np.array([[1.0, 2, 3], [4, 5, 7], [7, 8, 1]])
    for order in ([0, 1, 2], [2, 1, 0], [1, 2, 0], [0, 1, 2]):
        np.testing.assert_allclose(compiled(a[order]), permuted(a[order]))
        np.testing.assert_allclose(of_gradient(a[order]), gradient(a[order]))


def test_a_computed_value_is_not_written_into_a_plain_array_at_a_list():
    def counted(x):
        counts = np.zeros(3, int)
        counts[[0, np.argmax(x)]] = np.argmin(x)
        return x * counts

    with pytest.raises(tg.UnsupportedError, match="plain array"):
        tg.compile(counted)(np.arange(3.0))


OF_NUMBERS = {
    "divmod of a number by an array": (lambda x: divmod(7.0, x)[0], np.array(0.39)),
    "divmod of a number by a float of Python's": (lambda s: divmod(2, s), 1.5),
    "the square of one of NumPy's bools": (lambda x: (x > 0) ** 2, np.float64(0.3)),
    "the square of an array of bools": (lambda x: (x > 0) ** 2, np.array([0.3, -1.0])),
    "a float and None": (lambda s: (s == None, s != None, s == "a"), 1.5),  # noqa: E711
}


@pytest.mark.parametrize("case", OF_NUMBERS)
def test_operators_of_numbers_have_the_type_of_an_eager_call(case: str) -> None:
    function, given = OF_NUMBERS[case]
    found, eager = tg.compile(function)(given), function(given)
    for one, other in zip(*[item if isinstance(item, tuple) else (item,) for item in (found, eager)], strict=True):
        assert type(one) is type(other)
        np.testing.assert_array_equal(one, other, strict=True)
