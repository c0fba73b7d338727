"""Sure masks: choices by masks that are true everywhere are no choices, and all others stay."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.compiler.programs import operations
from tests.compiler.test_kept_in_place import compiled_gradient
from tests.compiler.test_writing_once import positive
from tinygraph.compiler.kernels.parts import part_written
from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.rewrites.sure_masks import drop_sure_masks
from tinygraph.derivatives.indexing import scatter
from tinygraph.engine.nested import mapped
from tinygraph.graph import Graph

SIZE = 5
PARTS = st.tuples(st.integers(0, SIZE), st.integers(0, SIZE)).map(lambda ends: slice(min(ends), max(ends)))


def computed(graph: Graph, *arguments: Any) -> list[Any]:
    """Return the outputs of a graph."""
    values: dict[int, Any] = {}
    given = iter(arguments)
    for step in graph.nodes:
        if step.function is None:
            values[step.index] = next(given) if step.given else step.value  # type: ignore[attr-defined]
            continue
        args, kwargs = mapped((step.args, step.kwargs), lambda item: values[item.index] if type(item) is Step else item)
        values[step.index] = step.function(*args, **kwargs)
    return [values[output.index] for output in graph.outputs]


class Masks:
    """A graph of masks that grows: x and a mask m are given, and some masks are constant.

    Attributes:
        masks: the masks so far.
    """

    def __init__(self) -> None:
        self.builder = Builder()
        number, truth = np.dtype(np.float64), np.dtype(np.bool_)
        self.x = self.builder.add(Step(0, None, (), {}, (SIZE,), number, "x", given=True))
        self.masks = [self.builder.add(Step(0, None, (), {}, (SIZE,), truth, "m", given=True))]
        self.masks += [self.builder.constant(self.x, np.full(SIZE, value)) for value in (True, False)]

    def add(self, function: Any, *args: Any) -> Step:
        self.masks.append(self.builder.call(self.x, function, *args))
        return self.masks[-1]

    def chosen(self, mask: Step) -> Graph:
        """Return the graph in which x is chosen where a mask is true, and 0 elsewhere."""
        output = self.builder.call(self.x, np.where, mask, self.x, 0.0)
        return Graph(tuple(self.builder.steps), (output,))


def test_a_choice_by_a_mask_that_is_true_everywhere_is_no_choice() -> None:
    masks = Masks()
    m, true, _ = masks.masks
    interior = masks.add(scatter, masks.add(operator.getitem, true, slice(1, 4)), slice(1, 4), (SIZE,))
    left = masks.add(part_written, masks.add(np.logical_or, interior, m), True, slice(0, 1))
    whole = masks.add(part_written, left, True, slice(4, 5))
    assert operations(drop_sure_masks(masks.chosen(whole))) == []
    assert operations(drop_sure_masks(masks.chosen(left)))[-1] == "where"
    assert operations(drop_sure_masks(masks.chosen(masks.add(np.logical_and, whole, m)))) == ["where"]


@given(st.data())
def test_whatever_is_done_with_masks_the_same_elements_are_chosen(data: st.DataObject) -> None:
    masks = Masks()
    for _ in range(data.draw(st.integers(1, 8))):
        one, other = [data.draw(st.sampled_from(masks.masks)) for _ in range(2)]
        kind = data.draw(st.sampled_from([np.logical_or, np.logical_and, np.copy, part_written, scatter]))
        part = data.draw(PARTS)
        if kind is np.copy:
            masks.add(kind, one)
        elif kind is part_written:
            masks.add(kind, one, data.draw(st.booleans()), part)
        elif kind is scatter:
            masks.add(kind, masks.builder.call(masks.x, operator.getitem, other, part), part, (SIZE,))
        else:
            masks.add(kind, one, other)
    before = masks.chosen(masks.masks[-1])
    after = drop_sure_masks(before)
    x = np.arange(1.0, SIZE + 1)
    for m in (np.zeros(SIZE, bool), np.ones(SIZE, bool), np.arange(SIZE) % 2 == 0):
        np.testing.assert_array_equal(computed(after, x, m), computed(before, x, m))
    is_sure = all([computed(before, x, m)[0].all() for m in (np.zeros(SIZE, bool), np.eye(SIZE, dtype=bool)[0])])
    assert is_sure or len(operations(after)) > 0


def upwind(q, u):
    for _ in range(6):
        left, right = q[1:-1] - q[:-2], q[2:] - q[1:-1]
        q[1:-1] -= 0.1 * u[1:-1] * np.where(u[1:-1] > 0, left, right)
        q[0], q[-1] = q[-2], q[1]
    return q


def test_a_mask_that_is_true_everywhere_is_not_computed():
    u = np.random.default_rng(4).normal(size=12)
    _, text = compiled_gradient(upwind, positive(12), u)
    assert "logical_or" not in text and "logical_and" not in text


def guarded(x, w):
    """At some places nothing is chosen, and what is not finite there must stay out of the gradient."""
    for t in range(6):
        x[2:4] = 0.0
        x[1:-1] = np.where(x[1:-1] > 0.5, np.log(x[1:-1]) * w[t], x[1:-1] * 0.5)
    return np.where(x > 0, np.sqrt(x), 0.0)


@pytest.mark.parametrize("n", [6, 9])
def test_masks_that_are_not_true_everywhere_keep_infinities_out(n):
    with np.errstate(all="ignore"):
        compiled, _ = compiled_gradient(guarded, positive(n), positive(6))
        found = compiled(positive(n), positive(6))
    assert all([np.isfinite(part).all() for part in found])
