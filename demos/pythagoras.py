"""The longest side of a right-angled triangle, and its derivatives by the other sides.

c = √(a² + b²) is plain NumPy. Because a and b are Tensors, NumPy's calls are recorded while they compute: a square,
another square, a sum, a root. The record is the computational graph.

`c.backward()` walks the graph from the end to the beginning. At each call it asks one small question: if the input grew
a little, how many times as much would the result grow? The answer is the local derivative of the call. The chain rule
multiplies the answers along a path:

    c = √s            dc/ds    = 1 / (2c) = 0.1
    s = a² + b²       ds/d(a²) = 1
    a² = a × a        d(a²)/da = 2a       = 6          so dc/da = 0.1 × 1 × 6 = 0.6

By hand one finds dc/da = a / c and dc/db = b / c. With a = 3 and b = 4 they are 0.6 and 0.8.

`tg.compile` goes the other way, from the graph back to a program: the formula, and after it the chain rule, as ordinary
Python that needs no graph.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import tinygraph as tg
from demos.results import Results


def main(out: Path) -> Results:
    """Compute c and its gradients, compare them with the formula and with finite differences, and draw the graph."""
    a = tg.Tensor(3.0, name="a")
    b = tg.Tensor(4.0, name="b")
    c = np.sqrt(a**2 + b**2)
    tg.draw(c, view="values", title="c = √(a² + b²), the forward pass").save(out / "pythagoras_values.svg")

    c.backward()
    tg.draw(c, view="chain", title="c = √(a² + b²), and the chain rule back").save(out / "pythagoras_chain.svg")

    print(f"c     = {c.item():.1f}")
    print(f"dc/da = {a.grad:.1f}   by hand a/c = {3 / 5}   by nudging a: {nudged(3.0, 4.0):.6f}")
    print(f"dc/db = {b.grad:.1f}   by hand b/c = {4 / 5}   by nudging b: {nudged(4.0, 3.0):.6f}")

    compiled = tg.compile(tg.value_and_grad(longest, argnums=(0, 1)))
    length, slopes = compiled(3.0, 4.0)
    print(f"\nThe program for all three, which gives {length:.1f}, {slopes[0]:.1f} and {slopes[1]:.1f}:\n")
    print(compiled.source)
    return Results(
        {"c": c.item(), "dc/da": float(a.grad), "dc/db": float(b.grad), "compiled": [length, *slopes]},
        {
            "pythagoras_values.svg": "Each call of NumPy is a circle, each value a card. No gradient has been "
            "computed yet, and the cards say so.",
            "pythagoras_chain.svg": "After c.backward(): follow the dashed arrows from c back to a, and multiply what "
            "stands on them: 0.1 × 1 × 6 = 0.6.",
        },
    )


def longest(a: Any, b: Any) -> Any:
    """Return the longest side."""
    c = np.sqrt(a**2 + b**2)
    return c  # noqa: RET504 - the program takes the name


def nudged(side: float, other: float, by: float = 1e-6) -> float:
    """Return the change of c for each unit of change of one side: no calculus, only the formula computed twice."""
    longer = np.sqrt((side + by) ** 2 + other**2)
    shorter = np.sqrt((side - by) ** 2 + other**2)
    return float((longer - shorter) / (2 * by))
