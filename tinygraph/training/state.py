"""The state of a model's training: what `compile` and `fit` leave behind for the next call."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tinygraph.training.callbacks.history import History
from tinygraph.training.checkpoint import Reached
from tinygraph.training.loop import Training, called_once
from tinygraph.training.recipe import Recipe
from tinygraph.training.steps import Steps

__all__ = ["TrainingState"]


class TrainingState:
    """The state of a model's training, apart from the model's attributes.

    A compiled step that reads a model compares the model's attributes at each call. It does not look in here.

    Attributes:
        recipe: what `compile` was given.
        is_compiled: False for a model that is only used.
        steps: the compiled steps.
        generator: draws the orders of the rows.
        training: the training that is going on, or None.
        history: that of the last `fit`, or None.
        reached: how far the last training came.
        to_stop: what is to stop: "training", "evaluating", "predicting".
        has_weights: True when the layers have made their weights, as far as `predict` knows.
    """

    def __init__(
        self, model: Any, recipe: Recipe, run_eagerly: bool = False, jit_compile: bool = False, is_compiled: bool = True
    ) -> None:
        self.recipe, self.is_compiled = recipe, is_compiled
        self.steps = Steps(model, recipe, run_eagerly, jit_compile)
        self._shared_steps: Steps | None = None
        self.generator = model.new_generator()
        self.training: Training | None = None
        self.history: History | None = None
        self.reached = Reached()
        self.to_stop: set[str] = set()
        self.has_weights = False

    def steps_on(self, model: Any, comm: Any) -> Steps:
        """Return the steps that several ranks take together."""
        if self._shared_steps is None or self._shared_steps.comm != comm:
            self._shared_steps = Steps(model, self.recipe, self.steps.run_eagerly, self.steps.jit_compile, comm)
        return self._shared_steps

    def make_weights(self, model: Any, x: Any) -> None:
        """Have layers make their weights before a step is compiled, which would keep those of its recording.

        Args:
            model: the model.
            x: a batch.
        """
        if self.has_weights:
            return
        called_once(model, x)
        self.has_weights = True

    def __getstate__(self) -> dict[str, Any]:
        """A copy has no training that goes on, and none of its callbacks."""
        return {**vars(self), "training": None, "history": None, "reached": replace(self.reached, callbacks=[])}
