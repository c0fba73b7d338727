"""The network of dense layers that MLPClassifier and MLPRegressor share, and its training."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from tinygraph import data, nn, optim
from tinygraph.sklearn.checking import check_parameters
from tinygraph.sklearn.descent import minimised
from tinygraph.sklearn.watching import Watching
from tinygraph.training.losses import Loss

__all__ = ["DTYPES", "Network"]

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


class Network(BaseEstimator):  # type: ignore[misc]
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
