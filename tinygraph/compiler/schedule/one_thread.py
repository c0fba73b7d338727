"""One thread of BLAS: which programs run with one, whatever BLAS is set to.

A product that is over in a fraction of a millisecond is better left to one thread; see
`tinygraph.compiler.run.threads`.
What is divided between two threads here, convolutions and the products of sequences, is not divided in BLAS as well.
"""

from __future__ import annotations

from collections.abc import Sequence

from tinygraph.compiler.kernels.image_calls import IMAGE_FUNCTIONS
from tinygraph.compiler.program.cost import ONE_THREAD, flops
from tinygraph.compiler.program.facts import PRODUCTS
from tinygraph.compiler.program.loop_marks import iterations
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.schedule.batches import Batch
from tinygraph.compiler.schedule.blocks import Fusion
from tinygraph.graph import Graph

__all__ = ["divides_otherwise", "is_for_one_thread", "wants_one_thread", "work_of_products"]

# A matrix of this many bytes takes long to read, however little is computed with it, and two threads share that.
LONG_TO_READ = 1 << 23

# OpenBLAS leaves smaller products to one thread by itself.
UNDIVIDED = 10_000


def wants_one_thread(graph: Graph, items: Sequence[Step | Fusion]) -> bool:
    """Return whether BLAS should use one thread, and would use more: there are products, and none is large.

    Args:
        graph: of steps.
        items: what is executed.
    """
    return divides_otherwise(graph, items) or is_for_one_thread(work_of_products(graph))


def divides_otherwise(graph: Graph, items: Sequence[Step | Fusion]) -> bool:
    """Return whether a program divides images or sequences between two threads."""
    if any(isinstance(item, Batch) for item in items):
        return True
    return any(step.function in IMAGE_FUNCTIONS for step in graph.nodes)


def work_of_products(graph: Graph) -> list[tuple[int, list[int], int]]:
    """Return for each product of a graph its operations, the bytes of its operands, and how often it is made."""
    products = [step for step in graph.nodes if step.function in PRODUCTS and isinstance(step, Step)]
    times = iterations(graph.nodes)
    return [(flops(step), [operand.nbytes for operand in step.operands], times.get(step.index, 1)) for step in products]


def is_for_one_thread(work: Sequence[tuple[int, Sequence[int], int]]) -> bool:
    """Return whether products are better left to one thread of BLAS; see `work_of_products`.

    Those that a loop repeats wait for each other, and decide, if they have more to do than the large ones outside.
    """
    large = sum(operations * times for operations, _, times in work if operations >= ONE_THREAD)
    repeated = [
        operations * times for operations, _, times in work if UNDIVIDED < operations < ONE_THREAD and times > 1
    ]
    if sum(repeated) > large:
        return True
    if any(nbytes >= LONG_TO_READ for _, operands, _ in work for nbytes in operands):
        return False
    return UNDIVIDED < max([operations for operations, _, _ in work], default=0) < ONE_THREAD
