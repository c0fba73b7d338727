"""BLAS forms: products of matrices whose operands and results lie in the order that BLAS is quickest with."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from typing import Any

import numpy as np

from tinygraph.compiler.kernels.assembly import assembled
from tinygraph.compiler.kernels.products import turned_product
from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.facts import TRANSPOSING
from tinygraph.compiler.program.predicates import is_matrix_product
from tinygraph.compiler.program.reshaping import axes_of
from tinygraph.compiler.program.rewriting import calls_of, rewritten_by_originals
from tinygraph.compiler.program.steps import Step, operands_of
from tinygraph.compiler.rewrites.changing_loops import Changed, loops_changed, old_loop
from tinygraph.graph import Graph

__all__ = ["copy_transposes", "copy_transposes_for_loops", "turn_products"]

# A transposed right operand costs BLAS up to the time of the product once more, where the left one has few rows: 32 of
# them times (64, 192).T take 8.6 us, times a copy 3.5. The copy takes 3 us; of a small matrix, what few products save.
ROWS, ELEMENTS, PRODUCTS = 128, 1 << 11, 8


def copy_transposes(graph: Graph) -> Graph:
    """d1 @ u.T, d2 @ u.T, ...  ->  c = np.copy(u.T); d1 @ c, d2 @ c, ...: BLAS then need not transpose at each."""
    used = Counter(
        step.args[1].index for step in calls_of(graph)
        if is_matrix_product(step) and step.args[0].shape[0] <= ROWS and step.args[1].function in TRANSPOSING
        and step.args[1].size >= ELEMENTS
    )  # fmt: skip
    copies: dict[int, Step] = {}

    def change(builder: Builder, step: Step, original: Step) -> Step | None:
        if not is_matrix_product(step) or type(original.args[1]) is not Step or used[original.args[1].index] < PRODUCTS:
            return None
        matrix = original.args[1].index
        if matrix not in copies:
            copies[matrix] = builder.call(step, np.copy, step.args[1])
        return builder.call(step, np.matmul, step.args[0], copies[matrix])

    return rewritten_by_originals(graph, change)


def copy_transposes_for_loops(graph: Graph) -> Graph:
    """for ...: d = d @ u.T  ->  c = np.copy(u.T); for ...: d = d @ c: the same for the products of a loop."""
    return loops_changed(graph, _copied_before)


def _copied_before(builder: Builder, step: Step, read: set[int]) -> Changed | None:
    old = old_loop(builder, step)
    if old.loop.count < PRODUCTS:
        return None
    found = False
    for inner in old.body:
        matrix = inner.args[1] if is_matrix_product(inner) else None
        if type(matrix) is Step and matrix.index in old.fixed and matrix.index not in old.outside:
            outer = old.fixed[matrix.index]
            if inner.args[0].shape[0] <= ROWS and outer.function in TRANSPOSING and outer.size >= ELEMENTS:
                old.outside[matrix.index] = builder.call(outer, np.copy, outer)
                found = True
    if not found:
        return None
    loop = old.new_loop(builder, range(old.loop.carried), old.loop.stacks, old.loop.lasts)
    return loop, {number: old.result(builder, loop, number) for number in read}


def turn_products(graph: Graph) -> Graph:
    """np.copy((x @ y).transpose(0, 2, 1))  ->  turned_product(x, y, (0, 2, 1)): written in the order in which it is
    read; and so what an array is assembled of.
    """
    readers: defaultdict[int, list[Any]] = defaultdict(list)
    for step in graph.nodes:
        for operand in operands_of(step):
            readers[operand.index].append(step.function)
    for output in graph.outputs:
        readers[output.index].append(None)

    def change(builder: Builder, step: Step, original: Step) -> Step | None:
        product = step.args[0] if step.args else None
        if type(product) is not Step:
            return None
        if step.function is np.copy and product.function is turned_product:
            return product
        if step.function not in TRANSPOSING or product.function is not np.matmul or product.kwargs:
            return None
        if len(step.shape) < 3 or step.dtype.char not in "fd" or any(type(item) is not Step for item in product.args):
            return None
        if len(readers[original.args[0].index]) > 1 or not {*readers[original.index]} <= {np.copy, assembled}:
            return None
        return builder.add(replace(step, function=turned_product, args=(*product.args, axes_of(step)), kwargs={}))

    return rewritten_by_originals(graph, change)
