"""The methods of a model that take one batch: the steps of an own loop, and those that a class may have of its own."""

from __future__ import annotations

from typing import Any

from tinygraph.data.arrays import arrays_of
from tinygraph.engine.modes import no_grad
from tinygraph.nests import plain, tree_leaves
from tinygraph.training.as_compiled import AsCompiled
from tinygraph.training.feeding import FeedOptions, feed_of, shown
from tinygraph.training.loop import prepare
from tinygraph.training.own_steps import unpack_x_y_sample_weight
from tinygraph.training.steps import examples_of

__all__ = ["OnBatches", "results"]


class OnBatches(AsCompiled):
    """Training, evaluation and prediction on one batch."""

    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Take one step of training on a batch, and return the loss and the metrics on it, as `evaluate` does."""
        state = self._begun("train_on_batch", is_one_batch=True)
        batch = self._one_batch("train_on_batch", x, y, sample_weight, class_weight)
        with state.recipe.trainable_as_compiled(self):
            prepare(self, state.recipe, batch, training=True)
            state.steps.train_results.reset()
            state.recipe.optimizer.zero_grad()
            state.steps.train(*batch)
        return results(state.steps.train_results.logs(), return_dict)

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """Return the loss and the metrics on a batch, as `evaluate` does."""
        state = self._begun("test_on_batch", is_one_batch=True)
        batch = self._one_batch("test_on_batch", x, y, sample_weight, None)
        prepare(self, state.recipe, batch, training=False)
        state.steps.test_results.reset()
        state.steps.test(*batch)
        return results(state.steps.test_results.logs(), return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """Return the outputs on a batch, as arrays."""
        return self.predict(x, batch_size=max(1, _rows(x, "predict_on_batch")))  # type: ignore[attr-defined]

    def _one_batch(self, call: str, x: Any, y: Any, sample_weight: Any, class_weight: Any) -> tuple[Any, Any, Any]:
        options = FeedOptions(call, self._input_dtype(), max(1, _rows(x, call)), None, None, class_weight)
        return next(iter(feed_of(x, y, sample_weight, options).epoch()))

    # --- steps of the model's own -----------------------------------------------------------------------------------

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Return the loss of a batch as a Tensor with its graph, to go backward from, or to draw: `tg.draw(loss)`.

        The steps of `fit` use the `compute_loss` of a class that overrides it.

        Args:
            x: the inputs.
            y: the targets.
            y_pred: the predictions; by default the model computes them from `x`.
            sample_weight: the weight of each example.
            training: compute them as in training.
        """
        state = self._compiled("compute_loss")
        step = self.step_now()  # type: ignore[attr-defined]
        if step is not None:  # `super().compute_loss` in a class that has its own
            return state.recipe.total(y, y_pred, sample_weight, *step)
        masks = None if y_pred is None else self.masks_now(tree_leaves(y_pred))  # type: ignore[attr-defined]
        if masks is not None:  # in a step of the model's own
            state.recipe.bind(y, y_pred, getattr(self, "output_names", None))
            return state.recipe.total(y, y_pred, sample_weight, self.losses, masks)  # type: ignore[attr-defined]
        if x is not None:
            x, y, sample_weight = self._one_batch("compute_loss", x, y, sample_weight, None)
            prepare(self, state.recipe, (x, y, sample_weight), training=False)
        if y_pred is None:
            y_pred = self(shown(x, getattr(self, "input_names", None)), training=training)  # type: ignore[operator]
        return state.recipe.total(y, y_pred, sample_weight, self.losses)  # type: ignore[attr-defined]

    @property
    def has_own_loss(self) -> bool:
        """True if the class has a `compute_loss` of its own."""
        return type(self).compute_loss is not OnBatches.compute_loss

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Take a batch into the metrics, and return the results so far, by name. A `train_step` of your own calls it.

        The mean of the loss is no part of it: `train_step` takes the loss into the metric of the name "loss".
        """
        recipe = self._compiled("compute_metrics").recipe
        masks = self.masks_now(tree_leaves(y_pred)) or ()  # type: ignore[attr-defined]
        with no_grad():
            recipe.update_metrics(y, plain(y_pred), sample_weight, masks)
            return self.get_metrics_result()

    def get_metrics_result(self) -> dict[str, Any]:
        """Return the results of the metrics so far, by name."""
        return {metric.name: metric.result() for metric in self.metrics}

    def train_step(self, data: Any) -> dict[str, Any]:
        """Take a step of training on a batch, and return the results so far, by name: see `own_steps`.

        `fit` and `train_on_batch` call the `train_step` of a class that has its own.

        Args:
            data: (x, y, sample_weight), (x, y), or x.
        """
        x, y, weight = unpack_x_y_sample_weight(data)
        self.zero_grad()  # type: ignore[attr-defined]
        y_pred = self(x, training=True)  # type: ignore[operator]
        loss = self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=weight)
        loss.backward()
        self.optimizer.step()
        return self._with_loss(loss, x, y, y_pred, weight)

    def test_step(self, data: Any) -> dict[str, Any]:
        """Return the results so far on one more batch, by name; `evaluate` calls that of a class that has its own."""
        x, y, weight = unpack_x_y_sample_weight(data)
        with no_grad():
            y_pred = self(x, training=False)  # type: ignore[operator]
            loss = self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=weight, training=False)
        return self._with_loss(loss, x, y, y_pred, weight)

    def predict_step(self, data: Any) -> Any:
        """Return the outputs on a batch; `predict` calls that of a class that has its own."""
        return self(unpack_x_y_sample_weight(data)[0], training=False)  # type: ignore[operator]

    def _with_loss(self, loss: Any, x: Any, y: Any, y_pred: Any, weight: Any) -> dict[str, Any]:
        """Take the loss of a batch into its mean, and the batch into the metrics."""
        recipe = self._compiled("train_step").recipe
        with no_grad():
            recipe.loss_mean.update_state(plain(loss), sample_weight=examples_of(x))
        return self.compute_metrics(x, y, y_pred, weight)


def _rows(x: Any, call: str) -> int:
    """Return the number of rows of the first input; 0 without inputs."""
    leaves = tree_leaves(arrays_of(x, call))
    return len(leaves[0]) if leaves else 0


def results(logs: dict[str, Any], return_dict: bool) -> Any:
    """Return results by name, as a list, or as one number where there is one."""
    return logs if return_dict or not logs else list(logs.values()) if len(logs) > 1 else next(iter(logs.values()))
