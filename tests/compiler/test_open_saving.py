"""Saving with an open axis: one file for any number of rows, the same as the compiled function at each."""

from __future__ import annotations

import subprocess
import sys
import threading

import numpy as np
import pytest

import tinygraph as tg
from tests.compiler.test_axes import AT_OTHER_SIZES
from tests.compiler.test_axes import FUNCTIONS as FORMS
from tests.loading import loaded
from tinygraph.errors import UnsupportedError

RNG = np.random.default_rng(0)
W, B, V = RNG.normal(size=(6, 8)), RNG.normal(size=8), RNG.normal(size=(8, 3))
ROWS = [0, 1, 2, 3, 4, 5, 6, 7, 11, 12, 31, 64, 100, 255, 256, 257, 258, 1000, 4095, 4096, 4097, 4112, 4113, 20_000]


def layers(x):
    return tg.softmax(np.tanh(x @ W + B) @ V)


def normalised(x):
    centred = x - np.mean(x, axis=1, keepdims=True)
    return centred / np.sqrt(np.var(x, axis=1, keepdims=True) + 1e-5)


def over_rows(x):
    return x - np.mean(x, axis=0)


def nest(x):
    return {"first": x * 2.0, "both": (x[:, 0] + 1.0, [x @ W])}


def windows(x):
    y = np.concatenate([x, x[:, :2]], axis=1)
    return np.stack([y[:, place : place + 6] for place in range(3)], axis=1).reshape(x.shape[0], 18)


def elementwise(x):
    y = x
    for _ in range(6):
        y = np.sin(y) * 1.5 + np.exp(-y * y)
    return np.sum(y, axis=1)


def rows_and_one(x):
    return np.concatenate([x, np.ones((1, 6))])


FUNCTIONS = [elementwise, layers, nest, normalised, over_rows, rows_and_one, windows]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_any_number_of_rows_gives_what_the_function_gives(tmp_path, function):
    tg.compile(function).save(tmp_path / "saved.py", RNG.normal(size=(3, 6)), any_size=True)
    saved = getattr(loaded(tmp_path / "saved.py"), function.__name__)
    for rows in ROWS:
        x = RNG.normal(size=(rows, 6))
        if rows == 0 and function in (over_rows, rows_and_one):
            continue
        agree(saved(x), function(x))


def test_no_rows_of_which_something_is_computed_are_refused(tmp_path):
    tg.compile(rows_and_one).save(tmp_path / "saved.py", RNG.normal(size=(3, 6)), any_size=True)
    with pytest.raises(ValueError, match="no program for"):
        loaded(tmp_path / "saved.py").rows_and_one(np.zeros((0, 6)))


@pytest.mark.parametrize("place", [300, 700])
def test_a_shape_that_is_another_one_for_many_rows_is_right_or_refused(tmp_path, place):
    def cut(x):
        return x[:place] * 2.0

    try:
        tg.compile(cut).save(tmp_path / "saved.py", np.ones((8, 4)), any_size=True)
    except UnsupportedError:
        return
    for rows in (place - 1, place, place + 1, 5 * place):
        x = RNG.normal(size=(rows, 4))
        agree(loaded(tmp_path / "saved.py").cut(x), cut(x))


def agree(found, wanted):
    assert type(found) is type(wanted) or not isinstance(wanted, dict | list | tuple)
    if isinstance(wanted, dict):
        assert found.keys() == wanted.keys()
        for key in wanted:
            agree(found[key], wanted[key])
    elif isinstance(wanted, list | tuple):
        for one, other in zip(found, wanted, strict=True):
            agree(one, other)
    else:
        assert (np.shape(found), np.asarray(found).dtype) == (np.shape(wanted), np.asarray(wanted).dtype)
        np.testing.assert_allclose(found, np.asarray(wanted), rtol=1e-12, atol=1e-14)


def test_a_file_says_which_sizes_it_has_and_refuses_other_shapes(tmp_path):
    tg.compile(layers).save(tmp_path / "saved.py", np.zeros((4, 6)), any_size=True)
    saved = loaded(tmp_path / "saved.py")
    assert "x: float64(n, 6) for any n" in saved.__doc__
    for x in (np.zeros((4, 5)), np.zeros((4, 6), "float32"), np.zeros(6), np.zeros((2, 4, 6))):
        with pytest.raises(ValueError, match=r"no program for x: .* It has one for x: float64\(n, 6\) for any n"):
            saved.layers(x)


def test_several_batches_have_the_same_number_of_rows(tmp_path):
    def both(x, y, rate=0.5):
        return x @ W + y * rate

    tg.compile(both).save(tmp_path / "saved.py", np.zeros((4, 6)), np.zeros((4, 8)), rate=0.25, any_size=True)
    saved = loaded(tmp_path / "saved.py").both
    for rows in (1, 2, 9, 500):
        x, y = RNG.normal(size=(rows, 6)), RNG.normal(size=(rows, 8))
        np.testing.assert_allclose(saved(x, y, rate=0.1), both(x, y, 0.1))
    with pytest.raises(ValueError, match="no program for"):
        saved(np.zeros((4, 6)), np.zeros((5, 8)), rate=0.5)


def test_the_memory_of_few_sizes_is_kept(tmp_path):
    tg.compile(elementwise).save(tmp_path / "saved.py", np.zeros((4, 6)), any_size=True)
    saved = loaded(tmp_path / "saved.py")
    for rows in range(2, 60):
        saved.elementwise(np.zeros((rows, 6)))
    assert len(saved.MADE) <= 8
    assert len(saved.KNOWN) <= 8


def test_threads_may_call_it_with_many_sizes(tmp_path):
    tg.compile(layers).save(tmp_path / "saved.py", np.zeros((4, 6)), any_size=True)
    saved, wrong = loaded(tmp_path / "saved.py").layers, []

    def work(seed):
        rng = np.random.default_rng(seed)
        for _ in range(150):
            x = rng.normal(size=(int(rng.integers(1, 40)), 6))
            try:
                np.testing.assert_allclose(saved(x), np.asarray(layers(x)), rtol=1e-10)
            except Exception as error:
                wrong.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_function_that_decides_by_the_number_of_rows_is_refused(tmp_path):
    def halves(x):
        return x[: x.shape[0] // 2]

    def large(x):
        return x * 2.0 if len(x) > 100 else x * 3.0

    def values(x):
        return x * 2.0 if np.sum(x) > 0 else x * 3.0

    for function in (halves, large, values):
        with pytest.raises(UnsupportedError, match=r"for any number of rows|asks for the number of rows"):
            tg.compile(function).save(tmp_path / "saved.py", np.ones((4, 6)), any_size=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", sorted({**FORMS, **AT_OTHER_SIZES}))
def test_functions_whose_shapes_depend_on_the_size_are_right_or_refused(tmp_path, name):
    function = {**FORMS, **AT_OTHER_SIZES}[name]
    try:
        tg.compile(function).save(tmp_path / "saved.py", RNG.normal(size=(8, 4)), any_size=True)
    except UnsupportedError:
        assert not list(tmp_path.iterdir())
        return
    saved = next(item for key, item in vars(loaded(tmp_path / "saved.py")).items() if key.startswith("step"))
    for rows in (2, 3, 4, 5, 12, 30, 49, 50, 51, 70, 100, 101, 300, 1100):
        x = np.random.default_rng(rows).normal(size=(rows, 4))
        agree(saved(x), plain(function(x)))


def plain(result):
    """Return a nest of results as arrays."""
    if isinstance(result, list | tuple):
        return type(result)([plain(item) for item in result])
    return result.data if isinstance(result, tg.Tensor) else result


def test_examples_are_needed(tmp_path):
    for examples in ((), (np.zeros((0, 6)),), (np.float64(3.0),)):
        with pytest.raises(ValueError, match="any_size needs examples"):
            tg.compile(layers).save(tmp_path / "saved.py", *examples, any_size=True)
    with pytest.raises(ValueError, match='parameters="beside"'):
        tg.compile(layers).save(tmp_path / "saved.py", np.zeros((2, 6)), any_size=True, parameters="arguments")


def test_a_training_step_of_any_size_goes_on_from_size_to_size(tmp_path):
    def step_of(w):
        def step(x):
            loss = np.mean((x @ w) ** 2)
            loss.backward()
            w.assign(w - 0.1 * w.grad)
            w.grad = None
            return loss

        return step

    tg.compile(step_of(tg.Tensor(W.copy(), name="w"))).save(tmp_path / "saved.py", np.zeros((4, 6)), any_size=True)
    saved, live = loaded(tmp_path / "saved.py").step, step_of(tg.Tensor(W.copy(), name="w"))
    for rows in (4, 9, 1, 300, 4):
        x = np.random.default_rng(rows).normal(size=(rows, 6))
        np.testing.assert_allclose(saved(x), live(x).item(), rtol=1e-10)


def test_it_needs_numpy_alone(tmp_path):
    tg.compile(layers).save(tmp_path / "saved.py", np.zeros((4, 6)), any_size=True)
    text = """
import sys
sys.modules["tinygraph"] = None
import numpy as np, saved
print(saved.layers(np.ones((7, 6))).shape)
"""
    done = subprocess.run([sys.executable, "-c", text], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.strip() == "(7, 3)", done.stderr
