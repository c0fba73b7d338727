"""MLPClassifier and MLPRegressor: networks of dense layers, trained by `fit` of tinygraph's models."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MultiOutputMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import LabelEncoder
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call, check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from tinygraph import data, nn, optim
from tinygraph.sklearn.checking import check_parameters, class_weights, encoded, takes_back, weights_of
from tinygraph.sklearn.descent import minimised
from tinygraph.sklearn.outputs import (
    logits_of,
    loss_of_classes,
    output_layers,
    outputs_of,
    probabilities_of,
    targets_of,
)
from tinygraph.sklearn.watching import Watching
from tinygraph.training.losses import Loss, MeanSquaredError

__all__ = ["MLPClassifier", "MLPRegressor"]

DTYPES = (np.float64, np.float32)

# scikit-learn's names of activations that have another one in `tinygraph.nn`.
ACTIVATIONS = {"identity": "linear", "logistic": "sigmoid"}

# A training of fewer steps than this runs eagerly: it ends before its step would be compiled.
EAGER_STEPS = 400

_WHOLE = "a positive whole number"


def _is_whole(value: Any) -> bool:
    return not isinstance(value, bool) and value == int(value) and value >= 1


RULES = {
    "hidden_layer_sizes": (
        "positive whole numbers, one for each hidden layer",
        lambda value: all([_is_whole(size) for size in _listed(value)]),
    ),
    "alpha": ("0 or positive", lambda value: value >= 0),
    "batch_size": ('"auto" or a positive whole number', lambda value: value == "auto" or _is_whole(value)),
    "dropout": (
        "from 0 to below 1, one number, or one for each hidden layer",
        lambda value: all([0 <= rate < 1 for rate in _listed(value)]),
    ),
    "learning_rate_init": ("positive", lambda value: value > 0),
    "max_iter": (_WHOLE, _is_whole),
    "n_iter_no_change": (f"{_WHOLE}, or np.inf", lambda value: value == np.inf or _is_whole(value)),
    "tol": ("0 or positive", lambda value: value >= 0),
    "validation_fraction": ("between 0 and 1", lambda value: 0 < value < 1),
}


class _Network(BaseEstimator):  # type: ignore[misc]
    """The part that classifier and regressor share. A subclass says what targets, loss and last layers are."""

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
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.dropout = dropout
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change

    # --- the fitted network -----------------------------------------------------------------------------------------

    @property
    def coefs_(self) -> list[Any]:
        """The kernels of the layers, each of shape (inputs, outputs)."""
        return [layer.kernel.numpy() for layer in self._dense()]

    @property
    def intercepts_(self) -> list[Any]:
        """The biases of the layers."""
        return [layer.bias.numpy() for layer in self._dense()]

    @property
    def n_layers_(self) -> int:
        """The number of layers, that of the inputs among them."""
        return len(self._dense()) + 1

    def _dense(self) -> list[Any]:
        return [layer for layer in self.model_.layers if isinstance(layer, nn.Dense)]

    def _prepared(self, x: Any) -> Any:
        """Return data to compute with, after scikit-learn's checks."""
        check_is_fitted(self)
        return validate_data(self, x, dtype=DTYPES, reset=False)

    # --- what the two differ in -------------------------------------------------------------------------------------

    def _last_layers(self, outputs: int, options: dict[str, Any]) -> list[Any]:
        """Return the layers after the hidden ones."""
        raise NotImplementedError

    def _loss(self) -> tuple[Loss, float]:
        """Return the loss, and its weight."""
        raise NotImplementedError

    def _score_of(self, x: Any, y: Any, weights: Any) -> float:
        """Return the score of the network on data in the form of the loss."""
        raise NotImplementedError

    # --- training ---------------------------------------------------------------------------------------------------

    def _fit(self, x: Any, y: Any, weights: Any, outputs: int, stratify: Any = None) -> None:
        """Train a new network, or the one of an earlier fit if `warm_start` says so.

        Args:
            x: shape (rows, columns).
            y: the targets in the form of the loss.
            weights: of the rows, or None.
            outputs: the number of classes, or of targets.
            stratify: the classes that the rows kept apart have in the same shares.
        """
        check_parameters(self, RULES)
        stratify = stratify if weights is None or stratify is None else stratify[weights > 0]
        x, y, weights = _with_weight(x, y, weights)
        if not (self.warm_start and hasattr(self, "model_")):
            self._begin(x, weights, outputs)
        if self._is_lbfgs():
            self._descend(x, y, weights)
            return
        score = None
        if self.early_stopping:
            everything = np.ones(len(x), x.dtype) if weights is None else weights
            x, kept_x, y, kept_y, own, kept_weights = train_test_split(
                x, y, everything, test_size=self.validation_fraction, random_state=self._split_seed, stratify=stratify
            )
            weights = None if weights is None else own
            score = functools.partial(self._score_of, kept_x, kept_y, kept_weights)
        watching = Watching(self.n_iter_no_change, self.tol, score)
        self._train(x, y, weights, int(self.max_iter), watching)
        self.validation_scores_, self.best_validation_score_ = watching.scores or None, watching.best_score
        if watching.best_weights is not None:
            self.model_.set_weights(watching.best_weights)
        if not watching.ended and len(watching.losses) >= self.max_iter:
            warnings.warn(
                f"{type(self).__name__}: after max_iter={self.max_iter} epochs the training has not converged",
                ConvergenceWarning,
                stacklevel=3,
            )

    def _fit_part(self, x: Any, y: Any, weights: Any, outputs: int) -> None:
        """Train for one epoch."""
        check_parameters(self, RULES)
        x, y, weights = _with_weight(x, y, weights)
        if not hasattr(self, "model_"):
            self._begin(x, weights, outputs)
        self._train(x, y, weights, 1, Watching(np.inf, 0))

    def _begin(self, x: Any, weights: Any, outputs: int) -> None:
        """Make the network, its optimiser and the generator of the orders of rows."""
        sizes = [int(size) for size in _listed(self.hidden_layer_sizes)]
        rates = [float(rate) for rate in _listed(self.dropout)]
        rates = rates * len(sizes) if len(rates) == 1 else rates
        if len(rates) != len(sizes):
            raise ValueError(
                f"{type(self).__name__}: dropout has {len(rates)} numbers, and there are {len(sizes)} hidden layers"
            )
        if any(rates) and self._is_lbfgs():
            raise ValueError(
                f'{type(self).__name__}: solver="lbfgs" has no random steps. Write dropout=0 or solver="adam"'
            )
        seeds = iter(check_random_state(self.random_state).randint(2**31 - 1, size=2 * len(sizes) + 3).tolist())
        # scikit-learn's penalty: it is divided by the weight of the rows of a batch.
        total = len(x) if weights is None else float(weights.sum())
        strength = float(self.alpha) / (2 * self._rows_of_batch(len(x)) * total / len(x))
        options = {"dtype": x.dtype.name, "kernel_regularizer": nn.regularizers.L2(strength) if strength else None}
        activation = self.activation
        activation = ACTIVATIONS.get(activation, activation) if isinstance(activation, str) else activation
        layers: list[Any] = [nn.Input((x.shape[1],), dtype=x.dtype)]
        for size, rate in zip(sizes, rates, strict=True):
            layers.append(nn.Dense(size, activation, seed=next(seeds), **options))
            layers += [nn.Dropout(rate, seed=next(seeds))] if rate else []
        layers += self._last_layers(outputs, {"seed": next(seeds), **options})
        self._trained_by = None if self._is_lbfgs() else self._optimizer()
        self.model_ = nn.Sequential(layers)
        self._orders, self._split_seed = np.random.default_rng(next(seeds)), next(seeds)
        self._steps, self._is_eager = 0, True
        self.loss_curve_: list[float] = []
        self.n_iter_ = self.t_ = 0
        self.loss_ = self.best_loss_ = np.inf
        self.n_outputs_ = self._dense()[-1].units
        last = self.model_.layers[-1]
        self.out_activation_ = {nn.Dense: "identity", nn.Softmax: "softmax"}.get(type(last), "logistic")

    def _is_lbfgs(self) -> bool:
        return isinstance(self.solver, str) and self.solver == "lbfgs"

    def _optimizer(self) -> optim.Optimizer:
        """Return a new optimiser without parameters."""
        if isinstance(self.solver, str) and self.solver == "adam":
            return optim.Adam(None, self.learning_rate_init, self.beta_1, self.beta_2, self.epsilon)
        if isinstance(self.solver, str) and self.solver == "sgd":
            nesterov = bool(self.nesterovs_momentum and self.momentum)
            return optim.SGD(None, self.learning_rate_init, self.momentum, nesterov)
        described = optim.serialize(optim.get(self.solver))
        if isinstance(self.solver, str):
            described["config"]["learning_rate"] = self.learning_rate_init
        return optim.get(described)

    def _rows_of_batch(self, rows: int) -> int:
        if self._is_lbfgs():
            return rows
        return min(200 if self.batch_size == "auto" else int(self.batch_size), rows)

    def _train(self, x: Any, y: Any, weights: Any, epochs: int, watching: Watching) -> None:
        """Train the network for some epochs."""
        arrays = [x, y] if weights is None else [x, y, weights]
        order = self._orders if self.shuffle else None
        batches = data.batches(*arrays, size=self._rows_of_batch(len(x)), shuffle=order)
        is_eager = self._steps + epochs * len(batches) < EAGER_STEPS
        model = self.model_
        if model.optimizer is None or is_eager != self._is_eager:
            loss, weight = self._loss()
            model.compile(self._trained_by, loss, loss_weights=[weight], run_eagerly=is_eager)
            self._is_eager = is_eager
        history = model.fit(batches, epochs=epochs, verbose=2 if self.verbose else 0, callbacks=[watching])
        if history.interrupted:
            warnings.warn(f"{type(self).__name__}: the training was interrupted", stacklevel=4)
        done = len(watching.losses)
        self._steps += done * len(batches)
        self.n_iter_ += done
        self.t_ += done * len(x)
        self.loss_curve_ = self.loss_curve_ + watching.losses
        self.loss_ = self.loss_curve_[-1] if self.loss_curve_ else self.loss_
        self.best_loss_ = min([self.best_loss_, *watching.losses])

    def _descend(self, x: Any, y: Any, weights: Any) -> None:
        """Find the least loss of all rows by L-BFGS."""
        loss, weight = self._loss()

        def objective() -> Any:
            predictions, _, own = self.model_.predictions(x, training=True)
            return sum(own, loss(y, predictions, weights) * weight)

        found = minimised(type(self).__name__, objective, self.model_.parameters(), int(self.max_iter), self.tol)
        self.n_iter_ += found.iterations
        self.loss_ = self.best_loss_ = found.objective


def _listed(value: Any) -> list[Any]:
    """Return a number, or several, as a list."""
    return list(value) if isinstance(value, Iterable) else [value]


def _with_weight(x: Any, y: Any, weights: Any) -> tuple[Any, Any, Any]:
    """Leave out the rows of weight 0, so that they are as good as absent."""
    if weights is None or weights.all():
        return x, y, weights
    used = weights > 0
    return x[used], y[used], weights[used]


def _trains_by_steps(estimator: Any) -> bool:
    """Return whether a network can be trained step by step: `partial_fit` is there then."""
    if estimator._is_lbfgs():
        raise AttributeError(
            f'{type(estimator).__name__}: solver="lbfgs" takes all rows at once, and has no partial_fit'
        )
    return True


class MLPClassifier(ClassifierMixin, _Network):  # type: ignore[misc]
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


class MLPRegressor(MultiOutputMixin, RegressorMixin, _Network):  # type: ignore[misc]
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
