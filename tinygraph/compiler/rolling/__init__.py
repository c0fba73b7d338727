"""Rolling: repeated steps of a program become loops.

    for t in range(500):                5,000 recorded steps, forward and backward
        h = np.tanh(x[t] @ w + h @ u)   two loops of ten steps each

In this order:

    words       a word for each step, the same for steps that may be one step of a loop; what an index takes is no step
    runs        where words repeat themselves, one after the other
    patterns    the arguments of the steps that would be one, as one: the same, carried, a row, a number that counts
    phases      the step that an iteration begins with, so that little is carried
    bodies      the graph of a loop
    pieces      values of a loop in a list, as one array
    making      the graph with loops in the place of runs
    opening     loops that a condition ends, from two runs

A run may become a loop where each argument of each of its steps is one of these: the same value in all iterations; a
value of the same iteration, or of one before; an element of an array, or a value of an earlier loop, at a place that
moves evenly; a number that changes evenly, or one of a list of numbers.

In a second search the shapes of values may change evenly, too: `a[j + 1 :, :j]`. A call with such a value is `Ragged`.
No other iteration and no other loop reads its result.
"""

from __future__ import annotations

from tinygraph.compiler.rolling.making import rolled
from tinygraph.compiler.rolling.opening import is_twin, opened

__all__ = ["is_twin", "opened", "rolled"]
