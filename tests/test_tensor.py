"""Tensor as an array: construction, Python's protocols, NumPy's protocols, ndarray's methods."""

from __future__ import annotations

import cmath
import copy
import math
import operator
import pickle
import re
from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinygraph as tg

floats = hnp.arrays(
    np.float64, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4), elements=st.floats(-9, 9)
)


@pytest.mark.parametrize(
    ("data", "dtype", "requires_grad"),
    [
        (3, np.float64, True),
        (3.0, np.float64, True),
        ([1, 2], np.float64, True),
        (True, np.float64, True),
        (np.array([1, 2]), np.int64, False),
        (np.array([True]), np.bool_, False),
        (np.float32(2), np.float32, True),
        (np.array([1.0], np.float16), np.float16, True),
        (np.int64(2), np.int64, False),
    ],
)
def test_what_becomes_of_data(data, dtype, requires_grad):
    tensor = tg.Tensor(data)
    assert (tensor.dtype, tensor.requires_grad) == (dtype, requires_grad)
    np.testing.assert_array_equal(tensor.data, data)
    assert type(tensor.data) is np.ndarray


def test_bad_data_are_refused():
    for bad in ("abc", ["a"], None, object(), [[1, 2], [3]], np.array(["a"]), np.array([None])):
        with pytest.raises((TypeError, ValueError)):
            tg.Tensor(bad)
    with pytest.raises(TypeError, match="int64 have no gradient"):
        tg.Tensor(np.array([1]), requires_grad=True)
    with pytest.raises(TypeError, match="name must be a string"):
        tg.Tensor(1.0, name=3)


def test_an_array_is_copied():
    data = np.array([1.0, 2.0])
    tensor = tg.Tensor(data)
    data[0] = 9
    np.testing.assert_array_equal(tensor.data, [1, 2])
    scalar = np.array(1.0)
    held = tg.Tensor(scalar)
    scalar[...] = 7
    assert held.item() == 1
    for layout in (np.asfortranarray(np.ones((2, 3))), np.ones((2, 3))[::-1, ::-2], np.broadcast_to(1.0, (2, 3))):
        held = tg.Tensor(layout)
        assert held.data.strides == layout.strides
        assert not np.shares_memory(held.data, layout)
        np.testing.assert_array_equal(held.data, layout)
    column = tg.Tensor(np.ones((1000, 1000))[:, 0])
    assert column.data.flags.c_contiguous
    number = tg.Tensor(3.0)
    number.data[...] = 5
    assert (number * 1).item() == 5


@given(floats)
def test_the_operators_are_numpys_to_the_bit(x):
    t = tg.Tensor(x)
    other = np.float64(1.75)
    with np.errstate(all="ignore"):
        for op in (operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.mod):
            for left, right, plain in [
                (t, 1.5, op(x, 1.5)),
                (1.5, t, op(1.5, x)),
                (t, t, op(x, x)),
                (t, other, op(x, other)),
            ]:
                result = op(left, right)
                assert isinstance(result, tg.Tensor)
                np.testing.assert_array_equal(result.data, plain)
                assert result.dtype == np.asarray(plain).dtype
        for exponent in (0, 1, 2, 3, -1, 0.5, 2.0):
            np.testing.assert_array_equal((t**exponent).data, x**exponent)
        for op in (operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge, operator.floordiv):
            result = op(t, 1.5)
            assert not isinstance(result, tg.Tensor)
            np.testing.assert_array_equal(result, op(x, 1.5))
            np.testing.assert_array_equal(op(1.5, t), op(1.5, x))
            np.testing.assert_array_equal(op(t, t), op(x, x))
        np.testing.assert_array_equal((-t).data, -x)
        np.testing.assert_array_equal((+t).data, +x)
        np.testing.assert_array_equal(abs(t).data, abs(x))


@given(floats, st.sampled_from([np.float16, np.float32, np.float64]))
def test_scalars_keep_the_dtype(x, dtype):
    t = tg.Tensor(x.astype(dtype))
    for result in (t + 1, 1 + t, t * 2.5, 2.5 - t, t**2, 2 * t, t / 3, t + True, np.sin(t), np.maximum(t, 0)):
        assert result.dtype == dtype
    assert (np.float64(2) * t).dtype == (np.float64(2) * t.data).dtype
    assert (t * np.float64(2)).dtype == (t.data * np.float64(2)).dtype


def test_other_operands():
    t = tg.Tensor([1.0, 2.0])
    for left, right in [([1, 2], t), (np.array([1, 2]), t), (np.float32(2), t), ((1, 2), t)]:
        for result in (left * right, right * left):
            assert isinstance(result, tg.Tensor)
            np.testing.assert_array_equal(result.data, np.asarray(left) * t.data)
    with pytest.raises(TypeError):
        t + "abc"
    with pytest.raises(TypeError):
        t * None
    with pytest.raises(TypeError):
        {} - t


def test_shapes_that_do_not_fit_name_the_call_and_the_shapes():
    a, b = tg.Tensor(np.ones((64, 784))), tg.Tensor(np.ones((512, 128)))
    with pytest.raises(tg.ShapeError, match=r"matmul.*\(64, 784\) and \(512, 128\): 784 columns against 512 rows"):
        a @ b
    with pytest.raises(tg.ShapeError, match=r"add.*\(64, 784\) and \(512, 128\)"):
        a + b
    with pytest.raises(tg.ShapeError, match=r"add.*\(64, 784\) and \(3,\)"):
        a + np.ones(3)
    with pytest.raises(tg.ShapeError, match=r"multiply.*\(3,\) and \(64, 784\)"):
        np.ones(3) * a
    with pytest.raises(tg.ShapeError, match=r"concatenate.*\(64, 784\) and \(512, 128\)"):
        np.concatenate([a, b])
    with pytest.raises(tg.ShapeError, match="reshape"):
        a.reshape(3, 3)
    with pytest.raises(ValueError, match=r'\(test_tensor\.py:\d+, in scope "layer 1"\)'), tg.scope("layer 1"):
        a + b


METHODS = {
    "sum": {"axis": 0}, "mean": {}, "prod": {"axis": -1}, "max": {}, "min": {"axis": 1}, "var": {"ddof": 1}, "std": {},
    "cumsum": {"axis": 1}, "cumprod": {"axis": 0}, "ravel": {}, "flatten": {}, "copy": {}, "squeeze": {}, "trace": {},
    "diagonal": {}, "argmax": {}, "argmin": {"axis": 0}, "argsort": {}, "all": {}, "any": {}, "round": {}, "conj": {},
}  # fmt: skip


@pytest.mark.parametrize("name", METHODS)
def test_methods_are_ndarrays(name):
    x = np.random.default_rng(0).normal(size=(3, 4))
    if name == "round":
        result = tg.Tensor(x).round()
    else:
        result = getattr(tg.Tensor(x), name)(**METHODS[name])
    expected = getattr(x, name)(**METHODS[name])
    np.testing.assert_allclose(getattr(result, "data", result), expected, rtol=1e-14)


def test_more_methods():
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    t = tg.Tensor(x)
    pairs = [
        (t.T, x.T), (t.mT, x.mT), (t.reshape(6, 4), x.reshape(6, 4)), (t.reshape((4, -1)), x.reshape((4, -1))),
        (t.reshape(-1, order="F"), x.reshape(-1, order="F")), (t.transpose(), x.transpose()),
        (t.transpose(1, 0, 2), x.transpose(1, 0, 2)), (t.transpose((2, 0, 1)), x.transpose((2, 0, 1))),
        (t.swapaxes(0, 1), x.swapaxes(0, 1)), (t.take([0, 1], axis=2), x.take([0, 1], axis=2)),
        (t.repeat(2, axis=0), x.repeat(2, axis=0)), (t.clip(-1, 1), x.clip(-1, 1)), (t.clip(max=0), x.clip(max=0)),
        (t.dot(np.ones(4)), x.dot(np.ones(4))), (t.astype(np.float32), x.astype(np.float32)),
        (t.compress([True, False], axis=0), x.compress([True, False], axis=0)),
    ]  # fmt: skip
    for result, expected in pairs:
        assert isinstance(result, tg.Tensor)
        np.testing.assert_array_equal(result.data, expected)
        assert result.dtype == expected.dtype
    assert [float(item) for item in t.flat] == list(x.flat)


def test_pythons_protocols():
    t = tg.Tensor([[1.0, 2.0], [3.0, 4.0]], name="t")
    assert len(t) == 2
    assert [row.shape for row in t] == [(2,), (2,)]
    assert all(row.requires_grad for row in t)
    assert 3.0 in t and 7.0 not in t
    assert float(tg.Tensor(2.5)) == 2.5
    assert int(tg.Tensor(2.5)) == 2
    assert bool(tg.Tensor(0.0)) is False
    assert f"{tg.Tensor(2.5):.2f}" == "2.50"
    assert f"{t}" == str(t.data)
    assert tg.Tensor(2.5).item() == 2.5 and type(tg.Tensor(2.5).item()) is float
    assert t.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert repr(t) == "Tensor([[1., 2.],\n        [3., 4.]], name='t')"
    assert repr(tg.Tensor(np.float32(2), requires_grad=False)) == "Tensor(2., dtype=float32, requires_grad=False)"
    assert {t: 1}[t] == 1 and len({t, tg.Tensor(1.0), tg.Tensor(1.0)}) == 3
    assert "abc"[tg.Tensor(np.array(1))] == "b"
    with pytest.raises(ValueError):
        bool(t)
    with pytest.raises(TypeError):
        len(tg.Tensor(1.0))
    with pytest.raises(TypeError):
        iter(tg.Tensor(1.0))
    with pytest.raises(TypeError):
        float(t)


@pytest.mark.parametrize("twin_of", [tg.no_grad()(copy.copy), copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
def test_copies_of_leaves(twin_of):
    t = tg.Tensor([1.0, 2.0], name="t")
    twin = twin_of(t)
    assert (twin.name, twin.requires_grad) == ("t", True)
    np.testing.assert_array_equal(twin.data, t.data)
    assert not np.shares_memory(twin.data, t.data)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda t: copy.deepcopy({"t": [t]})["t"][0]])
def test_a_copy_of_what_is_computed_has_its_gradient(copied):
    t = tg.Tensor([[1.0, 2.0], [3.0, 4.0]])
    twin = copied((t * 2).T)
    twin[0] *= 3
    assert twin.tolist() == [[6, 18], [4, 8]] and twin.data.flags.f_contiguous
    np.sum(twin * copied(np.sum(t))).backward()
    np.testing.assert_array_equal(t.grad, [[36 + 60, 36 + 20], [36 + 60, 36 + 20]])
    with tg.no_grad():
        twin = copied(t * 2)
        twin[0] = 0.0
    assert twin.tolist() == [[0, 0], [6, 8]]
    with pytest.raises(tg.GraphError, match="detach"):
        pickle.dumps(t * 2)


COPYING = {
    "deepcopy": lambda x: np.sum(copy.deepcopy(x) * x),
    "copy": lambda x: np.sum(copy.copy(x) * x),
    "in a list": lambda x: np.sum(copy.deepcopy([x, x])[1] * x),
    "a number": lambda x: copy.deepcopy(x[0]) * x[0] + x[1] ** 2,
    "from an outer transform": lambda x: np.sum(tg.grad(lambda y: np.sum(y * copy.deepcopy(x)))(x) * x),
    "checkpoint": lambda x: tg.checkpoint(lambda u: np.sum(copy.deepcopy(u) * u))(x),
}


@pytest.mark.parametrize("f", COPYING.values(), ids=COPYING)
def test_a_copy_of_what_is_differentiated_is_no_leaf(f):
    x = np.array([1.0, -2.0])
    np.testing.assert_array_equal(tg.grad(f)(x), [2, -4])
    np.testing.assert_array_equal(tg.hessian(f)(x), 2 * np.eye(2))
    np.testing.assert_array_equal(tg.compile(tg.grad(f))(x), [2, -4])
    np.testing.assert_array_equal(tg.jvp(f, (x,), (x,))[1], 10)


def test_writing_a_result_into_a_plain_array_is_refused_with_a_way_out():
    t = tg.Tensor([1.0, 2.0])
    for call in (
        lambda: np.add(t, 1, out=np.empty(2)),
        lambda: np.sum(t, out=np.empty(())),
        lambda: np.var(t, out=np.empty(())),
    ):
        with pytest.raises(tg.UnsupportedError, match="out="):
            call()
    with pytest.raises(tg.UnsupportedError, match=r"add.at: .*import tinygraph\.numpy as np"):
        np.add.at(np.zeros(2), [0], t)
    np.testing.assert_array_equal(t.data, [1, 2])


def test_resizing_is_refused_with_a_way_out():
    t = tg.Tensor([2.0, 1.0])
    with pytest.raises(
        tg.UnsupportedError, match=r"t\.resize\(\): .*made at test_tensor\.py:\d+.* Write t = np\.resize"
    ):
        t.resize(1)
    assert t.tolist() == [2, 1]


def test_methods_take_the_arguments_of_ndarrays():
    x = np.array([[2.0, -1.0, 0.5], [1.0, 3.0, -2.0]])
    t = tg.Tensor(x)
    calls = {
        "clip": [((0.0,), {}), ((0.0, 1.0), {}), ((), {"max": 1.0}), ((None, 1.0), {})],
        "astype": [(("f4", "C"), {}), ((), {"dtype": np.float32, "copy": False}), (("f8", "K", "safe"), {})],
        "std": [((1,), {"ddof": 1})],
        "repeat": [((2, 0), {})],
        "trace": [((1,), {})],
    }
    for name, several in calls.items():
        for args, keywords in several:
            result = getattr(t, name)(*args, **keywords)
            expected = getattr(x, name)(*args, **keywords)
            np.testing.assert_array_equal(result.data, expected)
            assert result.dtype == expected.dtype
            assert result.requires_grad
    with pytest.raises(TypeError, match="cannot cast"):
        t.astype(np.float32, casting="safe")
    assert x[0].clip(0, t).requires_grad  # which asks a ufunc that NumPy has no name for
    assert tg.Tensor(np.array([0, 1])).choose([t[0, :2], t[1, :2]]).requires_grad
    quotient, rest = divmod(5.0, tg.Tensor(2.0))
    assert (quotient, float(rest)) == (2, 1)


def test_a_number_is_taken_out_of_a_tensor_only_where_it_is_asked_for():
    t, array = tg.Tensor(2.0), np.zeros(3)
    assert float(t) == 2
    assert int(t) == 2
    for write in (
        lambda: array.__setitem__(0, float(t)),
        lambda: array.__setitem__(slice(None), tg.Tensor(1.0, requires_grad=False)),
    ):
        write()
    here = r"test_tensor\.py:\d+"
    for dtype in (float, int, complex):
        # NumPy makes a complaint of its own of it, with this one as its cause, for some dtypes.
        with pytest.raises((ValueError, tg.UnsupportedError)) as caught:
            np.zeros(3, dtype)[1] = t
        message = str(caught.value.__cause__ or caught.value)
        assert re.match(rf"array\[index\] = t: a Tensor \(made at {here}\).* at {here}.*np\.stack", message)
    with pytest.raises(tg.UnsupportedError, match="lose the gradient"):
        array[:] = t
    with pytest.raises((ValueError, tg.UnsupportedError)) as caught:
        np.sum(array, initial=t)
    assert re.match(r"np\.sum: .*lose the gradient", str(caught.value.__cause__ or caught.value))
    assert array.tolist() == [1, 1, 1]
    with tg.no_grad():
        array[1] = t
    assert array[1] == 2


def test_functions_that_take_a_number_are_told_to_be_numpys():
    t, array = tg.Tensor(4.0), np.zeros(3)
    for lose, instead in (
        (lambda: math.sin(t), r"math\.sin: .* test_tensor\.py:\d+.*Write np\.sin\b"),
        (lambda: sqrt(t**2), r"sqrt: .*Write np\.sqrt\b"),
        (lambda: math.atan2(1, t), r"math\.atan2: .*Write np\.arctan2\b"),
        (lambda: math.erf(t), r"math\.erf: .*Write scipy\.special\.erf\b"),
        (lambda: cmath.exp(t), r"cmath\.exp: .*Write np\.exp\b"),
        (lambda: math.fsum(t * np.ones(2)), r"math\.fsum: .*Write np\.sum\(np\.stack\(seq\)\)"),
        (lambda: array.fill(t), r"array\.fill: .*np\.broadcast_to"),
        (lambda: np.add.reduce(array, initial=t), r"np\.add\.reduce: .*np\.stack"),
        (lambda: math.hypot(
            3,
            t,
        ), r"math\.hypot: .*Write np\.hypot\b"),
    ):  # fmt: skip
        # NumPy makes a complaint of its own of some, with ours as its cause.
        with pytest.raises((ValueError, TypeError, tg.UnsupportedError)) as caught:
            lose()
        message = str(caught.value if isinstance(caught.value, tg.UnsupportedError) else caught.value.__cause__)
        assert re.match(instead, message), message
    assert array.tolist() == [0, 0, 0]


def test_functions_that_ask_about_a_number_have_it():
    t = tg.Tensor(4.5)
    assert not math.isnan(t) and math.isfinite(t) and math.isclose(t, 4.5) and math.floor(t) == 4
    assert f"{t:.2f}" == "4.50" and complex(t) == 4.5 and round(t) == 4
    assert math.sqrt(float(t)) == math.sqrt(t.item()) == math.sqrt(t.detach()) == math.sqrt(4.5)
    with tg.no_grad():
        assert math.sqrt(t) == math.sqrt(4.5)


def test_matrices_and_masked_arrays_beside_a_tensor():
    t, values = tg.Tensor([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 2.0], [3.0, 5.0]])
    with pytest.warns(PendingDeprecationWarning):
        matrix = np.matrix(values)
    masked = np.ma.array(values, mask=[[0, 1], [0, 0]])
    for other, what in ((matrix, "np.matrix"), (masked, "mask would be lost")):
        for use in (
            lambda c: t * c, lambda c: c * t, lambda c: t @ c, lambda c: np.multiply(t, c), lambda c: np.where(c, t, 0),
            lambda c: np.multiply(t, c, dtype=float), lambda c: np.einsum("ij,ij", t, c),
        ):  # fmt: skip
            with pytest.raises(tg.UnsupportedError) as caught:
                use(other)
            assert what in str(caught.value) or "np.ma.getdata" in str(caught.value)
    for give in (tg.Tensor, t.assign, lambda m: setattr(t, "data", m)):
        with pytest.raises(tg.UnsupportedError, match=r"mask would be lost.*m\.filled"):
            give(masked)
    np.testing.assert_array_equal(t.data, [[1, 2], [3, 4]])
    np.testing.assert_array_equal(tg.Tensor(matrix).data, values)
    np.testing.assert_array_equal(tg.Tensor(np.ma.array(values)).data, values)


def test_other_kinds_of_array_are_plain_arrays(tmp_path):
    mapped = np.memmap(tmp_path / "array", dtype=np.float64, mode="w+", shape=(3,))
    mapped[:] = [1, 2, 3]
    for use in (lambda t: t * mapped, lambda t: mapped * t, lambda t: np.multiply(t, mapped), lambda t: t @ mapped):
        t = tg.Tensor(np.ones(3))
        result = use(t)
        assert type(result.data) in (np.ndarray, np.float64)
        result.sum().backward()
        np.testing.assert_array_equal(t.grad, [1, 2, 3])
        assert type(t.grad) is np.ndarray
    assert type(np.concatenate([t, mapped])._value) is np.ndarray


def test_parts_that_a_loop_takes_are_made_on_its_line():
    t = tg.Tensor([1.0, 2.0], name="t")
    total = tg.Tensor(0.0)
    for part in t:
        total = total + part
    parts = [node for node in tg.Graph.of(total).nodes if node.function is operator.getitem]
    assert [node.source.text for node in parts] == ["for part in t:"] * 2


def test_no_gradient_is_lost_without_a_word():
    t = tg.Tensor([1.0, 2.0])
    for lose in (np.asarray, np.array, lambda t: np.asarray(t * 2), lambda t: np.array([t, t])):
        with pytest.raises(tg.UnsupportedError, match="lose the gradient"):
            lose(t)
    np.testing.assert_array_equal(np.asarray(t.detach()), [1, 2])
    with tg.no_grad():
        np.testing.assert_array_equal(np.asarray(t), [1, 2])
    assert np.asarray(tg.Tensor(np.array([1, 2]))).dtype == np.int64


def test_unsupported_functions_are_named_with_a_way_out():
    t = tg.Tensor(np.eye(2))
    for call, name in [
        (lambda: np.hypot.at(np.zeros(2), [0], t[0, 0]), "hypot"),
        (lambda: np.add(t, 1, where=np.eye(2) > 0), "add"),
    ]:
        with pytest.raises(tg.UnsupportedError, match=f"^{name}"):
            call()


def test_assigned_values_are_nobody_elses():
    w = tg.Tensor(np.zeros(3))
    named = np.ones(3)
    holder = [np.full(3, 2.0)]
    w.assign(named)
    named[0] = 9
    np.testing.assert_array_equal(w.data, np.ones(3))
    w.assign(holder[0])
    holder[0][0] = 9
    np.testing.assert_array_equal(w.data, np.full(3, 2.0))
    below = np.arange(6.0)
    w.assign(below[:3])
    below[0] = 9
    np.testing.assert_array_equal(w.data, np.arange(3.0))
    w.assign(np.arange(3.0) + 1)
    np.testing.assert_array_equal(w.data, np.arange(3.0) + 1)


def test_gradients_of_transposed_leaves_share_no_memory():
    w, x = tg.Tensor(np.ones((3, 2))), np.arange(6.0).reshape(3, 2)
    v = tg.Tensor(np.ones((3, 2)))
    ((w.T @ x).sum() + (v.T * w.T).sum()).backward()
    assert not np.shares_memory(w.grad, v.grad)
    for tensor in (w, v):
        assert not np.shares_memory(tensor.grad, w.data)
        assert not np.shares_memory(tensor.grad, v.data)


def test_assign_keeps_identity_dtype_and_shape():
    w = tg.Tensor(np.zeros((2, 2), np.float32))
    w.assign([1.0, 2.0])
    assert (w.dtype, w.shape) == (np.float32, (2, 2))
    np.testing.assert_array_equal(w.data, [[1, 2], [1, 2]])
    w.data -= 1
    np.testing.assert_array_equal(w.data, [[0, 1], [0, 1]])
    before = w.data.copy()
    with pytest.raises(tg.ShapeError, match=r"\(3,\).*\(2, 2\)"):
        w.assign(np.ones(3))
    with pytest.raises(tg.GraphError, match="only a leaf"):
        (w * 2).assign(np.ones((2, 2)))
    np.testing.assert_array_equal(w.data, before)
    value = np.ones((2, 2), np.float32)
    w.assign(value)
    value[:] = 5
    np.testing.assert_array_equal(w.data, np.ones((2, 2)))


def test_requires_grad_can_be_switched_on_leaves():
    w = tg.Tensor([1.0])
    w.requires_grad = False
    assert not (w * 2).requires_grad
    w.requires_grad = True
    np.sum(w * 2).backward()
    assert w.grad == 2
    with pytest.raises(tg.GraphError, match="leaf"):
        (w * 2).requires_grad = False
    with pytest.raises(TypeError):
        tg.Tensor(np.array([1])).requires_grad = True


def test_grad_can_be_set_to_what_fits():
    w = tg.Tensor([1.0, 2.0])
    w.grad = [1, 2]
    assert w.grad.dtype == np.float64
    with pytest.raises(tg.ShapeError):
        w.grad = np.ones(3)
    with pytest.raises(tg.ShapeError):
        w.grad = tg.Tensor(np.ones(3))
    np.testing.assert_array_equal(w.grad, [1, 2])


def test_names():
    t = tg.Tensor(1.0, name="a")
    assert t.name == "a"
    u = t * 2
    assert u.name is None
    u.name = "u"
    assert u.name == "u"
    with tg.scope("s"):
        v = t * 2
    v.name = "v"
    assert tg.Graph.of(v).nodes[-1].scope == ("s",)
    assert tg.Graph.of(v).nodes[-1].name == "v"


def test_updates_in_place_where_nothing_is_recorded():
    w = tg.Tensor(np.ones(2, np.float32))
    same = w
    with tg.no_grad():
        w -= 0.5
        w *= np.array([1.0, 2.0])
    assert w is same and w.requires_grad and w.dtype == np.float32
    np.testing.assert_array_equal(w.data, [0.5, 1])
    v = w
    v += 1
    assert v is w and v.requires_grad and not v.is_leaf
    np.testing.assert_array_equal(w.data, [1.5, 2])


def test_the_axis_is_called_axis():
    t = tg.Tensor([[1.0, 2.0], [3.0, 4.0]])
    for call in (lambda **axis: t.sum(**axis), lambda **axis: t.mean(**axis), lambda **axis: t.argmax(**axis)):
        with pytest.raises(TypeError, match=r"no argument dim=, at test_tensor\.py:\d+\. Write axis=$"):
            call(dim=0)
        call(axis=0)
    with pytest.raises(TypeError, match=r"no argument unbiased=, .* Write ddof=1 for unbiased=True, ddof=0"):
        t.std(unbiased=False)
    with pytest.raises(tg.ShapeError, match=r"To exchange two axes write t\.swapaxes\(1, 2\)$"):
        tg.Tensor(np.ones((2, 3, 4))).transpose(1, 2)
    with pytest.raises(TypeError, match=r"To keep the first axis write t\.reshape\(len\(t\), -1\)$"):
        t.flatten(1)
    with pytest.raises(TypeError, match=r"To repeat the whole array write np\.tile\(t, \(2, 1, 1\)\)$"):
        t.repeat(2, 1, 1)
    with pytest.raises(TypeError, match=r"no argument keepdim=, .* Write keepdims=$"):
        t.sum(0, keepdim=True)
    with pytest.raises(TypeError, match="unexpected keyword"):
        t.sum(along=0)


def test_places_have_no_derivative():
    t = tg.Tensor([0.0, 2.0])
    (places,) = np.where(t)
    np.testing.assert_array_equal(places, [1])
    np.testing.assert_array_equal(np.nonzero(t)[0], [1])


def test_an_attribute_that_is_missing_says_what_does_the_same():
    t = tg.Tensor([1.0, 2.0])
    known = {"exp": r"np\.exp\(t\)", "view": "reshape", "relu": r"tg\.relu\(t\)", "strides": r"t\.data\.strides"}
    for name, instead in known.items():
        with pytest.raises(AttributeError, match=rf"no attribute '{name}'\. Write .*{instead}"):
            getattr(t, name)
    with pytest.raises(AttributeError, match=r"no attribute 'nothing_of_the_kind'$"):
        t.nothing_of_the_kind  # noqa: B018
    assert not hasattr(t, "__array_interface__")


def test_a_number_is_looked_for_in_a_single_number_too():
    assert 0.5 in tg.Tensor(0.5)


def test_what_is_computed_is_not_set_and_the_error_says_what_to_write():
    t = tg.Tensor([[1.0, 2.0], [3.0, 4.0]])
    here = r"at test_tensor\.py:\d+\. Write"
    for name, value, said in (
        ("shape", (4,), rf"keeps its shape, {here} t = t\.reshape\(shape\)"),
        ("dtype", np.float32, rf"keeps its dtype, {here} t = t\.astype\(dtype\)"),
        ("T", t, rf"a transpose is computed, {here} t = np\.transpose\(value\)"),
    ):
        with pytest.raises(AttributeError, match=said):
            setattr(t, name, value)
    with pytest.raises(tg.UnsupportedError, match=rf"{here} t = np\.delete\(t, index, axis=0\)"):
        del t[0]
    followed = np.transpose(np.delete(t, 0, axis=0).reshape((2,)).astype(np.float32))
    followed.backward(np.array([3, 5]))
    np.testing.assert_array_equal(t.grad, [[0, 0], [3, 5]])
    computed = t * 2
    with pytest.raises(tg.GraphError, match=r"t = t\.detach\(\) .*tg\.Tensor\(t\.data\) for a new leaf"):
        computed.requires_grad = False
    with pytest.raises(tg.GraphError, match=r"Assign to the leaf .* w = tg\.Tensor\(t\.data\)"):
        computed.assign(0)
    tg.Tensor(computed.data).assign(0)
    with pytest.raises(TypeError, match=rf"dtype object {here.removesuffix(' Write')} Convert .*astype\(float\)"):
        tg.Tensor(np.array(["1", 2.0], dtype=object))
    assert tg.Tensor(np.asarray(np.array(["1", 2.0], dtype=object)).astype(float)).data.tolist() == [1, 2]
    plain = tg.Tensor(1.0, requires_grad=False)
    for constant in (plain, plain * 2):
        with pytest.raises(tg.GraphError, match=r"w = tg\.Tensor\(values\)"):
            constant.backward()
    with pytest.raises(tg.UnsupportedError, match=r"np\.stack\(\[t, u\]\)"):
        tg.Tensor([tg.Tensor(1.0), tg.Tensor(2.0)])
    with pytest.raises(tg.UnsupportedError, match=r"np\.where\(mask, np\.sqrt\(\.\.\.\), otherwise\)"):
        np.sqrt(t, where=t > 2)


MIXED = np.array([2, 2.5], dtype=object)  # what pandas makes of columns of numbers and of truth values
WITH_OBJECTS = {
    "t * a": lambda t, a: t * a,
    "a - t": lambda t, a: a - t,
    "a @ t": lambda t, a: a @ t,
    "power": np.power,
    "dot": np.dot,
    "inner": np.inner,
    "outer": np.outer,
    "tensordot": lambda t, a: np.tensordot(t, a, 1),
    "kron": np.kron,
    "convolve": np.convolve,
    "einsum": lambda t, a: np.einsum("i,i", t, a),
    "stack": lambda t, a: np.stack([t, a]),
    "concatenate": lambda t, a: np.concatenate([a, t]),
    "append": np.append,
    "where": lambda t, a: np.where([True, False], t, a),
    "maximum": np.maximum,
    "clip": lambda t, a: np.clip(t, a, 3),
    "average": lambda t, a: np.average(t, weights=a),
    "astype": lambda t, a: t.astype(a.dtype),
}


@pytest.mark.parametrize("name", WITH_OBJECTS)
def test_an_array_of_objects_beside_a_tensor_is_refused_and_its_numbers_are_not(name):
    call, t = WITH_OBJECTS[name], tg.Tensor([1.0, 3.0])
    with pytest.raises(tg.UnsupportedError, match=r"dtype object, at test_tensor\.py:\d+\. Convert .*np\.asarray\(d"):
        call(t, MIXED)
    np.sum(call(t, np.asarray(MIXED).astype(float))).backward()
    assert np.all(np.isfinite(t.grad)) and np.any(t.grad != 0)
    if name == "t * a":
        large = np.ones(10_000, dtype=object)
        with pytest.raises(tg.UnsupportedError, match="dtype object"):
            tg.Tensor(np.ones(10_000)) + large


def test_spans_of_time_become_numbers_first():
    t = tg.Tensor([1.0, 3.0])
    for data in (np.array([1, 2], "m8[s]"), np.timedelta64(3, "s")):
        for call in (lambda data: t * data, lambda data: data / t):
            with pytest.raises(
                tg.UnsupportedError, match=r"timedelta64\[s\].* first, data / np\.timedelta64\(1, \"s\"\)$"
            ):
                call(data)
            call(data / np.timedelta64(1, "s")).backward(np.ones(2))
