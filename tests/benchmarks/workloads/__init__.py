"""The workloads, by key, and the ways of one library of doing one of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from libraries import LIBRARIES
from ways import Way
from workload import Adam, Spelling, Workload

from . import attention, convolutions, dense, elements, fitting, generative, recurrent, regression, small, writes


@dataclass(frozen=True)
class Entry:
    """One workload.

    Attributes:
        make: makes it, with sizes other than its own if they are given.
        tiny: sizes that show only that it runs.
        ladders: by name of a size the values that the law of rising times is tested with.
        seconds: the length of a turn.
        law: its spellings are compared with each other.
        alone: single numbers, which no library computes with a second thread.
    """

    make: Callable[..., Workload]
    tiny: dict[str, Any]
    ladders: dict[str, tuple[int, ...]] = field(default_factory=dict)
    seconds: float = 0.05
    law: bool = True
    alone: bool = False


WORKLOADS: dict[str, Entry] = {
    "logistic": Entry(regression.logistic, {"features": 16, "images": 4}, {"images": (347, 348, 349)}),
    "pictures": Entry(dense.pictures, {"sizes": (6, 5, 4, 1), "images": 4}, {"images": (12, 13, 14)}),
    "mlp": Entry(dense.mlp, {"sizes": (6, 5, 3), "batch": 4}, {"batch": (31, 32, 33)}),
    "cnn": Entry(convolutions.cnn, {"size": 10, "filters": (3, 4), "batch": 4}, {"batch": (127, 128, 129)}, 0.1),
    "lstm": Entry(
        recurrent.lstm, {"inputs": 3, "hidden": 4, "length": 3, "batch": 2},
        {"length": (25, 28, 33, 40, 49, 50, 51), "batch": (31, 32, 33)}, 0.1,
    ),
    "gru": Entry(
        recurrent.gru, {"inputs": 3, "hidden": 4, "length": 3, "batch": 2},
        {"length": (25, 33, 49, 50, 51), "batch": (31, 32, 33)}, 0.1,
    ),
    "transformer": Entry(
        attention.transformer, {"layers": 1, "width": 8, "heads": 2, "length": 3, "batch": 2, "words": 7},
        {"length": (63, 64, 65), "batch": (15, 16, 17)}, 0.1,
    ),
    "encoder": Entry(
        attention.encoder, {"layers": 1, "width": 8, "heads": 2, "length": 3, "batch": 2},
        {"length": (63, 64, 65), "batch": (15, 16, 17)}, 0.1,
    ),
    "elements 10⁵": Entry(elements.elements, {"size": 100}),
    "elements 10⁷": Entry(elements.many_elements, {"size": 100}, seconds=0.2, law=False),
    "residual": Entry(
        convolutions.residual, {"size": 6, "filters": 3, "blocks": 1, "batch": 2}, {"batch": (31, 32, 33)}, 0.1
    ),
    "mixed": Entry(convolutions.mixed, {"size": 10, "filters": 3, "batch": 2}, {"batch": (31, 32, 33)}, 0.1),
    "gan": Entry(
        generative.gan, {"noise": 3, "hidden": (4, 5), "pixels": 6, "batch": 4}, {"batch": (63, 64, 65)}, 0.1
    ),
    "rbm": Entry(generative.rbm, {"visible": 6, "hidden": 4, "batch": 4}, {"batch": (63, 64, 65)}),
    "fit": Entry(fitting.fit, {"sizes": (6, 5, 3), "batch": 4, "batches": 2}, seconds=0.2, law=False),
    "graph of numbers": Entry(small.numbers_graph, {"nodes": 200}, law=False, alone=True),
    "network of numbers": Entry(small.numbers_network, {"points": 2, "width": 3}, law=False, alone=True),
    "chain of numbers": Entry(small.numbers_chain, {"nodes": 100}, law=False, alone=True),
    "small arrays": Entry(small.small_arrays, {"repeats": 2, "shape": (3, 4)}, law=False),
    "small products": Entry(small.small_products, {"repeats": 2, "shape": (3, 4)}, law=False),
    "recurrence": Entry(writes.recurrence, {"size": 5}, law=False, alone=True),
    "gauss-seidel": Entry(writes.gauss_seidel, {"size": 4, "sweeps": 1}, law=False, alone=True),
    "runge-kutta": Entry(writes.runge_kutta, {"steps": 3}, law=False, alone=True),
}  # fmt: skip


def ways(task: dict[str, Any]) -> dict[str, Callable[[], Way]]:
    """The ways of `contestant.py`: one library's spellings of a workload, or at several sizes."""
    from steps import maker

    make_step = maker(task["library"])
    if task.get("warm"):
        _use(make_step, LIBRARIES[task["library"]].family)
    entry = WORKLOADS[task["workload"]]
    sizes = entry.tiny if task["tiny"] else {}
    work = entry.make(**sizes)
    work.draw(task.get("drawn", 0), task.get("seed", 0))
    found = {}
    for spelling in work.of(LIBRARIES[task["library"]].family):
        if task["spellings"] is None or spelling.name in task["spellings"]:
            found[spelling.name] = lambda work=work, spelling=spelling: make_step(work, spelling)
    if task.get("ladders"):
        for name, values in entry.ladders.items():
            for value in values:
                other = entry.make(**{name: value})
                first = other.of("numpy")[0]
                found[f"{name} = {value}"] = lambda other=other, first=first: make_step(other, first)
    return found


def _use(make_step: Callable[[Workload, Spelling], Way], family: str) -> None:
    """Load what a library loads at its first use, with a step on two numbers."""
    work = Workload("two numbers", {"a": np.ones(2, np.float32)}, Adam())
    work.spelling(family, "")(lambda lib, w: lib.sum(w["a"] * w["a"]))
    way = make_step(work, work.spellings[0])
    way.restart()
    way.check(way.call())
