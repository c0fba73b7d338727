"""Programs that branch, each with arguments that lead along several paths."""

from __future__ import annotations

import numpy as np

import tinygraph as tg
from tinygraph import draws

RNG = np.random.default_rng(7)


def same(one, other):
    """Assert that two results are the same nest of the same kinds, to rounding."""
    assert type(one) is type(other) or np.ndim(one) == np.ndim(other) == 0, (one, other)
    if isinstance(one, list | tuple):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            same(a, b)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key, item in one.items():
            same(item, other[key])
    elif isinstance(one, str):
        assert one == other
    else:
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12, strict=True)


def bisection(low, high):
    def f(x):
        return x**3 - 2 * x - 5

    while high - low > 1e-3:
        middle = (low + high) / 2
        if f(middle) > 0:
            high = middle
        else:
            low = middle
    return (low + high) / 2


def newton(a, x):
    error = np.abs(x * x - a)
    while np.max(error) > 1e-9:
        x = (x + a / x) / 2
        error = np.abs(x * x - a)
    return x


def line_search(x, direction):
    def f(x):
        return np.sum(x**4 - 3 * x**2 + x)

    step = 1.0
    while f(x + step * direction) > f(x):
        step = step / 2
    return x + step * direction, step


def clipped(x):
    norm = np.sqrt(np.sum(x * x))
    if norm > 1:
        x = x / norm
    return x


def early(x):
    if np.all(x > 0):
        return np.log(x)
    if np.any(np.isnan(x)):
        return np.zeros_like(x), "nan"
    return {"negative": np.minimum(x, 0)}


def network(x):
    a, b, c, d = x
    if a > b:
        a, b = b, a
    if c > d:
        c, d = d, c
    if a > c:
        a, c = c, a
    if b > d:
        b, d = d, b
    if b > c:
        b, c = c, b
    return np.stack([a, b, c, d])


def pivoting(a):
    for column in range(2):
        pivot = column + np.argmax(np.abs(a[column:, column]))
        order = list(range(3))
        order[column], order[pivot] = order[pivot], column
        a = a[order]
        factor = a[column + 1 :, column] / a[column, column]
        a = np.concatenate([a[: column + 1], a[column + 1 :] - factor[:, None] * a[column]])
    return a


def python_functions(x):
    a, b, c = x
    largest, smallest = max(a, b, c), min(a, b, c)
    between = sorted([a, b, c])[1]
    inside = between in [1.0, 2.0]
    return (largest, between, smallest) if inside or not largest > 3 else largest - smallest


def logic(a, b):
    if a > 0 and b > 0:
        return a * b
    if a > 0 or b > 0:
        return a + b
    return 0.0 if not a else a - b


def counts(x):
    total = x[0]
    for i in range(np.sum(x > 0)):
        total = total + x[i] * (i + 1)
    return total, x[: np.argmax(x)], [10.0, 20.0, 30.0, 40.0][np.argmin(x)]


def chained(x):
    return x if 0 < np.sum(x) < 5 else -x


def asserted(x):
    assert np.sum(x) < 10, "too large"
    return 2 * x


def numbers(a, b):
    while a > b:
        a = a / 2
    return a * a + b if a != b else np.sqrt(a)


def vectors(count):
    return [(RNG.normal(size=4) * scale,) for scale in np.linspace(0.1, 3, count)]


PROGRAMS = {
    bisection: [(1.0, 3.0), (2.0, 2.5), (1.5, 3.5), (0.0, 4.0), (2.0, 2.5)],
    newton: [(np.array([2.0, 9.0]), np.ones(2)), (np.array([2.0, 2e4]), np.ones(2)), (np.ones(2), np.ones(2))],
    line_search: [(np.array([a, 0.5]), np.array([b, -1.0])) for a, b in [(1.0, 3.0), (2.0, -9.0), (0.1, 0.1)]],
    clipped: [(np.array([0.1, 0.2]),), (np.array([3.0, 4.0]),), (np.array([np.nan, 1.0]),)],
    early: [(np.array([1.0, 2.0]),), (np.array([1.0, np.nan]),), (np.array([1.0, -2.0]),), (np.array([1.0, 3.0]),)],
    network: vectors(12),
    pivoting: [(RNG.normal(size=(3, 3)),) for _ in range(8)],
    python_functions: [(np.array(x),) for x in ([1.0, 2.0, 3.0], [9.0, 1.0, 2.0], [4.0, 8.0, 6.0], [2.0, 1.0, 5.0])],
    logic: [(1.0, 2.0), (-1.0, 2.0), (1.0, -2.0), (-1.0, -2.0), (0.0, -1.0), (1.0, 2.0)],
    counts: vectors(8),
    chained: [(np.array([1.0, 2.0]),), (np.array([3.0, 4.0]),), (np.array([-1.0, 0.0]),)],
    numbers: [(8.0, 1.0), (9.0, 1.0), (0.0, 1.0), (np.float64(5.0), np.float64(2.0))],
}  # fmt: skip
CASES = sorted(PROGRAMS, key=lambda function: function.__name__)


def state_and_step(compile_it):
    w = tg.Tensor(np.array([1.0, -2.0, 3.0]), name="w")
    moment = tg.Tensor(np.zeros(3), requires_grad=False, name="moment")
    count = tg.Tensor(0.0, requires_grad=False, name="count")
    generator = np.random.default_rng(3)
    legacy = np.random.RandomState(5)

    def step(x, bound):
        noise = draws.normal(generator, (3,)) + draws.normal(legacy, (3,)) * 0.1
        loss = np.sum((w * x + noise) ** 2)
        loss.backward()
        moment.assign(0.9 * moment.data + w.grad)
        w.assign(w.data - 0.01 * moment.data)
        count.assign(count.data + 1)
        if loss > bound:
            w.assign(w.data * 0.5)
            noise = noise + draws.uniform(generator, (3,))
        w.grad = None
        if np.max(moment.data) > 2:
            moment.assign(moment.data * 0)
        return loss, noise

    return w, moment, count, generator, legacy, tg.compile(step) if compile_it else step
