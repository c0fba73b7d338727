"""The paths of a signature: how they are found, and when there are too many."""

from __future__ import annotations

import sys
import warnings

import numpy as np
import pytest

import tinygraph as tg
from tests.compiler.branching import clipped, newton, same
from tests.compiler.programs import in_threads
from tinygraph.compiler.run.paths import MOST_PATHS, STRAYED


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
    for n in range(MOST_PATHS):
        same(compiled(float(n)), countdown(float(n)))
    assert len(compiled.signatures) == MOST_PATHS
    line = countdown.__code__.co_firstlineno + 2
    said = (
        rf"countdown runs eagerly.*more than {MOST_PATHS} paths.*most part at test_paths.py:{line}\..*while loop counts"
    )
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
        for n in range(MOST_PATHS + 3):
            x = np.eye(MOST_PATHS + 3)[n]
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
        step.profile(np.zeros(MOST_PATHS + 3))


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
    assert len(scaled.signatures) <= 4 * MOST_PATHS


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
