"""MLPClassifier and MLPRegressor: networks of dense layers, trained by `fit` of tinygraph's models."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, MultiOutputMixin, RegressorMixin
from sklearn.metrics import accuracy_score, r2_score
from sklearn.preprocessing import LabelEncoder
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call, check_classification_targets
from sklearn.utils.validation import column_or_1d, validate_data

from tinygraph import nn
from tinygraph.sklearn.checking import class_weights, encoded, takes_back, weights_of
from tinygraph.sklearn.network import DTYPES, Network
from tinygraph.sklearn.outputs import (
    logits_of,
    loss_of_classes,
    output_layers,
    outputs_of,
    probabilities_of,
    targets_of,
)
from tinygraph.training.losses import Loss, MeanSquaredError

__all__ = ["MLPClassifier", "MLPRegressor"]


def _trains_by_steps(estimator: Any) -> bool:
    """Return whether a network can be trained step by step: `partial_fit` is there then."""
    if estimator._is_lbfgs():
        raise AttributeError(
            f'{type(estimator).__name__}: solver="lbfgs" takes all rows at once, and has no partial_fit'
        )
    return True


class MLPClassifier(ClassifierMixin, Network):  # type: ignore[misc]
    """A network of dense layers that tells classes apart.

    Args:
        hidden_layer_sizes: the units of each hidden layer.
        activation: of the hidden layers: "identity", "logistic", "tanh", "relu", another name of `tg.nn`, or a
            function.
        solver: "adam", "sgd", another optimiser's name, an optimiser of `tg.optim`, or "lbfgs" for small data.
        alpha: the strength of the penalty of the squared weights.
        dropout: the share of the units of each hidden layer that a step sets to zero, one number or one a layer.
        batch_size: rows in a batch; "auto" for 200.
        learning_rate_init: the learning rate, where `solver` is a name.
        max_iter: the largest number of epochs, or of iterations of "lbfgs".
        shuffle: draw a new order of the rows for each epoch.
        random_state: of the first weights, the orders and the dropout; see scikit-learn.
        tol, n_iter_no_change: the training ends after more than `n_iter_no_change` epochs, one after the other, that
            did not improve by `tol` on the best before them. For "lbfgs", `tol` bounds the gradient.
        verbose: print a line for each epoch.
        warm_start: go on with the network of the last fit.
        momentum, nesterovs_momentum: of "sgd".
        early_stopping: keep a share of the rows apart, watch the score on them in place of the loss, and take the
            network of the best epoch.
        validation_fraction: that share.
        beta_1, beta_2, epsilon: of "adam".
        class_weight: the weights of the classes, a dict; "balanced" for those by which all count the same.

    Attributes:
        model_: the network, a `tg.nn.Sequential` whose outputs are probabilities.
        classes_: the labels of the classes, sorted.
        coefs_, intercepts_: the kernels and biases of its layers.
        loss_, best_loss_, loss_curve_: the loss of the last epoch, the least one, and that of each epoch.
        validation_scores_, best_validation_score_: the scores on the rows kept apart; None without them.
        n_iter_, t_: the number of epochs, and of rows that were trained on.
        n_outputs_, n_layers_, out_activation_: of the network.
        n_features_in_, feature_names_in_: see scikit-learn.
    """

    classes_: Any

    def __init__(
        self,
        hidden_layer_sizes: int | Iterable[int] = (100,),
        activation: Any = "relu",
        *,
        solver: Any = "adam",
        alpha: float = 0.0001,
        dropout: float | Iterable[float] = 0.0,
        batch_size: int | str = "auto",
        learning_rate_init: float = 0.001,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        class_weight: Any = None,
    ) -> None:
        super().__init__(
            hidden_layer_sizes=hidden_layer_sizes,
            activation=activation,
            solver=solver,
            alpha=alpha,
            dropout=dropout,
            batch_size=batch_size,
            learning_rate_init=learning_rate_init,
            max_iter=max_iter,
            shuffle=shuffle,
            random_state=random_state,
            tol=tol,
            verbose=verbose,
            warm_start=warm_start,
            momentum=momentum,
            nesterovs_momentum=nesterovs_momentum,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            n_iter_no_change=n_iter_no_change,
        )
        self.class_weight = class_weight

    @takes_back
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPClassifier:  # noqa: N803
        """Train the network.

        Args:
            X: shape (rows, columns).
            y: labels of any kind, shape (rows,).
            sample_weight: the weights of the rows.

        Raises:
            ValueError: see scikit-learn's `validate_data`; or a parameter is out of its range, there is one class
                alone, a weight is negative, or all are 0.
            FloatingPointError: the loss became NaN or infinite.
        """
        x, y = validate_data(self, X, y, dtype=DTYPES)
        encoder, labels = encoded(self, y)
        again = self.warm_start and hasattr(self, "model_")
        if again and not np.array_equal(encoder.classes_, self.classes_):
            raise ValueError(
                f"{type(self).__name__}: with warm_start=True the classes must stay {self.classes_.tolist()}, got "
                f"{encoder.classes_.tolist()}"
            )
        self.classes_ = encoder.classes_
        weights = class_weights(self.class_weight, self.classes_, labels, weights_of(sample_weight, x))
        count = len(self.classes_)
        self._fit(x, targets_of(labels, count, x.dtype), weights, count, labels)
        return self

    @available_if(_trains_by_steps)  # type: ignore[untyped-decorator]
    @takes_back
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> MLPClassifier:  # noqa: N803
        """Train the network for one epoch on these rows.

        Args:
            X, y, sample_weight: see `fit`.
            classes: all labels that there will be; needed at the first call.

        Raises:
            ValueError: see `fit`; or the classes are missing, or not those of the first call.
        """
        first = not hasattr(self, "model_")
        _check_partial_fit_first_call(self, classes)
        x, y = validate_data(self, X, y, dtype=DTYPES, reset=first)
        check_classification_targets(y)
        labels = LabelEncoder().fit(self.classes_).transform(column_or_1d(y, warn=True))
        weights = class_weights(self.class_weight, self.classes_, labels, weights_of(sample_weight, x))
        count = len(self.classes_)
        self._fit_part(x, targets_of(labels, count, x.dtype), weights, count)
        return self

    def decision_function(self, X: Any) -> Any:  # noqa: N803
        """Return the logits: shape (rows,) for two classes, else (rows, classes)."""
        x = self._prepared(X)
        return logits_of(self.model_, x)

    def predict_proba(self, X: Any) -> Any:  # noqa: N803
        """Return the probabilities of the classes, in the order of `classes_`, shape (rows, classes)."""
        x = self._prepared(X)
        return probabilities_of(self.model_, x)

    def predict_log_proba(self, X: Any) -> Any:  # noqa: N803
        """Return the logarithms of the probabilities."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def predict(self, X: Any) -> Any:  # noqa: N803
        """Return the most probable class of each row."""
        numbers = _most_probable(self.decision_function(X))
        return self.classes_[numbers]

    def _last_layers(self, outputs: int, options: dict[str, Any]) -> list[Any]:
        return output_layers(outputs, **options)

    def _loss(self) -> tuple[Loss, float]:
        return loss_of_classes(len(self.classes_)), 1.0

    def _score_of(self, x: Any, y: Any, weights: Any) -> float:
        labels = y.reshape(len(y)).astype(int)
        return float(accuracy_score(labels, _most_probable(logits_of(self.model_, x)), sample_weight=weights))


class MLPRegressor(MultiOutputMixin, RegressorMixin, Network):  # type: ignore[misc]
    """A network of dense layers that predicts numbers, by half the squared error.

    Args:
        hidden_layer_sizes: the units of each hidden layer.
        activation: of the hidden layers: "identity", "logistic", "tanh", "relu", another name of `tg.nn`, or a
            function.
        solver: "adam", "sgd", another optimiser's name, an optimiser of `tg.optim`, or "lbfgs" for small data.
        alpha: the strength of the penalty of the squared weights.
        dropout: the share of the units of each hidden layer that a step sets to zero, one number or one a layer.
        batch_size: rows in a batch; "auto" for 200.
        learning_rate_init: the learning rate, where `solver` is a name.
        max_iter: the largest number of epochs, or of iterations of "lbfgs".
        shuffle: draw a new order of the rows for each epoch.
        random_state: of the first weights, the orders and the dropout; see scikit-learn.
        tol, n_iter_no_change: the training ends after more than `n_iter_no_change` epochs, one after the other, that
            did not improve by `tol` on the best before them. For "lbfgs", `tol` bounds the gradient.
        verbose: print a line for each epoch.
        warm_start: go on with the network of the last fit.
        momentum, nesterovs_momentum: of "sgd".
        early_stopping: keep a share of the rows apart, watch the score on them in place of the loss, and take the
            network of the best epoch.
        validation_fraction: that share.
        beta_1, beta_2, epsilon: of "adam".

    Attributes:
        model_: the network, a `tg.nn.Sequential`.
        coefs_, intercepts_: the kernels and biases of its layers.
        loss_, best_loss_, loss_curve_: the loss of the last epoch, the least one, and that of each epoch.
        validation_scores_, best_validation_score_: the scores on the rows kept apart; None without them.
        n_iter_, t_: the number of epochs, and of rows that were trained on.
        n_outputs_, n_layers_, out_activation_: of the network.
        n_features_in_, feature_names_in_: see scikit-learn.
    """

    @takes_back
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPRegressor:  # noqa: N803
        """Train the network.

        Args:
            X: shape (rows, columns).
            y: shape (rows,) or (rows, targets).
            sample_weight: the weights of the rows.

        Raises:
            ValueError: see scikit-learn's `validate_data`; or a parameter is out of its range, a weight is negative,
                or all are 0.
            FloatingPointError: the loss became NaN or infinite.
        """
        x, targets = self._checked(X, y, reset=True)
        self._fit(x, targets, weights_of(sample_weight, x), targets.shape[1])
        return self

    @available_if(_trains_by_steps)  # type: ignore[untyped-decorator]
    @takes_back
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPRegressor:  # noqa: N803
        """Train the network for one epoch on these rows. See `fit`."""
        x, targets = self._checked(X, y, reset=not hasattr(self, "model_"))
        self._fit_part(x, targets, weights_of(sample_weight, x), targets.shape[1])
        return self

    def predict(self, X: Any) -> Any:  # noqa: N803
        """Return the predictions, in the shape of the targets."""
        x = self._prepared(X)  # first: it says that the estimator is not fitted
        found = outputs_of(self.model_, x)
        return found[:, 0] if self._has_one_target else found

    def _checked(self, x: Any, y: Any, reset: bool) -> tuple[Any, Any]:
        """Return data, and targets of shape (rows, targets)."""
        x, y = validate_data(self, x, y, dtype=DTYPES, multi_output=True, y_numeric=True, reset=reset)
        targets = np.asarray(y, x.dtype).reshape(len(x), -1)
        if hasattr(self, "model_") and (not reset or self.warm_start) and targets.shape[1] != self.n_outputs_:
            raise ValueError(
                f"{type(self).__name__}: the network has {self.n_outputs_} outputs, y has {targets.shape[1]} columns"
            )
        self._has_one_target = y.ndim == 1
        return x, targets

    def _last_layers(self, outputs: int, options: dict[str, Any]) -> list[Any]:
        return [nn.Dense(outputs, **options)]

    def _loss(self) -> tuple[Loss, float]:
        return MeanSquaredError(reduction="mean_with_sample_weight"), 0.5

    def _score_of(self, x: Any, y: Any, weights: Any) -> float:
        if len(y) < 2:
            raise ValueError(f"{type(self).__name__}: one row is kept for early_stopping. Increase validation_fraction")
        return float(r2_score(y, outputs_of(self.model_, x), sample_weight=weights))


def _most_probable(logits: Any) -> Any:
    """Return the number of the most probable class of each row."""
    return (logits > 0).astype(int) if logits.ndim == 1 else logits.argmax(axis=1)
