"""The steps of a training, compiled: forward pass, backward pass, update and metrics are one program."""

from __future__ import annotations

from typing import Any

from tinygraph.engine.modes import no_grad
from tinygraph.nests import tree_leaves, tree_map
from tinygraph.training.recipe import Recipe

__all__ = ["Steps"]


class Steps:
    """A step of training, a step of evaluation and a prediction, each of one batch.

    Args:
        model: the model.
        recipe: its optimiser, losses and metrics.
        run_eagerly: compile nothing.
    """

    def __init__(self, model: Any, recipe: Recipe, run_eagerly: bool = False) -> None:
        self.model, self.recipe, self.run_eagerly = model, recipe, run_eagerly

        def train(x: Any, y: Any, w: Any) -> None:
            predictions, masks, own = model.predictions(x, training=True)
            loss = recipe.total(y, predictions, w, own, masks)
            loss.backward()
            recipe.optimizer.step()
            recipe.optimizer.zero_grad()  # so that each step begins as the first did
            with no_grad():
                recipe.update(y, plain(predictions), w, loss.data, examples_of(x), masks)

        def test(x: Any, y: Any, w: Any) -> None:
            with no_grad():
                predictions, masks, own = model.predictions(x, training=False)
                loss = recipe.total(y, predictions, w, own, masks)
                recipe.update(y, plain(predictions), w, plain(loss), examples_of(x), masks)

        def predict(x: Any) -> Any:
            with no_grad():
                return plain(model(x, training=False))

        self.train, self.test, self.predict = train, test, predict
        if not run_eagerly:
            from tinygraph.compiler.compiled import compile as compiled  # a third of the time that `import nn` takes

            self.train, self.test, self.predict = [compiled(step, otherwise="eager") for step in (train, test, predict)]

    def __reduce__(self) -> Any:
        """A copy, also one in another process, compiles steps of its own."""
        return Steps, (self.model, self.recipe, self.run_eagerly)


def plain(structure: Any) -> Any:
    """Return a nest with the values of its Tensors."""
    return tree_map(lambda item: item.data if hasattr(item, "requires_grad") else item, structure)


def examples_of(x: Any) -> int:
    """Return the number of examples in a batch."""
    return int(tree_leaves(x)[0].shape[0])
