import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.derivatives.shapes import astype, diagonal_matrix, flatten
from tinygraph.testing import check_grads
from tinygraph.testing.strategies import arrays, arrays_that_broadcast, axes, shapes

from .laws import Call, enter, obey


def some(**domain):
    return arrays(shapes(min_dims=1), **domain)


@st.composite
def reshaped(draw):
    x = draw(arrays())
    shape = draw(st.permutations(x.shape).map(tuple))
    if x.size:
        shape = draw(st.sampled_from([shape, -1, (x.size,), (-1, 1), (1, x.size, 1), *([x.size] if x.ndim else [])]))
    keywords = draw(st.sampled_from([{}, {"order": "F"}, {"order": "C"}]))
    return Call((x, shape), keywords)


@st.composite
def of_one(draw, minimum=0, extra=()):
    """f(x, *extra) where x has at least so many axes."""
    return Call((draw(arrays(shapes(min_dims=minimum))), *extra))


@st.composite
def transposed(draw):
    x = draw(arrays())
    order = draw(st.permutations(range(x.ndim)))
    signed = [axis - x.ndim if draw(st.booleans()) else axis for axis in order]
    return Call((x, *draw(st.sampled_from([(), (None,), (signed,), (tuple(signed),)]))))


@st.composite
def two_axes(draw):
    x = draw(some())
    one = st.integers(-x.ndim, x.ndim - 1)
    return Call((x, draw(one), draw(one)))


@st.composite
def moved(draw):
    x = draw(some())
    count = draw(st.integers(1, x.ndim))
    source, destination = (draw(st.permutations(range(x.ndim)))[:count] for _ in range(2))
    if count == 1 and draw(st.booleans()):
        return Call((x, source[0] - x.ndim, destination[0]))
    return Call((x, tuple(source), [place - x.ndim for place in destination]))


@st.composite
def rolled(draw):
    x = draw(some())
    step = st.integers(-4, 4)
    kind = draw(st.sampled_from(["flat", "one", "all by one", "each"]))
    if kind == "flat":
        return Call((x, draw(step)))
    if kind == "one":
        return Call((x, draw(step)), {"axis": draw(axes(x.shape, none=False, several=False))})
    chosen = tuple(draw(st.permutations(range(-x.ndim, 0)))[: draw(st.integers(1, x.ndim))])
    shift = draw(step) if kind == "all by one" else tuple(draw(step) for _ in chosen)
    return Call((x, shift, chosen))


@st.composite
def squeezed(draw):
    x = draw(arrays())
    ones = [axis for axis, size in enumerate(x.shape) if size == 1]
    return Call((x,), draw(st.sampled_from([{}, *[{"axis": axis - x.ndim} for axis in ones], {"axis": tuple(ones)}])))


@st.composite
def repeated(draw):
    x = draw(arrays())
    axis = draw(axes(x.shape, several=False))
    size = x.size if axis is None else x.shape[axis]
    each = st.lists(st.integers(0, 3), min_size=size, max_size=size)
    array = each.map(lambda counts: np.array(counts, int))
    repeats = draw(st.one_of(st.integers(0, 3), each, array, st.just([2]), st.just(np.array([3]))))
    return Call((x, repeats), {"axis": axis})


@st.composite
def joined(draw, same=False):
    """Arrays that agree but for one axis, some of them constants."""
    shape = list(draw(shapes(min_dims=1)))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    parts = []
    for _ in range(draw(st.integers(1, 3))):
        if not same:
            shape[axis] = draw(st.integers(0, 3))
        parts.append(draw(arrays(tuple(shape))))
    if same:
        axis = draw(st.integers(-len(shape) - 1, len(shape)))
    elif draw(st.integers(0, 3)) == 0:
        axis = None
    if axis is not None and parts[0].ndim == 1 and draw(st.booleans()):
        parts.append([1, 2] if not same else [0] * len(parts[0]))
    return Call((draw(st.sampled_from([list, tuple]))(parts), axis))


@st.composite
def piled(draw, minimum=1, free=0):
    """A list of arrays that differ in length along one axis."""
    shape = list(draw(shapes(min_dims=minimum, min_side=1)))
    parts = []
    for _ in range(draw(st.integers(1, 3))):
        if len(shape) > free:
            shape[free] = draw(st.integers(1, 3))
        parts.append(draw(arrays(tuple(shape))))
    return Call((parts,))


@st.composite
def appended(draw):
    call = draw(joined())
    parts, axis = call.args
    return Call((parts[0], parts[-1]), {} if axis is None else {"axis": axis})


@st.composite
def divided(draw, axis=None, equal=False):
    """An array and how to split it: into a number of parts, or at places."""
    x = draw(arrays(shapes(min_dims={None: 1, 0: 2, 1: 1, 2: 3}[axis], min_side=1)))
    axis = 0 if axis == 1 and x.ndim == 1 else axis
    place = draw(axes(x.shape, none=False, several=False)) if axis is None else axis
    size = x.shape[place]
    parts = [count for count in range(1, size + (1 if equal else 3)) if not equal or size % count == 0]
    at = draw(st.sampled_from([*parts, [1], [0, 1], (1, 2), np.array([2, 1, 5]), [-1]]))
    return Call((x, at), {} if axis is not None else {"axis": place})


@st.composite
def of_a_matrix(draw, minimum=2):
    x = draw(arrays(shapes(min_dims=minimum)))
    return Call((x,), draw(st.sampled_from([{}, {"k": 0}, {"k": 1}, {"k": -1}, {"k": 5}])))


@st.composite
def of_a_diagonal(draw):
    x = draw(arrays(shapes(min_dims=2)))
    first, second = draw(st.permutations(range(-x.ndim, 0)))[:2]
    offset = draw(st.integers(-4, 4))
    return draw(
        st.sampled_from([Call((x,)), Call((x, offset)), Call((x, offset, first, second)), Call((x,), {"axis2": -1})])
    )


@st.composite
def padded(draw):
    x = draw(arrays(shapes(min_dims=1, min_side=1)))
    pair = st.tuples(st.integers(0, 3), st.integers(0, 3))
    each = st.lists(pair, min_size=x.ndim, max_size=x.ndim)
    width = draw(st.one_of(st.integers(0, 3), pair, each, pair.map(lambda p: (p,))))
    keywords = draw(
        st.sampled_from(
            [{}, {"constant_values": 2}, {"constant_values": (1, 2)}]
            + [{"mode": mode} for mode in ("edge", "reflect", "symmetric", "wrap", "constant")]
        )
    )
    return Call((x, width), keywords)


def takes_widths_by_axis():
    """Return whether this NumPy's pad takes a dictionary of widths: that of 2.0 does not."""
    try:
        np.pad([0.0], {0: 1})
    except TypeError:
        return False
    return True


BY_AXIS = [st.just({-1: (1, 2)})] if takes_widths_by_axis() else []


@st.composite
def padded_with_computed_values(draw):
    x = draw(arrays(shapes(min_dims=1, min_side=1), distinct=True))
    pair = st.tuples(st.integers(0, 3), st.integers(0, 3))
    each = st.lists(pair, min_size=x.ndim, max_size=x.ndim)
    width = draw(st.one_of(st.integers(0, 3), pair, each, *BY_AXIS))
    mode = draw(st.sampled_from(["maximum", "minimum", "mean", "median", "linear_ramp", "reflect", "symmetric"]))
    if mode in ("reflect", "symmetric"):
        return Call((x, width, mode), {"reflect_type": "odd"})
    name, number = ("end_values", st.integers(-2, 2)) if mode == "linear_ramp" else ("stat_length", st.integers(1, 4))
    number = draw(st.one_of(st.none(), number, st.tuples(number, number)))
    return Call((x, width, mode), {} if number is None else {name: number})


@st.composite
def rotated(draw):
    x = draw(arrays(shapes(min_dims=2)))
    plane = tuple(draw(st.permutations(range(-x.ndim, 0)))[:2])
    return draw(st.sampled_from([Call((x,)), Call((x, 3)), Call((x, -1, plane)), Call((x,), {"k": 2, "axes": plane})]))


@st.composite
def expanded(draw):
    x = draw(arrays())
    return Call((x, draw(st.sampled_from([0, -1, x.ndim, (0, -1), (1, 2), [0]]))) if x.ndim else (x, (0, -1)))


LAWS = enter(
    {
        astype: arrays().flatmap(lambda x: st.sampled_from([Call((x, np.float32)), Call((x, np.float64))])),
        np.reshape: reshaped(),
        np.ravel: [of_one(), of_one(extra=("F",))],
        flatten: [of_one(), of_one(extra=("F",))],
        np.copy: of_one(),
        np.squeeze: squeezed(),
        np.expand_dims: expanded(),
        np.atleast_1d: of_one(),
        np.atleast_2d: of_one(),
        np.atleast_3d: of_one(),
        np.transpose: transposed(),
        np.matrix_transpose: of_one(2),
        np.swapaxes: two_axes(),
        np.moveaxis: moved(),
        np.rollaxis: two_axes(),
        np.flip: arrays().flatmap(lambda x: axes(x.shape).map(lambda axis: Call((x, axis)))),
        np.flipud: of_one(1),
        np.fliplr: of_one(2),
        np.rot90: rotated(),
        np.roll: rolled(),
        np.broadcast_to: arrays_that_broadcast(2).map(
            lambda xs: Call((xs[0], np.broadcast_shapes(xs[0].shape, xs[1].shape)))
        ),
        np.broadcast_arrays: arrays_that_broadcast(3).map(Call),
        np.repeat: repeated(),
        np.tile: arrays().flatmap(
            lambda x: st.one_of(st.integers(0, 3), shapes(max_dims=4), shapes().map(list)).map(
                lambda reps: Call((x, reps))
            )
        ),
        np.concatenate: joined(),
        np.stack: joined(same=True),
        np.vstack: piled(2, 0),
        np.hstack: [piled(1, 1), piled(1, 0).filter(lambda call: call.args[0][0].ndim == 1)],
        np.dstack: piled(0, 2),
        np.column_stack: [piled(2, 1).filter(lambda call: call.args[0][0].ndim == 2), piled(1, 5)],
        np.append: appended(),
        np.array_split: divided(),
        np.split: divided(equal=True),
        np.vsplit: divided(0, equal=True),
        np.hsplit: divided(1, equal=True),
        np.dsplit: divided(2, equal=True),
        np.tril: of_a_matrix(1),
        np.triu: of_a_matrix(1),
        np.diagonal: of_a_diagonal(),
        np.trace: of_a_diagonal(),
        np.diag: of_a_matrix(1).filter(lambda call: call.args[0].ndim < 3),
        np.meshgrid: st.lists(arrays(shapes(1, 1)), min_size=1, max_size=3).flatmap(
            lambda xs: st.sampled_from([{}, {"indexing": "ij"}, {"sparse": True}]).map(lambda kw: Call(tuple(xs), kw))
        ),
        np.diagflat: arrays(shapes(max_dims=2, max_side=2)).flatmap(
            lambda x: st.integers(-3, 3).map(lambda k: Call((x, k)))
        ),
        diagonal_matrix: arrays(shapes(1, 1)).flatmap(lambda x: st.integers(-3, 3).map(lambda k: Call((x, k)))),
        np.pad: [padded(), padded_with_computed_values()],
    }
)
if hasattr(np, "astype"):
    # NumPy 2.0 takes no scalars, which an array of no dimension becomes here.
    LAWS += enter({np.astype: some().flatmap(lambda x: st.just(Call((x, np.float32))))})
if hasattr(np, "unstack"):
    LAWS += enter(
        {
            np.unstack: some().flatmap(
                lambda x: axes(x.shape, none=False, several=False).map(lambda axis: Call((x,), {"axis": axis}))
            )
        }
    )


@pytest.mark.parametrize("entry", LAWS, ids=str)
@given(data=st.data())
def test_laws(entry, data):
    obey(entry, data)


@pytest.mark.parametrize("function", [np.concatenate, np.stack, np.vstack, np.hstack, np.dstack, np.column_stack])
def test_a_tensor_is_the_sequence_of_its_rows(function):
    check_grads(function, np.arange(12.0).reshape(2, 3, 2))


@pytest.mark.parametrize("function", [np.atleast_1d, np.atleast_2d, np.atleast_3d])
def test_atleast_of_several(function):
    x, y = tg.Tensor(1.0), tg.Tensor([1.0, 2.0])
    for got, expected in zip(function(x, 3.0, y), function(1.0, 3.0, np.array([1.0, 2.0])), strict=True):
        np.testing.assert_array_equal(got.data if isinstance(got, tg.Tensor) else got, expected)


def test_stacks_take_a_dtype():
    x = tg.Tensor([1.0, 2.0])
    for function in (np.vstack, np.hstack, np.stack, np.concatenate):
        y = function([x, x], dtype=np.float32)
        assert y.dtype == np.float32
        x.grad = None
        y.backward(np.ones(y.shape))
        np.testing.assert_array_equal(x.grad, [2, 2])


@pytest.mark.parametrize(
    ("mode", "name"), [("constant", "constant_values"), ("linear_ramp", "end_values")], ids=["constant", "ramp"]
)
def test_the_values_of_a_border_have_a_gradient(mode, name):
    x = np.array([[1.0, 2.0, -1.0], [0.5, 3.0, 2.5]])
    check_grads(lambda x, v: np.pad(x, 2, mode, **{name: v}), x, 0.5)
    check_grads(lambda x, v: np.pad(x, [(1, 2), (0, 3)], mode, **{name: v}), x, np.array([[1.0, 2.0], [3.0, 4.0]]))
    check_grads(lambda x, v: np.pad(x, 1, mode, **{name: (v, 2.0)}), x, 0.5)


def test_padding_with_nothing_in_particular():
    x = tg.Tensor([1.0, 2.0])
    padded = np.pad(x, 1, mode="empty")
    padded.backward(np.arange(4.0))
    assert padded.shape == (4,)
    np.testing.assert_array_equal(x.grad, [1, 2])


def test_padding_by_a_function_is_refused():
    with pytest.raises(tg.UnsupportedError, match=r"np\.concatenate"):
        np.pad(tg.Tensor([1.0, 2.0]), 1, lambda vector, *_: None)


def test_a_list_of_tensors_is_an_array():
    check_grads(lambda x, y: np.append([x, y], y * 2), 1.0, 2.0)


def test_an_order_that_depends_on_the_memory_is_refused():
    x = tg.Tensor(np.asfortranarray([[1.0, 2.0], [3.0, 4.0]]))
    for call in (lambda: np.ravel(x, order="K"), lambda: np.reshape(x, 4, order="A"), lambda: np.ravel(x, "A")):
        with pytest.raises(tg.UnsupportedError, match="order"):
            call().backward(np.ones(4))


def test_split_refuses_parts_of_unequal_size():
    with pytest.raises(ValueError, match="equal"):
        np.split(tg.Tensor([1.0, 2.0, 3.0]), 2)


@pytest.mark.parametrize("function", [np.flip, np.sum, np.sort, np.expand_dims])
def test_an_axis_that_is_not_there_is_numpys_error(function):
    with pytest.raises(np.exceptions.AxisError, match=r"\(2,\).* axis 7 is out of bounds") as caught:
        function(tg.Tensor([1.0, 2.0]), axis=7)
    assert isinstance(caught.value, tg.ShapeError)


@pytest.mark.skipif(not hasattr(np, "astype"), reason="a NumPy older than the function")
def test_a_sum_is_converted_by_the_function_too():
    sum_of_squares = lambda x: np.astype(np.sum(x * x), np.float32, copy=False)
    x = np.array([1.0, 2.0])
    assert sum_of_squares(tg.Tensor(x)).dtype == np.float32
    np.testing.assert_array_equal(tg.grad(sum_of_squares)(x), 2 * x)
    np.testing.assert_array_equal(tg.compile(tg.grad(sum_of_squares))(x), 2 * x)
    with pytest.raises((TypeError, ValueError), match="device"):  # NumPy 2.0 has no such argument
        np.astype(tg.Tensor(x), np.float32, device="gpu")


@pytest.mark.parametrize(
    "convert",
    [
        lambda t: t.astype(int),
        lambda t: t.astype(bool),
        lambda t: astype(t, np.dtype(np.int8)),
        lambda t: np.sum(t, dtype=int),
        lambda t: np.cumsum(t, 0, int),
        lambda t: np.add(t, 1, dtype=int, casting="unsafe"),
        lambda t: np.concatenate([t, t], dtype=int, casting="unsafe"),
        lambda t: np.linspace(t, 3, 3, dtype=int),
    ],
)
def test_a_result_of_integers_is_a_step_function_and_comes_plain(convert):
    x = np.array([1.5, -2.5])
    result = convert(tg.Tensor(x))
    assert not isinstance(result, tg.Tensor)
    with tg.no_grad():
        expected = convert(tg.Tensor(x)) if "astype" in str(convert.__code__.co_names) else convert(x)
    np.testing.assert_array_equal(result, expected)
    assert tg.grad(lambda t: np.sum(convert(t) * 2.0))(x).tolist() == [0.0, 0.0]


def test_a_vector_is_transposed_along_its_only_axis():
    t = tg.Tensor([1.0, 2.0])
    t.transpose(0).backward([3.0, 4.0])
    assert t.grad.tolist() == [3.0, 4.0]
    for axis in (0, -1, np.int64(0), [0]):
        assert tg.grad(lambda t, axis=axis: np.sum(np.transpose(t, axis) ** 2))(np.array([1.0, 2.0])).tolist() == [2, 4]


def rolls_by_unsigned_integers():
    """Return whether this NumPy does: that of 2.0 negates them, which they cannot hold."""
    try:
        with np.errstate(over="ignore"):
            np.roll(np.arange(3), np.uint8(1))
    except ValueError:
        return False
    return True


@pytest.mark.skipif(not rolls_by_unsigned_integers(), reason="a NumPy that does not roll by unsigned integers")
@pytest.mark.parametrize("shift", [np.uint8(2), np.array([1, 2], np.uint8), np.int8(-128)])
def test_a_roll_by_a_narrow_integer_is_rolled_back(shift):
    axis = (0, 1) if np.ndim(shift) else 1
    tg.testing.check_grads(lambda x: np.roll(x, shift, axis) * np.arange(15.0).reshape(3, 5), np.ones((3, 5)))


def test_parts_along_an_axis_that_is_not_there():
    for split, x in ((np.vsplit, [1.0, 2.0]), (np.dsplit, [[1.0, 2.0]]), (np.hsplit, 1.0)):
        with pytest.raises(tg.ShapeError, match="fewer than"):
            split(tg.Tensor(x), 1)


def test_a_reshape_that_copies():
    t = tg.Tensor([1.0, 2.0])
    assert t.reshape(2, 1, copy=True).shape == (2, 1)
    assert t.reshape((1, 2), copy=None).shape == (1, 2)


def test_a_conversion_to_no_dtype_is_one_to_float64():
    x = np.float32([1.0, 2.0])
    assert tg.Tensor(x).astype(None).dtype == x.astype(None).dtype
    assert tg.compile(lambda x: x.astype(None) * 2)(x).dtype == np.float64
