"""The elementary functions of machine code, in loops: NumPy's values to 2 units in the last place, as vector code."""

from __future__ import annotations

import functools
import math
import platform
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygraph.compiler.fast.functions import functions

numba = pytest.importorskip("numba")
llvm = pytest.importorskip("llvmlite.binding")

WIDER = {np.float32: np.float64, np.float64: np.longdouble}
KINDS = [
    np.float32,
    pytest.param(
        np.float64,
        marks=pytest.mark.skipif(np.finfo(np.longdouble).eps > 2.0**-60, reason="no floats are wider than float64"),
    ),
]
NAMES = [*functions(np.float32)]
# Results that are rounded once, so that they are NumPy's to the bit.
EXACT = {
    "maximum", "minimum", "fmax", "fmin", "absolute", "sign", "copysign", "sqrt", "reciprocal",
    "floor", "ceil", "rint", "trunc",
}  # fmt: skip
# Of 0.0 and -0.0 NumPy's vector code chooses one, and the code for the rest of an array another one. On x86 its maximum
# and minimum choose the second one everywhere.
TIES = {"fmax", "fmin"} | ({"maximum", "minimum"} if platform.machine() not in ("x86_64", "AMD64") else set())
ULPS = 1.8
LIBRARY = r"call [^@]*@_*(?:svml_)?(?:exp|log|sin|cos|tan|pow|floor|ceil|trunc|rint|fmod|copysign)\w*\("


@functools.cache
def loop_of(name: str, kind: Any) -> Any:
    """Return a compiled loop over arrays that calls one function."""
    if name not in functions(kind):
        pytest.skip("the processor does not multiply and add in one instruction")
    function = functions(kind)[name]
    if getattr(np, name).nin == 1:

        def loop(x, out):
            for i in range(len(x)):
                out[i] = function(x[i])

    else:

        def loop(x, y, out):
            for i in range(len(x)):
                out[i] = function(x[i], y[i])

    return numba.njit(error_model="numpy")(loop)


def check(name: str, kind: Any, x: np.ndarray) -> None:
    """Compare a function with NumPy's in wider floats, at numbers, or at these and the same ones in another order."""
    theirs = getattr(np, name)
    given = [x, np.roll(x, 1 + len(x) // 2)][: theirs.nin]
    got = np.empty_like(x)
    loop_of(name, kind)(*given, got)
    with np.errstate(all="ignore"):
        wide = theirs(*[item.astype(WIDER[kind]) for item in given])
        expected = theirs(*given) if name in EXACT else wide.astype(kind)
    finite = np.isfinite(expected)
    scale = np.abs(expected)
    error = np.zeros(len(x))
    with np.errstate(all="ignore"):
        if name == "logaddexp":
            # Its two terms can cancel. The error is that of the terms, as NumPy's is.
            larger = np.maximum(*given)
            scale = np.maximum(scale, np.maximum(np.abs(larger), expected - larger))
        error[finite] = (np.abs(got - wide)[finite] / np.spacing(scale[finite])).astype(float)
    worst = error.argmax()
    assert error[worst] <= ULPS, (given[0][worst], got[worst], expected[worst], error[worst])
    if name in TIES:
        got, expected = got + kind(0), expected + kind(0)
    same = (got == expected) & (np.signbit(got) == np.signbit(expected)) | np.isnan(got) & np.isnan(expected)
    told = ~same & ((name in EXACT) | ~finite | (wide == 0))
    # A number at the end of the range may be rounded to the largest finite one or to infinity.
    told &= ~(np.isinf(expected) & (np.abs(got) == np.finfo(kind).max))
    assert not told.any(), ([item[told] for item in given], got[told], expected[told])


def special(kind: Any) -> np.ndarray:
    """Return zeros, infinities, NaN, the ends of ranges, multiples of pi / 2, and the neighbours of all of them."""
    facts = np.finfo(kind)
    numbers = [0.0, 0.5, 0.55, 1, 2, 9, 10, 18, 20, 38, math.inf, math.nan, math.sqrt(0.5), math.sqrt(2), math.log(2)]
    numbers += [facts.max, facts.smallest_normal, facts.smallest_subnormal, facts.eps, 1 / facts.smallest_normal]
    numbers += [*np.log([facts.max, facts.smallest_normal]), 89.0, 103.97, 104.0, 710.0, 745.13, 745.14, 746.0]
    # The multiples of pi / 2 that are nearest to numbers of float64 and float32: Muller, section 11.3.2.
    numbers += [6381956970095103 * 2.0**797, 16367173 * 2.0**72]
    numbers += [math.pi / 4, math.pi / 2, math.pi, 22, 1e22, 2.0**27, 2.0**52, 2.0**53, 2.0**68, 2.0**76, 2.0**1023]
    with np.errstate(all="ignore"):
        around = np.array(numbers, kind)
        around = np.concatenate([around, np.nextafter(around, kind(0)), np.nextafter(around, kind(math.inf))])
    return np.concatenate([around, -around])


def drawn(kind: Any, count: int) -> np.ndarray:
    """Return random numbers: uniform in bits, at each scale, near 1, near multiples of log(2) / 2 and pi / 2."""
    rng = np.random.default_rng(7)
    bits = {np.float32: np.uint32, np.float64: np.uint64}[kind]
    parts = [rng.integers(0, np.iinfo(bits).max, count, bits, endpoint=True).view(kind)]
    parts += [rng.standard_normal(count) * scale for scale in (1e-3, 0.3, 1, 10, 100, 800)]
    parts += [1 + rng.standard_normal(count) * scale for scale in (1e-3, 0.3)]
    parts += [rng.integers(-2000, 2000, count) * math.log(2) / 2 * (1 + rng.standard_normal(count) * 1e-6)]
    parts += [rng.uniform(*ends, count) for ends in ((-104, -86), (86, 90), (-746, -707), (707, 712))]
    parts += [rng.integers(-(10**digits), 10**digits, count) * math.pi / 2 for digits in (2, 6, 9)]
    parts += [np.exp2(rng.uniform(20, np.finfo(kind).maxexp - 0.01, count))]
    return np.concatenate([part.astype(kind) for part in parts])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_special_numbers_are_numpys(name: str, kind: Any) -> None:
    numbers = special(kind)
    for shift in range(1, len(numbers) if getattr(np, name).nin > 1 else 2):
        check(name, kind, np.concatenate([numbers, np.roll(numbers, shift)]))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_random_numbers_are_numpys_to_two_digits_of_the_fraction(name: str, kind: Any) -> None:
    check(name, kind, drawn(kind, 20_000))


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_any_number_is_numpys(kind: Any, data: Any) -> None:
    name = data.draw(st.sampled_from(NAMES))
    width = 8 * kind(0).itemsize
    numbers = data.draw(st.lists(st.floats(width=width), min_size=1, max_size=9))
    check(name, kind, np.array(numbers, kind))


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("name", NAMES)
def test_a_loop_is_vector_code_and_calls_nothing(name: str, kind: Any) -> None:
    if not llvm.get_host_cpu_features().get("avx2"):
        pytest.skip("LLVM may find that vectors of two numbers do not pay")
    loop = loop_of(name, kind)
    arrays = [np.ones(3, kind) for _ in range(getattr(np, name).nin + 1)]
    loop(*arrays)
    (code,) = loop.inspect_llvm().values()
    assert re.search(rf"<\d+ x {'float' if kind is np.float32 else 'double'}>", code)
    assert re.findall(LIBRARY, code) == []


@pytest.mark.parametrize("dtype", [np.int64, np.float16, np.complex64, np.longdouble])
def test_another_dtype_is_refused(dtype: Any) -> None:
    if np.dtype(dtype) == np.float64:
        pytest.skip("longdouble is float64 here")
    with pytest.raises(ValueError, match="is not float32 or float64"):
        functions(np.dtype(dtype))
