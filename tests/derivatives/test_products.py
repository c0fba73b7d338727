import string

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

import tinygraph as tg
from tinygraph.derivatives.products import einsum_of
from tinygraph.testing import check_grads
from tinygraph.testing.strategies import arrays, axes, matmul_pairs, shapes

from .laws import Call, enter, obey

SMALL = shapes(max_dims=2)


@st.composite
def pair(draw, shared_axes):
    """Two arrays of 0 to 3 axes; `shared_axes(x.ndim, y.ndim)` says which of them have the same length."""
    x, y = draw(shapes()), list(draw(shapes()))
    for of_x, of_y in shared_axes(len(x), len(y)):
        y[of_y] = x[of_x]
    return draw(arrays(x)), draw(arrays(tuple(y)))


def last_axes(n, m):
    return [(n - 1, m - 1)] if n and m else []


def for_dot(n, m):
    return [(n - 1, max(m - 2, 0))] if n and m else []


@st.composite
def with_tensordot_axes(draw):
    x, y = draw(shapes(max_dims=3)), list(draw(shapes(max_dims=3)))
    count = draw(st.integers(0, min(len(x), len(y))))
    if draw(st.booleans()):
        y[:count] = x[len(x) - count :]
        axes = count
    else:
        of_x = draw(st.permutations(range(len(x))))[:count]
        of_y = draw(st.permutations(range(len(y))))[:count]
        for i, j in zip(of_x, of_y, strict=True):
            y[j] = x[i]
        of_x = [axis - len(x) if draw(st.booleans()) else axis for axis in of_x]
        axes = (of_x[0], of_y[0]) if count == 1 and draw(st.booleans()) else (of_x, tuple(of_y))
    return Call((draw(arrays(x)), draw(arrays(tuple(y))), axes))


@st.composite
def einsums(draw, interleaved=False):
    """Any einsum: letters that repeat within and among operands, ellipses, axes of size 1, explicit output or not."""
    letters = draw(st.permutations("ijkAb"))[:4]
    size_of = {letter: draw(st.integers(1, 3)) for letter in letters}
    batch = draw(shapes(max_dims=2, min_side=1))
    use_dots = draw(st.booleans())
    terms, operands = [], []
    for _ in range(draw(st.integers(1, 3))):
        term = draw(st.lists(st.sampled_from(letters), max_size=3))
        # NumPy broadcasts an axis of size 1 that bears a letter, unless the letter repeats in the operand.
        shape = [1 if term.count(a) == 1 and draw(st.integers(0, 4)) == 0 else size_of[a] for a in term]
        term = "".join(term)
        if use_dots and draw(st.booleans()):
            at = draw(st.integers(0, len(term)))
            hidden = list(batch[draw(st.integers(0, len(batch))) :])
            hidden = [1 if draw(st.integers(0, 4)) == 0 else size for size in hidden]
            term, shape = term[:at] + "..." + term[at:], shape[:at] + hidden + shape[at:]
        terms.append(term)
        operands.append(draw(arrays(tuple(shape))))
    used = sorted(set("".join(terms)) - {"."})
    output = None
    if draw(st.booleans()):
        output = "".join(draw(st.permutations(used))[: draw(st.integers(0, len(used)))])
        output = (
            draw(st.sampled_from(["..." + output, output + "..."])) if any("..." in term for term in terms) else output
        )
    optimize = draw(st.sampled_from([{}, {}, {"optimize": True}, {"optimize": "greedy"}]))
    if not interleaved:
        text = ",".join(terms) + ("" if output is None else "->" + output)
        return Call((draw(st.sampled_from([text, text.replace(",", " , ")])), *operands), optimize)
    lists = [part for operand, term in zip(operands, terms, strict=True) for part in (operand, as_list(term))]
    return Call((*lists, *([] if output is None else [as_list(output)])), optimize)


def as_list(term):
    return [Ellipsis if letter == "." else string.ascii_letters.index(letter) for letter in term.replace("...", ".")]


LAWS = enter(
    {
        np.matmul: matmul_pairs().map(Call),
        np.dot: pair(for_dot).map(Call),
        np.outer: st.tuples(arrays(SMALL), arrays(SMALL)).map(Call),
        np.inner: pair(last_axes).map(Call),
        np.vdot: arrays(SMALL).flatmap(lambda x: st.tuples(st.just(x), arrays((x.size,)))).map(Call),
        np.tensordot: with_tensordot_axes(),
        np.kron: st.tuples(arrays(SMALL), arrays(SMALL)).map(Call),
        np.einsum: [einsums(), einsums(interleaved=True)],
        einsum_of: einsums().map(lambda call: Call((call.args[0], False, *call.args[1:]))),
    }
)


@st.composite
def vector_pairs(draw, size=None, signature="(n),(n)->()"):
    """Stacks of vectors, or of vectors and matrices, that broadcast."""
    drawn = draw(nps.mutually_broadcastable_shapes(signature=signature, max_dims=2, min_side=1, max_side=3))
    sides = [shape if size is None else (*shape[:-1], size) for shape in drawn.input_shapes]
    return Call(tuple([draw(arrays(side)) for side in sides]))


@st.composite
def along_an_axis(draw, size=None):
    shape = list(draw(shapes(min_dims=1)))
    axis = draw(axes(tuple(shape), none=False, several=False))
    shape[axis] = shape[axis] if size is None else size
    return Call((draw(arrays(tuple(shape))), draw(arrays(tuple(shape)))), {"axis": axis})


LAWS += enter({np.cross: [vector_pairs(3), along_an_axis(3)]})
if hasattr(np, "vecdot"):
    LAWS += enter({np.vecdot: [vector_pairs(), along_an_axis()]})
if hasattr(np, "matvec"):
    LAWS += enter(
        {np.matvec: vector_pairs(signature="(m,n),(n)->(m)"), np.vecmat: vector_pairs(signature="(n),(n,m)->(m)")}
    )
if hasattr(np.linalg, "vecdot"):
    LAWS += enter(
        {
            np.linalg.matmul: matmul_pairs().map(Call),
            np.linalg.outer: st.tuples(arrays(shapes(1, 1)), arrays(shapes(1, 1))).map(Call),
            np.linalg.tensordot: with_tensordot_axes().map(lambda call: Call(call.args[:2], {"axes": call.args[2]})),
            np.linalg.vecdot: along_an_axis(),
            np.linalg.cross: along_an_axis(3),
        }
    )


@pytest.mark.parametrize("entry", LAWS, ids=str)
@given(data=st.data())
def test_laws(entry, data):
    obey(entry, data)


x23, x34 = np.arange(6.0).reshape(2, 3) - 2, np.arange(12.0).reshape(3, 4) - 5


@pytest.mark.parametrize("function", [np.dot, np.outer, np.inner, np.vdot, np.kron, np.tensordot, np.matmul])
def test_lists_and_numbers_stand_for_arrays(function):
    keywords = {"axes": 1} if function is np.tensordot else {}
    check_grads(lambda x: function([1.0, 2.0], x, **keywords), np.array([3.0, 4.0]))
    check_grads(lambda x: function(x, [1, 2], **keywords), np.array([3.0, 4.0]))


@pytest.mark.parametrize("function", [np.dot, np.outer, np.inner, np.kron])
def test_a_number_times_an_array(function):
    check_grads(lambda x: function(2.0, x), np.array([3.0, 4.0]))
    check_grads(lambda x: function(x, 2), np.array([3.0, 4.0]))
    check_grads(lambda x: function(np.array([3.0, 4.0]), x), 5.0)


def test_matmul_of_lists():
    check_grads(lambda x: np.matmul([[1.0, 2.0, 3.0]], x) + [[1.0, 2.0, 3.0]] @ x, x34)
    check_grads(lambda x: x @ [1.0, 2.0, 3.0], x23)


def test_einsum_along_a_path():
    path = ["einsum_path", (0, 1), (0, 1)]
    check_grads(lambda a, b, c: np.einsum("ij,jk,k->i", a, b, c, optimize=path), x23, x34, np.arange(4.0))


def test_einsum_of_numbers():
    check_grads(lambda s, x: np.einsum(",i->i", s, x), 2.0, np.arange(3.0))
    check_grads(lambda x: np.einsum("i,", x, 3), np.arange(3.0))
    check_grads(lambda x: np.einsum("i,i", [1, 2, 3], x), np.arange(3.0))


def test_einsum_takes_a_dtype():
    x = tg.Tensor(np.ones(3, dtype=np.float32))
    assert np.einsum("i->", x, dtype=np.float64).dtype == np.float64


def test_many_rows_of_nothing():
    """Products over an axis of length 0 are zeros, and so are the gradients."""
    check_grads(np.matmul, np.zeros((2, 3, 0)), np.zeros((0, 4)))
    check_grads(np.matmul, np.zeros((2, 0, 3)), np.zeros((3, 0)))
    check_grads(np.dot, np.zeros((2, 2, 0)), np.zeros((2, 0, 4)))


def test_shapes_that_do_not_fit_are_named():
    with pytest.raises(tg.ShapeError, match=r"tensordot: shapes \(2, 3\) and \(2, 3\)"):
        np.tensordot(tg.Tensor(x23), x23, axes=1)


# --- where the vectors of a product lie -------------------------------------------------------------------------------


A, B = np.arange(24.0).reshape(2, 3, 4) / 10, np.cos(np.arange(24.0)).reshape(2, 3, 4)
PLACED = {
    "vecdot along an axis": lambda a, b: np.vecdot(a, b, axis=0),
    "vecdot, kept": lambda a, b: np.vecdot(a, b, axis=1, keepdims=True),
    "vecdot, kept last": lambda a, b: np.vecdot(a, b, keepdims=True),
    "vecdot along axes": lambda a, b: np.vecdot(a, b, axes=[1, 1]),
    "vecdot along two axes": lambda a, b: np.vecdot(np.swapaxes(a, 0, 1), b, axes=[(0,), (1,), ()]),
    "matmul": lambda a, b: np.matmul(a, b, axes=[(2, 1), (1, 2), (0, 1)]),
    "matmul of columns": lambda a, b: np.matmul(a, b, axes=[(-1, -2), (-2, -1), (-2, -1)]),
    "matvec": lambda a, b: np.matvec(a, b[0], axes=[(0, 1), (0,), (-1,)]),
    "vecmat": lambda a, b: np.vecmat(a[:, :, 0], b, axes=[(-1,), (1, 2), (0,)]),
}


@pytest.mark.parametrize("name", PLACED)
def test_products_along_given_axes(name):
    if name in ("matvec", "vecmat") and not hasattr(np, name):
        pytest.skip("a NumPy older than the function")
    function = PLACED[name]
    np.testing.assert_allclose(function(tg.Tensor(A), B).data, function(A, B), rtol=1e-13)
    check_grads(function, A, B)


def test_products_computed_in_a_dtype():
    t = tg.Tensor(A.astype(np.float32))
    product = np.vecdot(t, B, dtype=np.float64)
    assert product.dtype == np.float64
    np.sum(product).backward()
    assert t.grad.dtype == np.float32
    with pytest.raises(TypeError, match="vecdot"):
        np.vecdot(t, B, dtype=np.int64)


def test_axes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="axis"):
        np.vecdot(tg.Tensor(A), B, axis=5)


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("vecdot", [(3,), (1,)]),
        ("vecdot", [(3,), ()]),
        ("matvec", [(3,), (3,)]),
        ("matvec", [(2, 3), (2,)]),
        ("vecmat", [(2,), (2,)]),
        ("vecmat", [(2, 3), (4, 3)]),
        ("linalg.outer", [(2,), (2, 2)]),
        ("linalg.multi_dot", [(2, 2)]),
        ("correlate", [(3,), ()]),
        ("correlate", [(3, 3), (3,)]),
    ],
)
def test_what_numpy_refuses_to_multiply_is_refused(name, shapes):
    function = np
    for part in name.split("."):
        function = getattr(function, part, None)
    if function is None:
        pytest.skip("a NumPy older than the function")
    arrays = [np.ones(shape) for shape in shapes]
    call = (lambda xs: function(xs)) if "multi" in name else (lambda xs: function(*xs))
    with pytest.raises(ValueError):
        call(arrays)
    with pytest.raises(ValueError, match=name):
        call([tg.Tensor(item) for item in arrays])


@pytest.mark.filterwarnings("ignore:Arrays of 2-dimensional vectors:DeprecationWarning")
@pytest.mark.parametrize("shapes", [[(2,), (3,)], [(4, 3), (2,)], [(2,), (2,)], [(4, 2), (1, 2)]])
def test_the_third_component_of_a_vector_of_two_is_0(shapes):
    xs = [np.random.default_rng(place).normal(size=shape) for place, shape in enumerate(shapes)]
    try:
        expected = np.cross(*xs)
    except ValueError:
        pytest.skip("this NumPy has none")
    np.testing.assert_allclose(np.cross(*map(tg.Tensor, xs)).data, expected)
    tg.testing.check_grads(np.cross, *xs)


def test_the_gradient_of_an_einsum_does_not_multiply_narrow_integers():
    matrix, vector = np.full((3, 3), 200, np.uint8), np.array([200, 100, 3], np.uint8)
    t = tg.Tensor([1.0, 2.0, 3.0])
    np.einsum("i,ij,j->", t, matrix, vector, optimize=True).backward()
    np.testing.assert_allclose(t.grad, [200.0 * 303] * 3)
