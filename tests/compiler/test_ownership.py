"""Arrays that are updated after their use, in a compiled function: each use reads what eager code reads."""

from __future__ import annotations

import numpy as np
import pytest

import tinygraph as tg
from tests.compiler.sharing import as_it_is, check_alike
from tests.compiler.test_calls_that_write import clipped_in_place


def halved(a):
    a *= 0.5


def halved_out(a):
    np.multiply(a, 0.5, out=a)


def shifted(a):
    a -= 0.25


def masked_out(a):
    np.add(a, 1.0, out=a, where=a > 0.6)


def by_itself(a):
    a *= a


def with_its_view(a):
    a += a[::-1]


UPDATES = [halved, halved_out, shifted, masked_out, by_itself, with_its_view]
USES = {
    "multiplied": lambda w, a: np.sum(w * a), "divided": lambda w, a: np.sum(a / w),
    "a power": lambda w, a: np.sum(w**a), "dot": lambda w, a: np.dot(w, a) ** 2, "matmul": lambda w, a: w @ a,
    "where": lambda w, a: np.sum(np.where(a > 0.4, w * w, 3 * w)), "maximum": lambda w, a: np.sum(np.maximum(w, a)),
    "where=": lambda w, a: np.sum(w * w, where=a > 0.4), "einsum": lambda w, a: np.einsum("i,i->", w, a) ** 2,
    "average": lambda w, a: np.average(w * w, weights=a), "a view": lambda w, a: np.sum(w * a[::-1]),
    "a list": lambda w, a: np.sum(np.stack([w * w, a]) * np.stack([a, w])),
    "outer": lambda w, a: np.sum(np.outer(w, a)),
    "a Tensor of it": lambda w, a: np.sum(w * tg.Tensor(a, requires_grad=False)),
}  # fmt: skip


def gradient_of_a_loop(w, use, update, start):
    """A function whose loss uses an array three times, and updates it each time."""

    def step(a):
        a = start(a)
        total = 0.0
        for _ in range(3):
            total = total + use(w, a)
            update(a)
        total.backward()
        gradient, w.grad = w.grad, None
        return gradient, a

    return step


@pytest.mark.parametrize("update", UPDATES, ids=lambda update: update.__name__)
@pytest.mark.parametrize("use", USES)
def test_a_gradient_reads_an_array_as_it_was_when_it_was_used(use, update):
    w = tg.Tensor(np.array([1.0, 2.0, 1.5]), name="w")
    for start in (lambda a: a * 1.0, np.copy, lambda a: np.array([0.5, 1.0, 0.7])):
        assert check_alike(gradient_of_a_loop(w, USES[use], update, start), np.array([0.5, 1.0, 0.7]))


def flipped(m):
    m ^= True


def flipped_out(m):
    np.logical_not(m, out=m)


@pytest.mark.parametrize("update", [flipped, flipped_out])
@pytest.mark.parametrize("use", [
    lambda w, m: np.sum(w * m), lambda w, m: np.sum(np.where(m, w * w, w)), lambda w, m: np.sum(w * w, where=m),
    lambda w, m: np.sum((w**2)[..., None] * m[..., None]),
])  # fmt: skip
def test_a_gradient_reads_a_mask_as_it_was(use, update):
    w = tg.Tensor(np.array([1.0, 2.0, 1.5]), name="w")
    for start in (np.copy, lambda m: np.array([True, False, True])):
        assert check_alike(gradient_of_a_loop(w, use, update, start), np.array([True, False, True]))


def moved(j):
    j += 1


def moved_out(j):
    np.add(j, 1, out=j)


@pytest.mark.parametrize("update", [moved, moved_out])
@pytest.mark.parametrize("use", [
    lambda w, j: np.sum(w[j] ** 2), lambda w, j: np.sum(np.take(w, j) ** 3), lambda w, j: np.sum(w[j, None] ** 2),
    lambda w, j: np.sum(np.outer(w, w)[np.ix_(j, j)]), lambda w, j: np.sum(np.take_along_axis(w, j, 0) ** 2),
])  # fmt: skip
def test_a_gradient_reads_an_index_as_it_was(use, update):
    w = tg.Tensor(np.array([1.0, 2.0, 1.5, 3.0, 0.5]), name="w")
    for start in (np.copy, lambda j: np.array([1, 0])):
        assert check_alike(gradient_of_a_loop(w, use, update, start), np.array([1, 0]))


PLAIN_WRITES = {
    "fill": lambda a: a.fill(3.0), "sort": lambda a: a.sort(), "put": lambda a: np.put(a, [0], 9.0),
    "copyto": lambda a: np.copyto(a, 5.0), "a slice": lambda a: a.__setitem__(slice(1, None), 7.0),
    "at": lambda a: np.add.at(a, [0, 0], 1.0), "place": lambda a: np.place(a, a > 0.6, [4.0]),
    "a mask": lambda a: a.__setitem__(a > 0.6, 0.0), "partition": lambda a: a.partition(1),
    "through a view": lambda a: a[::-1].__imul__(2.0), "shuffled": lambda a: np.random.default_rng(0).shuffle(a),
    "setflags": lambda a: (a.setflags(write=False), a.setflags(write=True), a.__iadd__(1.0)),
}  # fmt: skip


@pytest.mark.parametrize("write", PLAIN_WRITES)
def test_a_plain_array_made_inside_counts_as_it_was_when_it_was_used(write):
    w = tg.Tensor(np.array([1.0, 2.0, 1.5]), name="w")
    for use in ("multiplied", "where", "a view", "a list", "dot"):
        step = gradient_of_a_loop(w, USES[use], PLAIN_WRITES[write], lambda a: np.array([0.7, 0.5, 0.9]))
        assert check_alike(step, np.ones(3))


def test_a_plain_array_from_outside_that_is_written_into_is_refused():
    class Hidden:
        __slots__ = ()  # nothing that can be looked into

        def __call__(self):
            return OUTSIDE[:]

    holder = Hidden()

    def step(x):
        y = x * holder()
        holder()[...] += 1.0
        return y + holder()

    with pytest.raises(tg.UnsupportedError):
        tg.compile(step)(np.ones(3))


OUTSIDE = np.ones(3)


WRITES_TO_A_TENSOR = {
    "data -=": lambda t: setattr(t, "data", t.data.__isub__(1.0)), "out=": lambda t: np.multiply(t.data, 2, out=t.data),
    "a name of data": lambda t: t.data.__imul__(3.0), "assign": lambda t: t.assign(t.data * 2),
}  # fmt: skip


@pytest.mark.parametrize("write", WRITES_TO_A_TENSOR)
@pytest.mark.parametrize("wants", [True, False])
@pytest.mark.parametrize("make", [as_it_is, tg.compile])
def test_a_tensor_written_into_after_its_use_is_refused(write, wants, make):
    w = tg.Tensor(np.array([1.0, 2.0]), name="w")
    u = tg.Tensor(np.array([3.0, 2.0]), name="u", requires_grad=wants)

    def step():
        loss = np.sum(w**3 * u)
        WRITES_TO_A_TENSOR[write](u)
        loss.backward()

    before = u.data.copy()
    with pytest.raises(tg.GraphError, match="after it was used"):
        make(step)()
    if make is tg.compile:
        assert (u.data == before).all() and w.grad is None


@pytest.mark.parametrize("make", [as_it_is, tg.compile])
def test_an_order_that_reads_before_it_writes_is_right(make):
    w, u = tg.Tensor(np.array([1.0, 2.0]), name="w"), tg.Tensor(np.array([3.0, 2.0]), name="u")

    def step():
        loss = np.sum(w**3 * u)
        loss.backward()
        u.data -= 0.1 * u.grad
        np.subtract(w.data, 0.1 * w.grad, out=w.data)
        u.grad = w.grad = None
        return loss

    losses = [float(make(step)()) for _ in range(3)]
    assert losses == pytest.approx([19.0, -0.0739, -0.113391], rel=1e-5)


@pytest.mark.parametrize("make", [as_it_is, tg.compile])
def test_an_array_of_one_number_is_written_into_and_a_number_is_not(make):
    def numbers(x):
        array, number = np.copy(np.sum(x)), np.sum(x)
        a, b = array, number
        array += 1.0
        number += 1.0
        return a, b, array, number, np.squeeze(array), array[()]

    for _ in range(2):
        assert [float(item) for item in make(numbers)(np.ones(3))] == [4.0, 3.0, 4.0, 4.0, 4.0, 4.0]
    w = tg.Tensor(3.0, name="w")

    def halved_gradient():
        (w * w).backward()
        g = w.grad
        g *= 0.5
        found, w.grad = w.grad, None
        return found

    assert make(halved_gradient)() == 3.0


def test_an_argument_of_one_number_is_written_into_where_it_is_an_array():
    def doubled(x):
        x *= 2.0
        return x

    x = np.array(3.0)
    assert tg.compile(doubled)(x) == x == 6.0
    assert tg.compile(doubled)(3.0) == 6.0
    assert tg.compile(doubled)(np.float64(3.0)) == 6.0


clipped_in_place.derivative(lambda g, z, x: g)
