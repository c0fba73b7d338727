"""The methods of a model that train it and use it: compile, fit, evaluate, predict."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from tinygraph import bounds
from tinygraph.nests import tree_map
from tinygraph.training.callbacks.backup_and_restore import BackupAndRestore
from tinygraph.training.callbacks.callback import CallbackList, listed
from tinygraph.training.callbacks.history import History
from tinygraph.training.checkpoint import Reached
from tinygraph.training.feeding import Feed, FeedOptions, feed_of, split_off
from tinygraph.training.loop import Training, evaluated, predicted, trained
from tinygraph.training.on_batches import OnBatches, results
from tinygraph.training.progress import progress
from tinygraph.training.recipe import Recipe
from tinygraph.training.resuming import resumed
from tinygraph.training.state import TrainingState
from tinygraph.training.steps import Steps

__all__ = ["Fitting"]


class Fitting(OnBatches):
    """The training of a model, and its use on data.

    `Sequential` and `Model` have these methods.

        model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        history = model.fit(x, y, epochs=5, validation_split=0.1)
        loss, accuracy = model.evaluate(x_test, y_test)
        probabilities = model.predict(x_new)
    """

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Choose how the model is trained.

        Layers that are frozen now stay frozen in `fit`, and the others are trained, until `compile` is called again.

        Args:
            optimizer: an optimiser without parameters, `tg.optim.Adam(1e-3)`, or its name, "adam".
            loss: a function of targets and predictions, an object of `tg.training.losses`, or its name; for several
                outputs also a list, or a dict by their names.
            loss_weights: for several outputs, the weights of their losses in the sum: a list, or a dict.
            metrics: a list of names, functions and objects of `tg.training.metrics`; for several outputs also a list
                or a dict of lists.
            weighted_metrics: the same, for metrics that count examples by `sample_weight` and `class_weight`.
            run_eagerly: compile no steps. The results are the same.
            jit_compile: True lets the compiled steps run as machine code, where numba is installed
                (`pip install tinygraph[fast]`); see `fast` of `tg.compile`. The first step takes seconds then.
            steps_per_execution, auto_scale_loss: of Keras; they change nothing here: each step is one program, and
                computes in float32 or float64.

        Raises:
            ValueError: no optimiser, loss or metric has such a name.
        """
        recipe = Recipe(self, optimizer, loss, loss_weights, metrics, weighted_metrics)
        is_fast = jit_compile is True and find_spec("numba") is not None
        self._state = TrainingState(self, recipe, run_eagerly, is_fast)

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Sequence[Any] | None = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Iterable[int] = 1,
        resume_from: Any = None,
        distribute: Any = None,
    ) -> History:
        """Train the model.

        Args:
            x: inputs, an array or frame of shape (examples, ...), or a list or dict of them for several inputs; or an
                iterable of batches (x, y) or (x, y, sample_weight): a generator, or `tg.data.batches`.
            y: targets, for arrays.
            batch_size: rows in a batch, 32 by default.
            epochs: the number of the last epoch, counted from 1; training begins after `initial_epoch`.
            verbose: 0 is silent, 1 shows a bar, 2 prints a line an epoch; "auto" is a bar in a terminal or notebook.
            callbacks: objects of `tg.training.callbacks`.
            validation_split: the share of the last rows that are not trained on, but evaluated after each epoch.
            validation_data: (x, y), (x, y, sample_weight) or batches, evaluated after each epoch.
            shuffle: draw a new order of the rows for each epoch. `tg.nn.set_seed` makes the orders repeatable.
            class_weight: the weight of the examples of each class, by its number.
            sample_weight: the weight of each example.
            initial_epoch: the number of epochs that were trained before.
            steps_per_epoch: batches in an epoch; None for all. Without `shuffle` an epoch goes on where the last ended.
            validation_steps, validation_batch_size: the same for the validation; by default all, and `batch_size`.
            validation_freq: validate after every so many epochs, or after the epochs with these numbers.
            resume_from: a file that `model.save(path, training=True)` wrote, to go on from, to the bit on one thread of
                BLAS: with its weights, state of the optimiser, generators, epoch, history, and the state of callbacks.
                The model, its recipe and the data are to be made as they were. Batches of a generator of yours begin
                where it stands.
            distribute: the ranks that compute each batch together, `tg.distributed.mpi()`. Each rank calls `fit` with
                the same data, `batch_size` is that of the whole batch, and the results are those of one process. Rank 0
                alone shows progress and writes files; Ctrl-C ends the training after the epoch.

        Returns:
            The history: results of each epoch, in `history.history`. Ctrl-C ends the training after the step that runs,
            and the history is returned.

        Raises:
            RuntimeError: the model was not compiled.
            ValueError, TypeError, ShapeError: data, targets or weights do not fit each other or the model.
            FileNotFoundError, ValueError: there is no file `resume_from`, or it is that of another model.
            FloatingPointError: the loss became NaN or infinite; the weights are those before that epoch.
        """
        state = self._begun("fit")
        for name, given_number in (("epochs", epochs), ("initial_epoch", initial_epoch)):
            bounds.whole("fit", name, given_number, least=0)
        given = x, y, sample_weight
        if validation_split and validation_data is None:
            given, validation_data = split_off("fit", validation_split, x, y, sample_weight)
        generator = state.generator if shuffle else None
        options = FeedOptions(
            "fit", self._input_dtype(), batch_size, generator, steps_per_epoch, class_weight, "steps_per_epoch"
        )
        feed = feed_of(*given, options)
        validation = None
        if validation_data is not None:
            size = batch_size if validation_batch_size is None else validation_batch_size
            validation = self._feed("fit", *_parts_of(validation_data), size, validation_steps)
        steps, used = state.steps, listed(callbacks)
        if distribute is not None:
            if resume_from is not None:
                raise ValueError("fit: resume_from= and distribute= do not go together. Load the weights before fit")
            feed, steps, used = self._on_ranks(distribute, feed, used)
            verbose = verbose if distribute.rank == 0 else 0
        history = next((item for item in used if isinstance(item, History)), History())
        params = {"epochs": epochs, "steps": feed.steps, "verbose": verbose}
        called = CallbackList(_in_order_of_calls(progress(verbose), used, history), self, params)
        validate = None if validation is None else self._evaluation(validation, called)
        training = Training(
            self, state.recipe, steps, feed, called, history, validate, validation_freq, comm=distribute,
        )  # fmt: skip
        initial_epoch = self._begin(training, resume_from, initial_epoch)
        try:
            with called:
                return trained(training, range(initial_epoch, epochs))
        finally:
            state.training = None

    def _evaluation(self, feed: Feed, called: CallbackList) -> Callable[[], dict[str, Any]]:
        """Return a function that evaluates the model on data, and calls the callbacks."""
        state = self._compiled("fit")
        return lambda: evaluated(self, state.recipe, state.steps, feed, called)

    def _begin(self, training: Training, resume_from: Any, epoch: int) -> int:
        """Let a training go on from a file, or from a backup that is there; return the number of its epochs so far.

        Args:
            training: the training, before its first step.
            resume_from: the file; None for none.
            epoch: the number of epochs without a file.
        """
        state = self._compiled("fit")
        backup = next((item for item in training.callbacks.callbacks if isinstance(item, BackupAndRestore)), None)
        if resume_from is None and backup is not None and backup.path.exists():
            resume_from = backup.path
        if resume_from is not None:
            epoch, training.begun = resumed(training, resume_from, state.generator)
        training.feed.go_on(0 if resume_from is None else epoch)
        state.reached = training.reached = Reached(epoch, training.callbacks.callbacks)
        state.training, state.history = training, training.history
        self.stop_training = False
        return epoch

    def _on_ranks(self, comm: Any, feed: Feed, callbacks: list[Any]) -> tuple[Feed, Steps, list[Any]]:
        """Return the batches, steps and callbacks of this rank, once all ranks have the values of rank 0."""
        from tinygraph.training import sharing  # it brings `tg.distributed`

        state = self._compiled("fit")
        sharing.check_ranks(comm)
        callbacks = sharing.callbacks_here(callbacks, comm)
        return sharing.begin(self, state.recipe, feed, state.generator, comm), state.steps_on(self, comm), callbacks

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Sequence[Any] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """Return the loss and the metrics on data. Nothing is dropped out, and nothing is trained.

        Args:
            x, y, batch_size, sample_weight: as for `fit`.
            verbose: as for `fit`.
            steps: batches to take; None for all.
            callbacks: objects of `tg.training.callbacks`.
            return_dict: return the results by name.

        Returns:
            The loss; with metrics a list of it and theirs, or a dict.
        """
        self._begun("evaluate")
        feed = self._feed("evaluate", x, y, sample_weight, batch_size, steps)
        params = {"steps": feed.steps, "verbose": verbose}
        called = CallbackList([progress(verbose, "evaluate"), *listed(callbacks)], self, params)
        with called:
            return results(self._evaluation(feed, called)(), return_dict)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Sequence[Any] | None = None,
    ) -> Any:
        """Return the outputs on data, as arrays. Nothing is dropped out.

        Args:
            x, batch_size: as for `fit`.
            verbose: as for `fit`.
            steps: batches to take; None for all.
            callbacks: objects of `tg.training.callbacks`.
        """
        state = self._used()
        size = 32 if batch_size is None else bounds.whole("predict", "batch_size", batch_size, least=1)
        silent = not callbacks and verbose in ("auto", 0)
        if silent and type(x) is np.ndarray and 0 < len(x) <= size and steps is None:
            return self._predicted_at_once(state, x)
        feed = self._feed("predict", x, None, None, batch_size, steps)
        if not state.has_weights:
            state.make_weights(self, feed.first()[0])
        params = {"steps": feed.steps, "verbose": verbose}
        called = CallbackList([progress(verbose, "predict"), *listed(callbacks)], self, params)
        with called:
            return predicted(self, state.steps, feed, called)

    def _predicted_at_once(self, state: TrainingState, x: Any) -> Any:
        """Return the outputs on one batch. A program that was made for such a batch runs without further questions."""
        step: Any = state.steps.predict
        if hasattr(step, "is_ready") and step.is_ready(x):
            return tree_map(np.array, step.again(x))
        dtype = self._input_dtype()
        batch = x.astype(dtype) if x.dtype.kind == "f" and x.dtype != dtype else x
        state.make_weights(self, batch)
        return tree_map(np.array, step(batch))

    def _feed(self, call: str, x: Any, y: Any, sample_weight: Any, batch_size: int | None, steps: int | None) -> Feed:
        return feed_of(x, y, sample_weight, FeedOptions(call, self._input_dtype(), batch_size, None, steps))


def _in_order_of_calls(bar: Any, given: list[Any], history: History) -> list[Any]:
    """Return callbacks in the order of their calls.

    The bar ends its line before others print. The history has what others add to the logs, and a backup has the state
    that all have after an epoch.
    """
    backups = [item for item in given if isinstance(item, BackupAndRestore)]
    others = [item for item in given if item is not history and not isinstance(item, BackupAndRestore)]
    return [bar, *others, history, *backups]


def _parts_of(data: Any) -> tuple[Any, Any, Any]:
    """Return validation data as inputs, targets and weights; an iterable of batches has neither targets nor weights."""
    if isinstance(data, tuple | list) and len(data) in (2, 3):
        x, y, *w = data
        return x, y, w[0] if w else None
    return data, None, None
