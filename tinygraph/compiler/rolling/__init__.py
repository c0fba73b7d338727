"""Rolling: repeated steps of a program become loops.

    >>> import numpy as np, tinygraph as tg
    >>> @tg.compile
    ... def fade(h, u):
    ...     for _ in range(30):
    ...         h = np.tanh(h * u)
    ...     return h
    >>> h = fade(np.ones(3), 0.5)

The recording has 60 calls, one after the other. Behind this stage there is one step that is computed 30 times:

    >>> print(fade.stages["roll"].after)
    %0 h₁ = data                  float64[3]
    %1 u  = data                  float64[]
    %2    = for 30 iterations, with i from 0
        %2.0 h₁ = carried(first %0, then %2.3)  float64[3]
        %2.1 u  = outside(%1)                   float64[]
        %2.2    = multiply(%2.0, %2.1)          float64[3]
        %2.3 h₂ = tanh(%2.2)                    float64[3]
    %3 h₂ = last_iteration(%2.3)  float64[3]
    return %3 h₂

Read the files in this order:

    words       a word for each step, the same for steps that may be one step of a loop; what an index takes is no step
    runs        where words repeat themselves, one after the other
    patterns    the words for what arguments have in common: the same, carried, a row, a number that counts
    in_common   numbers and constants as one argument
    matching    the steps of a run, argument by argument, as one pattern; None where they have nothing in common
    beginnings  the step that an iteration begins with, so that little is carried
    searching   the patterns of all runs of a graph
    series      values of a loop in a list, as one array
    needed      the values of a loop that are read outside
    bodies      the graph of a loop
    making      `rolled`: the graph with loops in the place of runs
    opening     `opened`: loops that a condition ends, from two runs

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
