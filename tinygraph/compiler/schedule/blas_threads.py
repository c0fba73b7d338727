"""Threads of BLAS: the products of a program that BLAS had better divide among several threads.

A fusion with products is divided between two threads of the program, each of which uses one thread of BLAS. Other
products may be divided by BLAS. That has a price: a thread that BLAS has woken looks for more work for 25 milliseconds
and longer, and meanwhile takes a part of its processor from the fusions on two threads. Because of that, a fusion of 10
million numbers took 100 milliseconds instead of 57, and a step of a transformer 19 instead of 14. So if all products
together save less than the fusions lose, all of them have one thread.

On a machine with other work several threads may not pay. A program finds that out when it runs: see
`tinygraph.compiler.run.threads`.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tinygraph.compiler.kernels.image_calls import IMAGE_FUNCTIONS
from tinygraph.compiler.program.cost import flops
from tinygraph.compiler.program.facts import PRODUCTS
from tinygraph.compiler.program.loop_marks import Begin, End, iterations
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.schedule.blas_library import multiplies_small_at_once
from tinygraph.compiler.schedule.blocks import Fusion, calls_in
from tinygraph.compiler.schedule.division import division_of
from tinygraph.graph import Graph

__all__ = ["Load", "Setting", "load_of", "saved", "setting_of"]

# OpenBLAS leaves products of fewer operations to one thread by itself: UNDIVIDED for a matrix and a vector, SMALL for
# two matrices.
UNDIVIDED = 10_000
SMALL = 2_000_000

# It divides the result, not the sum in each of its elements: a result with few rows and columns stays whole.
NARROW = 32

# Operations in a nanosecond on one thread, by the bytes of a number: with kernels for AVX2, and with those for AVX-512.
# And bytes that are read in a nanosecond: a product of a matrix and a vector takes as long as its matrix takes to read.
OPERATIONS = {4: (95.0, 200.0), 8: (45.0, 90.0)}
BYTES = 50.0

# The nanoseconds to hand a part of a product to another thread and to wait for its end.
HANDING = 8_000.0

# A product that saves fewer nanoseconds has one thread. On a machine with other work it may take some milliseconds more
# on several: the 100 products of a recurrent network were seen to take a second.
WORTH = 20_000.0

# A run whose products save fewer nanoseconds together is not worth another processor.
LEAST = 60_000.0

# A thread that looks for work takes this share of the time of fusions on two threads.
LOOKING = 0.5

# A product: its operations, the bytes of each operand, how many matrices its result has, the rows and the columns of
# each, the bytes of a number, and how often it is made in a run.
Product = tuple[int, list[int], int, int, int, int, int]


@dataclass(frozen=True)
class Load:
    """The products of a program that threads of BLAS could divide, and the price of that.

    Attributes:
        segments: the products between loops and those items that need one thread, in order, each with the index of its
            step.
        inside: whether there are items that need one thread: fusions with products, and convolutions.
        price: the nanoseconds that a thread of BLAS takes from fusions on two threads.
    """

    segments: list[list[tuple[int, Product]]]
    inside: bool
    price: float


@dataclass(frozen=True)
class Setting:
    """The threads that BLAS uses in a program.

    Attributes:
        divided: the indices of the products with several threads; empty where all have one.
        groups: the first and the last of each sequence of these products that no item with one thread interrupts;
            empty if the program has no such item, and several threads throughout.
    """

    divided: tuple[int, ...]
    groups: tuple[tuple[int, int], ...] = ()


def load_of(graph: Graph, items: Sequence[Step | Fusion], threads: int) -> Load:
    """Return the products of a program that threads of BLAS could divide, and the price of that.

    Args:
        graph: of steps.
        items: what is executed.
        threads: the number that the program itself has for its fusions.
    """
    times = iterations(graph.nodes)
    segments: list[list[tuple[int, Product]]] = [[]]
    needs_one = False
    for item in items:
        if _needs_one(item):
            needs_one = True
            segments.append([])
        elif isinstance(item, Step) and type(item.function) in (Begin, End):
            segments.append([])
        elif isinstance(item, Step) and item.function in PRODUCTS and item.shape:
            segments[-1].append((item.index, _product(item, times.get(item.index, 1))))
    fusions = [item for item in items if isinstance(item, Fusion) and division_of(item, threads).threads > 1]
    return Load(segments, needs_one, LOOKING * sum(fusion.nanoseconds for fusion in fusions) / 2)


def setting_of(load: Load) -> Setting | None:
    """Return the setting of a program; None where BLAS may be left as it is."""
    products = [found for segment in load.segments for found in segment]
    if sum(saved(product) for _, product in products) > max(LEAST, load.price):
        divided = tuple([index for index, product in products if saved(product) > 0])
        others = load.inside or any(_is_for_one(product) for _, product in products)
        return Setting(divided, tuple(_groups(load.segments)) if others else ())
    return Setting(()) if load.inside or any(product[0] > UNDIVIDED for _, product in products) else None


def _groups(segments: list[list[tuple[int, Product]]]) -> Iterator[tuple[int, int]]:
    """Yield the first and the last of each sequence of divided products that no product with one thread interrupts."""
    for segment in segments:
        counted = [(index, saved(product) > 0) for index, product in segment if saved(product) or _is_for_one(product)]
        for is_divided, sequence in itertools.groupby(counted, key=operator.itemgetter(1)):
            indices = [index for index, _ in sequence]
            if is_divided:
                yield indices[0], indices[-1]


def _is_for_one(product: Product) -> bool:
    """Return whether OpenBLAS might divide a product that should have one thread."""
    return product[0] > UNDIVIDED and not saved(product)


def saved(product: Product) -> float:
    """Return the nanoseconds that a second thread saves a product in a run; 0 if the product should have one thread."""
    operations, nbytes, matrices, rows, columns, size, times = product
    if operations / max(matrices, 1) < SMALL or (min(rows, columns) > 1 and max(rows, columns) < NARROW):
        return 0.0
    speed = OPERATIONS.get(size, OPERATIONS[8])[multiplies_small_at_once()]
    alone = max(operations / speed, sum(nbytes) / BYTES) / max(matrices, 1)
    each = alone / 2 - HANDING
    return times * matrices * each if each > WORTH else 0.0


def _needs_one(item: Step | Fusion) -> bool:
    """Return whether an item computes products on the program's own threads, so that BLAS should have one for each."""
    if isinstance(item, Fusion):
        return any(step.function in PRODUCTS or step.function in IMAGE_FUNCTIONS for step in calls_in(item))
    return item.function in IMAGE_FUNCTIONS


def _product(step: Step, times: int) -> Product:
    of_matrices = all(len(np.shape(operand)) > 1 for operand in step.args[:2])
    *matrices, rows, columns = step.shape if of_matrices else (1, math.prod(step.shape))
    nbytes = [operand.nbytes for operand in step.operands]
    return flops(step), nbytes, math.prod(matrices), rows, columns, step.dtype.itemsize, times
