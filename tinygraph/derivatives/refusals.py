"""Functions that write into their argument or into a file: they refuse Tensors, and the error has a replacement."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.engine.notes import hint

_WRITES = "it would write into an array that the graph may still need, or lose the gradient; use"

_INSTEAD: dict[Callable[..., Any], str] = {
    np.copyto: "np.where(mask, source, destination), or in place of np.full_like(array, t) np.broadcast_to(t, shape)",
    np.place: "np.where(mask, values, array), with an array of values",
    np.put: "np.where(mask, value, array), or np.concatenate of the parts",
    np.putmask: "np.where(mask, values, array)",
    np.put_along_axis: "np.where(mask, values, array), or np.take_along_axis to read",
    np.fill_diagonal: "np.where(np.eye(n, dtype=bool), value, array)",
}
for _function, _instead in _INSTEAD.items():
    hint(_function, f"{_WRITES} {_instead}")

for _function in (np.save, np.savez, np.savez_compressed, np.savetxt):
    hint(_function, "the file would hold the values without their graph; pass them as t.data")
