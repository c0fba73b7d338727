"""Small scientific programs, as somebody writes them who thinks of the science: compiled, their values, gradients and
second derivatives are those of eager code, and those are finite differences.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

import tinygraph as tg

rng = np.random.default_rng(7)
normal = rng.normal
TIMES = np.linspace(0.1, 2, 30)
DECAY = 2 * np.exp(-1.3 * TIMES) + 0.05 * normal(size=30)

PROGRAMS: dict[str, tuple[Callable[..., Any], list[Any]]] = {}


def program(*arguments: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter a function of a scalar result with its arguments, of which the first is differentiated by."""

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        PROGRAMS[function.__name__] = (function, [np.asarray(item) for item in arguments])
        return function

    return enter


# --- parameters that are unpacked -------------------------------------------------------------------------------------


@program([0.3, 0.2], TIMES, DECAY)
def fit_with_deviation(theta: Any, t: Any, y: Any) -> Any:
    a, s = np.exp(theta)
    return np.sum((y - a * np.exp(-t)) ** 2) / (2 * s**2) + len(y) * np.log(s)


@program([1.5, 1.0, 0.1, 0.4], TIMES, DECAY)
def fit_of_four(theta: Any, t: Any, y: Any) -> Any:
    a, b, c, d = theta
    return np.mean((a * np.exp(-b * t) + c * np.sin(d * t) - y) ** 2)


@program(np.linspace(0.1, 1, 10), TIMES, DECAY)
def ten_parameters(theta: Any, t: Any, y: Any) -> Any:
    return np.sum((sum(c * t**k for k, c in enumerate(theta)) - y) ** 2)


@program([0.5, 0.5, 0.3], normal(size=(40, 2)), rng.integers(0, 2, 40))
def log_density(theta: Any, x: Any, y: Any) -> Any:
    *w, b = theta
    z = x[:, 0] * w[0] + x[:, 1] * w[1] + b
    return np.sum(np.where(y == 1, -np.logaddexp(0, -z), -np.logaddexp(0, z))) - 0.5 * np.sum(theta**2)


@program([0.5], TIMES)
def one_parameter(p: Any, t: Any) -> Any:
    (a,) = p
    return np.sum(np.exp(-a * t))


@program([0.4, 0.2, 0.9], np.zeros(0), np.zeros(0))
def no_data(p: Any, x: Any, y: Any) -> Any:
    a, b, s = np.exp(p)
    return np.sum((y - a * x - b) ** 2) / s + np.log(s) + a * b


@program(normal(size=(2, 3)))
def rows_unpacked(m: Any) -> Any:
    (a, b, c), (d, e, f) = m
    return a * b * c + np.sin(d * e) + f**2 * a


@program([0.1, 0.2, 0.3, 0.4], np.array([0, 1, 1, 2, 3, 0]))
def categories(logits: Any, k: Any) -> Any:
    p = np.exp(logits) / np.sum(np.exp(logits))
    a, b, c, d = p
    return a * b - c * d - np.sum(np.log(p[k]))


@program(normal(size=13), normal(size=(9, 2)))
def network_of_a_flat_vector(theta: Any, x: Any) -> Any:
    w, b, v, c = theta[:6].reshape(2, 3), theta[6:9], theta[9:12], theta[12]
    return np.mean((np.tanh(x @ w + b) @ v + c - x[:, 0]) ** 2)


# --- steps in time ----------------------------------------------------------------------------------------------------


@program([1.1, 0.4, 1.0, 0.3])
def lotka_volterra(theta: Any) -> Any:
    a, b, c, d = theta

    def slope(s: Any) -> Any:
        x, y = s
        return np.stack([a * x - b * x * y, d * x * y - c * y])

    s, h = np.array([1.0, 0.5]), 0.1
    for _ in range(2):
        k1 = slope(s)
        k2 = slope(s + h / 2 * k1)
        k3 = slope(s + h / 2 * k2)
        s = s + h / 6 * (k1 + 2 * k2 + 2 * k3 + slope(s + h * k3))
    return np.sum(s**2)


@program([1.0, 0.0, 0.0, 1.1])
def leapfrog(s: Any) -> Any:
    q, p = s[:2], s[2:]
    for _ in range(3):
        p = p - 0.05 * q / np.sum(q * q) ** 1.5
        q = q + 0.1 * p
    return np.sum(p * p) / 2 - 1 / np.sqrt(np.sum(q * q))


@program([0.5, 0.3, 0.1])
def kinetics(k: Any) -> Any:
    k1, k2, k3 = k
    a, b, c = 1.0, 0.0, 0.0
    for _ in range(4):
        r1, r2, r3 = k1 * a, k2 * b, k3 * c
        a, b, c = a + 0.1 * (r3 - r1), b + 0.1 * (r1 - r2), c + 0.1 * (r2 - r3)
    return (a - 0.4) ** 2 + (b - 0.3) ** 2 + c**2


@program([0.1, -0.3, 0.2], normal(size=4))
def kalman_filter(theta: Any, observed: Any) -> Any:
    a, q, r = np.tanh(theta[0]), np.exp(theta[1]), np.exp(theta[2])
    m, p, total = 0.0, 1.0, 0.0
    for y in observed:
        m, p = a * m, a * a * p + q
        s = p + r
        total = total - 0.5 * (np.log(2 * np.pi * s) + (y - m) ** 2 / s)
        m, p = m + p / s * (y - m), (1 - p / s) * p
    return total


@program(normal(size=(3, 3)), normal(size=(3, 4)), rng.integers(0, 4, 3))
def hidden_markov_model(transitions: Any, emissions: Any, observed: Any) -> Any:
    a, b = tg.log_softmax(transitions, axis=1), tg.log_softmax(emissions, axis=1)
    forward = b[:, observed[0]]
    for o in observed[1:]:
        forward = tg.logsumexp(forward[:, None] + a, axis=0) + b[:, o]
    return tg.logsumexp(forward)


@program(normal(size=10), 0.2)
def heat(u: Any, k: Any) -> Any:
    for _ in range(2):
        u = np.concatenate([u[:1], u[1:-1] + k * (u[2:] - 2 * u[1:-1] + u[:-2]), u[-1:]])
    return np.sum(u**4)


@program([0.3, 0.05, 0.1])
def epidemic(p: Any) -> Any:
    beta, gamma, infected = p
    susceptible, recovered, curve = 1 - infected, 0.0 * infected, []
    for _ in range(4):
        new, well = beta * susceptible * infected, gamma * infected
        susceptible, infected, recovered = susceptible - new, infected + new - well, recovered + well
        curve.append(infected)
    return np.max(np.stack(curve)) + recovered


# --- matrices ---------------------------------------------------------------------------------------------------------


@program([0.2, -0.1, -1.0], normal(size=(8, 2)), normal(size=8))
def gaussian_process(theta: Any, x: Any, y: Any) -> Any:
    size, length, noise = np.exp(theta)
    distances = np.sum((x[:, None] - x[None]) ** 2, -1)
    lower = np.linalg.cholesky(size**2 * np.exp(-0.5 * distances / length**2) + noise**2 * np.eye(len(y)))
    a = np.linalg.solve(lower, y)
    return 0.5 * a @ a + np.sum(np.log(np.diag(lower)))


@program([0.1, 0.2, 0.5])
def optical_bench(p: Any) -> Any:
    f, before, behind = p
    free, lens = np.array([[0.0, 1.0], [0.0, 0.0]]), np.array([[0.0, 0.0], [-1.0, 0.0]])
    m = (np.eye(2) + behind * free) @ (np.eye(2) + lens / f) @ (np.eye(2) + before * free)
    q = (m[0, 0] * 1j + m[0, 1]) / (m[1, 0] * 1j + m[1, 1])
    return np.imag(q) ** 2 + np.real(q)


@program([1.0, 2.0, 3.0])
def circuit(r: Any) -> Any:
    r1, r2, r3 = r
    y = np.array([[1.0, -1.0], [-1.0, 1.0]]) / r1 + np.diag([1.0, 0.0]) / r2 + np.diag([0.0, 1.0]) / r3
    v = np.linalg.solve(y, np.array([1.0, 0.0]))
    return v[0] ** 2 / r2 + v[1] ** 2 / r3


@program(np.abs(normal(size=6)) + 1)
def beam(stiffness: Any) -> Any:
    d = 6 * (np.eye(5, 6) - np.eye(5, 6, 1))
    u = np.linalg.solve(d.T @ np.diag(stiffness[:-1]) @ d + np.eye(6) * stiffness[-1], np.ones(6))
    return np.sum(u)


@program(np.array([[0.5]]), TIMES)
def matrix_of_one(a: Any, t: Any) -> Any:
    return np.linalg.det(a) * np.sum(np.sin(t * a[0, 0])) + np.trace(np.linalg.inv(a))


@program(np.abs(normal(size=(3, 3))))
def stationary_distribution(a: Any) -> Any:
    t = a / a.sum(1, keepdims=True)
    m = np.vstack([t.T - np.eye(3), np.ones((1, 3))])
    return np.linalg.lstsq(m, np.array([0.0, 0.0, 0.0, 1.0]), rcond=None)[0] @ np.arange(3.0)


@program(normal(size=(4, 4)))
def page_rank(a: Any) -> Any:
    links = np.exp(a) / np.sum(np.exp(a), 0)
    v = np.full(4, 0.25)
    for _ in range(3):
        v = 0.85 * links @ v + 0.15 / 4
    return -np.sum(v * np.log(v))


@program([0.9, 0.1, 0.2, 0.3], normal(size=(5, 3)))
def quaternion(q: Any, x: Any) -> Any:
    w, i, j, k = q / np.linalg.norm(q)
    rows = [[1 - 2 * (j * j + k * k), 2 * (i * j - w * k)], [2 * (i * j + w * k), 1 - 2 * (i * i + k * k)]]
    return np.sum((x[:, :2] @ np.stack([np.stack(row) for row in rows]).T - x[:, 1:]) ** 2)


# --- statistics -------------------------------------------------------------------------------------------------------


@program(normal(size=7), normal(size=20))
def mixture(theta: Any, x: Any) -> Any:
    means, spreads, weights = theta[:2], np.exp(theta[2:4]), theta[4:6] - np.log(np.sum(np.exp(theta[4:6])))
    z = (x[:, None] - means) / spreads
    return theta[6] ** 2 - np.sum(np.log(np.sum(np.exp(weights - 0.5 * z**2) / spreads, 1)))


@program([0.5, 1.0], rng.poisson(3, 15))
def counts(p: Any, k: Any) -> Any:
    mean, size = np.exp(p)
    chosen = special.gammaln(k + size) - special.gammaln(size)
    return -np.sum(chosen + size * np.log(size / (size + mean)) + k * np.log(mean / (size + mean)))


@program(normal(size=3), normal(size=(12, 3)), rng.permutation(12))
def survival(beta: Any, x: Any, order: Any) -> Any:
    risk = (x @ beta)[order]
    return -np.sum(risk - np.log(np.cumsum(np.exp(risk)[::-1])[::-1]))


@program(np.abs(normal(size=5)) + 0.5)
def hazards(h: Any) -> Any:
    return np.sum(np.cumprod(1 - 0.1 * h)) + np.prod(h) + np.max(np.cumsum(h))


@program([100.0, 0.2, 0.03, 1.0])
def black_scholes(p: Any) -> Any:
    price, volatility, rate, time = p
    d = (np.log(price / 95) + (rate + volatility**2 / 2) * time) / (volatility * np.sqrt(time))
    return price * special.ndtr(d) - 95 * np.exp(-rate * time) * special.ndtr(d - volatility * np.sqrt(time))


@program(normal(size=5), normal(size=(30, 5)))
def portfolio(w: Any, returns: Any) -> Any:
    shares = tg.softmax(w)
    r = returns @ shares
    return np.sum(shares * np.log(shares)) - np.mean(r) / np.std(r)


@program(normal(size=(3, 4)))
def optimal_transport(cost: Any) -> Any:
    kernel, u = np.exp(-(cost**2)), np.ones(3)
    for _ in range(3):
        v = 0.25 / (kernel.T @ u)
        u = 1 / 3 / (kernel @ v)
    return np.sum(u[:, None] * kernel * v * cost)


# --- networks, signals, places ----------------------------------------------------------------------------------------


@program(normal(size=(4, 3)) * 0.3, normal(size=(6, 5, 4)), rng.integers(0, 3, 30))
def flattened_tokens(w: Any, x: Any, y: Any) -> Any:
    return -np.mean(tg.log_softmax((x @ w).reshape(-1, 3))[np.arange(30), y])


@program(normal(size=(4, 4)) * 0.3, normal(size=(3, 5, 4)), normal(size=(15, 4)))
def attention(w: Any, x: Any, mask: Any) -> Any:
    s = x @ w
    return np.sum(((tg.softmax(s @ s.transpose(0, 2, 1)) @ s).reshape(-1, 4) * mask) ** 2)


@program(normal(size=(2, 2)) * 0.5, normal(size=(4, 2)), np.array([0, 1, 2, 3, 0]), np.array([1, 2, 3, 0, 2]))
def graph_network(w: Any, h: Any, source: Any, target: Any) -> Any:
    messages = np.tanh(h[source] @ w)
    h = h + np.stack([np.bincount(target, messages[:, k], minlength=4) for k in range(2)], axis=1)
    return np.sum(h**2)


@program(normal(size=8), np.array([0, 0, 1, 1, 1, 2, 2, 2]))
def shares_in_segments(x: Any, segment: Any) -> Any:
    weights = np.exp(x)
    return np.sum((weights / np.bincount(segment, weights, minlength=3)[segment]) ** 2)


@program(normal(size=4), normal(size=4))
def parallel_impedances(r: Any, x: Any) -> Any:
    z = 1 / np.sum(1 / (r + 1j * x))
    return np.abs(z) ** 2 + np.angle(z)


@program(normal(size=8), normal(size=8))
def convolution_by_fft(kernel: Any, x: Any) -> Any:
    return np.sum(np.tanh(np.fft.irfft(np.fft.rfft(x) * np.fft.rfft(kernel), n=8)) ** 2)


@program([0.2, 0.3, 0.4], np.linspace(0, 1, 11))
def interpolation(p: Any, x: Any) -> Any:
    return np.sum(np.interp(x, np.array([0.0, 0.5, 1.0]), p) ** 2)


@program(normal(size=(6, 3)), np.array([[0, 1, 2], [1, 2, 3], [3, 4, 5]]))
def area_of_a_mesh(vertices: Any, faces: Any) -> Any:
    a, b, c = vertices[faces[:, 0]], vertices[faces[:, 1]], vertices[faces[:, 2]]
    return 0.5 * np.sum(np.linalg.norm(np.cross(b - a, c - a), axis=1))


@program(1 + 0.1 * normal(size=60), np.sin(np.linspace(0, np.pi, 40)) ** 2)
def wave_from_a_source(c: Any, source: Any) -> Any:
    """A wave in a string whose speed is not the same everywhere, listened to at one place."""
    before, u, heard = np.zeros(60), np.zeros(60), []
    for strength in source:
        curvature = np.roll(u, 1) - 2 * u + np.roll(u, -1)
        before, u = u, 2 * u - before + 0.2 * c**2 * curvature + strength * (np.arange(60) == 10)
        heard.append(u[15])
    return np.sum(np.stack(heard) ** 2)


@program(np.ones(60), np.sin(np.arange(40.0)))
def driven_everywhere_but_once(c: Any, force: Any) -> Any:
    """A constant array of every iteration stands beside a number that is read from an argument."""
    u = c
    for strength in force:
        u = np.sin(u) * c + strength * (np.arange(60) != 10)
    return np.sum(u)


@program([50.0, 10.0, 2.0], np.linspace(100.0, 10000.0, 50))
def current_through_a_circuit(parts: Any, frequency: Any) -> Any:
    """A resistor, a coil and a capacitor, one after the other, in Ω, mH and µF."""
    resistance, inductance, capacity = parts[0], parts[1] * 1e-3, parts[2] * 1e-6
    impedance = resistance + 1j * frequency * inductance + 1 / (1j * frequency * capacity)
    current = resistance / impedance
    return np.sum(np.abs(current) ** 2) + 0.1 * np.sum(np.angle(current) ** 2)


# --- the laws ---------------------------------------------------------------------------------------------------------


def in_dtype(arguments: list[Any], dtype: Any) -> list[Any]:
    """The arguments with their floating numbers in a dtype."""
    return [item.astype(dtype) if item.dtype.kind == "f" else item for item in arguments]


def direction_of(x: Any) -> Any:
    """A direction that no symmetry of a program knows."""
    return np.cos(np.arange(x.size, dtype=x.dtype)).reshape(x.shape)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_scientific_program_is_compiled_with_its_derivatives(name: str) -> None:
    function, arguments = PROGRAMS[name]
    x, *rest = arguments
    along = direction_of(x)
    slopes = tg.grad(function)

    def product(x: Any, *rest: Any) -> Any:
        return tg.hvp(lambda x: function(x, *rest), (x,), (along,))[0]

    second = tg.hessian(function) if x.size <= 10 else product
    for transformed in (tg.value_and_grad(function), second):
        compiled = tg.compile(transformed)
        for _ in range(2):  # the second time in memory that has been used
            found = compiled(*arguments)
        expected = transformed(*arguments)
        pairs = zip(found, expected, strict=True) if isinstance(expected, tuple) else [(found, expected)]
        for one, other in pairs:
            assert np.shape(one) == np.shape(other)
            np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-8 * max(1, np.max(np.abs(other))))
    step = 1e-5
    ahead, behind = x + step * along, x - step * along
    difference = (function(ahead, *rest) - function(behind, *rest)) / (2 * step)
    np.testing.assert_allclose(np.sum(slopes(x, *rest) * along), difference, rtol=1e-5, atol=1e-6)
    difference = (slopes(ahead, *rest) - slopes(behind, *rest)) / (2 * step)
    size = max(1, np.max(np.abs(difference)))
    np.testing.assert_allclose(product(x, *rest), difference, rtol=1e-4, atol=1e-5 * size)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_scientific_program_in_float32_is_the_eager_one(name: str) -> None:
    function, arguments = PROGRAMS[name]
    arguments = in_dtype(arguments, np.float32)
    transformed = tg.value_and_grad(function)
    for found, expected in zip(tg.compile(transformed)(*arguments), transformed(*arguments), strict=True):
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3 * max(1, np.max(np.abs(expected))))
