"""The steps of a training, compiled: forward pass, backward pass, update and metrics are one program."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from tinygraph.engine.modes import no_grad
from tinygraph.errors import UnsupportedError
from tinygraph.nests import plain, tree_leaves
from tinygraph.training.own_steps import OwnStep, has_own, pack_x_y_sample_weight
from tinygraph.training.recipe import Recipe

__all__ = ["Steps"]


class Steps:
    """A step of training, a step of evaluation and a prediction, each of one batch.

    Args:
        model: the model.
        recipe: its optimiser, losses and metrics.
        run_eagerly: compile nothing.
        jit_compile: let the compiled steps run as machine code; see `tg.compile`'s `fast`.
        comm: the ranks that compute a batch together, from `tg.distributed.mpi()`; None for this process alone.

    Attributes:
        train, test, predict: the steps, of `(x, y, w)` and of `x`.
        train_results, test_results: have the results of the steps so far: the recipe, or a step of the model's own.
    """

    def __init__(
        self, model: Any, recipe: Recipe, run_eagerly: bool = False, jit_compile: bool = False, comm: Any = None
    ) -> None:
        self.model, self.recipe, self.comm = model, recipe, comm
        self.run_eagerly, self.jit_compile = run_eagerly, jit_compile
        averaged = None if comm is None else _averaging(model, comm)
        self.train, self.test, self.predict = _plain_steps(model, recipe, averaged)
        made: Callable[[Any], Any] | None = None
        if not run_eagerly:
            from tinygraph.compiler.compiled import compile as compiled  # a third of the time that `import nn` takes

            made = functools.partial(compiled, otherwise="eager", fast=jit_compile)
            self.train, self.test, self.predict = [made(step) for step in (self.train, self.test, self.predict)]
        self.train_results: Any = recipe
        self.test_results: Any = recipe
        if averaged is not None and has_own(model, "train_step"):
            raise TypeError(
                f"fit: distribute= would leave out {type(model).__name__}.train_step. Override compute_loss instead, "
                "or average the gradients in it, tg.distributed.average_gradients(model, comm), and leave distribute="
            )
        if has_own(model, "train_step"):
            self.train = self.train_results = OwnStep(model, "train_step", made)
        if has_own(model, "test_step"):
            self.test = self.test_results = OwnStep(model, "test_step", made)
        if averaged is not None:
            self.train = _with_idle_steps(self.train, recipe, averaged)

    def __reduce__(self) -> Any:
        """A copy, also one in another process, compiles steps of its own."""
        return Steps, (self.model, self.recipe, self.run_eagerly, self.jit_compile, self.comm)


def _plain_steps(
    model: Any, recipe: Recipe, averaged: Callable[[int, Any], None] | None
) -> tuple[Any, Any, Any]:  # fmt: skip
    """Return the steps of training, evaluation and prediction as plain functions.

    Args:
        averaged: replaces the gradients by their mean over the rows of all ranks; None for this process alone.
    """

    def loss_of(x: Any, y: Any, w: Any, predictions: Any, masks: Any, own: Any) -> Any:
        if not model.has_own_loss:
            return recipe.total(y, predictions, w, own, masks)
        with model.in_step(own, masks):
            return model.compute_loss(x=x, y=y, y_pred=predictions, sample_weight=w)

    def train(x: Any, y: Any, w: Any) -> None:
        predictions, masks, own = model.predictions(x, training=True)
        loss = loss_of(x, y, w, predictions, masks, own)
        loss.backward()
        if averaged is not None:
            averaged(examples_of(x), masks)
        recipe.optimizer.step()
        recipe.optimizer.zero_grad()  # so that each step begins as the first did
        with no_grad():
            recipe.update(y, plain(predictions), w, loss.data, examples_of(x), masks)

    def test(x: Any, y: Any, w: Any) -> None:
        with no_grad():
            predictions, masks, own = model.predictions(x, training=False)
            loss = loss_of(x, y, w, predictions, masks, own)
            recipe.update(y, plain(predictions), w, plain(loss), examples_of(x), masks)

    def predict(x: Any) -> Any:
        with no_grad(), model.in_own_step():  # which keeps what layers add to the loss
            own = has_own(model, "predict_step")
            return plain(model.predict_step(pack_x_y_sample_weight(x)) if own else model(x, training=False))

    for step, method in ((train, "fit"), (test, "evaluate"), (predict, "predict")):
        step.__qualname__ = f"the step of {method}"  # in warnings and errors
    return train, test, predict


def _averaging(model: Any, comm: Any) -> Callable[[int, Any], None]:
    """Return a function that replaces the gradients by their mean over the rows of all ranks."""
    from tinygraph.distributed.gradients import average_gradients  # MPI is seldom there

    def averaged(rows: int, masks: Any) -> None:
        if any([mask is not None for mask in tree_leaves(masks)]):
            raise UnsupportedError(
                "fit: distribute= does not know how many places of the other ranks a mask leaves out"
            )
        average_gradients(model, comm, rows=rows)

    return averaged


def _with_idle_steps(train: Any, recipe: Recipe, averaged: Callable[[int, Any], None]) -> Any:
    """Return the step of a rank that may have no row of a batch: then it takes the step of the others."""

    def step(x: Any, y: Any, w: Any) -> None:
        if examples_of(x):
            train(x, y, w)
            return
        averaged(0, None)
        recipe.optimizer.step()
        recipe.optimizer.zero_grad()

    return step


def examples_of(x: Any) -> int:
    """Return the number of examples in a batch."""
    return int(tree_leaves(x)[0].shape[0])
