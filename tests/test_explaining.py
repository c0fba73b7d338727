"""tg.explain says why a gradient is missing or zero, and on which line."""

from __future__ import annotations

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.engine.modes import state


@pytest.fixture(autouse=True)
def no_loss_of_another_test():
    state.last_loss = None


def test_a_dead_relu():
    x = tg.Tensor([-1.0, -2.0])
    loss = np.sum(tg.relu(x) * 3)
    text = tg.explain(x, loss)
    assert text.startswith("Its gradient is zero.")
    assert "vanishes in relu (test_explaining.py:" in text and "from -2 to -1" in text


def test_a_path_that_is_cut_by_an_argument_without_derivative():
    x, y = tg.Tensor([1.0, 0.0]), tg.Tensor([2.0, 3.0])
    loss = np.sum(np.where(x, y, 0.0))
    assert "cut in where (test_explaining.py:" in tg.explain(x, loss)
    assert tg.explain(y, loss) == "A gradient arrives, of norm 1."


def test_values_taken_out():
    x = tg.Tensor([1.0, 2.0])
    loss = np.sum(tg.Tensor(x.data * 2))
    assert "not computed from this Tensor" in tg.explain(x, loss)
    assert "not computed from this Tensor" in tg.explain(x, np.sum(x.detach() * tg.Tensor(1.0)))


def test_what_requires_no_gradient():
    assert "requires_grad=False" in tg.explain(tg.Tensor(1.0, requires_grad=False))
    assert "int64" in tg.explain(tg.Tensor(np.array([1])))
    with tg.no_grad():
        loss = tg.Tensor(1.0) * 2
    assert "The loss has no graph" in tg.explain(tg.Tensor(1.0), loss)
    assert "multiply" in tg.explain(tg.Tensor(1.0, requires_grad=False) * 2)


def test_what_the_tensor_itself_shows():
    x = tg.Tensor([1.0, 2.0])
    assert "No backward() has reached it" in tg.explain(x)
    h = x * np.ones((5000, 1))
    np.sum(h).backward()
    assert "freed" in tg.explain(h)
    assert "norm" in tg.explain(x)
    y = tg.Tensor([-1.0])
    np.sum(tg.relu(y)).backward()
    assert "zero in every element" in tg.explain(y)


def test_without_a_loss_it_is_the_last_one_that_backward_was_called_on():
    x, w, unused = tg.Tensor([1.0, 2.0]), tg.Tensor([3.0, 4.0]), tg.Tensor(1.0)
    loss = np.sum(np.round(x * 2) * w)
    loss.backward()
    assert "not computed from this Tensor" in tg.explain(x)
    assert "that of sum (test_explaining.py:" in tg.explain(x)
    assert "not computed from this Tensor" in tg.explain(unused)
    assert tg.explain(w) == f"It has a gradient, of norm {np.sqrt(20):.3g}."
    del loss
    assert "No backward() has reached it" in tg.explain(unused)


def test_a_graph_that_was_given_back_is_explained_by_what_is_left_of_it():
    x = tg.Tensor([-1.0])
    loss = np.sum(tg.relu(x * 2) * 3)
    loss.backward()
    for text in (tg.explain(x), tg.explain(x, loss)):
        assert "vanishes in relu (test_explaining.py:" in text
    large = tg.Tensor(np.full(5000, -1.0))
    loss = np.sum(tg.relu(large * 2) * 3)
    loss.backward()
    assert "retain_graph=True" in tg.explain(large)


def test_nothing_is_changed():
    x = tg.Tensor([1.0, 2.0])
    h = x * 2
    loss = np.sum(h)
    tg.explain(x, loss)
    assert x.grad is None and h.grad is None
    loss.backward()
    np.testing.assert_array_equal(x.grad, [2, 2])
    assert tg.explain(x, loss) == f"A gradient arrives, of norm {np.sqrt(8):.3g}."
    with pytest.raises(TypeError):
        tg.explain(3.0)
    with pytest.raises(TypeError):
        tg.explain(x, 3.0)


def test_a_vanishing_point_among_several_paths():
    x = tg.Tensor([3.0])
    loss = np.sum(np.clip(x, 0, 1)) + np.sum(np.sign(x))
    text = tg.explain(x, loss)
    assert "clip" in text and "sign" in text
