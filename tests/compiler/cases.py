"""Programs that are made up: the text of a module with a function `run`, and the arguments of its calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.compiler.authors import TENSORS, Author, Choose, Node, lines_of
from tests.compiler.phrases import FUNCTIONS

# The arguments of a program in words, and what is computed of it.
WORDS = "x, z, h, w, rate, k"
WAYS = {
    "values": "run = program",
    "gradients": "run = tg.grad(program, (0, 1, 2, 3))",
    "value and gradients": "run = tg.value_and_grad(program, (2, 3, 4))",
    "backward": f"""
def run({WORDS}):
    t, u = tg.Tensor(h), tg.Tensor(w)
    loss = program(x, z, t, u, rate, k)
    loss.backward()
    return loss, t.grad, u.grad
""",
    "jvp": f"""
def run({WORDS}):
    return tg.jvp(lambda h, w: program(x, z, h, w, rate, k), (h, w), (np.cos(h), np.sin(w)))
""",
    "hessian": f"""
def run({WORDS}):
    return tg.hessian(lambda h: program(x, z, h, w, rate, k))(h)
""",
    "second order": f"""
def run({WORDS}):
    def of_slopes(x, h, w):
        return sum(np.sum(np.sin(slope)) for slope in tg.grad(program, (0, 2, 3))(x, z, h, w, rate, k))

    return tg.grad(of_slopes, (0, 1, 2))(x, h, w)
""",
    "checkpoint": "run = tg.grad(tg.checkpoint(program), (2, 3))",
    "hvp": f"""
def run({WORDS}):
    return tg.hvp(lambda h, w: program(x, z, h, w, rate, k), (h, w), (np.cos(h), np.sin(w)))
""",
}  # fmt: skip

MODULE_TENSORS = """p = tg.Tensor(numpy.random.default_rng(1).normal(size=({n}, {n})).astype('{dtype}') * 0.5, name="p")
q = tg.Tensor(numpy.random.default_rng(2).normal(size={n}).astype('{dtype}'), name="q")
bias = tg.Tensor(numpy.array(0.3, '{dtype}'), name="bias")
memory = tg.Tensor(numpy.zeros({n}, '{dtype}'), name="memory", requires_grad=False)
"""
OF_ARRAYS = ("writes", "writes into views", "updates of arrays", "aliases", "writes into arguments")


def program_text(choose: Choose, kinds: Sequence[str], scalar: bool, n: int, dtype: str) -> tuple[str, set[str]]:
    """Return the text of a module with a function `program`, and the kinds of lines in it.

    Args:
        choose: takes one item of a sequence.
        kinds: of lines that may be drawn, out of `KINDS`.
        scalar: the result is one number; else it is a nest of arrays.
        n: the length of a row.
        dtype: of the Tensors.
    """
    author = Author(choose, frozenset(kinds))
    author.used |= {"tensors", "sizes", "counters"} & author.kinds
    tensors = ""
    if "tensors" in kinds:
        tensors = MODULE_TENSORS.format(n=n, dtype=dtype)
        author.names.update(TENSORS)
    if "outside" in kinds:
        tensors += f"table = numpy.linspace(-0.5, 0.7, {n}).astype('{dtype}')\n"
        author.names["table"] = "row"
    if "functions" in kinds:
        tensors += FUNCTIONS
    nodes: list[Node] = []
    for _ in range(choose(range(2, 7))):
        nodes += author.line()
    if "tensors" in kinds and author.maybe(7):
        nodes += author.tensor_update()
    nodes.append(f"return {author.result() if scalar else author.nest()}")
    ours = author.used & set(OF_ARRAYS) and not author.may("numpy itself", 3)
    lines = [
        "import functools", "import math", "", "import numpy", "import tinygraph as tg",
        f"import {'tinygraph.numpy' if ours else 'numpy'} as np",
        "from tinygraph import draws", "", "noise = numpy.random.default_rng(7)", tensors, "",
        f"def program({WORDS}):", *lines_of(nodes),
    ]  # fmt: skip
    return "\n".join(lines) + "\n", author.used


def arguments(seed: int, dtype: str, length: int, batch: int, n: int, k: int) -> tuple[Any, ...]:
    """Return the arguments of a call."""
    rng = np.random.default_rng(seed)
    x, z, h, w = (rng.normal(size=shape) * 0.7 for shape in ((length, n), (batch, n), (n,), (n, n)))
    arrays = [np.asarray(item, dtype) for item in (x, z, h, w * 0.6)]
    return (*arrays, 0.1 + 0.05 * seed, k)


def _shared(args: tuple[Any, ...], how: str) -> tuple[Any, ...]:
    """Return arguments of which one is a view of another."""
    x, z, h, w, rate, k = args
    if how == "a row of w":
        return x, z, w[0], w, rate, k
    if how == "a row of x":
        return x, z, x[1], w, rate, k
    if how == "one array" and len(z) >= len(x):
        return z[: len(x)], z, h, w, rate, k
    return x, np.concatenate([x, x])[: len(z)], x[-1], w, rate, k


@dataclass(frozen=True)
class Case:
    """The text of a module with a function `run`, the arguments of each call, and the kinds of lines in it."""

    text: str
    calls: list[tuple[Any, ...]]
    used: frozenset[str]


def made_up(choose: Choose, kinds: Sequence[str], ways: Sequence[str] = ()) -> Case:
    """Return a program, made up of some kinds of lines, and what is computed of it: a value, or gradients."""
    way = choose(ways or [*WAYS, "values", "values", "gradients"])
    if "tensors" in kinds and choose([True, True, True, False]):
        way = "values"
    if "writes into arguments" in kinds and way == "checkpoint":
        way = "gradients"  # whose second run writes into copies
    n, dtype = choose([2, 3, 3, 4]), choose(["float64", "float64", "float32"])
    text, used = program_text(choose, kinds, way != "values" or choose([True, False]), n, dtype)
    lengths = [4, 4, 4, 5, 6, 3, 4] if "sizes" in kinds else [4] * 5
    batches = [5, 5, 5, 6, 2, 7, 5] if "sizes" in kinds else [5] * 5
    counts = [2, 2, 3, 4, 5, 6, 7] if "counters" in kinds else [2] * 7
    seeds = [0, 0, 1, 2, 3, 4, 0]
    if "counters" in kinds and "sizes" not in kinds:
        lengths, batches = [4] * 7, [5] * 7
    if "large" in kinds:  # the calls on these many elements are fused, and run in blocks
        batches = [40_000 // n] * len(batches)
    if "whiles" in kinds:  # as many turns as it takes
        seeds += [5, 6, 7, 8]
        lengths, batches, counts = lengths + lengths[-1:] * 4, batches + batches[-1:] * 4, counts + counts[-1:] * 4
    calls = [arguments(seed, dtype, t, b, n, k) for seed, t, b, k in zip(seeds, lengths, batches, counts, strict=False)]
    if "not finite" in kinds:
        for args, place in zip(calls[1:], [0, 1, 2, 3], strict=False):
            args[place].reshape(-1)[0] = choose([np.nan, np.inf])
    if "shared arguments" in kinds:
        calls = [_shared(args, choose(["a row of w", "a row of x", "one array", "a part of x"])) for args in calls]
    used |= {"large", "not finite", "shared arguments", "outside"} & set(kinds)
    return Case(text + "\n\n" + WAYS[way].strip() + "\n", calls, frozenset(used))
