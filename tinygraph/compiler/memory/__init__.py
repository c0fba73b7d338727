"""Planning: which values share memory, when each is needed for the last time, and which memory is used again.

Values that are views of one another, or that are computed in place, have one `Storage`. A storage is needed from the
item that first writes it to the last that reads it; storages that are never needed at the same time share a `Buffer`.

Of `loss = np.sum(np.tanh(x @ w))` the product and the tangent are two values in one storage; the gradient on the way
back may lie in the same memory, as soon as the tangent has been read for the last time.

The files, in the order in which a plan is made:

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
