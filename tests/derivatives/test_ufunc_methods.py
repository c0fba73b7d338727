"""The methods of ufuncs, `np.add.reduce` and its kin, and their keywords."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.derivatives.ufunc_methods import accumulated_logarithms
from tinygraph.testing import check_grads
from tinygraph.testing.strategies import arrays, axes, shapes

from .laws import Call, enter, obey, same_value

LAWS = enter(
    {
        accumulated_logarithms: st.builds(
            lambda a, base: Call((a, base)), arrays(shapes(min_dims=1)), st.sampled_from("e2")
        )
    }
)


@pytest.mark.parametrize("entry", LAWS, ids=str)
@given(data=st.data())
def test_laws(entry, data):
    obey(entry, data)


@pytest.mark.parametrize("ufunc", [np.add, np.multiply, np.maximum, np.minimum], ids=lambda u: u.__name__)
@given(data=st.data())
def test_reduce(ufunc, data):
    x = data.draw(arrays(shapes(min_dims=1, min_side=1), distinct=True))
    args = data.draw(st.just(()) | axes(x.shape).map(lambda axis: (axis,)))
    keywords = data.draw(st.sampled_from([{}, {"keepdims": True}, {"initial": 5.0}, {"dtype": np.float64}]))
    if ufunc in (np.maximum, np.minimum):
        keywords = {key: value for key, value in keywords.items() if key != "dtype"}
    same_value(ufunc.reduce, (x, *args), keywords)
    check_grads(lambda x: ufunc.reduce(x, *args, **keywords), x)


@pytest.mark.parametrize("ufunc", [np.add, np.multiply], ids=lambda u: u.__name__)
@given(data=st.data())
def test_accumulate(ufunc, data):
    x = data.draw(arrays(shapes(min_dims=1)))
    axis = data.draw(axes(x.shape, none=False, several=False))
    same_value(ufunc.accumulate, (x, axis), {})
    check_grads(lambda x: ufunc.accumulate(x, axis), x)


@pytest.mark.parametrize("ufunc", [np.add, np.multiply, np.subtract, np.divide, np.hypot], ids=lambda u: u.__name__)
@given(st.data())
def test_outer(ufunc, data):
    x, y = data.draw(arrays(shapes(max_dims=2), low=0.5)), data.draw(arrays(shapes(max_dims=2), low=0.5))
    same_value(ufunc.outer, (x, y), {})
    check_grads(ufunc.outer, x, y)
    check_grads(lambda y: ufunc.outer([1.0, 2.0], y), y)


FOLDED = [np.subtract, np.divide, np.logaddexp, np.logaddexp2, np.hypot, np.fmax, np.fmin]


@pytest.mark.parametrize("ufunc", FOLDED, ids=lambda u: u.__name__)
@given(data=st.data())
def test_a_reduction_that_no_function_makes(ufunc, data):
    x = data.draw(arrays(shapes(min_dims=1, min_side=1), low=0.5, distinct=True))
    axis = data.draw(axes(x.shape, none=False, several=False))
    keywords = data.draw(
        st.sampled_from([{}, {"keepdims": True}, {"initial": 1.26}, {"where": x > 1, "initial": 0.25}])
    )
    same_value(ufunc.reduce, (x, axis), keywords)
    check_grads(lambda x: ufunc.reduce(x, axis, **keywords), x)
    same_value(ufunc.accumulate, (x, axis), {})
    check_grads(lambda x: ufunc.accumulate(x, axis), x)


def test_several_axes_where_the_order_does_not_matter():
    x = np.arange(1.0, 7.0).reshape(1, 2, 3)
    for axis in (None, (0, 2), ()):
        same_value(np.logaddexp.reduce, (x, axis), {})
        check_grads(lambda x: np.logaddexp.reduce(x, axis), x)
    with pytest.raises(ValueError, match="reorderable"):
        np.subtract.reduce(tg.Tensor(x), axis=(0, 1))


def test_reductions_of_nothing():
    assert np.hypot.reduce(tg.Tensor(np.zeros((0, 2)))).tolist() == [0, 0]
    assert np.logaddexp.reduce(tg.Tensor(np.zeros(0))) == -np.inf
    with pytest.raises(ValueError, match="identity"):
        np.subtract.reduce(tg.Tensor(np.zeros(0)))


def test_a_sum_of_exponentials_does_not_overflow():
    x = tg.Tensor([1000.0, 1000.0, -np.inf])
    y = np.logaddexp.reduce(x)
    y.backward()
    assert float(y) == pytest.approx(1000 + np.log(2))
    np.testing.assert_array_equal(x.grad, [0.5, 0.5, 0])


@pytest.mark.parametrize("ufunc", [np.maximum, np.minimum], ids=lambda u: u.__name__)
@given(data=st.data())
def test_records(ufunc, data):
    x = data.draw(arrays(shapes(min_dims=1), distinct=True))
    axis = data.draw(axes(x.shape, none=False, several=False))
    same_value(ufunc.accumulate, (x, axis), {})
    check_grads(lambda x: ufunc.accumulate(x, axis), x)


def test_a_record_that_is_equalled_stays_with_the_first():
    x = tg.Tensor([1.0, 3.0, 3.0, 2.0])
    np.maximum.accumulate(x).backward(np.ones(4))
    np.testing.assert_array_equal(x.grad, [1, 3, 0, 0])


@pytest.mark.parametrize("ufunc", [np.add, np.multiply, np.maximum, np.subtract], ids=lambda u: u.__name__)
def test_reduceat(ufunc):
    x = np.array([[1.0, 2.0, 4.0, 3.0, 7.0], [2.0, 5.0, 1.0, 6.0, 0.5]])
    same_value(ufunc.reduceat, (x, [0, 3, 1, 2], 1), {})
    check_grads(lambda x: ufunc.reduceat(x, [0, 3, 1, 2], 1), x)
    with pytest.raises(IndexError):
        ufunc.reduceat(tg.Tensor(x), [9])


# --- keywords ---------------------------------------------------------------------------------------------------------


def test_where_fills_in_from_out_and_leaves_it_alone():
    x, mask, out = np.array([4.0, 0.0, 2.0]), np.array([True, False, True]), np.array([7.0, 8.0, 9.0])
    with np.errstate(all="raise"):
        y = np.divide(1.0, tg.Tensor(x), out=out, where=mask)
        np.testing.assert_array_equal(y.data, [0.25, 8, 0.5])
        np.testing.assert_array_equal(out, [7, 8, 9])
    check_grads(lambda x: np.sqrt(x, out=np.ones(3), where=mask), x + 0.5)
    t = tg.Tensor(x)
    np.divide(1.0, t, out=out, where=mask).backward(np.ones(3))
    np.testing.assert_array_equal(t.grad, [-1 / 16, 0, -1 / 4])
    same_value(lambda t: np.sqrt(t, out=np.zeros(3, np.float32), where=mask), (x.astype(np.float32),), {})
    t = tg.Tensor(np.array([1.1, 3.0]))
    np.maximum(t, 1.1, out=np.zeros(2, np.float32), where=[True, True]).backward(np.ones(2))
    np.testing.assert_array_equal(t.grad, [0.5, 1])


def test_a_ufunc_computes_in_the_dtype_that_it_is_told():
    t = tg.Tensor(np.array([1.1, 3.0]))
    y = np.maximum(t, np.array([2.0, 2.0]), dtype=np.float32, casting="same_kind", order="C", subok=False)
    assert y.dtype == np.float32
    y.backward(np.ones(2))
    np.testing.assert_array_equal(t.grad, [0, 1])
    assert t.grad.dtype == np.float64
    with pytest.raises(TypeError, match=r"[Cc]ast"):
        np.add(t, 1.0, dtype=np.int64)


def test_ufuncs_without_a_derivative_do_what_they_do():
    t = tg.Tensor([1.0, 2.0])
    assert np.logical_and.reduce(t)
    assert np.greater.outer(t, t).tolist() == [[False, False], [True, False]]
    assert np.floor(t, out=np.zeros(2)).tolist() == [1, 2]


@pytest.mark.parametrize(
    "call",
    [
        lambda t: np.add(t, 1.0, out=np.zeros(3)),
        lambda t: np.add(t, 1.0, where=np.array([True, False, True])),
        lambda t: np.add.reduce(t, out=np.zeros(())),
        lambda t: np.matmul.reduce(t),
    ],
)
def test_what_has_no_derivative_says_so(call):
    with pytest.raises((tg.UnsupportedError, RuntimeError), match=r"add|signature"):
        call(tg.Tensor([1.0, 2.0, 3.0]))


def test_results_are_written_into_a_tensor():
    t = tg.Tensor([1.0, 2.0, 3.0])
    u = t * 2
    assert np.add(t, 1.0, out=u) is u
    assert u.tolist() == [2, 3, 4]
    np.add(1.0, t, out=u, where=np.array([True, False, False]))
    np.sum(u * u).backward()
    assert t.grad.tolist() == [4, 6, 8]
    np.floor(np.array([1.5, 2.5, 3.5]), out=u)
    assert u.tolist() == [1, 2, 3]
    with pytest.raises(TypeError, match="does not fit into out="):
        np.add(t, 1j, out=u)


def test_adding_at_places_of_a_plain_array_names_both_lines_and_a_way_out():
    here = r"test_ufunc_methods\.py:\d+"
    with pytest.raises(tg.UnsupportedError, match=rf"add\.at: .*made at {here}.*at {here}.*import tinygraph\.numpy"):
        np.add.at(np.zeros(3), [0], tg.Tensor([1.0, 2.0, 3.0])[:1])


def test_adding_to_an_array_in_place_says_what_to_write():
    array, t = np.zeros(2), tg.Tensor([1.0, 2.0])
    with pytest.raises(tg.UnsupportedError, match=r"add, .*`a \+= t` does: .*import tinygraph\.numpy"):
        array += t


def test_no_places_and_no_axes():
    x = tg.Tensor(np.ones((5, 2)))
    none = np.add.reduceat(x, np.zeros(0, int), axis=1)
    assert none.shape == (5, 0)
    none.backward(np.zeros((5, 0)))
    np.testing.assert_array_equal(x.grad, np.zeros((5, 2)))
    for ufunc in (np.add, np.multiply, np.maximum, np.logaddexp):
        for array, axis in ((np.float64(1.0), 0), (np.ones((2, 2)), None)):
            with pytest.raises((TypeError, ValueError)):
                ufunc.accumulate(array, axis)
            with pytest.raises((TypeError, ValueError)):
                ufunc.accumulate(tg.Tensor(array), axis)


MASK = np.array([True, False, True])


@pytest.mark.filterwarnings("ignore:Casting complex values")  # NumPy's, of the numbers that `out` had
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
@pytest.mark.parametrize("keywords", [{}, {"dtype": np.float64}, {"dtype": np.complex128}], ids=str)
@pytest.mark.parametrize("of_tensor", [True, False])
def test_a_masked_result_goes_into_out_as_numpys_does(dtype, keywords, of_tensor):
    x, start = np.float32([1.1, 2.2, 3.3]), (np.array([1, 2, 3]) / 3).astype(dtype)

    def into(x, out):
        return np.sin(x, out=out, where=MASK, **keywords)

    try:
        expected = into(x, start.copy())
    except TypeError:
        with pytest.raises(TypeError, match="does not fit into out="):
            into(tg.Tensor(x), tg.Tensor(start) if of_tensor else start)
        return
    found = into(tg.Tensor(x), tg.Tensor(start) if of_tensor else start)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found.data, expected)


def test_an_imaginary_part_is_not_dropped_on_the_way_into_out():
    z = tg.Tensor([1 + 2j, 3.0])
    for out in (np.zeros(2), tg.Tensor(np.zeros(2))):
        for keywords in ({"where": np.array([True, False])}, {}):
            with pytest.raises(TypeError, match="does not fit into out="):
                np.positive(z, out=out, **keywords)


def test_a_masked_result_of_a_number_and_of_a_list():
    t = tg.Tensor(2.0)
    for mask, expected in ((np.True_, 3.0), (np.False_, 5.0)):
        out = tg.Tensor(5.0)
        np.add(t, 1.0, out=out, where=mask)
        assert out.item() == expected
    check_grads(lambda x: np.add([1.0, 2.0, 3.0], x, out=np.ones(3), where=MASK), np.array([1.0, 2.0, 4.0]))
    check_grads(lambda z: np.abs(z, dtype=float, out=np.ones(3), where=MASK), np.array([1 + 2j, 2 - 1j, 3 + 1j]))


def test_python_numbers_in_an_outer_call_have_a_dtype():
    x = np.float16([1.5, 2.5])
    for ufunc in (np.hypot, np.fmax, np.divide):
        assert ufunc.outer(tg.Tensor(x), 0.75).dtype == ufunc.outer(x, 0.75).dtype
    same_value(np.hypot.reduceat, (np.array([-1.0, 2.0, -3.0]), [0, 1]), {})


@pytest.mark.parametrize(
    "keywords",
    [{"axes": [0, 2]}, {"axes": [-1, -1]}, {"axis": -1}, {"axes": [np.int8(-1), np.array(-1)]}, {}],
    ids=str,
)
def test_what_a_product_sums_away_stands_where_numpy_puts_it(keywords):
    a, b = np.arange(27.0).reshape(3, 3, 3), np.arange(9.0).reshape(3, 1, 3)
    same_value(lambda a, b: np.vecdot(a, b, keepdims=True, **keywords), (a, b), {})


def test_a_result_with_more_axes_than_out_is_refused():
    with pytest.raises(tg.ShapeError, match=r"shape \(1,\) does not fit into out= of \(\)"):
        np.add([2.0], tg.Tensor(1.0), out=tg.Tensor(3.0))
