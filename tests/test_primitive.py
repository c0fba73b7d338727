"""@tg.primitive: a user's own operation."""

from __future__ import annotations

import numpy as np
import pytest

import tinygraph as tg


@tg.primitive
def cube(x, scale=1.0):
    """Cubed."""
    return x * x * x * scale


cube.derivative(lambda g, z, x, scale=1.0: g * (3 * scale * x * x))


def test_it_is_one_operation_with_derivatives_to_any_order():
    x = tg.Tensor([1.0, 2.0])
    y = cube(x, scale=2.0)
    assert [node.op for node in tg.Graph.of(y)] == ["input", "cube"]
    np.testing.assert_allclose(tg.grad(lambda x: np.sum(cube(x, scale=2.0)))(np.array([1.0, 2.0])), [6, 24])
    assert tg.grad(tg.grad(cube))(2.0) == 12
    assert cube.__doc__ == "Cubed."


def test_on_plain_arrays_it_is_the_function():
    assert type(cube(np.ones(2))) is np.ndarray
    assert cube(3) == 27


def test_without_a_derivative_it_says_how_to_give_one():
    @tg.primitive
    def mystery(x):
        return x

    with pytest.raises(tg.UnsupportedError, match=r"mystery.*Write mystery\.derivative\("):
        mystery(tg.Tensor(1.0))
    assert mystery(1.0) == 1.0


def test_arguments_by_name_and_without_gradients():
    @tg.primitive
    def weigh(x, w):
        return x * w

    weigh.derivative(lambda g, z, x, w: g * w, None)
    x, w = tg.Tensor(2.0), tg.Tensor(3.0)
    weigh(x, w=w).backward()
    weigh(w=w, x=x).backward()
    assert (float(x.grad), w.grad) == (6, None)


def test_broadcasting_is_undone_for_rules():
    @tg.primitive
    def plus(x, y):
        return x + y

    plus.derivative(lambda g, z, x, y: g, lambda g, z, x, y: g)
    x, y = tg.Tensor(np.ones((2, 1))), tg.Tensor(np.ones(3, np.float32))
    np.sum(plus(x, y)).backward()
    np.testing.assert_array_equal(x.grad, [[3], [3]])
    np.testing.assert_array_equal(y.grad, np.full(3, 2, np.float32))
    assert y.grad.dtype == np.float32


def test_rules_keep_only_what_they_read():
    from tinygraph.engine.table import operation_of

    @tg.primitive
    def f(x, y):
        return x * y

    f.derivative(
        lambda g, z, x, y: g * y + np.zeros(x.shape),
        lambda g, z, x, y: g * sum(x.shape[axis] for axis in range(x.ndim)),
    )
    operation = operation_of(f)
    assert (operation.needs_x, operation.needs_y, operation.needs_result) == (False, True, False)


def test_a_rule_reads_what_is_read_together_with_another_name():
    from tinygraph.engine.table import operation_of

    @tg.primitive
    def total(x, y):
        return np.sum(x * y)

    total.derivative(
        lambda g, z, x, y: g * np.sum([y * part for part in np.eye(y.size)], axis=0),
        lambda g, z, x, y: g * np.sum([x * part for part in np.eye(y.size)], axis=0),
    )
    operation = operation_of(total)
    assert (operation.needs_x, operation.needs_y, operation.needs_result) == (True, True, False)
    x = np.array([1.0, 2.0])
    loss = total(w := tg.Tensor([3.0, 4.0]), x)
    x += 100
    loss.backward()
    assert np.array_equal(w.grad, [1, 2])


def test_an_operand_of_a_ufunc_may_have_no_rule(monkeypatch):
    from tinygraph.engine import table

    monkeypatch.setattr(table, "_TABLE", dict(table._TABLE))
    table.derivative(np.ldexp, lambda g, z, x, y: np.ldexp(g, y), None)
    x, y = tg.Tensor(2.0), tg.Tensor(np.array(3))
    np.ldexp(x, y).backward()
    assert x.grad == 8


def test_what_a_primitive_says_under_its_own_name_is_left_as_it_says_it():
    @tg.primitive
    def halve(x):
        if np.size(x) % 2:
            raise ValueError("halve: an odd number of elements")
        if np.ndim(x) == 3:
            raise ValueError("three axes")
        return x / 2

    halve.derivative(lambda g, z, x: g / 2)
    with pytest.raises(ValueError, match=r"^halve: an odd number of elements$") as caught:
        halve(tg.Tensor([1.0]))
    assert type(caught.value) is ValueError
    with pytest.raises(
        tg.ShapeError, match=r"^halve: the arguments have shapes \(2, 1, 1\): three axes \(test_primitive"
    ):
        halve(tg.Tensor(np.zeros((2, 1, 1))))


def test_a_loss_says_what_is_wrong_with_its_values_itself():
    with pytest.raises(ValueError, match=r"^binary_cross_entropy: probabilities must lie between 0 and 1") as caught:
        tg.binary_cross_entropy(tg.Tensor([1.5]), [1.0])
    assert not isinstance(caught.value, tg.ShapeError)


def test_derivatives_of_a_linear_operation_whose_rows_cancel():
    matrix = 2 * np.eye(5) - np.eye(5, k=1) - np.eye(5, k=-1)
    apply, transposed = tg.primitive(lambda t: matrix @ t), tg.primitive(lambda t: matrix.T @ t)
    apply.derivative(lambda g, z, t: transposed(g))
    transposed.derivative(lambda g, z, t: apply(g))

    def energy(u):
        return np.sum(u * apply(u)) / 2

    x = np.arange(1.0, 6.0)
    tg.testing.check_grads(energy, x, order=3)
    np.testing.assert_allclose(tg.jvp(tg.grad(energy), (x,), (np.ones(5),))[1], matrix @ np.ones(5))


def test_a_part_that_an_operation_takes_leaves_the_rest_out_in_each_order():
    rest = tg.primitive(lambda t: t[1:] - 0.0)
    padded = tg.primitive(lambda g: np.concatenate([np.zeros(1), g]))
    rest.derivative(lambda g, z, t: padded(g))
    padded.derivative(lambda g, z, t: rest(g))
    with np.errstate(all="ignore"):
        hessian = tg.hessian(lambda x: np.sum(rest(np.log(x))))(np.array([0.0, 1.0, 2.0]))
    np.testing.assert_allclose(hessian, np.diag([0, -1, -0.25]))
