"""Results of a compiled function are new at each call: they share no memory with others, arguments, or state."""

from __future__ import annotations

import numpy as np
import pytest

import tinygraph as tg
from tests.compiler.sharing import SAME, as_it_is, check_apart
from tinygraph.nests import tree_leaves


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
