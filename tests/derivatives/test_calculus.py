import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.testing import check_grads
from tinygraph.testing.strategies import arrays, arrays_that_broadcast, axes, shapes

from .laws import LAPACK, Call, enter, obey


@st.composite
def differences(draw):
    x = draw(arrays(shapes(min_dims=1, min_side=1)))
    axis = draw(axes(x.shape, none=False, several=False))
    row = tuple(1 if place == axis % x.ndim else size for place, size in enumerate(x.shape))
    ends = {"prepend": draw(arrays(row)), "append": 2} if draw(st.booleans()) else {}
    return Call((x, draw(st.integers(0, 2)), axis), ends)


@st.composite
def slopes(draw):
    x = draw(arrays(shapes(min_dims=1, min_side=3, max_side=4)))
    keywords = draw(st.sampled_from([{}, {"edge_order": 1}, {"edge_order": 2}]))
    axis = draw(axes(x.shape, none=False, several=False))
    places = np.cumsum(draw(arrays((x.shape[axis],), low=0.25, high=1.0)))
    kind = draw(st.sampled_from(["unit", "step", "places", "several"]))
    if kind == "unit":
        return Call((x,), keywords)
    if kind == "several":
        return Call((x, *[np.float64(1.5) + place for place in range(x.ndim)]), keywords)
    return Call((x, np.float64(0.5) if kind == "step" else places), keywords | {"axis": axis})


@st.composite
def integrals(draw):
    y = draw(arrays(shapes(min_dims=1, min_side=1)))
    axis = draw(axes(y.shape, none=False, several=False))
    x = draw(st.sampled_from(["dx", "vector", "array"]))
    if x == "dx":
        return Call((y,), {"dx": 0.5, "axis": axis})
    return Call((y, draw(arrays((y.shape[axis],) if x == "vector" else y.shape))), {"axis": axis})


@st.composite
def sums(draw):
    x = draw(arrays(shapes(min_dims=1)))
    axis = draw(axes(x.shape, none=x.ndim == 1, several=False))
    return Call((x,), {"axis": axis, "include_initial": draw(st.booleans())})


@st.composite
def interpolated(draw):
    """Places that are not near a bend."""
    bends = np.arange(draw(st.integers(1, 4))) * 0.5 - 1
    x = draw(arrays(away_from=[*bends, *(bends + 2.5), *(bends - 2.5)], margin=1 / 16))
    fp = draw(arrays((len(bends),)))
    keywords = draw(st.sampled_from([{}, {"left": 0.5}, {"left": 1, "right": -1}, {"period": 2.5}]))
    return Call((x, bends, fp), keywords)


@st.composite
def convolved(draw):
    n, m = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    return Call(
        (draw(arrays((n,))), draw(arrays((m,))), *draw(st.sampled_from([(), ("full",), ("same",), ("valid",)])))
    )


@st.composite
def unwrapped(draw):
    """Angles whose steps are no half turns."""
    steps = np.array(draw(st.lists(st.sampled_from([0.5, -1.0, 4.0, 2.0, -5.5, 7.0]), min_size=2, max_size=4)))
    angles = np.cumsum(steps) + draw(arrays((), low=-0.25, high=0.25))
    return Call((angles if draw(st.booleans()) else np.stack([angles, angles / 4], axis=1),), {"axis": 0})


@st.composite
def spaced(draw, **domain):
    ends = draw(arrays_that_broadcast(2, **domain))
    return Call((*ends, 3), draw(st.sampled_from([{}, {"endpoint": False}, {"axis": -1}, {"dtype": np.float64}])))


@st.composite
def interpolated_between(draw):
    """The places of the points are variables too."""
    bends = np.arange(4) * 0.5 - 1 + draw(arrays((4,), low=-0.0625, high=0.0625))
    x = np.array(draw(st.lists(st.sampled_from([-0.75, -0.25, 0.25, 2.0, -2.0]), min_size=1, max_size=3)))
    return Call((x, bends, draw(arrays((4,)))), draw(st.sampled_from([{}, {"left": 0.5}])))


LAWS = enter(
    {
        np.diff: differences(),
        np.ediff1d: arrays(shapes(min_side=1)).flatmap(
            lambda x: st.sampled_from([Call((x,)), Call((x, 2)), Call((x, np.ones(2), np.zeros(1)))])
        ),
        np.trapezoid: integrals(),
        np.linspace: arrays_that_broadcast(2).flatmap(
            lambda xs: st.sampled_from([{}, {"endpoint": False}, {"axis": -1}]).map(lambda kw: Call((*xs, 4), kw))
        ),
        np.convolve: convolved(),
        np.correlate: convolved(),
        np.unwrap: unwrapped(),
        np.logspace: spaced(low=-1.0, high=1.0),
        np.geomspace: spaced(low=0.25, high=2.0),
    }
)
LAWS += enter({np.gradient: slopes(), np.interp: [interpolated(), interpolated_between()]}, LAPACK[:1])
if hasattr(np, "cumulative_sum"):
    LAWS += enter({np.cumulative_sum: sums(), np.cumulative_prod: sums()})


@pytest.mark.parametrize("entry", LAWS, ids=str)
@given(data=st.data())
def test_laws(entry, data):
    obey(entry, data)


def test_interpolation_is_in_float64_as_in_numpy():
    x = tg.Tensor(np.array([0.25, 0.75], dtype=np.float32))
    y = np.interp(x, [0, 1], [0, 3])
    assert y.dtype == np.float64
    y.backward(np.ones(2))
    assert x.grad.dtype == np.float32
    np.testing.assert_array_equal(x.grad, [3, 3])


def test_lists_stand_for_arrays():
    check_grads(lambda x: np.trapezoid([1, 2, 4], x), np.array([0.0, 1.0, 3.0]))
    check_grads(lambda v: np.correlate([1, 2, 3], v), np.array([0.5, 1.0]))
    check_grads(lambda v: np.convolve([1, 2, 3], v), np.array([0.5, 1.0]))
    check_grads(lambda v: np.convolve(v, [1, 2, 3], "same"), np.array([0.5, 1.0]))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda t: np.gradient(t, edge_order=3), "edge_order"),
        (lambda t: np.gradient(t[:1]), "samples"),
        pytest.param(
            lambda t: np.cumulative_sum(np.reshape(t, (1, 3))),
            "axis=",
            marks=pytest.mark.skipif(not hasattr(np, "cumulative_sum"), reason="of NumPy 2.1"),
        ),
    ],
)
def test_what_does_not_fit_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call(tg.Tensor([1.0, 2.0, 3.0]))


def test_the_step_between_numbers_at_even_distances():
    check_grads(lambda a, b: np.linspace(a, b, 4, retstep=True), np.array([0.5, 1.0]), np.array(2.0))
    assert np.isnan(np.linspace(tg.Tensor(1.0), 2.0, 1, retstep=True)[1])


def test_powers_of_a_variable_base():
    check_grads(lambda a, base: np.logspace(a, 1.0, 3, base=base), np.array([0.5, 1.0]), np.array([2.0, 3.0]))
    with pytest.raises(ValueError, match="zero"):
        np.geomspace(tg.Tensor(0.0), 1.0)


def test_spacings_are_variables_too():
    check_grads(np.gradient, np.array([1.0, 4.0, 2.0, 3.0]), np.array([0.0, 0.5, 1.5, 1.75]))
    check_grads(lambda f, h: np.gradient(f, h, axis=0), np.array([1.0, 4.0, 2.0]), np.array(0.5))


@pytest.mark.parametrize("edge_order", [1, 2])
@pytest.mark.parametrize("places", [[0.0, 1.0, 2.0, 3.0], [0.0, 0.5, 1.5, 1.75]], ids=["even", "uneven"])
def test_each_place_of_samples_has_a_slope_of_its_own(places, edge_order):
    f, x = np.array([1.0, 4.0, 2.0, 3.0]), np.array(places)
    check_grads(lambda f, x: np.gradient(f, x, edge_order=edge_order), f, x)
    slope = tg.grad(lambda f, x: np.sum(np.gradient(f, x, edge_order=edge_order) ** 2), (0, 1))
    for compiled, eager in zip(tg.compile(slope)(f, x), slope(f, x), strict=True):
        np.testing.assert_allclose(compiled, eager, rtol=1e-12)


def test_whole_numbers_on_a_line_are_rounded_down():
    ends = np.array([-1.5, 0.5]), np.array([-2.25, 2.0])
    np.testing.assert_array_equal(np.linspace(*map(tg.Tensor, ends), 5, dtype=int), np.linspace(*ends, 5, dtype=int))


@pytest.mark.skipif(not hasattr(np, "cumulative_sum"), reason="a NumPy older than the function")
def test_the_axis_of_a_cumulative_sum_may_be_a_tuple_of_one():
    x = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(np.cumulative_sum(tg.Tensor(x), axis=(1,)).data, np.cumulative_sum(x, axis=(1,)))
    with pytest.raises(ValueError, match="one axis"):
        np.cumulative_sum(tg.Tensor(x), axis=(0, 1))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("run", [lambda f: f, tg.compile], ids=["eager", "compiled"])
@given(
    knots=st.lists(st.integers(0, 3), min_size=1, max_size=5).map(sorted),
    values=st.lists(st.sampled_from([0.5, -2.0, 3.0, np.inf, -np.inf]), min_size=5, max_size=5),
)
def test_interpolation_between_repeated_knots_and_infinities_is_numpys(run, knots, values):
    xp, fp = np.array(knots, float), np.array(values[: len(knots)])
    x = np.linspace(-0.5, 3.5, 9)
    expected = np.interp(x, xp, fp)
    found = run(lambda x, xp, fp: np.interp(tg.Tensor(x), xp, fp))(x, xp, fp)
    np.testing.assert_allclose(getattr(found, "data", found), expected, rtol=1e-12)


def test_the_gradient_at_repeated_knots():
    xp, fp = np.array([0.0, 1.0, 1.0, 2.0, 2.0]), np.array([0.0, 1.0, 3.0, 5.0, 7.0])
    x = np.array([0.5, 1.0, 1.5, 2.0, 2.5])
    by_x, by_values = tg.grad(lambda x, fp: np.sum(np.interp(x, xp, fp)), argnums=(0, 1))(x, fp)
    np.testing.assert_array_equal(by_x, [1, 2, 2, 0, 0])
    np.testing.assert_array_equal(by_values, [0.5, 0.5, 1.5, 0.5, 2])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint64, np.int8])
def test_slopes_of_whole_numbers_do_not_wrap_around(dtype):
    falling, places = np.array([120, 3, 7], dtype), np.array([-1.0, 0.5, 2.0])
    np.testing.assert_allclose(np.gradient(falling, tg.Tensor(places)).data, np.gradient(falling, places))
    check_grads(lambda places: np.gradient(falling, places), places)
    downwards = np.array([120, 50, 3], dtype)
    np.testing.assert_allclose(np.gradient(tg.Tensor(places), downwards).data, np.gradient(places, downwards))


def test_one_row_of_places_is_not_taken_for_several_axes():
    with pytest.raises(TypeError, match="2 axes, but 1 spacings"):
        np.gradient(np.ones((3, 3)), tg.Tensor([1.0, 2.0, 4.0]))


def test_ends_that_do_not_fit_beside_whole_numbers_are_refused():
    for keywords in ({"to_end": tg.Tensor([0.5])}, {"to_begin": tg.Tensor(0.5)}):
        with pytest.raises(TypeError, match="does not fit beside elements of int64"):
            np.ediff1d(np.array([1, 2, 4]), **keywords)
