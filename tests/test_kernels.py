"""Numerical programs as NumPy users write them: with `tinygraph.numpy` for `numpy` they have gradients.

Each kernel makes arrays, writes into them in loops and returns what it made. It runs once with NumPy and once with
`tinygraph.numpy` under the name `np`, and its text is the same.
"""

import types
from collections.abc import Callable
from typing import Any

import numpy
import pytest

import tinygraph as tg
import tinygraph.numpy as np

rng = numpy.random.default_rng(0)

# Each kernel with the arrays that it is called with, of which the gradient is asked for.
KERNELS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {}


def kernel(*inputs):
    """Enter a function among the kernels, with its inputs."""

    def enter(function):
        KERNELS[function.__name__] = function, inputs
        return function

    return enter


def normal(*shape):
    return rng.normal(size=shape)


def dominant(size):
    """A matrix that elimination without pivots solves."""
    return normal(size, size) + size * numpy.eye(size)


# --- linear algebra ---------------------------------------------------------------------------------------------------


@kernel(normal(6), normal(7) + 5, normal(6), normal(7))
def tridiagonal_solver(below, diagonal, above, right):
    n = len(diagonal)
    c, d, x = np.zeros(n), np.zeros(n), np.empty(n)
    c[0], d[0] = above[0] / diagonal[0], right[0] / diagonal[0]
    for i in range(1, n):
        pivot = diagonal[i] - below[i - 1] * c[i - 1]
        if i < n - 1:
            c[i] = above[i] / pivot
        d[i] = (right[i] - below[i - 1] * d[i - 1]) / pivot
    x[-1] = d[-1]
    for i in reversed(range(n - 1)):
        x[i] = d[i] - c[i] * x[i + 1]
    return x


@kernel(dominant(4), normal(4))
def elimination_in_place(a, b):
    n = a.shape[0]
    for k in range(n):
        for i in range(k + 1, n):
            a[i, k] /= a[k, k]
            a[i, k + 1 :] -= a[i, k] * a[k, k + 1 :]
    y = np.zeros_like(b)
    for i in range(n):
        y[i] = b[i] - a[i, :i] @ y[:i]
    for i in range(n - 1, -1, -1):
        y[i] = (y[i] - a[i, i + 1 :] @ y[i + 1 :]) / a[i, i]
    return y


@kernel(dominant(4), normal(4))
def elimination_with_pivots(a, b):
    n = len(b)
    rows = np.concatenate([a[::-1], b[:, None]], axis=1)
    for k in range(n):
        best = k + int(np.argmax(np.abs(rows[k:, k])))
        if best != k:
            rows[[k, best]] = rows[[best, k]]
        rows[k] /= rows[k, k]
        for i in range(n):
            if i != k:
                rows[i] -= rows[i, k] * rows[k]
    return rows[:, -1]


@kernel(normal(4, 6))
def cholesky_by_columns(m):
    a = m @ m.T
    n = a.shape[0]
    factor = np.zeros((n, n))
    for j in range(n):
        factor[j, j] = np.sqrt(a[j, j] - np.dot(factor[j, :j], factor[j, :j]))
        for i in range(j + 1, n):
            factor[i, j] = (a[i, j] - np.dot(factor[i, :j], factor[j, :j])) / factor[j, j]
    return factor


@kernel(normal(5, 3))
def orthogonal_columns(a):
    q = np.copy(a)
    r = np.zeros((3, 3))
    for j in range(3):
        column = q[:, j]
        for i in range(j):
            r[i, j] = q[:, i] @ column
            column -= r[i, j] * q[:, i]
        r[j, j] = np.sqrt(np.sum(column**2))
        column /= r[j, j]
    return q @ np.ones((3, 2)) + np.sum(r)


@kernel(normal(4, 3))
def reflections(a):
    r = a.copy()
    for k in range(3):
        v = r[k:, k].copy()
        v[0] += np.sign(v[0]) * np.linalg.norm(v)
        v /= np.linalg.norm(v)
        r[k:, k:] -= 2 * np.outer(v, v @ r[k:, k:])
    return r


@kernel(normal(7), normal(4))
def sparse_product(values, x):
    starts, columns = [0, 2, 3, 3, 7], [0, 3, 1, 0, 1, 2, 3]
    y = np.empty(4)
    for row in range(4):
        part = slice(starts[row], starts[row + 1])
        y[row] = values[part] @ x[columns[part]]
    return y


@kernel(dominant(4), normal(4))
def relaxation(a, b):
    x = np.zeros(4)
    for _ in range(5):
        for i in range(4):
            rest = 0.0
            for j in range(4):
                if j != i:
                    rest += a[i, j] * x[j]
            x[i] = (1 - 1.1) * x[i] + 1.1 * (b[i] - rest) / a[i, i]
    return x


# --- differential equations -------------------------------------------------------------------------------------------


@kernel(normal(2, 2), numpy.array([1.0, 2.0, 0.5]))
def leapfrog_of_bodies(velocity, mass):
    n, steps, dt = 3, 5, 0.05
    position = np.array([[0.0, 0.0], [1.0, 0.2], [-0.7, 0.9]])
    speed = np.zeros((n, 2))
    speed[1:] = velocity
    path = np.empty((steps + 1, n, 2))
    path[0] = position

    def pull(at):
        force = np.zeros((n, 2))
        for i in range(n):
            for j in range(n):
                if i != j:
                    gap = at[j] - at[i]
                    force[i] += mass[j] * gap / (np.sum(gap**2) + 0.1) ** 1.5
        return force

    acceleration = pull(position)
    for step in range(steps):
        speed += acceleration * dt / 2
        position += speed * dt
        acceleration = pull(position)
        speed += acceleration * dt / 2
        path[step + 1] = position
    return path


@kernel(normal(3), numpy.array([10.0, 28.0, 8 / 3]))
def runge_kutta(start, constants):
    sigma, rho, beta = constants

    def slope(state):
        x, y, z = state
        d = np.empty(3)
        d[0], d[1], d[2] = sigma * (y - x), x * (rho - z) - y, x * y - beta * z
        return d

    h, path = 0.01, np.zeros((6, 3))
    path[0] = start
    for i in range(5):
        k1 = slope(path[i])
        k2 = slope(path[i] + h / 2 * k1)
        k3 = slope(path[i] + h / 2 * k2)
        k4 = slope(path[i] + h * k3)
        path[i + 1] = path[i] + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return path


@kernel(normal(12), numpy.array(0.4))
def lax_wendroff(u, c):
    for _ in range(4):
        flux = u**2 / 2
        middle = 0.5 * (u[1:] + u[:-1]) - 0.5 * c * (flux[1:] - flux[:-1])
        u[1:-1] -= c * (middle[1:] ** 2 / 2 - middle[:-1] ** 2 / 2)
        u[0], u[-1] = u[-2], u[1]
    return u


@kernel(normal(6, 7), normal(6, 7) ** 2)
def waves_in_two_dimensions(now, speed):
    before = now.copy()
    for _ in range(4):
        after = np.zeros_like(now)
        after[1:-1, 1:-1] = (
            2 * now[1:-1, 1:-1]
            - before[1:-1, 1:-1]
            + 0.1
            * speed[1:-1, 1:-1]
            * (now[2:, 1:-1] + now[:-2, 1:-1] + now[1:-1, 2:] + now[1:-1, :-2] - 4 * now[1:-1, 1:-1])
        )
        after[:, 0] = after[:, 1]
        before, now = now, after
    return now


@kernel(normal(8), normal(9), numpy.array(0.5))
def electric_and_magnetic(e, h, c):
    for step in range(6):
        h[1:-1] += c * (e[1:] - e[:-1])
        e += c * (h[1:] - h[:-1])
        e[3] += np.sin(0.3 * step) * c
    return np.concatenate([e, h])


@kernel(normal(6), numpy.array(0.3))
def crank_nicolson(u, r):
    n = u.size
    for _ in range(2):
        right = np.zeros(n)
        right[0], right[-1] = u[0], u[-1]
        right[1:-1] = r / 2 * (u[2:] + u[:-2]) + (1 - r) * u[1:-1]
        left = np.eye(n)
        for i in range(1, n - 1):
            left[i, i - 1 : i + 2] = np.array([-r / 2, 1 + r, -r / 2])
        u[:] = np.linalg.solve(left, right)
    return u


@kernel(normal(9))
def multigrid(f):
    def smooth(u, f, h):
        for _ in range(2):
            for i in range(1, len(u) - 1):
                u[i] = (u[i - 1] + u[i + 1] + h * h * f[i]) / 2

    def cycle(u, f, h):
        smooth(u, f, h)
        if len(u) > 3:
            rest = np.zeros_like(u)
            rest[1:-1] = f[1:-1] + (u[:-2] - 2 * u[1:-1] + u[2:]) / h**2
            coarse = np.zeros(len(u) // 2 + 1)
            coarse[1:-1] = rest[1:-3:2] / 4 + rest[2:-2:2] / 2 + rest[3:-1:2] / 4
            error = np.zeros(len(coarse))
            cycle(error, coarse, 2 * h)
            u[::2] += error
            u[1::2] += (error[:-1] + error[1:]) / 2
            smooth(u, f, h)

    u = np.zeros(len(f))
    cycle(u, f, 1 / 8)
    return u


# --- signals, filters and statistics ----------------------------------------------------------------------------------


@kernel(normal(6), normal(2, 2), numpy.array(0.5))
def kalman_filter(measured, model, noise):
    state, covariance = np.zeros(2), np.eye(2)
    seen = np.array([1.0, 0.5])
    means, spreads = np.empty((6, 2)), np.empty(6)
    for t in range(6):
        state = model @ state
        covariance = model @ covariance @ model.T + 0.1 * np.eye(2)
        spread = seen @ covariance @ seen + noise
        gain = covariance @ seen / spread
        state = state + gain * (measured[t] - seen @ state)
        covariance -= np.outer(gain, seen @ covariance)
        means[t], spreads[t] = state, spread
    return np.column_stack([means, np.log(spreads)])


@kernel(normal(8), normal(8))
def fourier_by_hand(real, imaginary):
    n = len(real)
    z = np.zeros(n, dtype=complex)
    for i in range(n):
        z[int(f"{i:03b}"[::-1], 2)] = real[i] + 1j * imaginary[i]
    size = 2
    while size <= n:
        turn = np.exp(-2j * np.pi * np.arange(size // 2) / size)
        for start in range(0, n, size):
            even, odd = z[start : start + size // 2], z[start + size // 2 : start + size]
            difference = even - turn * odd
            even += turn * odd
            odd[:] = difference
        size *= 2
    return np.concatenate([z.real, z.imag])


@kernel(normal(8))
def haar_wavelet(x):
    n = len(x)
    while n > 1:
        sums, differences = x[:n:2] + x[1:n:2], x[:n:2] - x[1:n:2]
        x[: n // 2] = sums / np.sqrt(2)
        x[n // 2 : n] = differences / np.sqrt(2)
        n //= 2
    return x


@kernel(normal(10), numpy.array([0.4, -0.2]), numpy.array([0.7, 0.3]))
def recursive_filter(x, a, b):
    y = np.zeros_like(x)
    for n in range(len(x)):
        y[n] = b[0] * x[n]
        if n >= 1:
            y[n] += b[1] * x[n - 1] - a[0] * y[n - 1]
        if n >= 2:
            y[n] -= a[1] * y[n - 2]
    return y[::-1]


@kernel(normal(7, 2), normal(2, 2))
def means_of_clusters(points, centres):
    for _ in range(3):
        distances = np.empty((len(points), len(centres)))
        for k in range(len(centres)):
            distances[:, k] = np.sum((points - centres[k]) ** 2, axis=1)
        nearest = np.argmin(distances, axis=1)
        for k in range(len(centres)):
            if np.any(nearest == k):
                centres[k] = points[nearest == k].mean(axis=0)
    return np.min(distances, axis=1).sum() + centres


@kernel(normal(3))
def metropolis(parameters):
    draws = np.random.default_rng(1)
    here, chain = np.array(0.1), np.empty(12)
    for i in range(12):
        there = here + 0.5 * draws.normal() * parameters[0]
        energy = parameters[1] ** 2 * (here**2 - there**2) + parameters[2] * (there - here)
        if np.exp(energy) > draws.random():
            here = there
        chain[i] = here
    return chain


@kernel(normal(9) ** 2, normal(9))
def weighted_histogram(x, weights):
    edges = np.linspace(0, 4, 6)
    counts, moments = np.zeros(5), np.zeros((2, 5))
    bins = np.clip(np.digitize(x, edges) - 1, 0, 4)
    np.add.at(counts, bins, weights)
    for i in range(len(x)):
        moments[0, bins[i]] += weights[i] * x[i]
        moments[1, bins[i]] += weights[i] * x[i] ** 2
    return counts + moments


@kernel(normal(4, 3), normal(3, 3), normal(3))
def most_likely_path(scores, moves, begin):
    steps, states = scores.shape
    best, came = np.empty((steps, states)), np.zeros((steps, states), dtype=int)
    best[0] = begin + scores[0]
    for t in range(1, steps):
        for s in range(states):
            ways = best[t - 1] + moves[:, s]
            came[t, s] = np.argmax(ways)
            best[t, s] = ways[came[t, s]] + scores[t, s]
    return best


@kernel(normal(5), normal(6))
def time_warping(one, other):
    cost = np.full((6, 7), np.inf)
    cost[0, 0] = 0.0
    for i in range(1, 6):
        for j in range(1, 7):
            gap = (one[i - 1] - other[j - 1]) ** 2
            cost[i, j] = gap + min(cost[i - 1, j], cost[i, j - 1], cost[i - 1, j - 1])
    return cost[1:, 1:]


@kernel(normal(5, 5) ** 2)
def shortest_ways(distance):
    for k in range(5):
        distance[:] = np.minimum(distance, distance[:, k, None] + distance[k])
    return distance


# --- cells, sums and tables -------------------------------------------------------------------------------------------


@kernel(rng.random((5, 6)))
def cells(board):
    for _ in range(3):
        around = np.zeros_like(board)
        for i in (-1, 0, 1):
            for j in (-1, 0, 1):
                if i or j:
                    around += np.roll(board, (i, j), axis=(0, 1))
        born = np.exp(-((around - 3) ** 2))
        stays = np.exp(-((around - 2.5) ** 2))
        board[...] = board * stays + (1 - board) * born
        board[board > 0.9] *= 0.5
    return board


@kernel(normal(10))
def running_sums(x):
    total, peak, window = np.zeros(10), np.empty(10), np.zeros(8)
    highest = -np.inf
    for i in range(10):
        total[i] = x[i] if i == 0 else total[i - 1] + x[i]
        highest = max(highest, x[i])
        peak[i] = highest
    window[:] = total[2:]
    window[1:] -= total[:-3]
    return total[2:] * window + peak[2:]


@kernel(normal(5) * 3, normal(5), numpy.array(0.3))
def divided_differences(x, y, at):
    table = y.copy()
    for order in range(1, 5):
        table[order:] = (table[order:] - table[order - 1 : -1]) / (x[order:] - x[:-order])
    value = table[-1]
    for k in range(3, -1, -1):
        value = value * (at - x[k]) + table[k]
    return value


@kernel(normal(6))
def sorted_by_insertion(x):
    for i in range(1, len(x)):
        j = i
        while j > 0 and x[j - 1] > x[j]:
            x[j - 1], x[j] = x[j], x[j - 1]
            j -= 1
    return x * np.arange(6)


@kernel(numpy.array([0.2, 1.3]))
def romberg(ends):
    low, high = ends
    table = np.zeros((4, 4))
    for i in range(4):
        points = np.array([low + (high - low) * k / 2**i for k in range(2**i + 1)])
        heights = np.exp(-(points**2))
        table[i, 0] = (high - low) / 2**i * (heights[1:-1].sum() + (heights[0] + heights[-1]) / 2)
        for j in range(1, i + 1):
            table[i, j] = table[i, j - 1] + (table[i, j - 1] - table[i - 1, j - 1]) / (4**j - 1)
    return table


# --- the law ----------------------------------------------------------------------------------------------------------


def with_numpy(function):
    """The kernel with NumPy under the name `np`."""
    return types.FunctionType(
        function.__code__, {**globals(), "np": numpy}, function.__name__, function.__defaults__, function.__closure__
    )


def slope(function, step):
    """The derivative at 0 of a function of one number, by differences of two widths."""
    wide, narrow = ((function(h) - function(-h)) / (2 * h) for h in (step, step / 2))
    return (4 * narrow - wide) / 3


@pytest.mark.parametrize("name", sorted(KERNELS))
def test_a_kernel_has_the_values_and_derivatives_of_its_arrays(name):
    function, inputs = KERNELS[name]
    plainly = with_numpy(function)
    value = plainly(*[x.copy() for x in inputs])
    drawn = numpy.random.default_rng(2)
    weights = drawn.normal(size=numpy.shape(value))
    weights[~numpy.isfinite(value)] = 0.0
    ways = [drawn.normal(size=x.shape) for x in inputs]
    everywhere = tuple(range(len(inputs)))

    def loss(*arrays):
        result = function(*arrays)
        return np.sum(np.where(np.isfinite(value), result, 0.0) * weights)

    def moved(h):
        return [x + h * way for x, way in zip(inputs, ways, strict=True)]

    def along(gradients):
        return sum(np.sum(gradient * way) for gradient, way in zip(gradients, ways, strict=True))

    np.testing.assert_allclose(function(*map(tg.Tensor, inputs)).data, value, rtol=1e-12, atol=1e-13)
    gradient = tg.grad(loss, argnums=everywhere)
    first = along(gradient(*inputs))
    expected = slope(lambda h: float(np.sum(plainly(*moved(h))[...] * weights)), 1e-4)
    np.testing.assert_allclose(first, expected, rtol=1e-7, atol=1e-9)
    second = along(tg.grad(lambda *arrays: along(gradient(*arrays)), argnums=everywhere)(*inputs))
    np.testing.assert_allclose(second, slope(lambda h: along(gradient(*moved(h))), 1e-4), rtol=1e-6, atol=1e-7)
