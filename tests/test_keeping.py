"""Arrays that are written into between forward and backward: a right gradient, or an error."""

import gc
import pickle

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.engine.keeping import COPIED

LARGE = (COPIED // 256 + 1, 256)


# --- constants --------------------------------------------------------------------------------------------------------


USES = {
    "t * c": lambda t, c: t * c,
    "c * t": lambda t, c: c * t,
    "c / t": lambda t, c: c / t,
    "t ** c": lambda t, c: t**c,
    "np.multiply": lambda t, c: np.multiply(t, c),
    "np.where": lambda t, c: np.where(c > 2, t, 0) * 1.0,
    "np.where(mask)": lambda t, c: np.where(np.greater(c, 2, out=c), t, 0),
    "np.einsum": lambda t, c: np.einsum("ij,ij->i", t, c),
    "np.hypot": lambda t, c: np.hypot(t, c),
    "np.average": lambda t, c: np.average(t, weights=c),
    "np.clip": lambda t, c: np.clip(t, c, 10),
    "t @ c.T": lambda t, c: t @ c.T,
}


@pytest.mark.parametrize("use", USES)
def test_a_small_constant_is_remembered_as_it_was(use):
    rng = np.random.default_rng(0)
    values, constants = rng.uniform(1, 3, (3, 4)), rng.uniform(1, 3, (3, 4))
    expected = tg.Tensor(values)
    USES[use](expected, constants.copy()).sum().backward()
    t, c = tg.Tensor(values), constants.copy()
    result = USES[use](t, c).sum()
    c *= 7
    result.backward()
    np.testing.assert_array_equal(t.grad, expected.grad)


def test_indices_and_masks_are_remembered_as_they_were():
    t, places, mask = tg.Tensor(np.arange(4.0)), np.array([0, 1]), np.array([True, False, False, True])
    result = t[places].sum() + (t[mask] * 3).sum() + np.take(t, places).sum() + (t[places, None] * 5).sum()
    places[:] = 3
    mask[:] = True
    result.backward()
    np.testing.assert_array_equal(t.grad, [10, 7, 0, 3])


def test_a_large_constant_is_read_only_until_the_graph_is_gone_through():
    t, c = tg.Tensor(np.ones(LARGE)), np.full(LARGE, 3.0)
    view = c[1:]
    result = (t * c).sum()
    with pytest.raises(ValueError, match="read-only"):
        c *= 2
    with pytest.raises(ValueError, match="read-only"):
        c[0, 0] = 1
    result.backward(retain_graph=True)
    assert not c.flags.writeable
    result.backward()
    assert c.flags.writeable and view.flags.writeable
    np.testing.assert_array_equal(t.grad, np.full(LARGE, 6.0))
    c *= 2


def test_a_large_constant_can_be_written_into_once_the_graph_is_dropped():
    gc.disable()
    try:
        w, x = tg.Tensor(np.ones((LARGE[1], 1))), np.ones((LARGE[0] + 1, LARGE[1]))
        part = x[1:]
        first, second = part @ w, np.hypot(part, w.T)
        assert not x.flags.writeable and not part.flags.writeable
        del first
        assert not x.flags.writeable and not part.flags.writeable
        del second
        assert x.flags.writeable and part.flags.writeable
        with tg.no_grad():
            kept = part @ w
        assert x.flags.writeable and kept.shape
    finally:
        gc.enable()


def test_what_was_read_only_stays_so():
    t, c = tg.Tensor(np.ones(LARGE)), np.broadcast_to(2.0, LARGE)
    (t * c).sum().backward()
    assert not c.flags.writeable
    frozen = np.ones(LARGE)
    frozen.flags.writeable = False
    (t * frozen).sum().backward()
    assert not frozen.flags.writeable


def graph_of(c):
    """A graph that holds a large constant."""
    return (tg.Tensor(2.0) * c).sum()


def test_views_of_one_array_are_held_and_given_back_in_any_order():
    rng = np.random.default_rng(0)
    size = COPIED + 10
    for _ in range(60):
        base = np.ones(4 * size)
        arrays = [base, base[size:], base[: 2 * size], base[::2], base.reshape(4, size)[1:]]
        frozen = arrays[3] if rng.random() < 0.3 else None
        if frozen is not None:
            frozen.flags.writeable = False
        graphs = []
        for _ in range(12):
            if graphs and rng.random() < 0.5:
                graph = graphs.pop(rng.integers(len(graphs)))
                if rng.random() < 0.5:
                    graph.backward()
                del graph
            else:
                arrays_now = rng.choice(len(arrays), 2)
                graphs += [graph_of(arrays[place]) for place in arrays_now]
                assert not any(arrays[place].flags.writeable or base.flags.writeable for place in arrays_now)
        graphs.clear()
        assert [array.flags.writeable for array in arrays] == [array is not frozen for array in arrays]


def test_a_view_that_nobody_could_make_writeable_again_is_copied():
    base = np.ones(2 * COPIED)
    view = base[1:]
    base.flags.writeable = False
    t = tg.Tensor(2.0)
    loss = (t * view).sum()
    view[0] = 7
    loss.backward()
    assert t.grad == view.size and view.flags.writeable and not base.flags.writeable


def test_views_of_a_view_are_given_back_too(tmp_path):
    base = np.memmap(tmp_path / "array", dtype=np.float64, mode="w+", shape=(3 * COPIED,))
    view = np.asarray(base)[1:]  # NumPy keeps the chain where the kinds of array differ
    arrays = [base, view, view[1:]]
    graphs = [graph_of(array) for array in reversed(arrays)]
    for graph in graphs:
        graph.backward()
    assert all(array.flags.writeable for array in arrays)


# --- leaves -----------------------------------------------------------------------------------------------------------


WRITES = {
    "an element": lambda w: w.data.__setitem__((0, 0), 5),
    "all": lambda w: w.data.fill(5),
    "an array that was taken before": None,
    "numpy()": lambda w: w.numpy().__setitem__((0, 0), 5),
}


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("through", ["itself", "its transpose", "a row"])
@pytest.mark.parametrize("write", WRITES)
def test_a_leaf_written_into_refuses_the_older_graph(write, through, large):
    w = tg.Tensor(np.ones((40, 50) if large else (2, 3)), name="w")
    taken = w.data
    used = {"itself": lambda: w * w, "its transpose": lambda: w.T @ w, "a row": lambda: w[0] * w[0]}[through]()
    loss = used.sum()
    if WRITES[write] is None:
        taken[0, 0] = 5
    else:
        WRITES[write](w)
    with pytest.raises(tg.GraphError, match="w was written into, through its data, after it was used"):
        loss.backward()
    assert w.grad is None
    again = np.sum(w * w)
    again.backward()
    np.testing.assert_array_equal(w.grad, 2 * w.data)


def test_a_leaf_only_looked_at_is_as_good_as_ever():
    w = tg.Tensor(np.ones((2, 3)))
    held = w.data
    loss = np.sum(w * w)
    assert w.data[0, 0] == 1 and held is w.data and float(np.linalg.norm(w.data)) > 0
    loss.backward()
    np.testing.assert_array_equal(w.grad, 2 * held)


def test_writing_before_the_leaf_is_used_is_no_fault():
    w = tg.Tensor(np.ones(3))
    np.sum(w * w).backward()
    for step in range(3):
        w.data[...] -= 0.1
        w.grad = None
        np.sum(w * w).backward()
        np.testing.assert_allclose(w.grad, 2 * (1 - 0.1 * (step + 1)) * np.ones(3))


def test_a_single_number_written_into():
    b = tg.Tensor(2.0, name="b")
    loss = b * b
    b.data[...] = 7
    with pytest.raises(tg.GraphError, match="b was written into"):
        loss.backward()
    assert (b * 1).item() == 7


def test_data_written_into_after_a_view_of_it_was_used():
    x, w = tg.Tensor(np.ones((2, 2)), name="x", requires_grad=False), tg.Tensor([1.0, 2.0])
    loss = np.sum(x.T @ w)
    other = np.sum(np.concatenate([x.T, x]) @ w)
    x.data[:] = 7
    for spoilt in (loss, other):
        with pytest.raises(tg.GraphError, match="x was written into"):
            spoilt.backward()
    np.sum(x @ w).backward()
    np.testing.assert_array_equal(w.grad, [14, 14])


def test_nan_is_the_same_as_itself():
    w = tg.Tensor([np.nan, 1.0])
    assert w.data.size
    (w * 2).sum().backward()
    np.testing.assert_array_equal(w.grad, [2, 2])


def test_a_leaf_whose_array_nobody_holds_any_more_is_not_looked_at_again():
    w = tg.Tensor(np.ones(3))
    size = w.data.size
    assert w._link.before is not None
    assert (w * 1).size == size
    assert w._link.before is None


def test_a_handed_out_leaf_is_pickled_and_switched_like_any_other():
    w = tg.Tensor([1.0, 2.0], name="w")
    held = w.data
    w.requires_grad = False
    assert not (w * 2).requires_grad
    w.requires_grad = True
    loss = np.sum(w * w)
    held[0] = 3
    with pytest.raises(tg.GraphError):
        loss.backward()
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(w)).data, [3, 2])


# --- results ----------------------------------------------------------------------------------------------------------


def test_the_array_of_a_result_is_read_only():
    w = tg.Tensor([1.0, 2.0])
    result = np.exp(w)
    with pytest.raises(ValueError, match="read-only"):
        result.data[0] = 3
    with pytest.raises(ValueError, match="read-only"):
        result.detach().data[0] = 3
    with tg.no_grad(), pytest.raises(ValueError, match="read-only"):
        np.asarray(w * 2)[0] = 3
    result.sum().backward()
    np.testing.assert_array_equal(w.grad, np.exp([1.0, 2.0]))


def test_in_place_operators_change_every_name_of_the_tensor():
    w = tg.Tensor([1.0, 2.0])
    y = w * w
    other = y
    y += 1
    y *= w
    assert other is y
    np.testing.assert_array_equal(y.data, [2, 10])
    y.sum().backward()
    np.testing.assert_array_equal(w.grad, 3 * w.data**2 + 1)
    graph = tg.Graph.of(y)
    assert graph.outputs[0].name == "y"
    assert graph.outputs[0].source.text == "y *= w"


def test_in_place_operators_do_what_arrays_do_to_views():
    w = tg.Tensor([[1.0, 2.0], [3.0, 4.0]])
    y = w * w
    row = y[0]
    row += 1
    np.testing.assert_array_equal(y.data, [[2, 5], [9, 16]])
    y *= 2
    np.testing.assert_array_equal(row.data, [4, 10])
    np.sum(row * row).backward()
    np.testing.assert_array_equal(w.grad, [[2 * 4 * 2 * 2, 2 * 10 * 2 * 4], [0, 0]])
    flat = (w * w).reshape(-1)
    flat += 1
    np.testing.assert_array_equal(flat.data, [2, 5, 10, 17])


def test_in_place_operators_keep_shape_and_dtype_as_numpy_does():
    t = tg.Tensor(np.ones(2, np.float32)) * 1
    t += np.ones(2)
    assert t.dtype == np.float32
    with pytest.raises(tg.ShapeError, match=r"\(3, 2\)"):
        t += np.ones((3, 2))
    with pytest.raises(TypeError, match="complex"):
        t *= 1j
    np.testing.assert_array_equal(t.data, [2, 2])
    total = tg.Tensor(0.0)
    total += tg.Tensor([1.0, 2.0])
    assert total.shape == (2,)


VIEWS = {"its transpose": lambda w: w.T, "a reshape": lambda w: w.reshape(3, 2), "a row": lambda w: w[0]}


@pytest.mark.parametrize("view", VIEWS)
def test_data_rebound_by_an_operator_refuses_a_graph_that_reads_a_view_of_it(view):
    w = tg.Tensor(np.arange(6.0).reshape(2, 3), name="w")
    loss = np.sum(VIEWS[view](w) ** 2)
    w.data -= 1
    with pytest.raises(tg.GraphError, match="w was written into"):
        loss.backward()
    assert w.grad is None
    np.sum(VIEWS[view](w) ** 2).backward()
    np.testing.assert_array_equal(w.grad, 2 * w.data * (1 if view != "a row" else [[1], [0]]))


@pytest.mark.parametrize("view", VIEWS)
def test_data_written_into_and_then_assigned_refuses_it_too(view):
    w = tg.Tensor(np.arange(6.0).reshape(2, 3), name="w")
    loss = np.sum(VIEWS[view](w) ** 2)
    taken = w.data
    taken -= 1
    w.assign(np.zeros((2, 3)))
    with pytest.raises(tg.GraphError, match="w was assigned a new value"):
        loss.backward()


def test_data_rebound_by_an_operator_stays_the_tensors_own():
    w = tg.Tensor(np.ones((2, 3)), name="w")
    for step in range(3):
        w.data -= 0.1
        w.grad = None
        np.sum(w * w).backward()
        np.testing.assert_allclose(w.grad, 2 * (1 - 0.1 * (step + 1)) * np.ones((2, 3)))
    taken = w.data
    taken *= 2
    w.data = taken
    assert w.data is taken
    loss = np.sum(w * w)
    taken *= 2
    with pytest.raises(tg.GraphError, match="w was written into"):
        loss.backward()


@pytest.mark.parametrize("by_keyword", [False, True])  # the quick record, and the plain one
def test_a_mask_in_a_keyword_is_remembered_as_it_was(by_keyword):
    t, mask = tg.Tensor([1.0, 2.0, 3.0]), np.array([True, False, True])
    product = t * t
    y = np.sum(a=product, where=mask) if by_keyword else np.sum(product, where=mask)
    mask[:] = True
    y.backward()
    assert np.array_equal(t.grad, [2.0, 0.0, 6.0])
