"""Transforms: each against a formula or against another transform, nested, on containers, and on bad input."""

from __future__ import annotations

import collections
import dataclasses
from collections import namedtuple
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinygraph as tg

vectors = hnp.arrays(np.float64, 4, elements=st.floats(-2, 2))


def bumpy(x):
    return np.sum(np.sin(x) * x**3) + np.sum(x[0] * x[1] * x[2:])


def test_gradients_to_any_order():
    f = lambda x: x**5
    for order, expected in enumerate([5 * 16, 20 * 8, 60 * 4, 120 * 2, 120, 0]):
        f = tg.grad(f)
        result = f(2.0)
        assert type(result) is np.ndarray
        assert result == pytest.approx(expected), order


@given(vectors, vectors)
def test_the_transforms_agree(x, v):
    hessian = tg.hessian(bumpy)(x)
    gradient = tg.grad(bumpy)(x)
    np.testing.assert_allclose(hessian, hessian.T, atol=1e-9)
    np.testing.assert_allclose(tg.jacobian(tg.grad(bumpy))(x), hessian, atol=1e-9)
    np.testing.assert_allclose(tg.hvp(bumpy, (x,), (v,))[0], hessian @ v, atol=1e-9)
    value, along = tg.jvp(bumpy, (x,), (v,))
    np.testing.assert_allclose(value, bumpy(x))
    np.testing.assert_allclose(along, gradient @ v, atol=1e-9)
    y, pull = tg.vjp(np.tanh, x)
    np.testing.assert_allclose(y, np.tanh(x))
    jacobian = tg.jacobian(np.tanh)(x)
    for _ in range(2):
        np.testing.assert_allclose(pull(v)[0], v @ jacobian, atol=1e-12)
    np.testing.assert_allclose(tg.jvp(np.tanh, (x,), (v,))[1], jacobian @ v, atol=1e-12)
    np.testing.assert_allclose(tg.jvp(tg.grad(bumpy), (x,), (v,))[1], hessian @ v, atol=1e-9)


def test_nested_transforms_are_not_confused():
    assert tg.grad(lambda x: x * tg.grad(lambda y: x + y)(2.0))(5.0) == 1
    assert tg.grad(lambda x: x * tg.grad(lambda y: x * y)(2.0))(5.0) == 10
    assert tg.grad(lambda x: tg.jvp(lambda y: x * y * y, (x,), (1.0,))[1])(3.0) == pytest.approx(12)
    assert tg.jvp(tg.grad(lambda x: x**3), (2.0,), (1.0,))[1] == pytest.approx(12)
    assert tg.jvp(lambda x: tg.jvp(lambda y: y**3, (x,), (1.0,))[1], (2.0,), (1.0,))[1] == pytest.approx(12)


def test_what_else_the_result_depends_on_makes_it_a_tensor():
    w = tg.Tensor(2.0)
    gradient = tg.grad(lambda x: w * x * x)(3.0)
    assert isinstance(gradient, tg.Tensor) and gradient.item() == 12
    gradient.backward()
    assert w.grad == 6
    value, gradient = tg.value_and_grad(lambda x: w * x)(3.0)
    assert isinstance(value, tg.Tensor)
    assert type(tg.grad(lambda x: x * 3)(1.0)) is np.ndarray


def test_a_gradient_of_a_gradient_through_a_tensor():
    x = tg.Tensor(3.0)
    penalty = tg.grad(lambda v: v**3)(x) ** 2
    penalty.backward()
    assert x.grad == pytest.approx(2 * 27 * 18)


Pair = namedtuple("Pair", "left right")


def test_containers_argnums_and_aux():
    def f(parameters, x, *, power=2):
        value = np.sum((parameters["w"][0] * x + parameters["b"].left) ** power)
        return value, {"twice": value * 2, "words": "as they were"}

    parameters = {"w": [np.array([1.0, 2.0])], "b": Pair(np.array(3.0), None)}
    (value, aux), gradient = tg.value_and_grad(f, has_aux=True)(parameters, np.array([1.0, 1.0]), power=2)
    assert value == 41 and aux["twice"] == 82 and aux["words"] == "as they were"
    assert type(gradient["b"]) is Pair and gradient["b"].right is None
    np.testing.assert_allclose(gradient["w"][0], [8, 10])
    assert gradient["b"].left == 18
    (gradient, dx), aux = tg.grad(f, argnums=(0, -1), has_aux=True)(parameters, np.array([1.0, 1.0]))
    np.testing.assert_allclose(dx, [8, 20])
    y, pull, aux = tg.vjp(f, parameters, np.array([1.0, 1.0]), has_aux=True)
    assert pull(1.0)[0]["b"].left == 18


def test_functions_that_do_not_depend_on_their_input():
    np.testing.assert_array_equal(tg.grad(lambda x: 3.0)(np.ones(2)), [0, 0])
    np.testing.assert_array_equal(tg.grad(lambda x, y: np.sum(y))(np.ones(2), 1.0), [0, 0])
    np.testing.assert_array_equal(tg.jacobian(lambda x: np.ones(3))(np.ones(2)), np.zeros((3, 2)))
    np.testing.assert_array_equal(tg.hessian(lambda x: np.sum(x))(np.ones(2)), np.zeros((2, 2)))
    assert tg.jvp(lambda x: 3.0, (1.0,), (1.0,))[1] == 0
    np.testing.assert_array_equal(tg.vjp(lambda x: np.ones(3), 1.0)[1](np.ones(3))[0], 0)


def test_jacobian_shapes():
    f = lambda x: np.stack([np.sum(x), np.sum(x * x)])
    x = np.arange(6.0).reshape(2, 3)
    np.testing.assert_allclose(tg.jacobian(f)(x), np.stack([np.ones((2, 3)), 2 * x]))
    left, right = tg.jacobian(lambda a, b: a * b, argnums=(0, 1))(2.0, 3.0)
    assert (left.shape, float(left), float(right)) == ((), 3, 2)
    assert tg.jacobian(lambda x: x)(np.ones((0,))).shape == (0, 0)


def test_checkpoint_computes_the_same_and_remembers_nothing():
    calls = []

    def f(x, y):
        calls.append(1)
        return np.tanh(x) * np.exp(y)

    light = tg.checkpoint(f)
    x, y = np.array([0.5, -0.5]), np.array([1.0, 2.0])
    heavy = lambda x, y: np.sum(f(x, y) ** 2)
    cheap = lambda x, y: np.sum(light(x, y) ** 2)
    for which in (0, 1):
        np.testing.assert_allclose(tg.grad(cheap, which)(x, y), tg.grad(heavy, which)(x, y))
        np.testing.assert_allclose(tg.hessian(cheap, which)(x, y), tg.hessian(heavy, which)(x, y))
    a = tg.Tensor(x)
    result = light(a, y)
    assert len(tg.Graph.of(result)) == 2
    before = len(calls)
    np.sum(result).backward()
    assert len(calls) == before + 1


def test_every_transform_takes_containers_several_arguments_and_aux():
    def f(p, x):
        return np.sum(np.tanh(p["w"] @ x) + p["b"] ** 2 * x[0]), {"twice": x * 2}

    p, x = {"w": np.array([[0.5, -1.0, 2.0], [1.0, 0.25, -0.5]]), "b": np.array(2.0)}, np.array([0.5, 1.0, -1.5])
    found, aux = tg.hessian(f, argnums=(0, 1), has_aux=True)(p, x)
    assert aux["twice"].tolist() == [1, 2, -3]
    flat = np.concatenate([np.ravel(p["w"]), [p["b"]], x])
    joint = lambda v: f({"w": np.reshape(v[:6], (2, 3)), "b": v[6]}, v[7:])[0]
    whole = tg.hessian(joint)(flat)
    np.testing.assert_allclose(found[0]["w"][0]["w"].reshape(6, 6), whole[:6, :6])
    np.testing.assert_allclose(found[0]["b"][1], whole[6, 7:])
    np.testing.assert_allclose(found[1][0]["w"].reshape(3, 6), whole[7:, :6])
    np.testing.assert_allclose(found[1][1], whole[7:, 7:])

    blocks, aux = tg.jacobian(lambda p, x: ({"y": [p["w"] @ x]}, "aux"), argnums=(0, 1), has_aux=True)(p, x)
    assert aux == "aux"
    np.testing.assert_allclose(blocks["y"][0][1], p["w"])
    assert blocks["y"][0][0]["w"].shape == (2, 2, 3) and not blocks["y"][0][0]["b"].any()

    direction = {"w": np.ones((2, 3)), "b": np.array(1.0)}, np.array([1.0, 0.0, 2.0])
    value, along, aux = tg.jvp(f, (p, x), direction, has_aux=True)
    product, _ = tg.hvp(f, (p, x), direction, has_aux=True)
    v = np.concatenate([np.ones(7), direction[1]])
    assert along == pytest.approx(tg.grad(joint)(flat) @ v)
    np.testing.assert_allclose(np.concatenate([np.ravel(product[0]["w"]), [product[0]["b"]], product[1]]), whole @ v)


def test_checkpoint_takes_containers_and_keywords():
    def f(p, x, *, scale):
        return {"y": p["w"] @ x * scale, "z": (np.sum(x), p["n"])}

    p, x = {"w": np.array([[0.5, -1.0], [1.0, 0.25]]), "n": 3}, np.array([0.5, 1.5])
    light = tg.checkpoint(f)

    def loss(f):
        def of(w, x):
            result = f({**p, "w": w}, x, scale=2.0)
            return np.sum(result["y"] ** 2) * result["z"][0] * result["z"][1]

        return of

    for transform in (tg.grad, tg.hessian):
        for which in (0, 1):
            expected = transform(loss(f), which)(p["w"], x)
            np.testing.assert_allclose(transform(loss(light), which)(p["w"], x), expected)
    assert type(light(p, x, scale=1.0)["y"]) is np.ndarray


def test_checkpoint_reaches_what_its_function_finds_elsewhere():
    rng = np.random.default_rng(0)
    w, b, x = (tg.Tensor(rng.normal(size=shape)) for shape in ((3, 3), (3,), (3,)))
    h = np.exp(x)
    blocks = {
        "weights": lambda h: np.tanh(w @ h + b),
        "a computed Tensor": lambda q: q * h * np.sum(w) + b,
        "nothing else": lambda _: w,
        "no argument": lambda _: w @ np.ones(3) * h,
    }
    for name, block in blocks.items():
        grads = []
        for wrapped in (block, tg.checkpoint(block)):
            start = np.ones(3) if name == "no argument" else x
            np.sum(wrapped(wrapped(start)) ** 2).backward(retain_graph=True)
            grads.append([tensor.grad for tensor in (w, b, x)])
            for tensor in (w, b, x):
                tensor.grad = None
        for expected, found in zip(*grads, strict=True):
            if expected is None:  # a call of the record gives each of its arguments a gradient
                assert found is None or not found.any(), name
            else:
                np.testing.assert_allclose(found, expected, err_msg=name)


@pytest.mark.parametrize("order", ["grad", "hessian"])
def test_checkpoint_reaches_the_argument_of_a_transform(order):
    rng = np.random.default_rng(0)
    w, x = rng.normal(size=(3, 3)), rng.normal(size=3)

    def loss(wrap):
        def of(w):
            block = wrap(lambda h: np.tanh(w @ h))
            return np.sum(block(block(x)) ** 2)

        return of

    transform = getattr(tg, order)
    np.testing.assert_allclose(transform(loss(tg.checkpoint))(w), transform(loss(lambda f: f))(w), rtol=1e-10)
    direction = rng.normal(size=(3, 3))
    for product in (lambda f: tg.hvp(f, (w,), (direction,)), lambda f: tg.jvp(f, (w,), (direction,))[1]):
        np.testing.assert_allclose(product(loss(tg.checkpoint)), product(loss(lambda f: f)), rtol=1e-10)


def test_checkpoint_refuses_what_was_assigned_to_in_the_meantime():
    w, x = tg.Tensor(np.ones(3), name="w"), tg.Tensor(np.ones(3))
    loss = np.sum(tg.checkpoint(lambda h: np.exp(w * h))(x))
    w.assign(w.data * 2)
    with pytest.raises(tg.GraphError, match="w was assigned a new value"):
        loss.backward()


def test_checkpoint_of_complex_numbers():
    tg.testing.check_grads(tg.checkpoint(lambda z: z * np.conj(z) * z + np.exp(z)), np.array([1 + 2j, 0.5 - 1j]))


def test_what_does_not_change_has_a_derivative_of_its_own_dtype():
    _, along = tg.jvp(lambda x: (np.ones(2, np.float32), 1j, 3), (1.0,), (1.0,))
    assert [item.dtype for item in along] == [np.float32, np.complex128, np.float64]


def test_a_hessian_costs_no_more_than_a_product_for_each_element():
    counted = {"values": 0, "rules": 0}

    @tg.primitive
    def bump(x):
        counted["values"] += 1
        return np.tanh(x)

    def rule(g, z, x):
        counted["rules"] += 1
        return g * (1 - bump(x) ** 2)

    bump.derivative(rule)
    matrix = np.cos(np.arange(10_000.0)).reshape(100, 100) / 100
    f = lambda x: np.sum(bump(matrix @ bump(matrix @ x)))
    x, v = np.linspace(-1, 1, 100), np.ones(100)

    tg.hvp(f, (x,), (v,))
    product = dict(counted)
    counted.update(values=0, rules=0)
    hessian = tg.hessian(f)(x)
    assert hessian.shape == (100, 100)
    assert counted["values"] <= product["values"] * 100
    assert counted["rules"] <= product["rules"] * 100
    # The function and its gradient are computed once.
    first = dict(counted)
    counted.update(values=0, rules=0)
    tg.grad(f)(x)
    assert first["values"] - counted["values"] <= 100 * product["rules"]
    np.testing.assert_allclose(hessian, hessian.T, atol=1e-12)


def test_bad_calls():
    with pytest.raises(tg.ShapeError, match=r"scalar, got shape \(2,\)"):
        tg.grad(lambda x: x)(np.ones(2))
    with pytest.raises(tg.ShapeError, match="scalar, got tuple"):
        tg.grad(lambda x: (x, x))(1.0)
    with pytest.raises(TypeError, match="dtype int64"):
        tg.grad(lambda x: x)(np.array(1))
    with pytest.raises(TypeError, match="argnums=2"):
        tg.grad(lambda x: x, argnums=2)(1.0)
    with pytest.raises(TypeError, match="pair"):
        tg.grad(lambda x: x, has_aux=True)(1.0)
    with pytest.raises(tg.ShapeError, match=r"\(3,\).*\(2,\)"):
        tg.vjp(np.sin, np.ones(2))[1](np.ones(3))
    with pytest.raises(tg.ShapeError, match=r"\(3,\).*\(2,\)"):
        tg.jvp(np.sin, (np.ones(2),), (np.ones(3),))


def test_leaves_of_the_outside_keep_their_grad():
    w = tg.Tensor(2.0)
    w.grad = 7.0
    tg.grad(lambda x: w * x)(3.0)
    tg.grad(lambda v: v * v)(w)
    assert w.grad == 7


@pytest.mark.parametrize("transform", [tg.grad, tg.value_and_grad])
@pytest.mark.parametrize("result", [None, "text"])
def test_a_function_that_returns_no_number_is_an_error(transform, result):
    with pytest.raises(TypeError, match="must return a number"):
        transform(lambda x: result)(2.0)


def test_argnums_may_be_a_number_of_numpys():
    assert tg.grad(lambda x, y: x * y, argnums=np.int64(1))(2.0, 3.0) == 2
    assert tg.jacobian(lambda x, y: x * y, argnums=np.int64(1))(2.0, 3.0) == 2


def test_arguments_and_directions_come_in_tuples():
    for call in (lambda: tg.jvp(np.sin, 1.0, (1.0,)), lambda: tg.hvp(np.sin, (1.0,), 1.0)):
        with pytest.raises(TypeError, match=r"Write \w+\(f, \(x,\), \(v,\)\), with tuples"):
            call()


def test_a_nest_keeps_what_kind_of_dict_it_is():
    found = tg.grad(lambda p: p["a"] * p["b"])(collections.defaultdict(float, a=2.0, b=3.0))
    assert type(found) is collections.defaultdict
    assert dict(found) == {"a": 3.0, "b": 2.0}


def test_hvp_is_curried_as_grad_is():
    x, v, scale = np.array([0.3, -0.7, 1.1]), np.array([1.0, 0.5, -2.0]), 2.5

    def f(x, scale):
        return scale * bumpy(x)

    expected = tg.hessian(lambda x: f(x, scale))(x) @ v
    np.testing.assert_allclose(tg.hvp(f)(x, v, scale), expected)
    np.testing.assert_allclose(tg.hvp(f)(x, v, scale=scale), expected)
    np.testing.assert_allclose(tg.hvp(lambda x: f(x, scale), (x,), (v,))[0], expected)
    product, aux = tg.hvp(lambda x: (f(x, scale), {"x": x}), has_aux=True)(x, v)
    np.testing.assert_allclose(product, expected)
    np.testing.assert_array_equal(aux["x"], x)
    nested = tg.hvp(lambda p: f(p["x"] * p["s"], 1.0))({"x": x, "s": 2.0}, {"x": v, "s": 0.0})
    np.testing.assert_allclose(nested["x"], 4 * tg.hessian(bumpy)(2 * x) @ v)
    compiled = tg.compile(tg.hvp(bumpy))
    for _ in range(2):
        np.testing.assert_allclose(compiled(x, v), tg.hessian(bumpy)(x) @ v)
    np.testing.assert_allclose(  # a derivative of it
        tg.grad(lambda x: np.sum(tg.hvp(bumpy)(x, v) * v))(x),
        tg.grad(lambda x: np.sum((tg.hessian(bumpy)(x) @ v) * v))(x),
    )
    for alone in ({"xs": (x,)}, {"vs": (v,)}):
        with pytest.raises(TypeError, match=r"are a NoneType\. Write hvp\(f, \(x,\), \(v,\)\)"):
            tg.hvp(bumpy, **alone)


def test_hessp_of_scipy():
    optimize = pytest.importorskip("scipy.optimize")
    valley, start = optimize.rosen, np.zeros(5)

    def rosen(x, a):
        return np.sum(a * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

    found = optimize.minimize(rosen, start, args=(100.0,), jac=tg.grad(rosen), hessp=tg.hvp(rosen), method="trust-ncg")
    np.testing.assert_allclose(found.x, 1, atol=1e-3)
    assert valley(found.x) < 1e-8


def test_what_is_no_function_or_no_position_is_told_how_to_write_it():
    x = np.ones(3)
    for call in (tg.grad, tg.value_and_grad, tg.jacobian, tg.hessian, tg.hvp, tg.checkpoint):
        with pytest.raises(TypeError, match=r"got Tensor\. Write \w+\(f\) of a function f; .* loss\.backward\(\)$"):
            call(tg.Tensor(1.0))
    with pytest.raises(TypeError, match=r"^trace: .* got Tensor\. Write trace\(f, x\); tg\.Graph\.of\(t\)"):
        tg.trace(tg.Tensor(1.0))
    with pytest.raises(TypeError, match=r"^primitive: expected a function, got Tensor\. Write it above a function"):
        tg.primitive(tg.Tensor(1.0))
    for call in (lambda f: tg.vjp(f, x), lambda f: tg.jvp(f, (x,), (x,))):
        with pytest.raises(TypeError, match="expected a function, got float"):
            call(1.0)
    for transform in (tg.grad, tg.jacobian):
        with pytest.raises(TypeError, match=r"a str, .* position of 'x' among the arguments, argnums=1 for the sec"):
            transform(np.sin, argnums="x")(x)
        for wrong in (1.0, x, [0.0]):
            with pytest.raises(TypeError, match=r"argnums is a \w+, and .* Write \w+\(f\)\(x\)"):
                transform(np.sum, wrong)(x)
        assert transform(np.sum)(x).tolist() == [1, 1, 1]


def test_a_switch_is_called_before_it_decorates():
    for switch in (tg.no_grad, tg.enable_grad, tg.detect_nonfinite):
        with pytest.raises(TypeError, match=rf"Write @tg\.{switch.__name__}\(\)$"):
            switch(lambda x: x)
        assert switch()(lambda x: x * 2)(3) == 6


def test_checkpoint_reaches_elements_of_a_computed_tensor_from_outside():
    v = tg.Tensor([1.0, 2.0, 3.0])
    w = v * 2
    tg.checkpoint(lambda x: w[0] * x + w[1:2][0])(tg.Tensor(3.0)).backward()
    assert v.grad.tolist() == [6, 2, 0]


def test_an_error_names_the_transform_that_was_called():
    x = np.ones(2)
    with pytest.raises(tg.ShapeError, match=r"^hessian: the function must return a scalar, got shape \(2,\)"):
        tg.hessian(np.sin)(x)
    with pytest.raises(tg.ShapeError, match=r"^hvp: the function must return a scalar"):
        tg.hvp(np.sin)(x, x)
    with pytest.raises(tg.ShapeError, match=r"^jvp: a direction of shape \(3,\) does not fit an input of shape \(2,\)"):
        tg.jvp(np.sin, (x,), (np.ones(3),))
    with pytest.raises(TypeError, match=r"^hessian: an argument to differentiate has dtype int64"):
        tg.hessian(np.sum)(np.arange(2))


@dataclasses.dataclass
class Fields:
    w: Any
    b: Any


def test_an_object_with_arrays_is_no_argument_to_differentiate():
    fields = Fields(np.ones(2), 3.0)
    f = lambda fields: np.sum(fields.w**2) * fields.b
    for holder in (fields, SimpleNamespace(**vars(fields))):
        kind = type(holder).__name__
        for transform in (tg.grad(f), tg.hessian(f), lambda x: tg.vjp(f, x), lambda x: tg.jvp(f, (x,), (x,))):
            with pytest.raises(
                TypeError, match=rf"class {kind}: .*lambda fields: f\({kind}\(\*\*fields\)\) at vars\(x\)"
            ):
                transform(holder)
    gradient = tg.grad(lambda fields: f(Fields(**fields)))(vars(fields))
    np.testing.assert_allclose(gradient["w"], [6.0, 6.0])
    np.testing.assert_allclose(gradient["b"], 2.0)
    with pytest.raises(TypeError, match=r"class object: .*in a dict$"):
        tg.grad(f)(object())


@pytest.mark.parametrize(
    "result", [lambda x: Fields(np.sum(x), x), lambda x: {1}, lambda x: [object()], lambda x: iter(x)]
)
def test_an_object_with_arrays_is_no_result(result):
    x = np.ones(2)
    for transform in (tg.grad(result), tg.jacobian(result), lambda x: tg.vjp(result, x)):
        with pytest.raises(TypeError, match=r"the function returns an object of class .*has_aux=True"):
            transform(x)
    gradient, aux = tg.grad(lambda x: (np.sum(x**2), Fields(x.data, 0)), has_aux=True)(x)
    np.testing.assert_allclose(gradient, 2 * aux.w)


def test_a_pair_is_told_of_has_aux() -> None:
    with pytest.raises(tg.ShapeError, match="has_aux=True returns both"):
        tg.grad(lambda x: (np.sum(x), x))(np.ones(2))


def test_an_argument_given_by_name_is_told_to_be_given_by_place() -> None:
    with pytest.raises(
        TypeError, match=r"called with 0 positional arguments\. Give what is differentiated by its place"
    ):
        tg.grad(lambda a, b: a * b)(a=2.0, b=3.0)
