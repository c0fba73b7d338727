"""The table of facts about NumPy's functions, held to NumPy itself."""

import contextlib

import numpy as np
import pytest

from tinygraph.compiler.program.facts import FACTS, FIRST_NAMES, PRODUCTS, REDUCTIONS, facts_of
from tinygraph.engine.notes import decomposition_of

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


def test_a_reduction_has_one_name_in_programs():
    assert FIRST_NAMES[np.maximum] is np.max
    assert FIRST_NAMES[np.minimum] is np.min
    assert all(REDUCTIONS[function] is ufunc for ufunc, function in FIRST_NAMES.items())


@pytest.mark.parametrize("function", of_numpy(row for row in rows("least") if FACTS[row].least > -np.inf), ids=name)
def test_no_result_lies_below_the_least(function):
    with np.errstate(all="ignore"):
        for array in (X, AWKWARD, X.astype(np.float32), np.linspace(-800, 800, 999)):
            result = function(array)
            assert not np.any(result < FACTS[function].least)
            assert not np.any(np.signbit(result) & ~np.isnan(result))


@pytest.mark.parametrize("function", of_numpy(rows("keeps_zeros")), ids=name)
def test_a_negative_zero_comes_from_a_negative_zero(function):
    arrays = [X, np.array([0.0, 1e-300, -1.0]), np.array([5e-324, -5e-324, 0.0]), np.array([-5e-324, 0.0]), np.zeros(0)]
    further = {"reshape": ((-1,),), "broadcast_to": ((2, 24),)}.get(name(function), ())
    with np.errstate(all="ignore"):
        for array in arrays:
            flat = array.ravel() if function is not np.broadcast_to else np.resize(array, 24)
            result = np.asarray(function(flat, *further))
            assert not np.any(np.signbit(result) & (result == 0))


ELEMENTWISE = [f for f in of_numpy(rows("elementwise")) if not isinstance(f, np.ufunc) or "d->d" in "".join(f.types)]


@pytest.mark.parametrize("function", ELEMENTWISE, ids=name)
def test_an_elementwise_result_depends_on_the_elements_at_its_place_alone(function):
    count = function.nin if isinstance(function, np.ufunc) else 3 if function is np.where else 1
    operands = [X > 0, X, X.T.reshape(X.shape)] if function is np.where else [X, X.T.reshape(X.shape)][:count]
    order = np.random.default_rng(0).permutation(X.size)
    with np.errstate(all="ignore"):
        whole = function(*operands)
        part = function(*[operand.ravel()[order[:7]] for operand in operands])
    assert whole.shape == X.shape
    assert np.array_equal(part, whole.ravel()[order[:7]], equal_nan=True)


@pytest.mark.parametrize("function", of_numpy(f for f in FACTS if FACTS[f].places_in is not None), ids=name)
def test_a_place_that_is_not_there_makes_the_function_fail(function):
    rest = (0,) if function is np.take_along_axis else ()
    for place in (1, 7):
        operands = [np.full((1, 3), place), *rest]
        operands.insert(FACTS[function].places_in, np.zeros((2, 3)))
        with contextlib.nullcontext() if place == 1 else pytest.raises((IndexError, ValueError)):
            function(*operands)


WRITING = {
    "copyto": (1.0,), "put": ([0], 1.0), "place": (np.eye(3) > 0, [1.0]), "putmask": (np.eye(3) > 0, 1.0),
    "fill_diagonal": (1.0,), "put_along_axis": (np.zeros((1, 3), int), 1.0, 0),
}  # fmt: skip


@pytest.mark.parametrize("function", of_numpy(rows("writes")), ids=name)
def test_a_function_that_writes_changes_its_first_operand(function):
    array = np.zeros((3, 3))
    function(array, *WRITING[name(function)])
    assert np.any(array)


@pytest.mark.parametrize("function", of_numpy(rows("shape_by_value")), ids=name)
def test_two_arrays_of_one_shape_have_results_of_two_shapes(function):
    second = (np.array([1.0, 9.0]),) if name(function) in ("union1d", "intersect1d", "setdiff1d", "setxor1d") else ()
    arrays = [np.array([1.0, 1.0, 0.0]), np.array([4.0, 2.0, 3.0])]
    first, other = ([np.shape(part) for part in _parts(function(array, *second))] for array in arrays)
    assert first != other


def _parts(result):
    return result if isinstance(result, tuple) else (result,)


@pytest.mark.parametrize("function", rows("complex_by_value"), ids=name)
def test_values_decide_whether_a_result_is_complex(function):
    turn, stretch = np.array([[0.0, -1.0], [1.0, 0.0]]), np.array([[1.0, 0.0], [0.0, 2.0]])
    one, other = {
        "eig": ((turn,), (stretch,)), "eigvals": ((turn,), (stretch,)), "eig_packed": ((turn,), (stretch,)),
        "roots": (([1.0, 0.0, 1.0],), ([1.0, 0.0, -1.0],)), "real_if_close": ((np.array(1j),), (np.array(1 + 0j),)),
        "logn": ((2, -2.0), (2, 2.0)), "power": ((-2.0, 0.5), (2.0, 0.5)),
        "arccos": ((2.0,), (0.5,)), "arcsin": ((2.0,), (0.5,)), "arctanh": ((2.0,), (0.5,)),
    }.get(name(function), ((-2.0,), (2.0,)))  # fmt: skip
    kinds = [{np.asarray(part).dtype.kind for part in _parts(function(*given))} for given in (one, other)]
    assert "c" in kinds[0]
    assert "c" not in kinds[1]


STAYING = [f for f in of_numpy(rows("stays_finite")) if not isinstance(f, np.ufunc)]
FINITE = {
    "take": ([0, 2],), "take_along_axis": (np.zeros((1, 3, 4), int), 0), "concatenate": (), "stack": (),
    "reshape": ((-1,),), "dot": (X.swapaxes(1, 2),), "outer": (X,), "inner": (X,), "tensordot": (X.T, 1),
}  # fmt: skip


@pytest.mark.parametrize("function", STAYING, ids=name)
def test_functions_of_finite_numbers_have_finite_results(function):
    if function in (np.ones, np.zeros, np.full):
        assert np.all(np.isfinite(function((2, 3), *FURTHER.get(name(function), ()))))
        return
    for array in (X, np.zeros((2, 3, 4)), np.full((2, 3, 4), -1e10)):
        further = {**FURTHER, **FINITE}.get(name(function), ())
        given = (array > 0, array, 1.0) if function is np.where else (array, *further)
        given = ("abc,abc->ab", array, array) if function is np.einsum else given
        assert np.all(np.isfinite(function(*given)))


@pytest.mark.parametrize("function", of_numpy(rows("overflows_alike")), ids=name)
def test_a_decomposition_overflows_only_where_its_function_does(function):
    further = (-1.0, 1.0) if function is np.clip else ()
    for array in (X, AWKWARD, np.full(3, 1e308), np.array([1e308, -1e308, 5.0]), np.array([5e-324, 0.0])):
        if not _overflows(function, array, *further):
            assert not _overflows(decomposition_of(function), array, *further)


def _overflows(function, *given):
    try:
        with np.errstate(all="ignore", over="raise", divide="raise"):
            function(*given)
    except FloatingPointError:
        return True
    return False


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
