"""Solvers that iterate until something is small enough, and optimisers that decide as they go."""

from __future__ import annotations

from typing import Any

from .kernel import Kernel


def _laplace(u: Any) -> Any:
    """Minus the Laplacian of a field that is zero outside, plus the field."""
    out = 5.0 * u
    out[1:] -= u[:-1]
    out[:-1] -= u[1:]
    out[:, 1:] -= u[:, :-1]
    out[:, :-1] -= u[:, 1:]
    return out


def conjugate_gradients(np: Any, b: Any, *, n: int, tolerance: float) -> Any:
    """The solution of a system of equations on a grid."""
    x = np.zeros((n, n))
    r = b.copy()
    p = r.copy()
    rr = np.sum(r * r)
    while np.sqrt(rr) > tolerance:
        q = _laplace(p)
        step = rr / np.sum(p * q)
        x += step * p
        r -= step * q
        before, rr = rr, np.sum(r * r)
        p = r + rr / before * p
    return x


def conjugate_gradients_jax(jax: Any, b: Any, *, n: int, tolerance: float) -> Any:
    jnp = jax.numpy

    def laplace(u: Any) -> Any:
        out = 5.0 * u
        out = out.at[1:].add(-u[:-1]).at[:-1].add(-u[1:])
        return out.at[:, 1:].add(-u[:, :-1]).at[:, :-1].add(-u[:, 1:])

    def iterate(state: Any) -> Any:
        x, r, p, rr = state
        q = laplace(p)
        step = rr / jnp.sum(p * q)
        x, r = x + step * p, r - step * q
        new = jnp.sum(r * r)
        return x, r, r + new / rr * p, new

    start = (jnp.zeros((n, n)), b, b, jnp.sum(b * b))
    return jax.lax.while_loop(lambda state: jnp.sqrt(state[3]) > tolerance, iterate, start)[0]


def newton(np: Any, anomaly: Any, eccentricity: Any, *, n: int, tolerance: float) -> Any:
    """Kepler's equation for many planets at once."""
    x = anomaly.copy()
    error = 1.0
    while error > tolerance:
        step = (x - eccentricity * np.sin(x) - anomaly) / (1 - eccentricity * np.cos(x))
        x -= step
        error = np.max(np.abs(step))
    return x


def newton_jax(jax: Any, anomaly: Any, eccentricity: Any, *, n: int, tolerance: float) -> Any:
    jnp = jax.numpy

    def iterate(state: Any) -> Any:
        x, _ = state
        step = (x - eccentricity * jnp.sin(x) - anomaly) / (1 - eccentricity * jnp.cos(x))
        return x - step, jnp.max(jnp.abs(step))

    return jax.lax.while_loop(lambda state: state[1] > tolerance, iterate, (anomaly, 1.0))[0]


def power_iteration(np: Any, a: Any, v: Any, *, n: int, tolerance: float) -> Any:
    """The largest eigenvalue and its vector."""
    value, error = 0.0, 1.0
    while error > tolerance:
        w = a @ v
        before, value = value, v @ w
        v = w / np.linalg.norm(w)
        error = abs(value - before)
    return value, v


def power_iteration_jax(jax: Any, a: Any, v: Any, *, n: int, tolerance: float) -> Any:
    jnp = jax.numpy

    def iterate(state: Any) -> Any:
        v, before, _ = state
        w = a @ v
        value = v @ w
        return w / jnp.linalg.norm(w), value, jnp.abs(value - before)

    v, value, _ = jax.lax.while_loop(lambda state: state[2] > tolerance, iterate, (v, 0.0, 1.0))
    return value, v


def _bowl(np: Any, x: Any, a: Any, b: Any) -> Any:
    return np.sum((a @ x - b) ** 2) / 2 + np.sum(np.log(np.cosh(x)))


def _slope(np: Any, x: Any, a: Any, b: Any) -> Any:
    return a.T @ (a @ x - b) + np.tanh(x)


def quasi_newton(np: Any, a: Any, b: Any, *, n: int, tolerance: float) -> Any:
    """Broyden, Fletcher, Goldfarb and Shanno's minimiser, with a line search that halves its step."""
    x, h = np.zeros(n), np.eye(n)
    g = _slope(np, x, a, b)
    while np.linalg.norm(g) > tolerance:
        p = -h @ g
        t, value = 1.0, _bowl(np, x, a, b)
        while _bowl(np, x + t * p, a, b) > value + 1e-4 * t * (g @ p):
            t /= 2
        s = t * p
        x = x + s
        new = _slope(np, x, a, b)
        y = new - g
        g = new
        rho = 1 / (y @ s)
        if rho > 0:
            left = np.eye(n) - rho * np.outer(s, y)
            h = left @ h @ left.T + rho * np.outer(s, s)
    return x


def quasi_newton_jax(jax: Any, a: Any, b: Any, *, n: int, tolerance: float) -> Any:
    jnp, lax = jax.numpy, jax.lax

    def iterate(state: Any) -> Any:
        x, h, g = state
        p = -h @ g
        value = _bowl(jnp, x, a, b)

        def too_far(t: Any) -> Any:
            return _bowl(jnp, x + t * p, a, b) > value + 1e-4 * t * (g @ p)

        s = lax.while_loop(too_far, lambda t: t / 2, 1.0) * p
        x = x + s
        new = _slope(jnp, x, a, b)
        y = new - g
        rho = 1 / (y @ s)
        left = jnp.eye(n) - rho * jnp.outer(s, y)
        h = jnp.where(rho > 0, left @ h @ left.T + rho * jnp.outer(s, s), h)
        return x, h, new

    start = (jnp.zeros(n), jnp.eye(n), _slope(jnp, jnp.zeros(n), a, b))
    return lax.while_loop(lambda state: jnp.linalg.norm(state[2]) > tolerance, iterate, start)[0]


def adaptive_steps(np: Any, start: Any, rate: Any, *, n: int, end: float, tolerance: float) -> Any:
    """Heun's method beside Euler's: their difference decides if a step counts, and how long the next one is."""
    y, t, h = start.copy(), 0.0, 0.1
    while t < end:
        h = min(h, end - t)
        k1 = rate * y * (1 - y)
        k2 = rate * (y + h * k1) * (1 - y - h * k1)
        error = h / 2 * np.max(np.abs(k2 - k1))
        if error < tolerance:
            y += h / 2 * (k1 + k2)
            t = t + h
        h = h * min(2.0, 0.9 * np.sqrt(tolerance / error))
    return y


def adaptive_steps_jax(jax: Any, start: Any, rate: Any, *, n: int, end: float, tolerance: float) -> Any:
    jnp = jax.numpy

    def iterate(state: Any) -> Any:
        y, t, h = state
        h = jnp.minimum(h, end - t)
        k1 = rate * y * (1 - y)
        k2 = rate * (y + h * k1) * (1 - y - h * k1)
        error = h / 2 * jnp.max(jnp.abs(k2 - k1))
        good = error < tolerance
        y, t = jnp.where(good, y + h / 2 * (k1 + k2), y), jnp.where(good, t + h, t)
        return y, t, h * jnp.minimum(2.0, 0.9 * jnp.sqrt(tolerance / error))

    return jax.lax.while_loop(lambda state: state[1] < end, iterate, (start, 0.0, 0.1))[0]


def momentum_descent(np: Any, x: Any, y: Any, weights: Any, *, n: int, features: int, steps: int) -> Any:
    """Logistic regression by gradient descent with momentum, its losses written down."""
    velocity = np.zeros(features)
    losses = np.empty(steps)
    for t in range(steps):
        p = 1 / (1 + np.exp(-(x @ weights)))
        losses[t] = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
        velocity *= 0.9
        velocity -= 0.5 * (x.T @ (p - y)) / n
        weights += velocity
    return losses


def momentum_descent_jax(jax: Any, x: Any, y: Any, weights: Any, *, n: int, features: int, steps: int) -> Any:
    jnp = jax.numpy

    def step(state: Any, _: Any) -> Any:
        weights, velocity = state
        p = jax.nn.sigmoid(x @ weights)
        loss = -jnp.mean(y * jnp.log(p) + (1 - y) * jnp.log(1 - p))
        velocity = 0.9 * velocity - 0.5 * (x.T @ (p - y)) / n
        return (weights + velocity, velocity), loss

    return jax.lax.scan(step, (weights, jnp.zeros(features)), length=steps)[1]


def _field(rng: Any, n: int, tolerance: float) -> Any:
    return (rng.normal(size=(n, n)),)


def _planets(rng: Any, n: int, tolerance: float) -> Any:
    return rng.uniform(0.1, 3.0, n), rng.uniform(0.0, 0.6, n)


def _symmetric(rng: Any, n: int, tolerance: float) -> Any:
    a = rng.normal(size=(n, 2 * n))
    return a @ a.T / n, rng.random(n) / n**0.5


def _least_squares(rng: Any, n: int, tolerance: float) -> Any:
    return rng.normal(size=(2 * n, n)) / (2 * n) ** 0.5, rng.normal(size=2 * n)


def _growing(rng: Any, n: int, end: float, tolerance: float) -> Any:
    return 0.05 + 0.1 * rng.random(n), 1.0 + rng.random(n)


def _labelled(rng: Any, n: int, features: int, steps: int) -> Any:
    x = rng.normal(size=(n, features))
    return x, (x[:, 0] + rng.normal(size=n) > 0) * 1.0, 0.1 * rng.normal(size=features)


KERNELS = [
    Kernel(
        "conjugate gradients", conjugate_gradients, conjugate_gradients_jax, _field,
        {"n": 120, "tolerance": 1e-6}, {"n": 5, "tolerance": 1e-3}, 1, True,
    ),
    Kernel(
        "Newton's method", newton, newton_jax, _planets,
        {"n": 20_000, "tolerance": 1e-10}, {"n": 4, "tolerance": 1e-6}, 2, True,
    ),
    Kernel(
        "power iteration", power_iteration, power_iteration_jax, _symmetric,
        {"n": 250, "tolerance": 1e-9}, {"n": 4, "tolerance": 1e-4}, 2, True,
    ),
    Kernel(
        "quasi-Newton", quasi_newton, quasi_newton_jax, _least_squares,
        {"n": 60, "tolerance": 1e-8}, {"n": 3, "tolerance": 1e-3}, 2, True,
    ),
    Kernel(
        "adaptive steps", adaptive_steps, adaptive_steps_jax, _growing,
        {"n": 5000, "end": 8.0, "tolerance": 1e-4}, {"n": 3, "end": 1.0, "tolerance": 1e-2}, 2, True,
    ),
    Kernel(
        "descent with momentum", momentum_descent, momentum_descent_jax, _labelled,
        {"n": 400, "features": 30, "steps": 100}, {"n": 6, "features": 2, "steps": 2}, 3,
    ),
]  # fmt: skip
