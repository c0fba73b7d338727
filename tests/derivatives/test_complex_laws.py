"""Every function that NumPy computes of complex numbers obeys the laws there, too."""

import importlib
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.derivatives import decompositions
from tinygraph.testing import check_grads

from .laws import REGISTER, convert, of_arrays, same_value

for path in sorted(Path(__file__).parent.glob("test_*.py")):
    if path.stem not in ("test_complex_laws", "test_completeness"):
        importlib.import_module(f"tests.derivatives.{path.stem}")

# Packed decompositions are read by those who know which of their parts are real. Of complex places and spacings NumPy
# drops the imaginary part. The others have no floating arguments, or drop what is complex of them.
EXCEPT = {
    decompositions.eig_packed, decompositions.eigh_packed, decompositions.qr_packed, decompositions.svd_packed,
    np.interp, np.gradient, np.intersect1d,
}  # fmt: skip
# What the rules for SciPy's functions are made of is of real numbers, as these functions are.
OF_REAL_NUMBERS = {"beta_moment", "chi_density", "gamma_moment", "legendre", "t_moment", "_riemann_zeta"}
ENTRIES = [
    entry
    for entries in REGISTER.values()
    for entry in entries
    if entry.function not in EXCEPT
    and not entry.calls.is_empty
    and not str(entry).startswith("histogram")
    and getattr(entry.function, "__name__", "") not in OF_REAL_NUMBERS
]


@pytest.mark.parametrize("mixed", [False, True], ids=["complex", "real and complex"])
@pytest.mark.parametrize("entry", ENTRIES, ids=str)
@settings(max_examples=5, phases=[Phase.generate])
@given(data=st.data())
def test_complex_numbers(entry, mixed, data):
    """The value is NumPy's, conjugates, branches and dtype included, and the gradient points uphill."""
    call = data.draw(entry.calls)
    random = np.random.default_rng(0)
    place = iter(range(100))

    def made_complex(array):
        real = mixed and next(place) % 2 == 0
        return array if real else array + 1j * random.uniform(0.2, 0.9, array.shape)

    args = convert(call.args, made_complex)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            entry.function(*args, **call.keywords)
        except (TypeError, ValueError):
            return  # NumPy does not take complex numbers here
        try:
            same_value(entry.function, args, call.keywords)
            check_grads(*of_arrays(entry.function, replace(call, args=args)), order=1)
        except tg.UnsupportedError as error:
            assert "complex" in str(error)
        except TypeError as error:
            assert "nothing to differentiate" in str(error)
