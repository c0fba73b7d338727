"""The table of facts about NumPy's functions, held to NumPy itself."""

import numpy as np
import pytest

from tinygraph.compiler.program.facts import FACTS, PRODUCTS, REDUCTIONS, facts_of

X = np.arange(-12.0, 12.0).reshape(2, 3, 4) / 7
# Arguments with which a function can be called, where one array is not enough.
FURTHER = {
    "reshape": ((4, 6),), "expand_dims": (0,), "broadcast_to": ((5, 2, 3, 4),), "swapaxes": (0, 2),
    "moveaxis": (0, 2), "diagonal": (0, 1, 2), "roll": (1,), "pad": (1,), "tile": (2,), "repeat": (2,),
    "clip": (-0.5, 0.5), "full": (0.5,),
}  # fmt: skip
AWKWARD = np.array([[0.0, -0.0, -1.5], [np.inf, -np.inf, np.nan], [1e300, -1e-300, 3.0]])


def rows(fact):
    """The functions of which a fact is said, in order of their names."""
    said = [function for function, facts in FACTS.items() if getattr(facts, fact)]
    return sorted(said, key=lambda function: getattr(function, "__name__", ""))


def of_numpy(functions):
    return [f for f in functions if getattr(np, getattr(f, "__name__", ""), None) is f]


def name(function):
    return function.__name__


def called(function, array):
    return function(array, *FURTHER.get(function.__name__, ()))


@pytest.mark.parametrize("function", of_numpy(rows("view")), ids=name)
def test_a_view_looks_into_its_operand(function):
    result = called(function, X)
    assert np.shares_memory(result, X)
    kind = FACTS[function].view
    if kind == "reshape":
        assert np.array_equal(result.ravel(), X.ravel())
    elif kind == "transpose":
        assert sorted(result.shape) == sorted(X.shape) and result.size == X.size


def test_functions_of_numpy_that_may_return_a_view_and_compute_nothing_are_in_the_table():
    tried = ("ravel", "squeeze", "flip", "flipud", "fliplr", "rot90", "transpose", "matrix_transpose", *FURTHER)
    for function in (getattr(np, tried_name) for tried_name in tried):
        if function is np.full:
            continue
        result = called(function, X)
        if isinstance(result, np.ndarray) and np.shares_memory(result, X):
            assert facts_of(function).view, function


@pytest.mark.parametrize("function", sorted(REDUCTIONS, key=name), ids=name)
def test_a_reduction_is_the_reduction_of_its_ufunc(function):
    for axis in (None, 0, (0, 2), -1):
        assert np.array_equal(function(X, axis=axis), FACTS[function].reduces.reduce(X, axis=axis))


@pytest.mark.parametrize("function", of_numpy(rows("never_negative")), ids=name)
def test_results_that_are_never_negative_are_never_negative(function):
    with np.errstate(all="ignore"):
        for array in (X, AWKWARD, X.astype(np.float32), np.linspace(-800, 800, 999)):
            result = function(array)
            assert not np.any(np.signbit(result) & ~np.isnan(result))


UFUNCS = [f for f in of_numpy(sorted(FACTS, key=lambda f: getattr(f, "__name__", ""))) if isinstance(f, np.ufunc)]


@pytest.mark.parametrize("ufunc", [f for f in UFUNCS if f.signature is None and "d->d" in "".join(f.types)], ids=name)
def test_a_ufunc_takes_any_values_and_memory_for_its_result(ufunc):
    facts = FACTS[ufunc]
    assert facts.takes_out and facts.any_values
    operands = (AWKWARD, AWKWARD.T)[: ufunc.nin]
    with np.errstate(all="ignore"):
        out = np.empty_like(AWKWARD)
        assert ufunc(*operands, out=out) is out
        assert np.array_equal(out, ufunc(*operands), equal_nan=True)


TAKING = [f for f in of_numpy(rows("any_values")) if not isinstance(f, np.ufunc)]
OF_ONE = [f for f in TAKING if f.__name__ not in ("dot", "vdot", "inner", "outer", "tensordot", "einsum", "where",
          "concatenate", "stack", "zeros", "ones", "full", "kron", "cross", "broadcast_to", "reshape")]  # fmt: skip


@pytest.mark.parametrize("function", OF_ONE, ids=name)
def test_no_value_makes_the_function_fail(function):
    further = {"diagonal": (), "swapaxes": (0, 1), "moveaxis": (0, 1)}.get(
        function.__name__, FURTHER.get(function.__name__, ())
    )
    with np.errstate(all="ignore"):
        for array in (AWKWARD, -AWKWARD, np.full((3, 3), np.nan), np.full((3, 3), np.inf)):
            function(array, *further)


@pytest.mark.parametrize("function", of_numpy(sorted(PRODUCTS, key=name)), ids=name)
def test_a_product_is_that_of_matrices(function):
    assert np.allclose(function(X[0], X[1].T), np.einsum("ij,kj->ik", X[0], X[1]))
