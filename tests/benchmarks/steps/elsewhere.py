"""Values and gradients by the small libraries: micrograd, mygrad and autograd."""

from __future__ import annotations

import importlib
from typing import Any

from libraries import WORDS
from ways import Way
from workload import Spelling, Workload, numbers


def step(library: str, work: Workload, spelling: Spelling) -> Way:
    """The value and the gradients to all weights."""
    lib = WORDS[library]()
    if library == "autograd":
        gradient = importlib.import_module("autograd").value_and_grad(lambda w: spelling.build(lib, w))
        return Way(
            lambda: gradient(work.starts), lambda found: numbers(found[0], [found[1][name] for name in work.starts])
        )
    leaf = _leaf(library)

    def backward() -> Any:
        leaves = {name: leaf(start) for name, start in work.starts.items()}
        value = spelling.build(lib, leaves)
        value.backward()
        return value, leaves

    # A weight that nothing is computed from has no gradient; micrograd says 0.
    return Way(
        backward, lambda found: numbers(found[0].data, [0.0 if x.grad is None else x.grad for x in found[1].values()])
    )


def _leaf(library: str) -> Any:
    if library == "micrograd":
        value = importlib.import_module("micrograd.engine").Value
        return lambda start: value(float(start))
    return importlib.import_module("mygrad").tensor
