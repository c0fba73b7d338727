"""The networks beside scikit-learn's, and what they can do besides."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest

import tinygraph as tg

pytest.importorskip("sklearn", minversion="1.6")

from sklearn import neural_network
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tinygraph.sklearn import MLPClassifier, MLPRegressor, network, networks

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def iris():
    x, y = load_iris(return_X_y=True)
    return StandardScaler().fit_transform(x), y


def cancer():
    x, y = load_breast_cancer(return_X_y=True)
    return StandardScaler().fit_transform(x), y


def diabetes():
    x, y = load_diabetes(return_X_y=True)
    return StandardScaler().fit_transform(x), (y - y.mean()) / y.std()


def with_weights_of(ours, theirs):
    """Give our network the weights of a network of scikit-learn's that was begun."""
    values = [np.array(value) for pair in zip(theirs.coefs_, theirs.intercepts_, strict=True) for value in pair]
    ours.model_.set_weights(values)


# --- beside scikit-learn ----------------------------------------------------------------------------------------------

SAME = {"hidden_layer_sizes": (7, 5), "shuffle": False, "batch_size": 30, "random_state": 0, "alpha": 0.1}


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("activation", ["identity", "logistic", "relu", "tanh"])
@pytest.mark.parametrize("task", ["cancer", "diabetes", "iris"])
def test_the_same_steps_from_the_same_weights(task, activation, solver):
    x, y = {"cancer": cancer, "diabetes": diabetes, "iris": iris}[task]()
    x, y = x[:150], y[:150]
    kind = "MLPRegressor" if task == "diabetes" else "MLPClassifier"
    options = {**SAME, "activation": activation, "solver": solver}
    ours, theirs = getattr(networks, kind)(**options), getattr(neural_network, kind)(**options)
    classes = {} if task == "diabetes" else {"classes": np.unique(y)}
    theirs.partial_fit(x, y, **classes)
    begin = getattr(neural_network, kind)(**{**options, "learning_rate_init": 1e-300})
    begin.partial_fit(x, y, **classes)
    ours.set_params(learning_rate_init=1e-300).partial_fit(x, y, **classes)
    ours = ours.set_params(learning_rate_init=0.001)
    with_weights_of(ours, begin)
    ours._trained_by = ours._optimizer()
    ours.model_.compile(ours._trained_by, ours._loss()[0], loss_weights=[ours._loss()[1]], run_eagerly=True)
    ours.partial_fit(x, y, **classes)
    for _ in range(3):
        ours.partial_fit(x, y)
        theirs.partial_fit(x, y)
    for got, expected in zip(ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True):
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-6)
    assert ours.loss_ == pytest.approx(theirs.loss_, rel=1e-6)
    np.testing.assert_allclose(ours.predict(x), theirs.predict(x), atol=1e-5)
    assert (ours.n_layers_, ours.n_outputs_, ours.out_activation_) == (
        theirs.n_layers_,
        theirs.n_outputs_,
        theirs.out_activation_,
    )


def test_the_scores_are_of_the_height_of_scikit_learns():
    x, y = cancer()
    ours = cross_val_score(MLPClassifier(random_state=0), x, y, cv=3).mean()
    assert ours > 0.96
    x, y = diabetes()
    options = {"random_state": 0, "alpha": 1.0, "max_iter": 60}
    theirs = cross_val_score(neural_network.MLPRegressor(**options), x, y, cv=3).mean()
    assert cross_val_score(MLPRegressor(**options), x, y, cv=3).mean() > theirs - 0.05


def test_l_bfgs_finds_a_lower_loss_than_adam():
    x, y = iris()
    found = MLPClassifier((5,), solver="lbfgs", random_state=0, max_iter=300).fit(x, y)
    assert found.loss_ < MLPClassifier((5,), random_state=0, max_iter=100).fit(x, y).loss_
    assert found.score(x, y) > 0.97
    assert not hasattr(found, "partial_fit")


# --- what they can do besides -----------------------------------------------------------------------------------------


def test_dropout_stands_behind_each_hidden_layer_and_only_in_training():
    x, y = iris()
    model = MLPClassifier((16, 8), dropout=(0.5, 0.2), random_state=0, max_iter=150, learning_rate_init=0.01).fit(x, y)
    kinds = [type(layer).__name__ for layer in model.model_.layers]
    assert kinds == ["Dense", "Dropout", "Dense", "Dropout", "Dense", "Softmax"]
    assert np.array_equal(model.predict_proba(x), model.predict_proba(x))
    assert model.score(x, y) > 0.9
    with pytest.raises(ValueError, match="MLPClassifier: dropout has 2 numbers, and there are 1 hidden layers"):
        MLPClassifier((5,), dropout=(0.1, 0.2)).fit(x, y)
    with pytest.raises(ValueError, match='solver="lbfgs" has no random steps'):
        MLPClassifier((5,), dropout=0.1, solver="lbfgs").fit(x, y)


def test_class_weights_are_weights_of_rows():
    x, y = make_classification(300, weights=[0.9], flip_y=0.1, random_state=0)
    options = {"hidden_layer_sizes": (4,), "random_state": 0, "max_iter": 20}
    weighed = MLPClassifier(**options, class_weight={0: 1.0, 1: 5.0}).fit(x, y)
    by_row = MLPClassifier(**options).fit(x, y, sample_weight=np.where(y == 1, 5.0, 1.0))
    assert np.array_equal(weighed.predict_proba(x), by_row.predict_proba(x))
    balanced = MLPClassifier(**options, class_weight="balanced").fit(x, y)
    assert balanced.predict(x).mean() > MLPClassifier(**options).fit(x, y).predict(x).mean()
    with pytest.raises(ValueError, match="class"):
        MLPClassifier(**options, class_weight={"no such class": 1.0}).fit(x, y)


def test_labels_may_be_strings():
    x, y = iris()
    names = load_iris().target_names[y]
    model = MLPClassifier((8,), random_state=0, max_iter=30).fit(x, names)
    numbers = MLPClassifier((8,), random_state=0, max_iter=30).fit(x, y)
    assert np.array_equal(model.predict(x), load_iris().target_names[numbers.predict(x)])


def test_early_stopping_takes_the_best_epoch():
    x, y = cancer()
    model = MLPClassifier((16,), early_stopping=True, random_state=0, learning_rate_init=0.01).fit(x, y)
    assert model.n_iter_ < 100
    assert len(model.validation_scores_) == model.n_iter_ == len(model.loss_curve_)
    assert model.best_validation_score_ == max(model.validation_scores_)
    x, y = diabetes()
    model = MLPRegressor((16,), early_stopping=True, random_state=0, learning_rate_init=0.01).fit(x, y)
    assert model.best_validation_score_ == max(model.validation_scores_)


def test_a_training_that_no_longer_improves_ends_and_one_that_does_is_told():
    x, y = iris()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = MLPClassifier((8,), random_state=0, tol=0.01, n_iter_no_change=3, learning_rate_init=0.01).fit(x, y)
    assert model.n_iter_ < 200
    with pytest.warns(ConvergenceWarning, match="after max_iter=2 epochs the training has not converged"):
        MLPClassifier((8,), max_iter=2).fit(x, y)


def test_a_warm_start_goes_on():
    x, y = iris()
    options = {"hidden_layer_sizes": (6,), "random_state": 0}
    model = MLPClassifier(**options, warm_start=True, max_iter=5, tol=0).fit(x, y).fit(x, y)
    once = MLPClassifier(**options, max_iter=10, tol=0).fit(x, y)
    assert np.array_equal(model.predict_proba(x), once.predict_proba(x))
    assert model.n_iter_ == 10
    with pytest.raises(ValueError, match="with warm_start=True the classes must stay"):
        model.fit(x, y + 1)
    assert model.score(x, y) == once.score(x, y)


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_parts_are_the_epochs_of_a_fit(kind):
    x, y = iris()
    whole = kind((6,), random_state=0, max_iter=3).fit(x, y)
    parts = kind((6,), random_state=0)
    for _ in range(3):
        parts.partial_fit(x, y, **({"classes": [0, 1, 2]} if kind is MLPClassifier else {}))
    for one, other in zip(whole.coefs_, parts.coefs_, strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("fitted", ["compiled", "eager"])
def test_a_pickle_goes_on_as_the_original(fitted, monkeypatch):
    monkeypatch.setattr(network, "EAGER_STEPS", 0 if fitted == "compiled" else 10**9)
    x, y = iris()
    model = MLPClassifier((6,), dropout=0.1, random_state=0).partial_fit(x, y, classes=[0, 1, 2])
    copied = pickle.loads(pickle.dumps(model))
    assert np.array_equal(copied.predict_proba(x), model.predict_proba(x))
    model.partial_fit(x, y)
    copied.partial_fit(x, y)
    np.testing.assert_allclose(copied.predict_proba(x), model.predict_proba(x), rtol=1e-12)
    assert copied.n_iter_ == 2


def test_compiled_and_eager_trainings_are_the_same(monkeypatch):
    x, y = iris()
    found = []
    for steps in (0, 10**9):
        monkeypatch.setattr(network, "EAGER_STEPS", steps)
        weights = np.linspace(0, 2, len(y))
        model = MLPClassifier((6,), dropout=0.2, batch_size=40, random_state=0, max_iter=4).fit(x, y, weights)
        found.append(model.predict_proba(x))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-10)


def test_pipelines_clones_and_a_grid_in_two_processes():
    x, y = load_iris(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), MLPClassifier((8,), random_state=0, max_iter=20))
    grid = {
        "mlpclassifier__dropout": [0.0, 0.3],
        "mlpclassifier__solver": ["adam", tg.optim.RMSprop(learning_rate=0.01)],
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search = GridSearchCV(pipeline, grid, cv=2, n_jobs=2).fit(x, y)
    assert search.best_score_ > 0.85
    assert clone(search.best_estimator_).get_params()["mlpclassifier__max_iter"] == 20


@pytest.mark.parametrize("solver", ["adagrad", "adamw", "lion", "rmsprop", tg.optim.SGD(learning_rate=0.1)])
def test_any_optimiser_is_a_solver(solver):
    x, y = iris()
    model = MLPClassifier((8,), solver=solver, learning_rate_init=0.01, random_state=0, max_iter=20)
    assert model.fit(x, y).loss_curve_[-1] < model.loss_curve_[0]
    again = clone(model).fit(x, y)
    assert np.array_equal(again.predict_proba(x), model.predict_proba(x))


def test_float32_data_make_a_float32_network_that_can_be_drawn():
    x, y = iris()
    model = MLPClassifier((5,), activation="gelu", max_iter=2, random_state=0).fit(x.astype(np.float32), y)
    assert {weight.dtype for weight in model.model_.weights} == {np.dtype(np.float32)}
    assert model.predict_proba(x.astype(np.float32)).dtype == np.float32
    assert "dense" in str(tg.Graph.of(model.model_(x[:2].astype(np.float32))))
    np.testing.assert_allclose(model.model_.predict(x), model.predict_proba(x.astype(np.float32)), rtol=1e-5)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"alpha": -1}, "alpha must be 0 or positive, got -1"),
        ({"batch_size": 0}, 'batch_size must be "auto" or a positive whole number, got 0'),
        ({"dropout": 1.0}, "dropout must be from 0 to below 1"),
        ({"hidden_layer_sizes": (3, 0)}, "hidden_layer_sizes must be positive whole numbers"),
        ({"max_iter": 0}, "max_iter must be a positive whole number, got 0"),
        ({"solver": "no such"}, "no such"),
        ({"activation": "no such"}, "no such"),
    ],
)
def test_parameters_out_of_range_are_refused_and_nothing_changes(parameters, message):
    x, y = iris()
    model = MLPClassifier((4,), random_state=0, max_iter=2).fit(x, y)
    before = model.predict_proba(x)
    with pytest.raises(ValueError, match=message):
        model.set_params(**parameters).fit(x[:, :3], y)
    assert np.array_equal(model.predict_proba(x), before)


def test_a_loss_of_nan_is_an_error_and_the_earlier_network_stays():
    x, y = diabetes()
    model = MLPRegressor((8,), random_state=0, max_iter=2).fit(x, y)
    before = model.predict(x)
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match="the loss of epoch"):
        model.set_params(solver="sgd", learning_rate_init=1e200, max_iter=50).fit(x, y)
    assert np.array_equal(model.predict(x), before)
