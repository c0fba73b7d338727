"""Planning: which values share memory, when each is needed for the last time, and which memory is used again.

Values that are views of one another, or that are computed in place, have one `Storage`. A storage is needed from the
item that first writes it to the last that reads it; storages that are never needed at the same time share a `Buffer`.

Of `loss = np.sum(np.tanh(x @ w))` the product and the tangent are two values in one storage; the gradient on the way
back may lie in the same memory, as soon as the tangent has been read for the last time.

The story, in the order in which it is told: `layouts` asks NumPy how arrays lie, `parts` finds what is computed into a
part of an array, `draft` gives every value a storage, `in_place` lets values be written over others, `planner` says how
long each is needed, and `packing` lays them into memory.
"""

from __future__ import annotations

from tinygraph.compiler.memory.planner import plan
from tinygraph.compiler.memory.storage import NO_MEMORY, Buffer, Plan, Storage

__all__ = ["NO_MEMORY", "Buffer", "Plan", "Storage", "plan"]
