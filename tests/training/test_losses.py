"""Losses: against NumPy's formulas, against Keras where it is installed, compiled, at any gap between logits."""

import importlib.util
import os

import numpy as np
import pytest

import tinygraph as tg
from tests.training import test_losses_of_pairs
from tinygraph.testing import check_grads
from tinygraph.training import losses

RNG = np.random.default_rng(0)
ANY = RNG.normal(size=(5, 4))
OTHER = RNG.normal(size=(5, 4))
SIGNS = np.where(RNG.random((5, 4)) < 0.5, -1.0, 1.0)
POSITIVE = RNG.uniform(0.5, 3, (5, 4))
RATES = RNG.uniform(0.5, 3, (5, 4))
INSIDE = RNG.uniform(0.05, 0.95, (5, 4))
SHARES = np.exp(OTHER) / np.exp(OTHER).sum(axis=-1, keepdims=True)
TRUE_SHARES = np.exp(ANY) / np.exp(ANY).sum(axis=-1, keepdims=True)
BITS = (RNG.random((5, 4)) < 0.5).astype(float)
LABELS = np.array([0, 3, 1, 1, 2])
ONE_HOT = np.eye(4)[LABELS]
WEIGHTS = np.array([0.5, 0.0, 2.0, 1.0, 3.0])


def log_softmax(x):
    return (
        x - x.max(axis=-1, keepdims=True) - np.log(np.sum(np.exp(x - x.max(axis=-1, keepdims=True)), -1, keepdims=True))
    )


def entropy(y, p):
    return np.mean(-(y * np.log(p) + (1 - y) * np.log(1 - p)), axis=-1)


def focal(y, p, alpha=None):
    truth = np.where(y == 1, p, 1 - p)
    weight = 1 if alpha is None else np.where(y == 1, alpha, 1 - alpha)
    return np.mean(weight * (1 - truth) ** 2 * -np.log(truth), axis=-1)


def focal_of(y, p, alpha, gamma=2):
    return np.sum(-alpha * (1 - p) ** gamma * y * np.log(p), axis=-1)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


# By the class of a loss: its arguments, targets, predictions, and its values as NumPy computes them.
CASES = {
    "BinaryCrossentropy": [
        ({}, BITS, INSIDE, entropy),
        ({"from_logits": True}, BITS, OTHER, lambda y, x: entropy(y, sigmoid(x))),
        ({"label_smoothing": 0.2}, BITS, INSIDE, lambda y, p: entropy(0.8 * y + 0.1, p)),
    ],
    "BinaryFocalCrossentropy": [
        ({}, BITS, INSIDE, focal),
        ({"apply_class_balancing": True, "alpha": 0.3}, BITS, INSIDE, lambda y, p: focal(y, p, 0.3)),
        ({"from_logits": True}, BITS, OTHER, lambda y, x: focal(y, sigmoid(x))),
    ],
    "CategoricalCrossentropy": [
        ({}, ONE_HOT, SHARES, lambda y, p: -np.log(p[y == 1])),
        ({}, ONE_HOT, INSIDE, lambda y, p: -np.log(p[y == 1] / np.sum(p, axis=-1))),
        ({"from_logits": True}, TRUE_SHARES, OTHER, lambda y, x: -np.sum(y * log_softmax(x), axis=-1)),
        ({"label_smoothing": 0.2}, ONE_HOT, SHARES, lambda y, p: -np.sum((0.8 * y + 0.05) * np.log(p), axis=-1)),
    ],
    "CategoricalFocalCrossentropy": [
        ({}, ONE_HOT, SHARES, lambda y, p: focal_of(y, p, 0.25)),
        ({"alpha": [0.1, 0.2, 0.3, 0.4], "gamma": 1.5}, ONE_HOT, INSIDE,
         lambda y, p: focal_of(y, p / np.sum(p, axis=-1, keepdims=True), np.array([0.1, 0.2, 0.3, 0.4]), 1.5)),
        ({"from_logits": True, "label_smoothing": 0.2}, ONE_HOT, OTHER,
         lambda y, x: focal_of(0.8 * y + 0.05, np.exp(log_softmax(x)), 0.25)),
    ],
    "CategoricalHinge": [
        ({}, ONE_HOT, OTHER, lambda y, p: np.maximum(np.max((1 - y) * p, axis=-1) - p[y == 1] + 1, 0)),
    ],
    "CosineSimilarity": [
        ({}, ANY, OTHER, lambda y, p: -np.sum(y * p, -1) / np.linalg.norm(y, axis=-1) / np.linalg.norm(p, axis=-1)),
    ],
    "Hinge": [
        ({}, SIGNS, OTHER, lambda y, p: np.mean(np.maximum(1 - y * p, 0), axis=-1)),
        ({}, BITS, OTHER, lambda y, p: np.mean(np.maximum(1 - (2 * y - 1) * p, 0), axis=-1)),
    ],
    "Huber": [
        ({}, ANY, OTHER, lambda y, p: np.mean(np.where(abs(y - p) < 1, (y - p) ** 2 / 2, abs(y - p) - 0.5), -1)),
        ({"delta": 0.5}, ANY, OTHER, lambda y, p: np.mean(
            np.where(abs(y - p) < 0.5, (y - p) ** 2 / 2, 0.5 * abs(y - p) - 0.125), axis=-1)),
        ({"delta": 9.0}, ANY, OTHER, lambda y, p: np.mean((y - p) ** 2 / 2, axis=-1)),
    ],
    "KLDivergence": [({}, TRUE_SHARES, SHARES, lambda y, p: np.sum(y * np.log(y / p), axis=-1))],
    "LogCosh": [({}, ANY, OTHER, lambda y, p: np.mean(np.log(np.cosh(p - y)), axis=-1))],
    "MeanAbsoluteError": [({}, ANY, OTHER, lambda y, p: np.mean(np.abs(y - p), axis=-1))],
    "MeanAbsolutePercentageError": [
        ({}, POSITIVE, OTHER, lambda y, p: 100 * np.mean(np.abs(y - p) / y, axis=-1)),
        ({}, ANY, OTHER, lambda y, p: 100 * np.mean(np.abs((y - p) / y), axis=-1)),
    ],
    "MeanSquaredError": [({}, ANY, OTHER, lambda y, p: np.mean((y - p) ** 2, axis=-1))],
    "MeanSquaredLogarithmicError": [
        ({}, POSITIVE, RATES, lambda y, p: np.mean((np.log1p(y) - np.log1p(p)) ** 2, axis=-1)),
    ],
    "Poisson": [({}, POSITIVE, RATES, lambda y, p: np.mean(p - y * np.log(p), axis=-1))],
    "SparseCategoricalCrossentropy": [
        ({}, LABELS, SHARES, lambda y, p: -np.log(p[np.arange(5), y])),
        ({"from_logits": True}, LABELS, OTHER, lambda y, x: -log_softmax(x)[np.arange(5), y]),
        (
            {"from_logits": True, "ignore_class": 1}, LABELS, OTHER,
            lambda y, x: np.where(y == 1, 0, -log_softmax(x)[np.arange(5), y]),
        ),
    ],
    "SquaredHinge": [({}, SIGNS, OTHER, lambda y, p: np.mean(np.maximum(1 - y * p, 0) ** 2, axis=-1))],
    "SumOfSquaredErrors": [({}, ANY, OTHER, lambda y, p: np.sum((y - p) ** 2, axis=-1))],
}  # fmt: skip
EACH = [pytest.param(name, *case, id=f"{name}{case[0] or ''}") for name in CASES for case in CASES[name]]
REDUCTIONS = ["sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None]
RUNS = pytest.mark.parametrize("run", [lambda f: f, tg.compile], ids=["eager", "compiled"])


@pytest.mark.parametrize(("name", "arguments", "y", "p", "expected"), EACH)
def test_values_are_those_of_the_formula(name, arguments, y, p, expected):
    loss = getattr(losses, name)(**arguments, reduction=None)
    np.testing.assert_allclose(loss(y, p), expected(y, p), rtol=1e-6)
    np.testing.assert_allclose(loss(y, tg.Tensor(p)).data, loss(y, p), rtol=1e-12)
    whole = getattr(losses, name)(**arguments, reduction="sum")
    assert whole(y, p) == pytest.approx(np.sum(expected(y, p)), rel=1e-6)
    assert loss(y[:0], p[:0]).shape == (0,)
    assert getattr(losses, name)(**arguments)(y[:0], p[:0]) == 0
    half = getattr(losses, name)(**arguments)(y, p.astype(np.float32))
    assert half.dtype == np.float32
    counted = 3 if "ignore_class" in arguments else 1 if name == "SumOfSquaredErrors" else 5
    np.testing.assert_allclose(half, np.sum(expected(y, p)) / counted, rtol=2e-6)


@RUNS
@pytest.mark.parametrize(("name", "arguments", "y", "p", "expected"), EACH)
def test_gradients(name, arguments, y, p, expected, run):
    loss = getattr(losses, name)(**arguments)
    check_grads(lambda p: loss(y, p), p, order=2)
    check_grads(lambda p: loss(y, p, WEIGHTS), p)
    value, gradient = tg.value_and_grad(lambda p: loss(y, p, WEIGHTS))(p)
    again = run(lambda y, p: tg.value_and_grad(lambda p: loss(y, p, WEIGHTS))(p))(y, p)
    np.testing.assert_allclose(again[0], value, rtol=1e-12)
    np.testing.assert_allclose(again[1], gradient, rtol=1e-12, atol=1e-15)


@pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="Keras is not installed")
@pytest.mark.parametrize("reduction", REDUCTIONS, ids=str)
@pytest.mark.parametrize(("name", "arguments", "y", "p", "expected"), EACH)
def test_values_and_gradients_are_those_of_keras(name, arguments, y, p, expected, reduction):
    if name == "SumOfSquaredErrors":
        pytest.skip("not one of Keras's")
    os.environ.setdefault("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras")
    if keras.backend.backend() != "jax":
        pytest.skip("gradients are taken with jax")
    import jax

    theirs = getattr(keras.losses, name)(**arguments, reduction=reduction)
    single = p.astype(np.float32)
    for of in (losses, tg.keras.losses):
        ours = getattr(of, name)(**arguments, reduction=reduction)
        for weights in (None, WEIGHTS):
            np.testing.assert_allclose(ours(y, p, weights), theirs(y, single, weights), rtol=2e-6, atol=2e-6)
            gradient = tg.grad(lambda p: np.sum(ours(y, p, weights)))(p)
            expected = jax.grad(lambda p: theirs(y, p, weights).sum())(single)
            np.testing.assert_allclose(gradient, expected, rtol=5e-6, atol=5e-6)


@pytest.mark.parametrize("shape", [(5,), (5, 1), (5, 4)])
def test_the_mean_by_weights_divides_by_the_weights_of_all_values(shape):
    """A weight of an example counts once for each of its values."""
    y, p = RNG.normal(size=(2, 5, 4, 3))
    weights = RNG.uniform(0, 2, shape)
    each = np.broadcast_to(weights.reshape(5, -1), (5, 4))
    found = losses.MeanSquaredError(reduction="mean_with_sample_weight")(y, p, weights)
    assert found == pytest.approx(np.average(np.mean((y - p) ** 2, axis=-1), weights=each), rel=1e-12)


TINY = 1e-7
EDGES = {
    "BinaryCrossentropy": ([0.0, 1.0], [0.0, 1.0], -np.log(1 - TINY)),
    "KLDivergence": ([0.0, 1.0], [1.0, 0.0], TINY * np.log(TINY) - np.log(TINY)),
    "MeanAbsolutePercentageError": ([0.0, -2.0], [1e-6, -1.0], 100 * (10 + 0.5) / 2),
    "MeanSquaredLogarithmicError": ([-3.0, 1.0], [1.0, -5.0], (np.log(2) - np.log1p(TINY)) ** 2),
    "Poisson": ([2.0, 0.0], [0.0, 0.0], -np.log(TINY)),
}


@RUNS
@pytest.mark.parametrize("name", EDGES)
def test_at_the_edge_numbers_are_those_of_1e_7(name, run):
    """A number below 1e-7 counts as 1e-7 where a logarithm or a quotient would be infinite."""
    y, p, expected = EDGES[name]
    found = run(lambda y, p: getattr(losses, name)()(y, p) + 0)(np.array([y]), np.array([p]))
    assert found == pytest.approx(expected, rel=1e-6)


def test_each_loss_is_tested():
    tested = {*CASES, *test_losses_of_pairs.CASES}
    assert tested == {name for name in losses.__all__ if name[0].isupper()} - {"Loss", "LossFunctionWrapper"}


# --- reductions and weights ------------------------------------------------------------------------------------------


def test_reductions():
    y, p = ANY, OTHER
    values = np.mean((y - p) ** 2, axis=-1)
    wanted = {
        "sum": np.sum(values * WEIGHTS),
        "mean": np.mean(values * WEIGHTS),
        "sum_over_batch_size": np.mean(values * WEIGHTS),
        "mean_with_sample_weight": np.sum(values * WEIGHTS) / np.sum(WEIGHTS),
        "none": values * WEIGHTS,
        None: values * WEIGHTS,
    }
    for reduction, expected in wanted.items():
        for weights in (WEIGHTS, WEIGHTS[:, None], list(WEIGHTS), tg.Tensor(WEIGHTS, requires_grad=False)):
            got = losses.MeanSquaredError(reduction=reduction)(y, p, weights)
            np.testing.assert_allclose(got.data if isinstance(got, tg.Tensor) else got, expected, rtol=1e-12)
    assert losses.MeanSquaredError(reduction="mean_with_sample_weight")(y, p, np.zeros(5)) == 0
    np.testing.assert_allclose(losses.MeanSquaredError()(y, p, 2.0), 2 * np.mean(values))
    with pytest.raises(
        ValueError, match=r"MeanSquaredError: reduction must be one of 'sum_over_batch_size'.*'average'"
    ):
        losses.MeanSquaredError(reduction="average")


def test_a_weight_for_each_example_counts_for_all_its_values():
    y, p = RNG.normal(size=(2, 3, 3, 4))
    values = np.mean((y - p) ** 2, axis=-1)  # (3, 3): as many steps as examples
    weights = np.array([1.0, 0.0, 2.0])
    got = losses.MeanSquaredError(reduction=None)(y, p, weights)
    np.testing.assert_allclose(got, values * weights[:, None])
    with pytest.raises(tg.ShapeError, match=r"mean_squared_error: sample_weight of shape \(4,\) .* \(3, 3\)"):
        losses.MeanSquaredError()(y, p, np.ones(4))


def test_the_mean_is_that_of_the_classes_that_are_not_ignored():
    loss = losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)
    labels = np.array([0, -1, 2, -1, 1])
    kept = labels >= 0
    expected = losses.SparseCategoricalCrossentropy(from_logits=True)(labels[kept], OTHER[kept])
    assert loss(labels, OTHER) == pytest.approx(expected)
    assert loss(labels[:, None], OTHER) == pytest.approx(expected)
    assert loss(np.full(5, -1), OTHER) == 0
    x = OTHER.copy()
    x[1] = np.nan
    gradient = tg.grad(lambda x: loss(labels, x))(x)
    assert np.all(gradient[~kept] == 0)
    assert np.isfinite(gradient).all()
    empty = np.where(kept[:, None], SHARES, 0)
    gradient = tg.grad(lambda p: losses.SparseCategoricalCrossentropy(ignore_class=-1)(labels, p))(empty)
    assert np.isfinite(gradient).all()


# --- labels of any form ----------------------------------------------------------------------------------------------


@RUNS
def test_labels_of_each_form(run):
    sparse, categorical = losses.SparseCategoricalCrossentropy(), losses.CategoricalCrossentropy()
    expected = sparse(LABELS, SHARES)
    for labels in (LABELS, LABELS[:, None], LABELS.astype(np.uint8), LABELS.astype(np.float32), ONE_HOT, ONE_HOT == 1):
        assert run(sparse)(labels, SHARES) == pytest.approx(expected)
    for labels in (ONE_HOT, ONE_HOT.astype(int), ONE_HOT == 1):
        assert run(categorical)(labels, SHARES) == pytest.approx(expected)
    binary = losses.BinaryCrossentropy()
    bits, p = BITS[:, 0], INSIDE[:, :1]
    expected = binary(bits[:, None], p)
    for labels in (bits, bits[:, None], bits.astype(int), bits == 1):
        for predictions in (p, p[:, 0]):
            assert run(binary)(labels, predictions) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("name", "y", "p", "error", "words"),
    [
        ("CategoricalCrossentropy", LABELS % 2, SHARES, tg.ShapeError, r"\(5,\).*\(5, 4\).*sparse_categorical_cross"),
        ("CategoricalCrossentropy", LABELS[:, None] % 2, SHARES, tg.ShapeError, r"sparse_categorical_crossentropy"),
        ("CategoricalCrossentropy", LABELS, SHARES, ValueError, "categorical_crossentropy: targets run from 0 to 3"),
        ("CategoricalCrossentropy", ONE_HOT[:, :3], SHARES, tg.ShapeError, r"\(5, 3\).*\(5, 4\)"),
        ("SparseCategoricalCrossentropy", LABELS + 1, SHARES, ValueError, "labels run from 1 to 4, but num_classes"),
        ("SparseCategoricalCrossentropy", LABELS - 1, SHARES, ValueError, "sparse_categorical_cross.*: labels .* -1"),
        ("SparseCategoricalCrossentropy", LABELS + 0.5, SHARES, ValueError, "sparse_categorical_cross.*whole numbers"),
        ("SparseCategoricalCrossentropy", ONE_HOT[:, :3], SHARES, tg.ShapeError, r"\(5, 4\).*\(5,\), got \(5, 3\)"),
        ("SparseCategoricalCrossentropy", np.array(["a", "b"]), SHARES[:2], TypeError, "must be numbers, got <U1.*np"),
        ("BinaryCrossentropy", 2 * BITS - 1, INSIDE, ValueError, "binary_crossentropy: targets run from -1.0 to 1"),
        ("BinaryCrossentropy", ONE_HOT, INSIDE[:, :1], tg.ShapeError, r"\(5, 4\).*\(5, 1\)"),
        ("MeanSquaredError", ANY[:, 0], OTHER, tg.ShapeError, r"mean_squared_error: .*\(5,\).*\(5, 4\)"),
    ],
)  # fmt: skip
def test_what_is_no_label(name, y, p, error, words):
    loss = getattr(losses, name)()
    with pytest.raises(error, match=words):
        loss(y, p)
    with pytest.raises(error, match=words):
        tg.compile(lambda y, p: loss(y, p))(y, p) if y.dtype.kind != "U" else loss(y, tg.Tensor(p))


def test_labels_out_of_range_in_a_compiled_step_that_has_run():
    weights = tg.Tensor(np.zeros((4, 4)))
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)

    @tg.compile
    def step(x, y):
        weights.grad = None
        value = loss(y, x @ weights)
        value.backward()
        weights.assign(weights.data - 0.1 * weights.grad)
        return value

    step(OTHER, LABELS)
    before = weights.data.copy()
    with pytest.raises(
        ValueError, match="sparse_categorical_crossentropy: labels run from 0 to 7, but num_classes is 4"
    ):
        step(OTHER, np.array([0, 1, 7, 2, 3]))
    np.testing.assert_array_equal(weights.data, before)


# --- the logits under probabilities ----------------------------------------------------------------------------------

GAPS = [17.0, 100.0, 1e4]
ON_PROBABILITIES = {
    "BinaryCrossentropy of a sigmoid": (losses.BinaryCrossentropy(), np.eye(2)[::-1], tg.sigmoid),
    "BinaryCrossentropy of a softmax": (losses.BinaryCrossentropy(), np.eye(2)[::-1], tg.softmax),
    "BinaryFocalCrossentropy of a sigmoid": (losses.BinaryFocalCrossentropy(), np.eye(2)[::-1], tg.sigmoid),
    "CategoricalCrossentropy of a softmax": (losses.CategoricalCrossentropy(), np.eye(2), tg.softmax),
    "CategoricalFocalCrossentropy": (losses.CategoricalFocalCrossentropy(1.0), np.eye(2)[::-1], tg.softmax),
    "CategoricalCrossentropy of a sigmoid": (losses.CategoricalCrossentropy(), np.eye(2), tg.sigmoid),
    "KLDivergence of a softmax": (losses.KLDivergence(), np.eye(2), tg.softmax),
    "SparseCategoricalCrossentropy": (losses.SparseCategoricalCrossentropy(), np.array([0, 1]), tg.softmax),
}  # fmt: skip


@RUNS
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("gap", GAPS)
@pytest.mark.parametrize("name", ON_PROBABILITIES)
def test_any_gap_between_logits_is_learnt_from(name, gap, dtype, run):
    loss, y, activation = ON_PROBABILITIES[name]
    x = np.array([[-gap / 2, gap / 2], [-gap / 2, gap / 2]], dtype=dtype)
    value, gradient = run(tg.value_and_grad(lambda x: loss(y, activation(x))))(x)
    assert np.isfinite(value) and np.isfinite(gradient).all()
    assert np.abs(gradient).max() > 0.1
    assert value > gap / 8


@pytest.mark.parametrize("name", ON_PROBABILITIES)
def test_away_from_there_it_is_the_loss_of_the_probabilities(name):
    loss, y, activation = ON_PROBABILITIES[name]
    x = RNG.normal(size=(2, 2))
    np.testing.assert_allclose(loss(y, activation(tg.Tensor(x))).item(), loss(y, activation(x)), rtol=1e-6)
    check_grads(lambda x: loss(y, activation(x)), x, order=2)


@pytest.mark.parametrize("gap", GAPS)
def test_the_losses_of_keras_are_clipped_and_finite(gap):
    x = np.array([[0, gap], [0, gap]])
    for name, y in (("Categorical", np.eye(2)), ("SparseCategorical", np.array([0, 1])), ("Binary", np.eye(2))):
        loss = getattr(tg.keras.losses, f"{name}Crossentropy")()
        value, gradient = tg.value_and_grad(lambda x: loss(y, tg.softmax(x)))(x)
        assert value <= -np.log(1e-7)
        assert np.isfinite(gradient).all()


def test_classes_along_another_axis():
    x = RNG.normal(size=(3, 4))
    y = np.eye(3)[:, [0, 2, 1, 1]]
    loss = losses.CategoricalCrossentropy(axis=0, reduction=None)
    across = losses.CategoricalCrossentropy(reduction=None)(y.T, tg.softmax(tg.Tensor(x.T))).data
    np.testing.assert_allclose(loss(y, tg.softmax(tg.Tensor(x), axis=0)).data, across, rtol=1e-12)
    np.testing.assert_allclose(loss(y, tg.softmax(x, axis=0)), across, rtol=1e-6)
    sparse = losses.SparseCategoricalCrossentropy(axis=0, reduction=None)
    np.testing.assert_allclose(sparse(y.argmax(axis=0), tg.softmax(tg.Tensor(x), axis=0)).data, across, rtol=1e-12)


# --- by name ---------------------------------------------------------------------------------------------------------


def test_every_name():
    for name in losses.__all__:
        if name not in ("Loss", "LossFunctionWrapper", "get", "loss_for"):
            found = losses.get(name)
            assert found is getattr(losses, name) or type(found) is getattr(losses, name)
    for short, name in (("mse", "mean_squared_error"), ("MAE", "mean_absolute_error"), ("bce", "binary_crossentropy")):
        assert losses.get(short) is getattr(losses, name)
        assert tg.keras.losses.get(short) is getattr(tg.keras.losses, name)
    assert losses.get(None) is None
    loss = losses.Huber(delta=2.0)
    assert losses.get(loss) is loss
    assert losses.get(np.hypot) is np.hypot
    assert type(losses.get(losses.Huber)) is losses.Huber
    made = losses.get({"class_name": "Huber", "config": loss.get_config()})
    assert (
        made.get_config() == loss.get_config() == {"name": "huber_loss", "reduction": "sum_over_batch_size", "delta": 2}
    )
    assert repr(made) == "Huber(reduction='sum_over_batch_size', delta=2.0)"
    assert type(tg.keras.losses.get("BinaryCrossentropy")) is tg.keras.losses.BinaryCrossentropy
    for bad in ("mean_square", 3, {"class_name": "Hubert"}):
        with pytest.raises(ValueError, match="a loss is a function, an object, or one of BCE,"):
            losses.get(bad)


@pytest.mark.parametrize("name", CASES)
def test_a_configuration_makes_the_same_loss(name):
    arguments, y, p, _ = CASES[name][-1]
    loss = getattr(losses, name)(**arguments, reduction="sum")
    again = getattr(losses, name).from_config(loss.get_config())
    assert again(y, p) == loss(y, p)


def test_a_loss_for_training():
    loss = losses.loss_for("mse")
    assert loss.name == "mse"
    assert loss(ANY, OTHER, WEIGHTS) == losses.MeanSquaredError()(ANY, OTHER, WEIGHTS)
    own = losses.loss_for(lambda y, p: np.sum(np.abs(y - p)))
    assert own(ANY, OTHER) == np.sum(np.abs(ANY - OTHER))
    assert losses.loss_for("ce", (8, 1), (8,)).name == "binary_crossentropy"
    assert losses.loss_for("crossentropy", (8, 4), (8,)).name == "sparse_categorical_crossentropy"
    assert losses.loss_for("ce", (8, 4), (8, 1)).name == "sparse_categorical_crossentropy"
    assert losses.loss_for("ce", (8, 4), (8, 4)).name == "categorical_crossentropy"
    assert losses.loss_for(None) is None
    assert losses.loss_for(losses.Huber).name == "huber_loss"


def test_a_loss_is_one_box_at_the_users_line():
    x = tg.Tensor(OTHER, name="x")
    loss = losses.CategoricalCrossentropy()(ONE_HOT, tg.softmax(x))
    nodes = tg.Graph.of(loss).nodes
    assert {node.scope for node in nodes if node.scope} == {("categorical_crossentropy",)}
    step = tg.compile(lambda x, y: losses.CategoricalCrossentropy()(y, tg.softmax(x * x0)))
    x0 = tg.Tensor(1.0)
    step(OTHER, ONE_HOT)
    assert "loss.py" not in step.source
    assert "test_losses.py" in step.source


def test_a_loss_of_ones_own():
    class Fourth(losses.Loss):
        def call(self, y_true, y_pred):
            return np.mean((y_true - y_pred) ** 4, axis=-1)

    assert Fourth(dtype="float32")(ANY, OTHER).dtype == np.float32
    np.testing.assert_allclose(Fourth()(ANY, OTHER, WEIGHTS), np.mean(np.mean((ANY - OTHER) ** 4, -1) * WEIGHTS))
    with pytest.raises(NotImplementedError, match="Loss has no call"):
        losses.Loss()(ANY, OTHER)


@pytest.mark.parametrize("run", [lambda f: f, tg.compile], ids=["eager", "compiled"])
def test_targets_in_a_row_do_not_broadcast_in_a_function_of_ones_own(run):
    y, p = np.array([1.0, 2.0, 4.0]), np.array([[1.5], [2.0], [2.0]])
    expected = np.mean((y - p[:, 0]) ** 2)
    loss = losses.LossFunctionWrapper(lambda y, p: np.mean((y - p) ** 2))
    assert float(run(lambda y, p: loss(y, p))(y, p)) == pytest.approx(expected)
    assert float(run(lambda y, p: loss(y, p))(y[:, None], p[:, 0])) == pytest.approx(expected)
    model = tg.nn.Sequential([tg.nn.Dense(1, seed=0)])
    model.compile("sgd", loss=lambda y, p: np.mean(np.square(y - p)))
    found = model.evaluate(p, y, verbose=0)
    assert found == pytest.approx(np.mean((model.predict(p, verbose=0)[:, 0] - y) ** 2), rel=1e-6)
