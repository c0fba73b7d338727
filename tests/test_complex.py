"""Complex numbers: the gradient of a real loss is the direction of steepest ascent, ∂L/∂Re x + i ∂L/∂Im x."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg

FUNCTIONS = {
    "abs": np.abs,
    "real": np.real,
    "imag": np.imag,
    "angle": np.angle,
    "sign": np.sign,
    "vecdot": lambda x: np.vecdot(x, x[::-1]),
    "cov": lambda x: np.cov(np.reshape(x, (2, 2))),
    "interp": lambda x: np.interp([0.5, 1.25], [0.0, 1.0, 1.5, 2.0], x),
    "conjugate": np.conjugate,
    "times a complex constant": lambda x: x * (2 - 1j),
    "constant over": lambda x: (1 + 2j) / x,
    "square": lambda x: x**2,
    "power": lambda x: x ** (0.5 + 0.3j),
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "sin": np.sin,
    "tanh": np.tanh,
    "sum of squares of lengths": lambda x: np.sum(np.abs(x) ** 2),
    "x times its conjugate": lambda x: x * np.conj(x),
    "matmul": lambda x: np.reshape(x, (2, 2)) @ np.array([[1j, 2], [3, 4 - 1j]]),
    "matmul with itself": lambda x: np.reshape(x, (2, 2)) @ np.conj(np.reshape(x, (2, 2))),
    "inv": lambda x: np.linalg.inv(np.reshape(x, (2, 2)) + 3 * np.eye(2)),
    "det": lambda x: np.linalg.det(np.reshape(x, (2, 2))),
    "solve": lambda x: np.linalg.solve(np.reshape(x, (2, 2)) + 3 * np.eye(2), np.array([1j, 2])),
    "norm": lambda x: np.linalg.norm(x),
    "var": np.var,
    "vdot": lambda x: np.vdot(x, x[::-1]),
    "where": lambda x: np.where(np.array([True, False, True, False]), x, 1j),
    "prod": np.prod,
    "cumsum": np.cumsum,
    "einsum": lambda x: np.einsum("i,j->ij", x, np.conj(x)),
    "real input made complex": lambda x: np.exp(1j * np.real(x)),
}
if hasattr(np, "vecmat"):  # of NumPy 2.2
    FUNCTIONS["vecmat"] = lambda x: np.vecmat(x[:2], np.reshape(x, (2, 2)))

parts = st.lists(st.floats(0.3, 2.0), min_size=8, max_size=8)


@pytest.mark.parametrize("name", FUNCTIONS)
@given(parts)
def test_the_gradient_is_that_of_the_parts(name, values):
    f = FUNCTIONS[name]
    x = np.array(values[:4]) + 1j * np.array(values[4:])
    weights = np.linspace(0.5, 1.5, np.size(f(x))).reshape(np.shape(f(x)))

    def loss(x):
        y = f(x)
        return np.sum(np.real(y) * weights) + np.sum(np.imag(y) * weights[::-1] if np.ndim(y) else np.imag(y))

    gradient = tg.grad(loss)(x)
    assert gradient.dtype == np.complex128
    step = 1e-6
    for place in range(4):
        for direction, part in ((1, gradient.real), (1j, gradient.imag)):
            e = np.zeros(4, complex)
            e[place] = direction * step
            slope = (loss(x + e) - loss(x - e)) / (2 * step)
            assert part[place] == pytest.approx(slope, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_second_derivatives_are_those_of_the_parts(name):
    f = FUNCTIONS[name]
    x = np.array([0.7 + 0.4j, 1.1 - 0.3j, -0.6 + 0.9j, 0.8 + 1.2j])
    v = np.array([0.3 - 0.2j, 0.5 + 0.1j, -0.4j, 0.25])

    def loss(x):
        y = f(x)
        return np.sum(np.real(y) ** 2) + np.sum(np.imag(y))

    (product,) = tg.hvp(loss, (x,), (v,))
    step = 1e-6
    gradient = tg.grad(loss)
    expected = (gradient(x + step * v) - gradient(x - step * v)) / (2 * step)
    np.testing.assert_allclose(product, expected, rtol=2e-5, atol=2e-6)


def test_a_step_against_the_gradient_goes_down():
    z = tg.Tensor(3.0 + 4.0j)
    for _ in range(200):
        loss = np.abs(z * z - (1 + 1j)) ** 2
        z.grad = None
        loss.backward()
        z.assign(z.data - 0.01 * z.grad)
    assert z.item() ** 2 == pytest.approx(1 + 1j, abs=1e-6)


def test_a_real_leaf_gets_a_real_gradient():
    x = tg.Tensor(2.0)
    np.abs(x * 1j).backward()
    assert x.grad == 1 and x.grad.dtype == np.float64


def test_a_python_complex_number_on_the_left():
    x = tg.Tensor(2.0)
    for z in (1j * x, x * 1j, 1j + x, 1j - x, 1j / x):
        assert z.dtype == np.complex128
    np.abs(1j * x + 1).backward()
    assert x.grad == pytest.approx(2 / np.sqrt(5))


def test_jvp_is_the_directional_derivative():
    x, v = np.array([1 + 1j, 2 - 1j]), np.array([0.5j, 1.0 + 0j])
    for f in (np.exp, np.conj, lambda x: x * np.conj(x), np.abs):
        _, along = tg.jvp(f, (x,), (v,))
        step = 1e-6
        np.testing.assert_allclose(along, (f(x + step * v) - f(x - step * v)) / (2 * step), rtol=1e-6, atol=1e-8)


def test_what_needs_a_real_loss_says_so():
    with pytest.raises(TypeError, match="real number"):
        tg.grad(lambda x: x * x)(1j)


# --- Jacobians --------------------------------------------------------------------------------------------------------

MIX = np.array([[1 + 2j, 3.0, -1j], [0.5j, 1 - 1j, 2.0], [1.0, 0.25, 1 + 1j]])
DIFFERENTIABLE = {
    "power": lambda z: MIX @ z**2,
    "exponential": lambda z: np.exp(1j * z) / (z + 3),
    "sine": lambda z: np.outer(np.sin(1j * z), z),
    "one number": lambda z: np.sum(z * z * MIX[0]),
    "solve": lambda z: np.linalg.solve(MIX + np.diag(z), z),
    "spectrum": lambda z: np.fft.fft(z**3),
}


@pytest.mark.parametrize("run", [lambda f: f, tg.compile], ids=["eager", "compiled"])
@pytest.mark.parametrize("name", DIFFERENTIABLE)
@pytest.mark.parametrize("dtype", [np.complex128, np.complex64, np.float64])
def test_a_jacobian_is_the_derivative(name, dtype, run):
    """By complex and by real arguments it says where f goes, as a difference does."""
    f = DIFFERENTIABLE[name]
    rng = np.random.default_rng(0)
    x, v = (rng.normal(size=(2, 3)) + (1j * rng.normal(size=(2, 3)) if np.dtype(dtype).kind == "c" else 0)).astype(
        dtype
    )
    found = run(tg.jacobian(f))(x)
    assert found.dtype == np.result_type(dtype, np.complex64)
    fine = x.astype(complex)
    expected = (f(fine + 1e-6 * v) - f(fine - 1e-6 * v)) / 2e-6
    np.testing.assert_allclose(found @ v, expected, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(found @ v, tg.jvp(f, (x,), (v,))[1], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("run", [lambda f: f, tg.compile], ids=["eager", "compiled"])
@pytest.mark.parametrize(
    "f", [np.conjugate, lambda z: z * np.abs(z), lambda z: z + 1j * np.real(z)], ids=["conjugate", "abs", "real"]
)
def test_a_function_without_a_complex_derivative_is_refused(f, run):
    with pytest.raises(tg.UnsupportedError, match=r"no complex derivative.*as two real arguments"):
        run(tg.jacobian(f))(np.array([1 + 2j, -1j]))

    def in_parts(x, y):  # the way out that the error names
        return f(x + 1j * y)

    by_x, by_y = tg.jacobian(in_parts, argnums=(0, 1))(np.array([1.0, 0.0]), np.array([2.0, -1.0]))
    np.testing.assert_allclose(np.diag(by_x), tg.jvp(f, (np.array([1 + 2j, -1j]),), (np.ones(2) + 0j,))[1], atol=1e-12)
    np.testing.assert_allclose(np.diag(by_y), tg.jvp(f, (np.array([1 + 2j, -1j]),), (np.full(2, 1j),))[1], atol=1e-12)


def test_the_jacobian_of_a_real_result_has_its_gradients():
    z = np.array([1 + 2j, -1j])
    np.testing.assert_array_equal(tg.jacobian(lambda z: np.sum(np.abs(z) ** 2))(z), 2 * z)
    np.testing.assert_array_equal(tg.hessian(lambda z: np.sum(np.real(z * np.conjugate(z))))(z), 2 * np.eye(2))
    with pytest.raises(tg.UnsupportedError, match="no complex derivative"):
        tg.hessian(lambda z: np.sum(np.abs(z) ** 4))(z)


def test_a_complex_result_that_does_not_depend_on_its_argument():
    found = tg.jacobian(lambda x: (x * 1j, np.ones(2) * 1j))(np.ones(2))
    np.testing.assert_array_equal(found[0], 1j * np.eye(2))
    assert found[1].dtype == complex
    assert not found[1].any()
