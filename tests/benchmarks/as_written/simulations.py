"""Simulations, filters and measurements."""

from __future__ import annotations

from typing import Any

from .kernel import Kernel


def _pull(np: Any, mass: Any, position: Any) -> Any:
    """The acceleration of each body by all others."""
    x, y, z = position[:, 0:1], position[:, 1:2], position[:, 2:3]
    dx, dy, dz = x.T - x, y.T - y, z.T - z
    inverse_cube = (dx**2 + dy**2 + dz**2 + 0.01) ** -1.5
    return np.hstack(((dx * inverse_cube) @ mass, (dy * inverse_cube) @ mass, (dz * inverse_cube) @ mass))


def n_body(np: Any, mass: Any, position: Any, velocity: Any, *, n: int, steps: int) -> Any:
    """Leapfrog steps; the kinetic energy of each is written down."""
    dt = 0.01
    kinetic = np.zeros(steps)
    acceleration = _pull(np, mass, position)
    for t in range(steps):
        velocity += acceleration * dt / 2
        position += velocity * dt
        acceleration = _pull(np, mass, position)
        velocity += acceleration * dt / 2
        kinetic[t] = 0.5 * np.sum(mass * velocity**2)
    return position, kinetic


def n_body_jax(jax: Any, mass: Any, position: Any, velocity: Any, *, n: int, steps: int) -> Any:
    dt = 0.01

    def step(state: Any, _: Any) -> Any:
        position, velocity, acceleration = state
        velocity = velocity + acceleration * dt / 2
        position = position + velocity * dt
        acceleration = _pull(jax.numpy, mass, position)
        velocity = velocity + acceleration * dt / 2
        return (position, velocity, acceleration), 0.5 * jax.numpy.sum(mass * velocity**2)

    start = (position, velocity, _pull(jax.numpy, mass, position))
    (position, _, _), kinetic = jax.lax.scan(step, start, length=steps)
    return position, kinetic


def escape(np: Any, cx: Any, cy: Any, *, n: int, steps: int) -> Any:
    """Iterates of z² + c for the points that have not left the disc."""
    x, y = np.zeros(n), np.zeros(n)
    for _ in range(steps):
        inside = x**2 + y**2 < 4.0
        xi, yi = x[inside], y[inside]
        x[inside] = xi**2 - yi**2 + cx[inside]
        y[inside] = 2 * xi * yi + cy[inside]
    return np.sqrt(x**2 + y**2 + 1.0)


def escape_jax(jax: Any, cx: Any, cy: Any, *, n: int, steps: int) -> Any:
    jnp = jax.numpy

    def step(_: Any, state: Any) -> Any:
        x, y = state
        inside = x**2 + y**2 < 4.0
        return jnp.where(inside, x**2 - y**2 + cx, x), jnp.where(inside, 2 * x * y + cy, y)

    x, y = jax.lax.fori_loop(0, steps, step, (jnp.zeros(n), jnp.zeros(n)))
    return jnp.sqrt(x**2 + y**2 + 1.0)


def rings(np: Any, data: Any, radius: Any, *, n: int, bins: int) -> Any:
    """The mean over each ring around a centre, by masks."""
    largest = np.max(radius)
    means = np.zeros(bins)
    for i in range(bins):
        inner, outer = largest * i / bins, largest * (i + 1) / bins
        ring = np.logical_and(inner <= radius, radius < outer)
        means[i] = np.mean(data[ring])
    return means


def rings_jax(jax: Any, data: Any, radius: Any, *, n: int, bins: int) -> Any:
    jnp = jax.numpy
    largest = jnp.max(radius)

    def ring_mean(i: Any, means: Any) -> Any:
        ring = jnp.logical_and(largest * i / bins <= radius, radius < largest * (i + 1) / bins)
        return means.at[i].set(jnp.sum(jnp.where(ring, data, 0.0)) / jnp.sum(ring))

    return jax.lax.fori_loop(0, bins, ring_mean, jnp.zeros(bins))


def rings_by_histogram(np: Any, data: Any, radius: Any, *, n: int, bins: int) -> Any:
    """The mean over each ring around a centre, by two histograms."""
    counts = np.histogram(radius, bins)[0]
    sums = np.histogram(radius, bins, weights=data)[0]
    return sums / counts


def rings_by_histogram_jax(jax: Any, data: Any, radius: Any, *, n: int, bins: int) -> Any:
    return rings_by_histogram(jax.numpy, data, radius, n=n, bins=bins)


def _pendulums(np: Any, y: Any, stiffness: Any) -> Any:
    change = np.empty_like(y)
    change[0] = y[1]
    change[1] = -stiffness * np.sin(y[0]) - 0.1 * y[1]
    return change


def runge_kutta(np: Any, start: Any, stiffness: Any, *, n: int, steps: int) -> Any:
    """Many pendulums, four stages a step, into a trajectory."""
    h = 0.02
    path = np.empty((steps + 1, 2, n))
    path[0] = start
    for t in range(steps):
        y = path[t]
        k1 = _pendulums(np, y, stiffness)
        k2 = _pendulums(np, y + h / 2 * k1, stiffness)
        k3 = _pendulums(np, y + h / 2 * k2, stiffness)
        k4 = _pendulums(np, y + h * k3, stiffness)
        path[t + 1] = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return path


def runge_kutta_jax(jax: Any, start: Any, stiffness: Any, *, n: int, steps: int) -> Any:
    jnp, h = jax.numpy, 0.02

    def f(y: Any) -> Any:
        return jnp.stack([y[1], -stiffness * jnp.sin(y[0]) - 0.1 * y[1]])

    def step(y: Any, _: Any) -> Any:
        k1 = f(y)
        k2 = f(y + h / 2 * k1)
        k3 = f(y + h / 2 * k2)
        k4 = f(y + h * k3)
        y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        return y, y

    path = jax.lax.scan(step, start, length=steps)[1]
    return jnp.concatenate([start[None], path])


def crank_nicolson(np: Any, u: Any, kappa: Any, *, n: int, steps: int) -> Any:
    """Implicit steps of the heat equation; each solves a tridiagonal system by Thomas's elimination."""
    c, d = np.zeros(n), np.zeros(n)
    for _ in range(steps):
        right = u.copy()
        right[1:-1] += kappa[1:-1] * (u[2:] - 2 * u[1:-1] + u[:-2])
        c[0], d[0] = 0.0, right[0]
        for i in range(1, n - 1):
            pivot = 1 + 2 * kappa[i] + kappa[i] * c[i - 1]
            c[i] = -kappa[i] / pivot
            d[i] = (right[i] + kappa[i] * d[i - 1]) / pivot
        u[n - 1] = right[n - 1]
        for i in range(n - 2, 0, -1):
            u[i] = d[i] - c[i] * u[i + 1]
    return u


def crank_nicolson_jax(jax: Any, u: Any, kappa: Any, *, n: int, steps: int) -> Any:
    jnp, lax = jax.numpy, jax.lax

    def down(carried: Any, row: Any) -> Any:
        c, d = carried
        k, right = row
        pivot = 1 + 2 * k + k * c
        new = -k / pivot, (right + k * d) / pivot
        return new, new

    def up(after: Any, row: Any) -> Any:
        c, d = row
        x = d - c * after
        return x, x

    def step(_: Any, u: Any) -> Any:
        right = u[1:-1] + kappa[1:-1] * (u[2:] - 2 * u[1:-1] + u[:-2])
        rows = lax.scan(down, (jnp.zeros(()), u[0]), (kappa[1:-1], right))[1]
        inner = lax.scan(up, u[-1], rows, reverse=True)[1]
        return u.at[1:-1].set(inner)

    return lax.fori_loop(0, steps, step, u)


def kalman(np: Any, transition: Any, seen_by: Any, noise: Any, seen: Any, *, steps: int, n: int, m: int) -> Any:
    """The log-likelihood of measurements, by the filter's two steps: predict and correct."""
    state, p = np.zeros(n), np.eye(n)
    total = 0.0
    for t in range(steps):
        state = transition @ state
        p = transition @ p @ transition.T + 0.1 * np.eye(n)
        surprise = seen[t] - seen_by @ state
        spread = seen_by @ p @ seen_by.T + noise
        gain = np.linalg.solve(spread, seen_by @ p).T
        state = state + gain @ surprise
        p = p - gain @ seen_by @ p
        total += surprise @ np.linalg.solve(spread, surprise) + np.log(np.linalg.det(spread))
    return total / steps


def kalman_jax(jax: Any, transition: Any, seen_by: Any, noise: Any, seen: Any, *, steps: int, n: int, m: int) -> Any:
    jnp = jax.numpy

    def step(carried: Any, now: Any) -> Any:
        state, p, total = carried
        state = transition @ state
        p = transition @ p @ transition.T + 0.1 * jnp.eye(n)
        surprise = now - seen_by @ state
        spread = seen_by @ p @ seen_by.T + noise
        gain = jnp.linalg.solve(spread, seen_by @ p).T
        state = state + gain @ surprise
        p = p - gain @ seen_by @ p
        total += surprise @ jnp.linalg.solve(spread, surprise) + jnp.log(jnp.linalg.det(spread))
        return (state, p, total), None

    (_, _, total), _ = jax.lax.scan(step, (jnp.zeros(n), jnp.eye(n), jnp.zeros(())), seen)
    return total / steps


_A = (0.18, 0.12, -0.14, -0.05)  # a smoothing filter of the second order
_B1, _B2 = 1.2, -0.36


def recursive_filter(np: Any, image: Any, *, n: int, m: int) -> Any:
    """A recursive filter along the rows of an image, forwards and backwards, as Deriche's."""
    a1, a2, a3, a4 = _A
    right, left = np.zeros((n, m)), np.zeros((n, m))
    right[:, 0] = a1 * image[:, 0]
    right[:, 1] = a1 * image[:, 1] + a2 * image[:, 0] + _B1 * right[:, 0]
    for j in range(2, m):
        right[:, j] = a1 * image[:, j] + a2 * image[:, j - 1] + _B1 * right[:, j - 1] + _B2 * right[:, j - 2]
    left[:, -2] = a3 * image[:, -1]
    for j in range(m - 3, -1, -1):
        left[:, j] = a3 * image[:, j + 1] + a4 * image[:, j + 2] + _B1 * left[:, j + 1] + _B2 * left[:, j + 2]
    return right + left


def recursive_filter_jax(jax: Any, image: Any, *, n: int, m: int) -> Any:
    a1, a2, a3, a4 = _A
    jnp, lax = jax.numpy, jax.lax
    first = a1 * image[:, 0]
    second = a1 * image[:, 1] + a2 * image[:, 0] + _B1 * first
    right = jnp.zeros((n, m)).at[:, 0].set(first).at[:, 1].set(second)
    left = jnp.zeros((n, m)).at[:, -2].set(a3 * image[:, -1])

    def forward(j: Any, y: Any) -> Any:
        return y.at[:, j].set(a1 * image[:, j] + a2 * image[:, j - 1] + _B1 * y[:, j - 1] + _B2 * y[:, j - 2])

    def backward(back: Any, y: Any) -> Any:
        j = m - 3 - back
        return y.at[:, j].set(a3 * image[:, j + 1] + a4 * image[:, j + 2] + _B1 * y[:, j + 1] + _B2 * y[:, j + 2])

    return lax.fori_loop(2, m, forward, right) + lax.fori_loop(0, m - 2, backward, left)


def shortest_paths(np: Any, path: Any, *, n: int) -> Any:
    """The lengths of the shortest paths between all pairs of places, by Floyd and Warshall."""
    for k in range(n):
        path[:] = np.minimum(path, np.add.outer(path[:, k], path[k, :]))
    return path


def shortest_paths_jax(jax: Any, path: Any, *, n: int) -> Any:
    def through(k: Any, path: Any) -> Any:
        return jax.numpy.minimum(path, path[:, k, None] + path[None, k, :])

    return jax.lax.fori_loop(0, n, through, path)


def _bodies(rng: Any, n: int, steps: int) -> Any:
    return 20.0 / n * (0.5 + rng.random((n, 1))), rng.normal(size=(n, 3)), rng.normal(size=(n, 3))


def _plane(rng: Any, n: int, steps: int) -> Any:
    return rng.uniform(-2.0, 0.6, n), rng.uniform(-1.2, 1.2, n)


def _measured(rng: Any, n: int, bins: int) -> Any:
    return rng.random(n), rng.random(n)


def _swinging(rng: Any, n: int, steps: int) -> Any:
    return rng.normal(size=(2, n)), 1.0 + rng.random(n)


def _rod(rng: Any, n: int, steps: int) -> Any:
    return rng.random(n), 0.5 + rng.random(n)


def _tracked(rng: Any, steps: int, n: int, m: int) -> Any:
    transition = rng.normal(size=(n, n)) / (2 * n**0.5)
    for i in range(n):
        transition[i, i] += 0.5
    noise = 0.1 * rng.random((m, m))
    noise = noise @ noise.T
    for i in range(m):
        noise[i, i] += 0.5
    return transition, rng.normal(size=(m, n)), noise, rng.normal(size=(steps, m))


def _image(rng: Any, n: int, m: int) -> Any:
    return (rng.random((n, m)),)


def _roads(rng: Any, n: int) -> Any:
    return (0.05 + rng.random((n, n)),)


KERNELS = [
    Kernel("n bodies", n_body, n_body_jax, _bodies, {"n": 60, "steps": 25}, {"n": 3, "steps": 2}, 3),
    Kernel(
        "escape, by masks", escape, escape_jax, _plane,
        {"n": 20_000, "steps": 20}, {"n": 9, "steps": 4}, 2, h=1e-10,
    ),
    Kernel("rings, by masks", rings, rings_jax, _measured, {"n": 40_000, "bins": 60}, {"n": 60, "bins": 3}),
    Kernel(
        "rings, by histograms", rings_by_histogram, rings_by_histogram_jax, _measured,
        {"n": 200_000, "bins": 100}, {"n": 60, "bins": 3},
    ),
    Kernel("Runge-Kutta", runge_kutta, runge_kutta_jax, _swinging, {"n": 500, "steps": 100}, {"n": 3, "steps": 2}, 2),
    Kernel(
        "Crank-Nicolson", crank_nicolson, crank_nicolson_jax, _rod,
        {"n": 100, "steps": 20}, {"n": 5, "steps": 2}, 2,
    ),
    Kernel(
        "Kalman filter", kalman, kalman_jax, _tracked,
        {"steps": 100, "n": 6, "m": 3}, {"steps": 3, "n": 2, "m": 2}, 4,
    ),
    Kernel("recursive filter", recursive_filter, recursive_filter_jax, _image, {"n": 256, "m": 256}, {"n": 3, "m": 6}),
    Kernel("shortest paths", shortest_paths, shortest_paths_jax, _roads, {"n": 120}, {"n": 4}, h=1e-8),
]  # fmt: skip
