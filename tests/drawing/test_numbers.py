"""Numbers can be read back, and read well."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygraph.drawing.words.numbers import count, number, shape
from tinygraph.graph.sizes import byte_size

FROM_SUPERSCRIPT = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹−", "-0123456789-")
everywhere = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e300, max_value=1e300).filter(
    lambda x: x == 0 or abs(x) > 1e-300
)
# Numbers that are written without an exponent, all of whose digits count.
usual = st.tuples(st.integers(-(10**7), 10**7), st.integers(3, 9)).map(lambda drawn: drawn[0] / 10.0 ** drawn[1])
normal = everywhere | usual


def read_back(text: str) -> float:
    mantissa, _, exponent = text.translate(FROM_SUPERSCRIPT).partition("×10")
    return float(mantissa.replace(",", "")) * 10.0 ** int(exponent or 0)


@given(normal, st.integers(1, 6))
def test_a_number_reads_back_to_the_digits_that_were_asked_for(value: float, digits: int) -> None:
    error = 0.5 * 10.0 ** (1 - digits) * 1.0001
    assert read_back(number(value, digits)) == pytest.approx(value, rel=error)


@given(normal)
def test_a_number_is_short_and_has_no_sign_of_python(value: float) -> None:
    text = number(value)
    assert len(text) <= 12
    assert "e" not in text and "-" not in text and not text.endswith(".")


@given(normal.filter(lambda x: x != 0))
def test_an_exponent_stands_only_outside_a_thousandth_to_ten_thousand(value: float) -> None:
    rounded = abs(read_back(number(value)))
    assert ("×10" in number(value)) == (not 1e-3 <= rounded < 1e4 * (1 - 1e-12))


@given(normal)
def test_the_sign_is_only_the_sign(value: float) -> None:
    positive, negative = number(abs(value)), number(-abs(value))
    assert negative == (positive if value == 0 else "−" + positive)


@given(normal, normal)
def test_a_complex_number_is_its_two_parts(real: float, imaginary: float) -> None:
    sign = "−" if math.copysign(1, imaginary) < 0 else "+"
    assert number(complex(real, imaginary)) == f"{number(real)} {sign} {number(abs(imaginary))}i"


@given(st.integers(-(10**8), 10**8) | st.integers(-(10**5), 10**5))
def test_an_integer_is_exact(value: int) -> None:
    assert read_back(number(np.int64(value))) == value
    assert number(value) == count(value)
    assert ("," in count(value)) == (abs(value) >= 10_000)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (math.nan, "NaN"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
        (-0.0, "0"),
        (0.6000000000000001, "0.6"),
        (9999.6, "1×10⁴"),
        (0.00099999, "0.001"),
        (6e-7, "6×10⁻⁷"),
        (5e-4, "5×10⁻⁴"),
        (True, "True"),
        (1 - 2j, "1 − 2i"),
        (np.float16(0.1), "0.1"),
        (10**9 - 1, "999,999,999"),
        (10**9 + 1, "1×10⁹"),
        (10**40, "1×10⁴⁰"),
    ],
)
def test_surprising_numbers(value: object, text: str) -> None:
    assert number(value) == text


@given(st.integers(0, 10**18))
def test_a_size_in_bytes_is_a_small_number_and_a_unit(size: int) -> None:
    amount, unit = byte_size(size).split()
    scale = 1000 ** ["B", "kB", "MB", "GB", "TB", "PB"].index(unit)
    assert read_back(amount) * scale == pytest.approx(size, rel=0.006)
    assert read_back(amount) < 1000 or unit == "PB"


def test_shapes() -> None:
    assert shape((200, 4096)) == "200×4096"
    assert shape(()) == "scalar"
