"""The reverse pass: what it computes, what it keeps, and that a pass that fails changes nothing."""

from __future__ import annotations

import gc
import sys
import threading
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.engine.links import counter

numbers = st.floats(-3, 3).filter(lambda x: abs(x) > 1e-3)


def test_the_first_example():
    a, b = tg.Tensor(3.0), tg.Tensor(4.0)
    c = np.sqrt(a**2 + b**2)
    c.backward()
    assert (c.item(), float(a.grad), float(b.grad)) == pytest.approx((5, 0.6, 0.8))
    assert type(a.grad) is np.ndarray
    assert repr(a.grad) == "array(0.6)"


@given(numbers, numbers, numbers)
def test_gradients_of_shared_nodes_add_up(x, y, z):
    a, b, c = tg.Tensor(x), tg.Tensor(y), tg.Tensor(z)
    shared = a * b
    result = shared * shared + shared * c + shared
    result.backward()
    slope = 2 * x * y + z + 1
    assert a.grad == pytest.approx(slope * y)
    assert b.grad == pytest.approx(slope * x)
    assert c.grad == pytest.approx(x * y)


def test_leaves_accumulate_and_are_reset_by_none():
    a = tg.Tensor([1.0, 2.0])
    np.sum(a * a).backward()
    first = a.grad
    np.sum(3 * a).backward()
    np.testing.assert_array_equal(a.grad, [5, 7])
    np.testing.assert_array_equal(first, [2, 4])
    a.grad = None
    np.sum(a).backward()
    np.testing.assert_array_equal(a.grad, [1, 1])


@given(st.lists(numbers, min_size=3, max_size=3))
def test_a_seed_weighs_the_outputs(seed):
    x = np.array([1.0, 2.0, 3.0])
    a = tg.Tensor(x)
    (a * a).backward(np.array(seed))
    np.testing.assert_allclose(a.grad, 2 * x * seed)


def test_one_element_needs_no_seed_whatever_its_shape():
    a = tg.Tensor([[2.0]])
    (a * a).backward()
    np.testing.assert_array_equal(a.grad, [[4.0]])


def test_a_node_used_ten_thousand_times():
    a = tg.Tensor(2.0)
    b = a * a
    total = b
    for _ in range(9_999):
        total = total + b
    total.backward()
    assert a.grad == 40_000


def test_a_million_nodes_deep_and_all_memory_given_back():
    a = tg.Tensor(1.0)
    x = a
    for _ in range(1_000_000):
        x = x + a
    x.backward()
    assert a.grad == 1_000_001
    link = weakref.ref(a)
    del a, x
    assert link() is None


def test_no_reference_cycles():
    gc.collect()
    gc.disable()
    try:
        a = tg.Tensor(np.ones((3, 3)))
        b = np.sum(np.tanh(a @ a)[1:] * np.concatenate([a, a])[:2])
        b.backward(retain_graph=True)
        b.backward(create_graph=True)
        watched = [weakref.ref(a), weakref.ref(b)]
        a.grad = None  # a recorded gradient of a leaf is computed from that leaf
        del a, b
        assert [item() for item in watched] == [None, None]
    finally:
        gc.enable()


def test_again_only_with_retain_graph():
    a = tg.Tensor(3.0)
    b = a * a
    b.backward(retain_graph=True)
    b.backward()
    assert a.grad == 12
    with pytest.raises(tg.GraphError, match="retain_graph=True"):
        b.backward()
    with pytest.raises(tg.GraphError, match="retain_graph=True"):
        (b + a).backward()
    assert a.grad == 12
    (a + 1).backward()
    assert a.grad == 13


def test_intermediate_gradients_are_those_of_the_last_pass():
    a = tg.Tensor([1.0, 2.0])
    b = a * 2
    np.sum(b).backward(retain_graph=True)
    np.testing.assert_array_equal(b.grad, [1, 1])
    np.sum(b * b).backward()
    np.testing.assert_array_equal(b.grad, [4, 8])


def test_large_intermediates_are_given_back_unless_retained():
    a = tg.Tensor(np.ones(100_000))
    b = a * 2
    c = np.sum(b * b)
    c.backward(retain_graph=True)
    assert b.grad.shape == (100_000,)
    again = np.sum((a * 2) ** 2)
    again.backward()
    held = [item for item in gc.get_objects() if isinstance(item, np.ndarray) and item.size == 100_000]
    assert len(held) <= 4  # a, its gradient, b, and b's retained gradient


def test_large_values_that_no_rule_reads_are_not_kept():
    a = tg.Tensor(np.ones(100_000))
    x = a
    refs = []
    for _ in range(5):
        x = x + 1
        refs.append(weakref.ref(x.data))
    x = np.sum(x)
    assert [ref() for ref in refs] == [None] * 5
    x.backward()
    np.testing.assert_array_equal(a.grad, np.ones(100_000))


def test_gradients_alias_nothing():
    data = np.array([1.0, 2.0])
    a, b = tg.Tensor(data), tg.Tensor(data.copy())
    seed = np.array([3.0, 4.0])
    c = a + b
    d = c.reshape(2)
    d.backward(seed)
    arrays = [a.grad, b.grad, c.grad, data, seed, a.data, b.data]
    a.grad[0] = 100
    a.grad[1] = 100
    for other in arrays[1:]:
        assert not np.shares_memory(a.grad, other)
    assert not np.shares_memory(b.grad, seed)
    for tensor in (a, b):
        assert tensor.grad.flags.writeable


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0), (2, 3)])
def test_a_gradient_has_its_leafs_dtype_and_shape(dtype, shape):
    a = tg.Tensor(np.ones(shape, dtype))
    b = tg.Tensor(np.ones((4, *shape), np.float64))
    np.sum(a * b * 2.0 + a).backward()
    assert (a.grad.dtype, a.grad.shape) == (dtype, shape)
    assert (b.grad.dtype, b.grad.shape) == (np.float64, (4, *shape))
    np.testing.assert_array_equal(a.grad, np.full(shape, 12, dtype))


def test_bad_calls_are_named_and_change_nothing():
    a = tg.Tensor([1.0, 2.0])
    b = a * a
    with pytest.raises(tg.ShapeError, match=r"shape \(2,\) needs a seed"):
        b.backward()
    with pytest.raises(tg.ShapeError, match=r"seed has shape \(3,\), the Tensor \(2,\)"):
        b.backward(np.ones(3))
    with pytest.raises(TypeError, match="complex"):
        b.backward(np.ones(2) * 1j)
    with pytest.raises(TypeError, match="real loss"):
        tg.Tensor(1j).backward()
    assert a.grad is None
    b.backward(np.ones(2))
    np.testing.assert_array_equal(a.grad, [2, 4])


def test_a_tensor_without_a_graph_says_why():
    with pytest.raises(tg.GraphError, match="does not require a gradient"):
        tg.Tensor(1.0, requires_grad=False).backward()
    with pytest.raises(tg.GraphError, match="nothing that this multiply was computed from requires a gradient"):
        (tg.Tensor(1.0, requires_grad=False) * 2).backward()
    with tg.no_grad():
        result = tg.Tensor(1.0) * 2
    with pytest.raises(tg.GraphError, match="no_grad"):
        result.backward()


def test_backward_of_a_leaf_is_the_seed():
    a = tg.Tensor([1.0, 2.0])
    seed = np.array([5.0, 6.0])
    a.backward(seed)
    np.testing.assert_array_equal(a.grad, seed)
    assert not np.shares_memory(a.grad, seed)


def test_a_leaf_assigned_to_since_is_an_error_that_changes_nothing():
    w = tg.Tensor([1.0, 2.0], name="w")
    loss = np.sum(w * w)
    w.assign([5.0, 5.0])
    with pytest.raises(tg.GraphError, match="w was assigned a new value"):
        loss.backward()
    assert w.grad is None
    np.sum(w * w).backward()
    np.testing.assert_array_equal(w.grad, [10, 10])


def test_a_leaf_whose_value_no_rule_reads_may_be_assigned_to():
    w = tg.Tensor([1.0, 2.0])
    loss = np.sum((w + 1).reshape(2, 1).T[0] ** 2)
    w.assign([5.0, 5.0])
    loss.backward()
    np.testing.assert_array_equal(w.grad, [4, 6])


def test_a_data_leaf_assigned_to_since_is_an_error():
    w, x = tg.Tensor([1.0, 2.0]), tg.Tensor([3.0, 4.0], name="x", requires_grad=False)
    for loss in (w * x, x * w, np.einsum("i,i->i", w, x)):
        x.assign([0.0, 0.0])
        with pytest.raises(tg.GraphError, match="x was assigned"):
            loss.backward(np.ones(2))


def test_a_rule_that_fails_leaves_every_gradient_as_it_was():
    @tg.primitive
    def broken(x):
        return x * 2

    broken.derivative(lambda g, z, x: 1 / 0)
    a, b = tg.Tensor(1.0), tg.Tensor(2.0)
    np.square(b).backward()
    c = a * b
    d = broken(c) + b
    with pytest.raises(ZeroDivisionError) as caught:
        d.backward()
    assert "backward pass of broken" in caught.value.__notes__[0]
    assert "test_backward.py" in caught.value.__notes__[0]
    assert (a.grad, float(b.grad), c.grad) == (None, 4.0, None)
    c.backward()
    assert a.grad == 2


def test_a_rule_of_the_wrong_shape_is_named():
    @tg.primitive
    def crooked(x):
        return x * 2

    crooked.derivative(lambda g, z, x: np.ones((2, 2)))
    with pytest.raises(tg.ShapeError, match=r"\(2, 2\).*\(3,\)"):
        np.sum(crooked(tg.Tensor(np.ones(3)))).backward()


def test_create_graph_gives_gradients_that_can_be_differentiated():
    x = tg.Tensor([1.0, 2.0])
    np.sum(x**3).backward(create_graph=True)
    gradient = x.grad
    assert isinstance(gradient, tg.Tensor)
    np.testing.assert_allclose(gradient.data, [3, 12])
    x.grad = None
    np.sum(gradient).backward()
    np.testing.assert_allclose(x.grad, [6, 12])


def test_threads_with_shared_parameters_do_not_disturb_each_other():
    w = tg.Tensor(np.arange(1.0, 5.0))
    results: dict[int, list[float]] = {}

    def work(number: int) -> None:
        found = []
        for _ in range(50):
            if number % 3 == 2:
                with tg.no_grad():
                    found.append(float((w * number).requires_grad))
                continue
            value, gradient = tg.value_and_grad(lambda v: np.sum(np.sin(w * v) * number))(w.data)
            found.append(float(np.sum(gradient.data)))
        results[number] = found

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    x = w.data
    for number, found in results.items():
        expected = 0.0 if number % 3 == 2 else float(np.sum(np.cos(x * x) * x * number))
        np.testing.assert_allclose(found, expected)
    assert w.grad is None


def test_the_garbage_collector_is_left_as_it_was():
    for enabled in (True, False):
        (gc.enable if enabled else gc.disable)()
        (tg.Tensor(1.0) * 2).backward()
        assert gc.isenabled() is enabled
    gc.enable()


def test_a_pass_that_fails_on_large_arrays_leaves_the_graph_as_it_was_or_says_so():
    @tg.primitive
    def broken(x):
        return x * 2

    divisor = 0
    broken.derivative(lambda g, z, x: g * (2 / divisor))
    a = tg.Tensor(np.ones(100_000))
    loss = np.sum(np.tanh(broken(a)) ** 2)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            loss.backward()
        assert a.grad is None
    divisor = 1
    loss.backward()
    np.testing.assert_allclose(a.grad, 4 * np.tanh(2.0) * (1 - np.tanh(2.0) ** 2))
    # Nothing is left out here, so that the calls gone through have been freed.
    with np.errstate(divide="ignore"):
        loss = np.sum(np.tanh(1 / (a - 1)) ** 2)
    with np.errstate(invalid="raise"), pytest.raises(FloatingPointError):
        loss.backward()
    with pytest.raises(tg.GraphError, match="freed by an earlier"):
        loss.backward()


def test_threads_that_add_to_one_leaf_lose_nothing():
    w = tg.Tensor(np.ones(3))
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    def work() -> None:
        for _ in range(2000):
            np.sum(w * 1.0).backward()

    try:
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    np.testing.assert_array_equal(w.grad, [8000, 8000, 8000])


def test_a_loop_over_elements_costs_one_array_of_the_size_of_all():
    import tracemalloc

    size = 10_000
    x = tg.Tensor(np.arange(float(size)))
    total = np.float64(0)
    for place in range(size):
        total = total + x[place] * x[place]
    tracemalloc.start()
    total.backward()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(x.grad, 2 * x.data)
    assert peak < 60 * x.nbytes  # one full-size cotangent for each element would be 10,000 times that


def test_indices_of_all_kinds_meet_other_uses_of_the_same_tensor():
    x = tg.Tensor(np.arange(12.0).reshape(3, 4))
    y = x * 2
    parts = [
        y.sum(), y[0].sum(), (y * y)[..., 1].sum(), y[[0, 0, 1]].sum(), y[np.array([2, 2])].sum(), y[:, 1].sum(),
        y[y > 5].sum(), y[None, 0, ::-1].sum(), x[1, 1], x.sum(), x[1, 1] * x[1, 1],
    ]  # fmt: skip
    np.sum(np.stack(parts)).backward()
    expected = np.full((3, 4), 3.0)
    expected[0] += 2 + 4 + 2
    expected[1] += 2
    expected[2] += 4
    expected[:, 1] += 4 * 2 * x.data[:, 1] + 2
    expected[2 * x.data > 5] += 2
    expected[1, 1] += 1 + 2 * x.data[1, 1]
    np.testing.assert_allclose(x.grad, expected)


def test_pieces_with_infinities_are_added_once():
    x = tg.Tensor(np.array([1.0, 2.0]))
    with np.errstate(invalid="ignore"):
        loss = x[0] * np.inf - x[0] * np.inf + x[1] * 3
        loss.backward()
    assert np.isnan(x.grad[0])
    assert x.grad[1] == 3


def test_a_recorded_pass_puts_pieces_together_in_one_array():
    """x[i] in a loop: the gradient of x is one call over all the pieces, also where other uses of x come between."""

    def product(x):
        total = np.float64(0.0)
        for i in range(len(x)):
            total = total + np.sin(x[i]) * x[[i, i - 1]].sum() * (np.mean(x) if i == 1 else 1.0)
        return total

    values = np.array([0.5, -1.0, 2.0, 0.25])
    x = tg.Tensor(values)
    y = x * 1.5
    product(y).backward(create_graph=True)
    names = [node.function.__name__ for node in tg.Graph.of(x.grad).nodes if node.function is not None]
    assert names.count("scatter_all") == 1
    assert "scatter" not in names
    np.testing.assert_allclose(x.grad.data, tg.grad(lambda x: product(x * 1.5))(values))
    tg.testing.check_grads(product, values)
    tg.testing.check_grads(lambda x: np.abs(product(x)), values + 0.5j)
    tg.testing.check_grads(lambda x: x[1] * np.sum(x), values)


def test_the_order_of_calls_is_one_for_all_threads():
    """Also where nothing but a lock of ours keeps two threads from counting at once."""
    for atomic in (True, False):
        count = counter(atomic)
        found: list[list[int]] = [[] for _ in range(4)]

        def take(own, count=count):
            own.extend(count() for _ in range(2000))

        threads = [threading.Thread(target=take, args=(own,)) for own in found]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(number for own in found for number in own) == list(range(1, 8001))
        assert all(own == sorted(own) for own in found)


def test_infinities_that_cancel_in_a_recorded_pass_are_no_error():
    def loss(x):
        return np.sum(np.var(x, axis=0, ddof=2) * 1.5)  # of two elements less two: what is divided by is 0

    with np.errstate(all="ignore"):
        bend = tg.grad(lambda x: np.sum(tg.grad(loss)(x) * 0.5))(np.arange(24.0).reshape(2, 3, 4) ** 2)
    assert bend.shape == (2, 3, 4)


@pytest.mark.parametrize("product", [
    lambda x, y: x @ y, np.matmul, np.dot, np.inner, np.vdot, lambda x, y: np.sum(x * y),
    lambda x, y: np.einsum("i,i->", x, y), lambda x, y: x[None] @ y, lambda x, y: np.tensordot(x, y, 1),
])  # fmt: skip
def test_the_product_of_two_large_vectors_keeps_both(product):
    x = np.linspace(-1, 1, 5000)
    for left, right, slope in ((2, 3, 12), (1, 3, 6), (2, 1, 4)):
        t = tg.Tensor(x)
        y = product(t * left if left > 1 else t, t * right if right > 1 else t)
        y.backward(np.ones(y.shape))
        np.testing.assert_allclose(t.grad, slope * x, rtol=1e-12)
    t = tg.Tensor(x)
    product(t * 2, x).backward(np.ones(product(x, x).shape))
    np.testing.assert_allclose(t.grad, 2 * x, rtol=1e-12)


@pytest.mark.parametrize("retain", [False, True])
def test_a_state_that_is_carried_on_is_cut_as_the_error_says(retain):
    def losses(cut):
        w, h, found = tg.Tensor(np.eye(2) * 0.5), np.zeros(2), []
        for x in np.ones((3, 2)):
            h = np.tanh(w @ h + x)
            loss = np.sum(h**2)
            w.grad = None
            loss.backward(retain_graph=retain)
            w.assign(w.data - 0.1 * w.grad)
            found.append(loss.item())
            if cut:
                h = h.detach()
        return found

    what = r"w was assigned a new value" if retain else r"the graph of h, tanh at test_backward\.py:\d+, was freed"
    with pytest.raises(tg.GraphError, match=rf"^backward: {what}.*h = h\.detach\(\)"):
        losses(cut=False)
    assert len(losses(cut=True)) == 3
