"""Memory in a compiled function is what it is in an eager one: views, updates after a use, results of their own."""

from __future__ import annotations

import functools
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.nests import tree_leaves

SQUARE = np.arange(16.0).reshape(4, 4)


def as_it_is(function):
    return function


def outcome(function, *args):
    """Return the result of a call, or the kind of its error."""
    try:
        return [np.array(item) for item in tree_leaves(function(*args))]
    except (tg.UnsupportedError, tg.GraphError) as error:
        return type(error)


def check_alike(function, *args):
    """Check that a compiled call returns what an eager one does, twice, or is refused; return whether it is not."""
    eager = outcome(function, *[np.copy(item) for item in args])
    compiled = tg.compile(function)
    for _ in range(2):
        found = outcome(compiled, *args)
        if found is tg.UnsupportedError:
            return False
        assert isinstance(eager, list), (eager, found)
        assert len(found) == len(eager)
        for one, other in zip(found, eager, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12)
    return True


# --- views: NumPy is asked which of its functions return them ---------------------------------------------------------

EXTRAS = [(), (0,), (1,), ((2, 8),), (0, 1), ((1, 0),), (-1,), (2,), ([0, 1],)]
NO_ARRAYS = {
    "from_dlpack",
    "frombuffer",
    "save",
    "savez",
    "savez_compressed",
    "savetxt",
    "memmap",
    "frompyfunc",
    "fromfile",
    "test",
    "info",
}


def shares(result, array):
    parts = result if isinstance(result, tuple | list) else [result]
    return any(isinstance(part, np.ndarray) and np.shares_memory(part, array) for part in parts)


def functions_with_views():
    """Every function of NumPy with which some arguments give a view of an array, the first such arguments of each."""
    found = {}
    rooms = (np, np.linalg, np.lib.stride_tricks)
    for name, function in [(name, getattr(room, name)) for room in rooms for name in sorted(dir(room))]:
        if name.startswith("_") or name in NO_ARRAYS or isinstance(function, type) or not callable(function):
            continue
        for extra in EXTRAS:
            array = SQUARE.copy()
            try:
                is_view = shares(function(array, *extra), array)
            except Exception:
                continue
            if is_view:
                found[f"{name}{extra}"] = (function, extra)
    return found


WITH_VIEWS = functions_with_views()
METHODS = {
    "T": lambda x: x.T, "mT": lambda x: x.mT, "real": lambda x: x.real, "ravel": lambda x: x.ravel(),
    "flatten": lambda x: x.flatten(), "reshape": lambda x: x.reshape(2, 8), "a row": lambda x: x[1],
    "backwards": lambda x: x[::-1], "an axis": lambda x: x[:, None], "everything": lambda x: x[...],
    "one element": lambda x: x[0, 0, ...], "swapaxes": lambda x: x.swapaxes(0, 1), "diagonal": lambda x: x.diagonal(),
    "not cast": lambda x: x.astype(float, copy=False), "cast": lambda x: x.astype(float),
    "a row, unpacked": lambda x: [*x][2], "einsum": lambda x: np.einsum("ij->ji", x),
    "einsum of a diagonal": lambda x: np.einsum("ii->i", x), "a copy": lambda x: x.copy(),
    "windows": lambda x: np.lib.stride_tricks.sliding_window_view(x, 2, axis=0),
    "repeated": lambda x: np.broadcast_to(x, (2, 4, 4)), "picked": lambda x: x[[0, 1]], "a number": lambda x: x[1, 2],
}  # fmt: skip
VIEWS = METHODS | {
    name: lambda x, function=function, extra=extra: function(x, *extra)
    for name, (function, extra) in WITH_VIEWS.items()
}


def first(result):
    return result[0] if isinstance(result, tuple | list) else result


def taken_before(view, x):
    a = x * 1.0
    v = first(view(a))
    a += 100.0
    return v * 1.0


def taken_after(view, x):
    a = x * 1.0
    a += 100.0
    return first(view(a)) * 1.0


def written_into(view, x):
    a = x * 1.0
    v = first(view(a))
    v += 1.0
    return a, v


def used_between(view, x):
    a = x * 1.0
    v = first(view(a))
    a += 100.0
    u = v * 1.0
    np.multiply(a, 2.0, out=a)
    return u, v * 1.0, v


def of_a_tensor(view, x):
    t = tg.Tensor(x) * 1.0
    v = view(t)
    t *= 2.0
    return t.data, first(v).data


def into_a_view_of_a_tensor(view, x):
    t = tg.Tensor(x) * 1.0
    v = first(view(t))
    v *= 2.0
    return t.data, v.data


def test_numpy_has_functions_with_views():
    assert len(WITH_VIEWS) > 60
    for name in ("diag", "nan_to_num", "real", "split", "broadcast_arrays", "rot90", "atleast_3d", "real_if_close"):
        assert any(key.startswith(name) for key in WITH_VIEWS)


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_shows_what_the_array_under_it_becomes(name):
    for use in (taken_before, taken_after, used_between):
        function = functools.partial(use, VIEWS[name])
        function.__name__ = use.__name__
        passed = check_alike(function, SQUARE)
        if name in METHODS:
            assert passed, (name, use)


@pytest.mark.parametrize("name", VIEWS)
def test_what_eager_refuses_to_write_into_is_refused_when_compiled(name):
    for use in (written_into, of_a_tensor, into_a_view_of_a_tensor):
        function = functools.partial(use, VIEWS[name])
        function.__name__ = use.__name__
        try:
            function(SQUARE.copy())
        except Exception:
            if "[0, 1]" not in name:  # the first part is empty, and shares no memory
                with pytest.raises(Exception):  # noqa: B017 - the one that eager raises
                    tg.compile(function)(SQUARE)
        else:
            check_alike(function, SQUARE)


# --- updated after its use --------------------------------------------------------------------------------------------


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


# --- arrays of one number, and numbers --------------------------------------------------------------------------------


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


# What has the values of its argument, and may be it.
SAME = {
    "itself": lambda x: x, "times one": lambda x: x * 1.0, "plus zero": lambda x: x + 0, "twice": lambda x: (x, x),
    "mean of one": lambda x: np.mean(x[None], axis=0), "sum of one": lambda x: np.sum(x[None], axis=0),
    "flatten": lambda x: x.flatten(), "astype": lambda x: x.astype(float),
    "not cast": lambda x: x.astype(x.dtype, copy=False),
    "reshape": lambda x: x.reshape(-1), "real": lambda x: x.real, "transpose": lambda x: x.T,
    "copy": lambda x: x.copy(), "part": lambda x: x[1:],
    "all": lambda x: x[...], "broadcast": lambda x: np.broadcast_to(x, (1, *x.shape)),
    "power": lambda x: x**1, "positive": lambda x: +x, "diagonal": lambda x: np.diag(x) if x.ndim == 2 else x[::-1],
    "einsum": lambda x: np.einsum("...->...", x), "concatenated": lambda x: np.concatenate([x]),
    "a dict": lambda x: {"a": x * 2.0, "b": [x * 2.0, (x * 2.0)[..., None]]},
    "its views": lambda x: (x * 2.0, (x * 2.0).T),
    "a number": lambda x: x.reshape(-1)[:1].reshape(()), "one element": lambda x: x.reshape(-1)[0, ...],
    "real, twice": lambda x: (np.real(x), np.real(x)), "squeezed": lambda x: np.squeeze(x[:1]),
    "a constant": lambda x: (np.arange(3.0), np.arange(3.0) + 0 * np.sum(x)), "atleast": lambda x: np.atleast_1d(x),
    "split": lambda x: np.split(x, [1]), "divided by one": lambda x: x / 1.0, "where": lambda x: np.where(True, x, x),
    "max of one": lambda x: np.max(x[None], axis=0), "clipped": lambda x: np.clip(x, -np.inf, np.inf),
}  # fmt: skip


# --- made-up orders of updates of state -------------------------------------------------------------------------------

SHAPES = st.sampled_from([(), (1,), (2,), (1, 1), (2, 1)])
KINDS = [
    "copy", "subtract", "multiply", "data -=", "keep", "use kept", "reshape", "mean", "keep a part", "return kept",
    "out=", "return", "return a view", "squeeze", "return a sum", "descend",
]  # fmt: skip
ORDERS = st.tuples(
    st.lists(SHAPES, min_size=2, max_size=4),
    st.lists(st.tuples(st.sampled_from(KINDS), *[st.integers(0, 3)] * 3), min_size=2, max_size=6),
)


def shaped(value, shape):
    if np.shape(value) == shape:
        return value
    if np.size(value) == np.prod(shape, dtype=int):
        return np.reshape(value, shape)
    return np.mean(value) + np.zeros(shape)


def made_up(shapes, order):
    """Some state, and a step that updates it in that order."""
    state = [tg.Tensor(np.arange(1.0, 1 + np.prod(s, dtype=int)).reshape(s) + n) for n, s in enumerate(shapes)]

    def step(x):
        kept, returned = [], []
        for kind, *places in order:
            a, b, c = [state[place % len(state)] for place in places]
            if kind == "copy":
                a.assign(shaped(b.data, a.shape))
            elif kind == "subtract":
                a.assign(a.data - np.mean(x))
            elif kind == "multiply":
                a.assign(shaped(b.data, a.shape) * shaped(c.data, a.shape) * 0.5)
            elif kind == "data -=":
                a.data -= np.mean(x) * 0.5
            elif kind == "keep":
                kept.append(a.data)
            elif kind == "keep a part":
                kept.append(np.reshape(a.data, -1)[:1])
            elif kind == "use kept" and kept:
                a.assign(shaped(kept[places[1] % len(kept)], a.shape))
            elif kind == "return kept" and kept:
                returned.append(kept[-1] * 2.0)
            elif kind == "reshape":
                a.assign(shaped(np.reshape(b.data, -1), a.shape))
            elif kind == "mean":
                a.assign(np.mean(b.data) + np.zeros(a.shape))
            elif kind == "out=":
                np.multiply(a.data, 0.5, out=a.data)
            elif kind == "return":
                returned.append(a.data)
            elif kind == "return a view":
                returned.append(a.data.T)
            elif kind == "squeeze":
                a.assign(shaped(np.squeeze(b.data), a.shape))
            elif kind == "return a sum":
                returned.append(np.sum(a.data) * 1.0)
            elif kind == "descend":
                np.sum((a * shaped(b.data, a.shape)) ** 2).backward()
                a.assign(a.data - 0.01 * a.grad)
                returned.append(a.grad)
                a.grad = None
        return returned

    return state, step


@settings(max_examples=150, deadline=None)
@given(ORDERS)
def test_any_order_of_updates_of_state_is_the_eager_one(drawn):
    found = []
    for make in (as_it_is, tg.compile):
        state, step = made_up(*drawn)
        run, rows = make(step), []
        for call in range(3):
            returned = run(np.array([0.5, 1.5 + call]))
            rows += [np.array(item) for item in [*returned, *[t.data for t in state]]]
            if make is tg.compile:
                check_apart(returned, [t.data for t in state])
        found.append(rows)
    for eager, compiled in zip(*found, strict=True):
        np.testing.assert_allclose(compiled, eager, rtol=1e-10)


def test_the_old_value_of_a_number_is_kept():
    w, previous = tg.Tensor(1.0, name="w"), tg.Tensor(0.0, name="previous")

    @tg.compile
    def step(x):
        previous.assign(w.data)
        w.assign(w.data - np.mean(x))

    for call in range(3):
        step(np.ones(3))
        assert (w.data, previous.data) == (-call, 1 - call)


@pytest.mark.parametrize("name", VIEWS)
def test_a_tensor_keeps_what_a_view_of_another_showed(name):
    found = []
    for make in (as_it_is, tg.compile):
        w = tg.Tensor(SQUARE, name="w")
        kept = tg.Tensor(np.zeros(np.shape(first(VIEWS[name](SQUARE.copy())))), name="kept")

        def step(w=w, kept=kept):
            kept.assign(first(VIEWS[name](w.data)))
            w.assign(w.data * 2.0 + 1.0)
            return first(VIEWS[name](w.data))

        run, rows = make(step), []
        try:
            for _ in range(3):
                rows += [np.array(run()), kept.data.copy(), w.data.copy()]
        except tg.UnsupportedError:
            assert make is tg.compile
            return
        found.append(rows)
    for eager, compiled in zip(*found, strict=True):
        np.testing.assert_array_equal(compiled, eager)


@pytest.mark.parametrize("name", [name for name in SAME if "a" not in name.split() and name not in ("twice", "part")])
@pytest.mark.parametrize("shape", [(2, 2), (3,), (1,), ()])
def test_a_tensor_keeps_what_is_worth_the_same_as_another(name, shape):
    found = []
    for make in (as_it_is, tg.compile):
        w, kept, third = [tg.Tensor(np.full(shape, value)) for value in (1.5, 0.0, 3.0)]

        def same(t, shape=shape):
            return shaped(first(SAME[name](np.atleast_1d(t.data))), shape)

        def step(w=w, kept=kept, third=third, same=same):
            kept.assign(same(w))
            w.assign(w.data * 2.0 + 1.0)
            old = third.data
            third.assign(same(w))
            w.assign(same(kept) + old)

        run, rows = make(step), []
        for _ in range(3):
            run()
            rows += [w.data.copy(), kept.data.copy(), third.data.copy()]
        found.append(rows)
    for eager, compiled in zip(*found, strict=True):
        np.testing.assert_array_equal(compiled, eager)


# --- results are new at each call -------------------------------------------------------------------------------------


def check_apart(results, others=()):
    """Check that no two arrays among the results share memory, nor one of them with another array."""
    results = [item for item in results if isinstance(item, np.ndarray)]
    for one, other in [*itertools.combinations(results, 2), *itertools.product(results, others)]:
        assert not np.shares_memory(one, other)


@pytest.mark.parametrize("name", SAME)
@pytest.mark.parametrize("shape", [(3,), (1,), (2, 2), (1, 3)])
def test_results_share_no_memory_with_what_is_given_or_with_each_other(name, shape):
    x = np.arange(1.0, 1 + np.prod(shape)).reshape(shape)
    given = x.copy()
    compiled, expected = tg.compile(SAME[name]), [np.array(item) for item in tree_leaves(SAME[name](x))]
    earlier = []
    for _ in range(3):
        results = tree_leaves(compiled(x))
        check_apart([*earlier, *results], [x])
        for found, right in zip(results, expected, strict=True):
            np.testing.assert_array_equal(found, right)
        for found in results:
            if isinstance(found, np.ndarray) and found.flags.writeable:
                found -= 1.0
        np.testing.assert_array_equal(x, given)
        earlier += results


@pytest.mark.parametrize("name", [name for name in SAME if name != "a constant"])
def test_results_share_no_memory_with_state(name):
    w = tg.Tensor(np.array([[1.0, 2.0], [3.0, 5.0]]), name="w")

    @tg.compile
    def step():
        found = SAME[name](w.data)
        w.assign(w.data * 2.0)
        return found

    before = w.data.copy()
    for _ in range(3):
        expected = [np.array(item) for item in tree_leaves(SAME[name](before))]
        results = tree_leaves(step())
        check_apart(results, [w.data])
        for found, right in zip(results, expected, strict=True):
            np.testing.assert_array_equal(found, right)
        before = before * 2.0


LOSSES = {
    "a sum": lambda u, v, x: np.sum(u + v), "a product": lambda u, v, x: np.sum(u * x + v * x),
    "a difference": lambda u, v, x: np.sum(u - v), "a mean": lambda u, v, x: np.mean(u) + np.mean(v),
    "an argument": lambda u, v, x: np.dot(u + v, x), "parts": lambda u, v, x: np.sum(np.concatenate([u, v])[1:]),
    "squares": lambda u, v, x: np.sum((u + v) ** 2),
}  # fmt: skip


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("inside", [False, True])
def test_two_gradients_are_never_one_array_and_never_an_argument(loss, inside):
    found = []
    for make in (as_it_is, tg.compile):
        u, v, x = tg.Tensor(np.array([1.0, 2.0])), tg.Tensor(np.array([3.0, 4.0])), np.array([1.0, 1.0])

        def step(x, u=u, v=v):
            LOSSES[loss](u, v, x).backward()
            if inside:
                for p in (u, v):
                    p.grad *= 0.1

        run = make(step)
        for fill in (1.0, 10.0, 100.0):
            x[...] = fill
            run(x)
            check_apart([u.grad, v.grad], [x])
        x[...] = -1.0
        if not inside:
            for p in (u, v):
                p.grad *= 0.1
        found += [u.grad, v.grad]
    np.testing.assert_allclose(found[2:], found[:2], rtol=1e-12)


# --- index makers -----------------------------------------------------------------------------------------------------

INDEX_MAKERS = {
    "ix_": lambda a, i: a[np.ix_(i, i)], "ix_ and a list": lambda a, i: a[np.ix_(i, [0, 1])],
    "a list and ix_": lambda a, i: a[np.ix_([0, 1], i)], "ix_ of a mask": lambda a, i: a[np.ix_(i > 0, i)],
    "ix_ alone": lambda a, i: np.ix_(i, i + 0)[1], "ix_ of a Tensor": lambda a, i: tg.Tensor(a)[np.ix_(i, i)].data,
    "unravel_index": lambda a, i: a[np.unravel_index(i, (3, 3))], "r_": lambda a, i: a[np.r_[i, 0]],
    "ravel_multi_index": lambda a, i: a.ravel()[np.ravel_multi_index((i, i), (3, 3))],
    "indices": lambda a, i: np.indices((3, 3))[0][i, i] + i, "nonzero": lambda a, i: a[np.nonzero(i)],
    "where": lambda a, i: a[np.where(i > 0)], "flatnonzero": lambda a, i: a.ravel()[np.flatnonzero(i)],
    "argwhere": lambda a, i: np.argwhere(i), "triu_indices": lambda a, i: a[np.triu_indices(3)] * i[0],
    "tril_indices_from": lambda a, i: a[np.tril_indices_from(a)] * i[0], "s_": lambda a, i: a[np.s_[i, :]],
    "s_ of a place": lambda a, i: a[np.s_[i[0]:, :]], "c_": lambda a, i: np.c_[i, i],
    "ogrid": lambda a, i: np.ogrid[0 : i[0]], "index_exp": lambda a, i: a[np.index_exp[i]],
    "diag_indices": lambda a, i: a[np.diag_indices(3)] * i, "arange": lambda a, i: a[np.arange(i[0])],
    "linspace": lambda a, i: np.linspace(0, i[0], 3), "full": lambda a, i: np.full(3, i[0]),
    "eye": lambda a, i: np.eye(3)[i], "tri": lambda a, i: np.tri(3, k=i[0]), "tril": lambda a, i: np.tril(a, i[0]),
    "roll": lambda a, i: np.roll(a, i[0]), "take": lambda a, i: np.take(a, i, axis=1),
    "meshgrid": lambda a, i: np.meshgrid(i, i)[1],
    "choose": lambda a, i: np.choose(i, a), "expand_dims": lambda a, i: np.expand_dims(a, i[0]),
    "moveaxis": lambda a, i: np.moveaxis(a, i[0], 1), "reshape": lambda a, i: a.reshape(-1, 3 - 2 * i[0]),
    "rot90": lambda a, i: np.rot90(a, i[0]), "transpose": lambda a, i: np.transpose(a, (i[0], 1 - i[0])),
    "diag": lambda a, i: np.diag(a, i[0]), "split": lambda a, i: np.split(a, [i[0]]),
    "sum": lambda a, i: np.sum(a, axis=i[0]),
    "lexsort": lambda a, i: np.lexsort((i, i)), "digitize": lambda a, i: np.digitize(i, np.array([0, 1, 2])),
    "repeat": lambda a, i: np.repeat(a, i, axis=0), "delete": lambda a, i: np.delete(a, i),
    "shape": lambda a, i: np.zeros(i.shape) + i,
    "mask_indices": lambda a, i: np.mask_indices(3, np.triu)[0] * i[0],
    "bincount": lambda a, i: np.bincount(i, minlength=3),
}  # fmt: skip


@pytest.mark.parametrize("name", INDEX_MAKERS)
def test_an_index_made_of_an_argument_is_right_or_refused(name):
    a = np.arange(9.0).reshape(3, 3)
    compiled = tg.compile(INDEX_MAKERS[name])
    for index in (np.array([0, 2, 1]), np.array([1, 0, 0]), np.array([0, 2, 1])):
        found = outcome(compiled, a, index)
        if found is tg.UnsupportedError:
            assert name not in ("ix_", "ix_ and a list", "a list and ix_", "ix_ alone", "ix_ of a Tensor", "s_")
            return
        right = [np.array(item) for item in tree_leaves(INDEX_MAKERS[name](a, index))]
        for one, other in zip(found, right, strict=True):
            np.testing.assert_array_equal(one, other)


# --- calls that write -------------------------------------------------------------------------------------------------

WRITES = {
    "nan_to_num": lambda a: np.nan_to_num(a, copy=False), "median": lambda a: np.median(a, overwrite_input=True),
    "percentile": lambda a: np.percentile(a, 50, overwrite_input=True), "cumsum": lambda a: np.cumsum(a, 0, None, a),
    "a primitive": lambda a: clipped_in_place(a),
    "take": lambda a: np.take(a, [0, 1], 0, a),
}  # fmt: skip


@tg.primitive
def clipped_in_place(x):
    x[x > 2] = 2.0
    return x


clipped_in_place.derivative(lambda g, z, x: g)


@pytest.mark.parametrize("name", WRITES)
def test_a_call_that_writes_into_its_arguments_is_refused_even_where_it_changed_nothing(name):
    def step(x):
        a = x * 1.0
        WRITES[name](a)
        return a

    with pytest.raises(tg.UnsupportedError, match=r"writes|computed value"):
        tg.compile(step)(np.array([1.0, 1.0]))


def test_a_question_about_memory_is_refused():
    with pytest.raises(tg.UnsupportedError, match="share memory"):
        tg.compile(lambda x, y: x * np.shares_memory(x, y))(np.ones(2), np.ones(2))


def test_a_stand_in_that_is_put_into_a_plain_array_is_refused_with_the_reason():
    def step(x):
        y = np.zeros(3)
        y[0] = np.sum(x)
        return y

    with pytest.raises(tg.UnsupportedError, match=r"np\.zeros\(shape, like=x\)"):
        tg.compile(step)(np.ones(3))


def quotients(x):
    q, r = x * 1.0, x * 2.0
    found = np.divmod(x, 2.0, out=(q, r))
    return *found, q, r


def one_of_two(x):
    r = x * 1.0
    whole, _ = np.divmod(x, 2.0, out=(None, r))
    return whole, r


def fractions(x):
    a, b = x * 1.0, x * 1.0
    np.modf(x, a, b)
    return a, b, a[::-1]


def of_integers(x):
    n = x.astype(int)
    m = n[::-1]
    n //= 2
    n <<= 1
    n |= 1
    return m, n


@pytest.mark.parametrize("function", [quotients, one_of_two, fractions, of_integers])
def test_every_array_that_a_call_writes_is_written(function):
    assert check_alike(function, np.array([5.5, 7.25, -3.0]))


@pytest.mark.parametrize("make", [as_it_is, tg.compile])
def test_a_tensor_added_into_an_array_is_refused(make):
    w = tg.Tensor(np.array([1.0, 2.0]), name="w")

    def step(x):
        total = np.zeros_like(x)
        same = total
        total += w
        return same

    with pytest.raises(tg.UnsupportedError, match="a \\+= t"):
        make(step)(np.ones(2))
