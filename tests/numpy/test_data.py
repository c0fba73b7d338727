"""Programs that no Tensor with a gradient takes part in: NumPy's results, at NumPy's pace, until one comes in."""

from __future__ import annotations

import gc
import math
import operator
import os
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg
import tinygraph.numpy as np

CALLS = {
    "operators": lambda np, a, b: (
        a + b,
        a - 1,
        2 * a,
        a / b,
        a**2,
        2.0**a,
        -a,
        +a,
        abs(a),
        a % b,
        a @ b,
        numpy.ones(6) + a,
    ),
    "comparisons": lambda np, a, b: (a < b, a == b, a >= 1, a // b, divmod(a, b)),
    "parts": lambda np, a, b: (a[0], a[-1], a[1:], a[::2], a[None], a[[0, 2]], a[a > 1], a[..., 1], a[numpy.int64(2)]),
    "matrices": lambda np, a, b: (
        a.reshape(2, 3),
        a.reshape(2, 3).T,
        a.reshape(2, 3)[1, 2],
        a.reshape(2, 3)[:, 1],
        np.outer(a, b),
    ),
    "reductions": lambda np, a, b: (
        np.sum(a),
        a.mean(),
        np.var(a),
        a.max(),
        np.linalg.norm(a),
        a.reshape(2, 3).sum(axis=0),
        np.median(a),
    ),
    "ufuncs": lambda np, a, b: (
        np.exp(a),
        np.maximum(a, b),
        np.floor(a),
        np.modf(a),
        np.isnan(a),
        np.hypot(a, b),
        np.sign(a),
    ),
    "methods of ufuncs": lambda np, a, b: (np.add.reduce(a), np.multiply.accumulate(a), np.subtract.outer(a, b)),
    "keywords": lambda np, a, b: (np.add(a, b, dtype=numpy.float32), np.sum(a, keepdims=True), np.round(a, decimals=1)),
    "joined": lambda np, a, b: (
        np.concatenate([a, b]),
        np.stack([a, b], axis=1),
        np.hstack((a, numpy.ones(2))),
        np.tile(a, 2),
    ),
    "chosen": lambda np, a, b: (
        np.where(a > b, a, b),
        np.clip(a, 0.5, 1.5),
        np.select([a > 1], [b], 0.0),
        np.take(a, [1, 1]),
    ),
    "sorted": lambda np, a, b: (np.sort(a), np.argsort(b), np.unique(a), np.unique_all(a), np.searchsorted(a, 1.0)),
    "linalg": lambda np, a, b: (
        np.linalg.svd(np.outer(a, b)),
        np.linalg.solve(np.eye(6) + np.outer(a, a), b),
        np.linalg.qr(np.outer(a, b)),
    ),
    "fft": lambda np, a, b: (np.fft.fft(a), np.fft.irfft(np.fft.rfft(b)), np.fft.fftshift(a)),
    "several views": lambda np, a, b: (
        np.split(a, 2),
        np.broadcast_arrays(a, b),
        np.atleast_1d(a),
        list(a),
        np.unstack(a) if hasattr(np, "unstack") else (),
    ),
    "counted": lambda np, a, b: (np.histogram(a, bins=3), np.count_nonzero(a), np.nonzero(a), np.argmax(b)),
    "text": lambda np, a, b: (str(a), f"{a[0]:.2f}", np.array2string(a), repr(a[1])),
    "numbers": lambda np, a, b: (
        float(a[0]),
        int(b[1]),
        math.sqrt(a[2]),
        round(a[1], 2),
        bool(a[3] > 0),
        "yes" if a[4] else "no",
    ),
    "copies": lambda np, a, b: (
        a.copy(),
        np.copy(b),
        a.astype(numpy.float32),
        a.astype(int),
        a.tolist(),
        np.zeros_like(a),
    ),
    "products": lambda np, a, b: (
        np.dot(a, b),
        np.einsum("i,j->ij", a, b),
        np.cross(a[:3], b[:3]),
        np.kron(a, b),
        np.convolve(a, b),
    ),
}


def both(program, *args):
    """Return what a program makes of arrays, and what it makes of Tensors without a gradient."""
    rng = numpy.random.default_rng(3)
    a, b = rng.normal(size=6) + 2, rng.uniform(0.5, 2, size=6)
    return program(numpy, a, b), program(np, np.array(a), np.array(b))


def check_same(ours, plain):
    """Check values to the bit, dtypes, and that arrays of floats are Tensors and all else NumPy's."""
    if isinstance(plain, tuple | list):
        assert len(ours) == len(plain)
        for one, other in zip(ours, plain, strict=True):
            check_same(one, other)
    elif isinstance(plain, numpy.ndarray):
        assert ours.dtype == plain.dtype and ours.shape == plain.shape
        assert numpy.asarray(ours.data if isinstance(ours, tg.Tensor) else ours).tobytes() == plain.tobytes()
    else:
        assert type(ours) is type(plain)
        assert ours == plain or repr(ours) == repr(plain)


@pytest.mark.parametrize("name", sorted(CALLS))
def test_calls_on_data_have_numpys_results_to_the_bit(name):
    plain, ours = both(CALLS[name])
    check_same(ours, plain)


def test_what_a_call_on_data_makes_can_be_written_into():
    a, t = np.arange(6.0), tg.Tensor(5.0)
    for made in (
        a + 1,
        np.exp(a),
        np.concatenate([a, a]),
        a.copy(),
        a[[0, 1]],
        np.floor(a),
        np.linalg.qr(np.eye(2))[0],
        a.sum(keepdims=True),
    ):
        made[0] = t
        assert made.requires_grad
    assert not a.requires_grad


def test_elements_and_sums_are_numpys_numbers():
    a = np.arange(6.0).reshape(2, 3)
    for number in (a[0, 1], a.sum(), a[0] @ a[1], np.mean(a), a[0].max()):
        assert type(number) is numpy.float64


def views(np, x, t):
    a = np.zeros(6)
    b = a[1:]
    c, d = a.reshape(2, 3), a.reshape(2, 3).T
    first, second = c
    b += 1
    d[0] *= 3
    e = np.broadcast_to(a[:1], (3,))
    np.add(b, 1, out=b)
    np.copyto(first, second)
    np.add.at(a, [0, 0], 2.0)
    b //= 2
    a[2] = t
    b[3:] += x[:2]
    return a * 1, b * 1, c + d.T, first * 2, second - 1, e * 2


def test_views_that_were_taken_before_see_a_tensor_come_in():
    x = numpy.array([1.5, 2.5, 3.5])
    plain = views(numpy, x, 7.0)
    ours = views(np, tg.Tensor(x), tg.Tensor(7.0))
    for one, other in zip(ours, plain, strict=True):
        assert numpy.array_equal(one.data, other)

    def loss(x):
        return sum(np.sum(part * part) for part in views(np, x, x[2]))

    tg.testing.check_grads(loss, x, order=2)


def test_an_array_of_no_axes_is_written_into_in_place():
    s = np.array(1.0)
    other = s
    s += 1
    s *= 4
    s //= 3
    assert other is s and float(other) == 2 and type(s + 1) is numpy.float64
    s[()] = 9
    assert float(other) == 9
    t = tg.Tensor(2.0)
    s += t
    assert other.requires_grad and float(other) == 11


def test_memory_that_a_gradient_flows_to_is_no_longer_data():
    t = tg.Tensor(2.0)
    a = np.zeros(3)
    part = a[1:]
    a[1] = t
    assert part.requires_grad and (part + 1).requires_grad
    a[:] = 0
    assert not part.requires_grad and type(part[0]) is numpy.float64


def test_functions_that_are_called_back_may_come_with_a_gradient():
    t = tg.Tensor(2.0)
    a = np.arange(3.0)
    assert np.apply_along_axis(lambda row: row * t, 0, a).requires_grad
    assert np.piecewise(a, [a > 1], [lambda part: part * t, 0.0]).requires_grad


def test_under_no_grad_and_while_nans_are_looked_for_results_are_the_same():
    with tg.no_grad():
        a = np.zeros(3) + 1
        a[0] = 5
        assert numpy.array_equal(a.data, [5, 1, 1])
    with tg.detect_nonfinite():
        assert numpy.array_equal((np.zeros(2) + np.ones(2)).data, [1, 1])


def test_a_compiled_function_may_make_arrays():
    @tg.compile
    def f(x):
        return np.sum((np.zeros(3) + x) * np.linspace(0, 1, 3)) + np.ones(2)[0]

    for _ in range(3):
        assert f(numpy.arange(3.0)) == 3.5


def test_a_warning_of_numpys_is_of_the_users_line(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("import tinygraph.numpy as np\n\na = np.zeros(2)\nb = a / a\nc = np.log(a - 1)\n")
    done = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": str(Path(tg.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "script.py:4: RuntimeWarning" in done.stderr and "script.py:5: RuntimeWarning" in done.stderr


# --- programs at random ---------------------------------------------------------------------------------------------

STEPS = {
    "add": lambda np, a, v, i: operator.iadd(a, v),
    "multiply": lambda np, a, v, i: a * v,
    "element": lambda np, a, v, i: operator.setitem(a, i, v[i] + a[i - 1]) or a,
    "part": lambda np, a, v, i: operator.setitem(a, slice(i, None), a[: 5 - i] * 2) or a,
    "mask": lambda np, a, v, i: operator.setitem(a, a > v[0], i) or a,
    "flip": lambda np, a, v, i: a[::-1],
    "view": lambda np, a, v, i: operator.iadd(a[i:], 1) is None or a,
    "exp": lambda np, a, v, i: np.exp(-np.abs(a)),
    "where": lambda np, a, v, i: np.where(a > i, a, v),
    "out": lambda np, a, v, i: np.add(a, v, out=a),
    "sort": lambda np, a, v, i: np.sort(a),
    "roll": lambda np, a, v, i: np.roll(a, i),
    "scaled": lambda np, a, v, i: a / (1 + np.max(np.abs(a))) + np.float64(i),
}


@given(st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 4)), max_size=12), st.integers(0, 2**31))
def test_programs_on_data_compute_what_they_compute_on_arrays(steps, seed):
    v = numpy.random.default_rng(seed).normal(size=5)

    def run(np):
        a = b = np.array(v)
        seen = [a]
        for name, i in steps:
            a = STEPS[name](np, a, b, i)
            seen.append(a)
        return seen

    for one, other in zip(run(np), run(numpy), strict=True):
        assert isinstance(one, tg.Tensor)
        assert one.data.tobytes() == other.tobytes()


# --- the cost -------------------------------------------------------------------------------------------------------


def python_calls(program) -> int:
    """Return the number of Python functions that are entered while a program runs, its own not counted.

    The garbage collector waits: Hypothesis has a function that runs when it begins, and when it ends.
    """
    count = 0

    def note(frame, event, _):
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    gc.disable()
    sys.setprofile(note)
    try:
        program()
    finally:
        sys.setprofile(before)
        gc.enable()
    return count - 1


# With the programs' own functions, and with the comprehensions of Python 3.11, which count as functions.
COSTS = {
    "a + b": (lambda a, b: a + b, 7),
    "2.0 * a": (lambda a, b: 2.0 * a, 7),
    "a[3]": (lambda a, b: a[3], 7),
    "a[1:]": (lambda a, b: a[1:], 13),
    "a[3] = 1.0": (lambda a, b: operator.setitem(a, 3, 1.0), 7),
    "np.exp(a)": (lambda a, b: np.exp(a), 10),
    "np.sum(a)": (lambda a, b: np.sum(a), 10),
    "a @ b": (lambda a, b: a @ b, 6),
}


@pytest.mark.skipif(os.environ.get("TINYGRAPH_QUICK") == "0", reason="the plain engine is not measured")
@pytest.mark.parametrize("name", sorted(COSTS))
def test_a_call_on_data_enters_few_functions(name):
    program, most = COSTS[name]
    a, b = np.ones(16), np.ones(16)
    program(a, b)
    assert python_calls(lambda: program(a, b)) <= most


def test_without_the_quick_record_the_results_are_the_same():
    if os.environ.get("TINYGRAPH_QUICK") == "0":
        return
    files = [__file__, str(Path(__file__).with_name("test_making.py"))]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files]
    surroundings = {**os.environ, "TINYGRAPH_QUICK": "0"}
    done = subprocess.run(command, env=surroundings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_an_array_of_no_axes_is_written_into_where_its_views_see_it():
    def program(np, s):
        a = np.zeros(())
        a[...] = s * s
        b = a.reshape(1)
        b *= 3
        a += s
        return a * b[0]

    for s in (1.5, numpy.float64(1.5), tg.Tensor(1.5)):
        assert float(program(np, s)) == program(numpy, 1.5)
