"""Planning: which values share memory, when each is needed for the last time, and which memory is used again.

Values that are views of one another, or that are computed in place, have one `Storage`. A storage is needed from the
item that first writes it to the last that reads it; storages that are never needed at the same time share a `Buffer`.

    >>> import numpy as np, tinygraph as tg
    >>> w = tg.Tensor(np.ones((4, 3)))
    >>> @tg.compile
    ... def step(x):
    ...     loss = np.sum(np.tanh(x @ w))
    ...     w.grad = None
    ...     loss.backward()
    ...     w.assign(w.data - w.grad)
    ...     return loss
    >>> loss = step(np.ones((2, 4)))
    >>> print(step.stages["own"].after)
    %0 x    = data                                  float64[2, 4]
    %1 w    = parameter                             float64[4, 3]
    %2      = matmul(%0, %1)                        float64[2, 3]
    %3      = tanh(%2)                              float64[2, 3]
    %4 loss = sum(%3, axis=(0, 1), keepdims=False)  float64[]
    %5      = square(%3)                            float64[2, 3]
    %6      = subtract(1, %5)                       float64[2, 3]
    %7      = transpose(%0)                         float64[4, 2]
    %8 d_w  = matmul(%7, %6)                        float64[4, 3]
    %9      = subtract(%1, %8)                      float64[4, 3]
    return %4 loss, %8 d_w, %9

The tangent is written over the product, its square over the tangent, and so on: four values have one storage of 48
bytes. The new weights are written over the old ones. Only the gradient, which the caller can keep, is a new array at
each call:

    >>> print(step.stages["memory"].after)
    argument %0, 64 bytes: %0 %7
    variable %1, 96 bytes: %1 %9
    buffer 1, 48 bytes: %2 %3 %5 %6
    number: %4
    new at each call, 96 bytes: %8

Read the files in this order, which is that in which a plan is made:

    storage        the words: `Storage`, `Buffer`, `Plan`
    layouts        the layout of each array, asked of NumPy
    parts          the values that are computed into a part of an array
    draft          a storage for each value
    overwriting    values that are written over others
    writing_parts  arrays that are written into where they are
    planner        `plan`: all of these, and the time for which each storage is needed
    packing        storages in one buffer
    timetables     the first of many memories that is free from one time to another

Two files are for the text that is written: `slots` divides the memory of a block, and `lines` lays memory on lines of
the processor's cache.
"""

from __future__ import annotations

from tinygraph.compiler.memory.planner import plan
from tinygraph.compiler.memory.storage import NO_MEMORY, Buffer, Plan, Storage

__all__ = ["NO_MEMORY", "Buffer", "Plan", "Storage", "plan"]
