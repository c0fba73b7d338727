"""The state of a call of modules: training or not, the layers that were built, the losses that were added."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tinygraph.engine.modes import is_tracing, state

__all__ = ["AddedInRun", "Calling", "added_in_run", "calling", "noting_builds", "on_trial", "take_back", "training_as"]


@dataclass
class AddedInRun:
    """The numbers that modules added to the loss in a function that is being compiled. They end with the run.

    Attributes:
        losses: the numbers, each with its module.
        called: the modules that were called, by id: what they added before counts no more.
    """

    losses: list[tuple[Any, Any]] = field(default_factory=list)
    called: dict[int, Any] = field(default_factory=dict)

    def begin(self, modules: list[Any]) -> None:
        """Forget what modules added before: they are called again."""
        self.called |= {id(module): module for module in modules}
        self.losses = [(module, loss) for module, loss in self.losses if module not in modules]


def added_in_run() -> AddedInRun | None:
    """Return what modules added in the function that is being compiled; None where none is."""
    if not is_tracing() or state.tracing is None:
        return None
    return state.tracing.notes.setdefault("losses of modules", AddedInRun())  # type: ignore[no-any-return]


class Calling(threading.local):
    """The state of the calls of a thread.

    Attributes:
        training: what `training=` said in the innermost call that had it; None where no call did.
        built: the layers that were built during the outermost call, with their attributes from before; None outside.
        masks: collects the mask of each output of a model, or None for an output without one; None where nobody asks.
        trial: True where a call only asks for shapes, and stateful layers keep their states.
        step: a model, its `losses` and the masks of its outputs, while its `compute_loss` runs; None else.
        added: collects the numbers that modules add to the loss; None where each module keeps its own.
        own: collects the same, each with its module, while a `train_step` or `test_step` of the user's runs; None else.
    """

    def __init__(self) -> None:
        self.training: bool | None = None
        self.built: list[tuple[Any, dict[str, Any]]] | None = None
        self.added: list[Any] | None = None
        self.trial = False
        self.step: tuple[Any, list[Any], Any] | None = None
        self.masks: list[Any] | None = None
        self.own: list[tuple[Any, Any]] | None = None


calling = Calling()


@contextmanager
def noting_builds() -> Iterator[list[tuple[Any, dict[str, Any]]]]:
    """Collect the layers that are built in the block. If it fails, their weights are taken away again."""
    outer, built = calling.built, []  # type: ignore[var-annotated]
    calling.built = built
    try:
        yield built
    except BaseException:
        take_back(built)
        raise
    finally:
        calling.built = outer
    if outer is not None:
        outer += built


def take_back(built: list[tuple[Any, dict[str, Any]]]) -> None:
    """Give layers the attributes that they had before they were built."""
    for layer, attributes in reversed(built):
        layer._restore(attributes)


@contextmanager
def on_trial() -> Iterator[None]:
    """Let calls in the block make weights and results, and leave the states of stateful layers as they are."""
    before, calling.trial = calling.trial, True
    try:
        yield
    finally:
        calling.trial = before


@contextmanager
def training_as(training: bool | None) -> Iterator[None]:
    """Let all modules that are called in the block train, or not; None for as they are set."""
    before = calling.training
    calling.training = before if training is None else bool(training)
    try:
        yield
    finally:
        calling.training = before
