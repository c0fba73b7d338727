"""Metrics: exact over an epoch of batches, against NumPy and against Keras where it is installed, and compiled."""

import importlib.util
import itertools
import os

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.training import metrics

RNG = np.random.default_rng(0)
N = 40
ANY = RNG.normal(size=(N, 4))
OTHER = RNG.normal(size=(N, 4))
SIGNS = np.where(RNG.random((N, 4)) < 0.5, -1.0, 1.0)
POSITIVE = RNG.uniform(0.5, 3, (N, 4))
RATES = RNG.uniform(0.5, 3, (N, 4))
LOGITS = 3 * RNG.normal(size=(N, 4))
SHARES = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=-1, keepdims=True)
TRUE_SHARES = np.exp(ANY) / np.exp(ANY).sum(axis=-1, keepdims=True)
LABELS = RNG.integers(0, 4, N)
LABELS[::2] = SHARES.argmax(axis=-1)[::2]
ONE_HOT = np.eye(4)[LABELS]
INSIDE = RNG.uniform(0, 1, (N, 1))
BITS = (INSIDE + 0.6 * RNG.normal(size=(N, 1)) > 0.5).astype(float)
MANY = RNG.uniform(0, 1, (N, 3))
MANY_BITS = (MANY + 0.6 * RNG.normal(size=(N, 3)) > 0.5).astype(float)
WEIGHTS = RNG.uniform(0, 2, N)
CUTS = (0, 7, 8, 31, N)  # batches of different sizes


def mean(values):
    """The weighted mean of the values of examples, as an expected result."""
    return lambda y, p, w: np.sum(np.mean(values(y, p).reshape(len(p), -1), axis=1) * w) / np.sum(w)


def length(x):
    return np.linalg.norm(x, axis=-1, keepdims=True)


def rank(y, p):
    return np.sum(p > p[np.arange(len(p)), y][:, None], axis=1)


def share(above, below):
    return lambda y, p, w: np.sum(above(y, p > 0.5) * w[:, None]) / np.sum(below(y, p > 0.5) * w[:, None])


def rising(y, p, w):
    """The ROC area of answers without ties: the share of pairs in the right order."""
    y, p, w = y.ravel() == 1, p.ravel(), w
    ordered = (p[y][:, None] > p[~y][None]) * w[y][:, None] * w[~y][None]
    return np.sum(ordered) / np.sum(w[y]) / np.sum(w[~y])


def area(curve="ROC", height=None, thresholds=None):
    """The area under the curve through some thresholds, whose counts are taken one by one."""
    cuts = np.array([-1e-7, *(np.linspace(0, 1, 200)[1:-1] if thresholds is None else thresholds), 1 + 1e-7])

    def found(y, p, w):
        said = p.ravel() > cuts[:, None]
        right, wrong = (np.sum(said * of * w, axis=1) for of in (y.ravel(), 1 - y.ravel()))
        if curve == "PR" and height is None:
            return sum(map(between, itertools.pairwise(right), itertools.pairwise(right + wrong))) / right[0]
        recall, precision = right / right[0], right / np.where(right + wrong > 0, right + wrong, 1)
        x, heights = (wrong / wrong[0], recall) if curve == "ROC" else (recall, precision)
        each = height or (lambda a, b: (a + b) / 2)
        return np.sum((x[:-1] - x[1:]) * each(heights[:-1], heights[1:]))

    return found


def between(right, said):
    """The integral of precision over true positives, both counts on a straight line between two thresholds."""
    way = (np.arange(10_000) + 0.5) / 10_000
    rights, saids = (count[1] + way * (count[0] - count[1]) for count in (right, said))
    return np.mean(rights / np.where(saids > 0, saids, 1)) * (right[0] - right[1])


def by_place(result, weights=(1, 1, 1)):
    """The weighted mean of what the places of the last axis have alone."""
    return lambda y, p, w: np.average([result(y[:, i], p[:, i], w) for i in range(3)], weights=weights)


def among(k):
    """The answers yes of the k highest predictions."""
    return lambda p: np.argsort(np.argsort(-p, axis=-1), axis=-1) < k


def precision(said, place=slice(None)):
    return lambda y, p, w: np.sum((said(p) * y * w[:, None])[:, place]) / np.sum((said(p) * w[:, None])[:, place])


def recall(said, place=slice(None)):
    return lambda y, p, w: np.sum((said(p) * y * w[:, None])[:, place]) / np.sum((y * w[:, None])[:, place])


def scores(y, p, w, squared=1, at=None, together=False):
    said = (p == p.max(axis=-1, keepdims=True) if at is None else p > at).astype(float)
    right, missed, wrong = (np.sum(part * w[:, None], axis=0) for part in (said * y, (1 - said) * y, said * (1 - y)))
    if together:
        right, missed, wrong = right.sum(), missed.sum(), wrong.sum()
    return (1 + squared) * right / ((1 + squared) * right + squared * missed + wrong)


def entropy(y, p):
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p), axis=-1)


def overlap(*classes):
    """The mean over classes of the weight that two regions have in common, as a share of what they cover."""

    def found(y, p, w):
        regions = [(y == item, p == item) for item in classes]
        return np.mean([np.sum(w[a & b]) / np.sum(w[a | b]) for a, b in regions if (a | b).any()])

    return found


def best(share, bound, least, count=200):
    """The largest share over thresholds at which another one is at least a number: each of (right, all) answers."""

    def found(y, p, w):
        of = []
        for cut in np.linspace(0, 1, count):
            said = p.ravel() > cut
            counts = {"tp": said & (y.ravel() == 1), "fp": said & (y.ravel() == 0), "fn": ~said & (y.ravel() == 1)}
            counts["tn"] = ~said & (y.ravel() == 0)
            of.append({name: np.sum(w[counted]) for name, counted in counts.items()})
        shares = [[n[right] / (n[right] + n[wrong] + 1e-7) for n in of] for right, wrong in (share, bound)]
        return max([one for one, other in zip(*shares, strict=True) if other >= least], default=0)

    return found


def explained(average=np.mean, regressors=0):
    """The share of the variance that predictions explain."""

    def found(y, p, w):
        variance = np.sum(w[:, None] * (y - np.average(y, axis=0, weights=w)) ** 2, axis=0)
        score = average(1 - np.sum(w[:, None] * (y - p) ** 2, axis=0) / variance, variance)
        return 1 - (1 - score) * (len(y) - 1) / (len(y) - regressors - 1) if regressors else score

    return found


CLASSES = SHARES.argmax(axis=-1)
SOME = OTHER * 0.4 + ANY

# By the class of a metric: its arguments, targets, predictions, and the result for the weights of the examples.
CASES = {
    "AUC": [
        ({}, BITS, INSIDE, area()),
        ({"num_thresholds": 20001}, BITS, INSIDE, rising),
        ({"curve": "PR"}, BITS, INSIDE, area("PR")),
        ({"curve": "PR", "summation_method": "minoring"}, BITS, INSIDE, area("PR", np.minimum)),
        ({"summation_method": "majoring", "thresholds": [0.2, 0.5, 0.6]}, BITS, INSIDE,
         area("ROC", np.maximum, [0.2, 0.5, 0.6])),
        ({"multi_label": True, "label_weights": [1.0, 2.0, 0.5], "num_labels": 3}, MANY_BITS, MANY,
         by_place(area(), [1, 2, 0.5])),
        ({"multi_label": True, "curve": "PR"}, MANY_BITS, MANY, by_place(area("PR"))),
        ({"from_logits": True}, BITS, 3 * INSIDE - 1, lambda y, x, w: area()(y, 1 / (1 + np.exp(-x)), w)),
    ],
    "Accuracy": [({}, LABELS, rank(LABELS, SHARES), mean(lambda y, p: y == p))],
    "BinaryAccuracy": [
        ({}, BITS, INSIDE, mean(lambda y, p: y == (p > 0.5))),
        ({"threshold": 0.3}, MANY_BITS, MANY, mean(lambda y, p: y == (p > 0.3))),
    ],
    "BinaryCrossentropy": [
        ({}, BITS, INSIDE, mean(entropy)),
        ({"label_smoothing": 0.2}, BITS, INSIDE, mean(lambda y, p: entropy(0.8 * y + 0.1, p))),
    ],
    "BinaryIoU": [
        ({}, BITS, INSIDE, lambda y, p, w: overlap(0, 1)(y.ravel(), p.ravel() >= 0.5, w)),
        ({"target_class_ids": [1], "threshold": 0.3}, BITS, INSIDE,
         lambda y, p, w: overlap(1)(y.ravel(), p.ravel() >= 0.3, w)),
    ],
    "CategoricalAccuracy": [({}, ONE_HOT, SHARES, mean(lambda y, p: y.argmax(axis=-1) == p.argmax(axis=-1)))],
    "CategoricalCrossentropy": [({}, ONE_HOT, SHARES, mean(lambda y, p: -np.log(p[y == 1])))],
    "CategoricalHinge": [
        ({}, ONE_HOT, OTHER, mean(lambda y, p: np.maximum(np.max((1 - y) * p, axis=-1) - p[y == 1] + 1, 0))),
    ],
    "ConfusionMatrix": [
        ({"num_classes": 4}, LABELS, SHARES, lambda y, p, w: sum(
            np.outer(np.eye(4)[a], np.eye(4)[b]) * c for a, b, c in zip(y, p.argmax(axis=-1), w, strict=True)
        )),
    ],
    "CosineSimilarity": [
        ({}, ANY, OTHER, mean(lambda y, p: np.sum(y * p / length(y) / length(p), axis=-1))),
    ],
    "F1Score": [
        ({}, ONE_HOT, SHARES, scores),
        ({"average": "macro"}, ONE_HOT, SHARES, lambda *args: np.mean(scores(*args))),
        ({"average": "micro", "threshold": 0.3}, ONE_HOT, SHARES, lambda *args: scores(*args, at=0.3, together=True)),
        ({"average": "weighted"}, ONE_HOT, SHARES, lambda y, p, w: np.average(scores(y, p, w), weights=w @ y)),
    ],
    "FBetaScore": [({"beta": 2.0}, ONE_HOT, SHARES, lambda *args: scores(*args, squared=4))],
    "FalseNegatives": [({}, BITS, INSIDE, lambda y, p, w: np.sum(((y == 1) & (p <= 0.5)) * w[:, None]))],
    "FalsePositives": [({"thresholds": 0.3}, BITS, INSIDE, lambda y, p, w: np.sum((y < p - 0.3) * w[:, None]))],
    "Hinge": [({}, SIGNS, OTHER, mean(lambda y, p: np.maximum(1 - y * p, 0)))],
    "IoU": [
        ({"num_classes": 4, "target_class_ids": [1, 3]}, LABELS, CLASSES, overlap(1, 3)),
        ({"num_classes": 4, "target_class_ids": [0, 2], "sparse_y_pred": False}, LABELS, SHARES,
         lambda y, p, w: overlap(0, 2)(y, p.argmax(axis=-1), w)),
    ],
    "KLDivergence": [({}, TRUE_SHARES, SHARES, mean(lambda y, p: np.sum(y * np.log(y / p), axis=-1)))],
    "LogCoshError": [({}, ANY, OTHER, mean(lambda y, p: np.log(np.cosh(p - y))))],
    "MeanAbsoluteError": [({}, ANY, OTHER, mean(lambda y, p: np.abs(y - p)))],
    "MeanAbsolutePercentageError": [({}, POSITIVE, OTHER, mean(lambda y, p: 100 * np.abs(y - p) / y))],
    "MeanIoU": [
        ({"num_classes": 4}, LABELS, CLASSES, overlap(0, 1, 2, 3)),
        ({"num_classes": 6, "ignore_class": 3}, LABELS, CLASSES,
         lambda y, p, w: overlap(0, 1, 2, 3, 4)(y[y != 3], p[y != 3], w[y != 3])),
    ],
    "MeanSquaredError": [({}, ANY, OTHER, mean(lambda y, p: (y - p) ** 2))],
    "MeanSquaredLogarithmicError": [({}, POSITIVE, RATES, mean(lambda y, p: (np.log1p(y) - np.log1p(p)) ** 2))],
    "OneHotIoU": [
        ({"num_classes": 4, "target_class_ids": [0, 3]}, ONE_HOT, SHARES,
         lambda y, p, w: overlap(0, 3)(y.argmax(axis=-1), p.argmax(axis=-1), w)),
    ],
    "OneHotMeanIoU": [
        ({"num_classes": 4}, ONE_HOT, SHARES,
         lambda y, p, w: overlap(0, 1, 2, 3)(y.argmax(axis=-1), p.argmax(axis=-1), w)),
    ],
    "Poisson": [({}, POSITIVE, RATES, mean(lambda y, p: p - y * np.log(p)))],
    "Precision": [
        ({}, BITS, INSIDE, share(lambda y, said: y * said, lambda y, said: said)),
        ({"thresholds": [0.7, 0.2]}, BITS, INSIDE, lambda *args: [
            precision(lambda p: p > 0.7)(*args), precision(lambda p: p > 0.2)(*args)]),
        ({"top_k": 2}, ONE_HOT, SHARES, precision(among(2))),
        ({"class_id": 1, "thresholds": 0.3}, ONE_HOT, SHARES, precision(lambda p: p > 0.3, 1)),
    ],
    "PrecisionAtRecall": [({"recall": 0.7}, BITS, INSIDE, best(("tp", "fp"), ("tp", "fn"), 0.7))],
    "R2Score": [
        ({}, ANY, SOME, explained(lambda each, variance: np.mean(each))),
        ({"class_aggregation": None}, ANY, SOME, explained(lambda each, variance: each)),
        ({"class_aggregation": "variance_weighted_average", "num_regressors": 3}, ANY, SOME,
         explained(lambda each, variance: np.average(each, weights=variance), 3)),
    ],
    "RecallAtPrecision": [
        ({"precision": 0.8, "num_thresholds": 50}, BITS, INSIDE, best(("tp", "fn"), ("tp", "fp"), 0.8, 50)),
        ({"precision": 1.0}, BITS, 0.2 * INSIDE, best(("tp", "fn"), ("tp", "fp"), 1.0)),
    ],
    "Recall": [
        ({}, BITS, INSIDE, share(lambda y, said: y * said, lambda y, said: y)),
        ({"top_k": 2, "class_id": 2}, ONE_HOT, SHARES, recall(among(2), 2)),
    ],
    "RootMeanSquaredError": [({}, ANY, OTHER, lambda y, p, w: np.sqrt(mean(lambda y, p: (y - p) ** 2)(y, p, w)))],
    "SensitivityAtSpecificity": [({"specificity": 0.6}, BITS, INSIDE, best(("tp", "fn"), ("tn", "fp"), 0.6))],
    "SpecificityAtSensitivity": [
        ({"sensitivity": 0.6}, BITS, INSIDE, best(("tn", "fp"), ("tp", "fn"), 0.6)),
        ({"sensitivity": 0.5, "class_id": 1}, ONE_HOT, SHARES,
         lambda y, p, w: best(("tn", "fp"), ("tp", "fn"), 0.5)(y[:, 1], p[:, 1], w)),
    ],
    "SparseCategoricalAccuracy": [({}, LABELS, SHARES, mean(lambda y, p: y == p.argmax(axis=-1)))],
    "SparseCategoricalCrossentropy": [
        ({}, LABELS, SHARES, mean(lambda y, p: -np.log(p[np.arange(len(p)), y]))),
        ({"from_logits": True, "ignore_class": 2}, LABELS, LOGITS, lambda y, x, w: np.sum(
            (w * -tg.log_softmax(x)[np.arange(len(x)), y])[y != 2]) / np.sum(w[y != 2])),
    ],
    "SparseTopKCategoricalAccuracy": [({"k": 2}, LABELS, SHARES, mean(lambda y, p: rank(y, p) < 2))],
    "SquaredHinge": [({}, SIGNS, OTHER, mean(lambda y, p: np.maximum(1 - y * p, 0) ** 2))],
    "TopKCategoricalAccuracy": [({"k": 3}, ONE_HOT, SHARES, mean(lambda y, p: rank(y.argmax(axis=-1), p) < 3))],
    "TrueNegatives": [({}, BITS, INSIDE, lambda y, p, w: np.sum(((y == 0) & (p <= 0.5)) * w[:, None]))],
    "TruePositives": [
        ({"thresholds": [0.2, 0.8]}, BITS, INSIDE, lambda y, p, w: [np.sum(w @ (y * (p > at))) for at in (0.2, 0.8)]),
    ],
}  # fmt: skip
EACH = [pytest.param(name, *case, id=f"{name}{case[0] or ''}") for name in CASES for case in CASES[name]]


def batches(*arrays):
    for start, stop in itertools.pairwise(CUTS):
        yield tuple(None if array is None else array[start:stop] for array in arrays)


def over_an_epoch(metric, y, p, weights=None, update=None):
    for batch in batches(y, p, weights):
        (update or metric.update_state)(*batch)
    return metric.result()


@pytest.mark.parametrize(("name", "arguments", "y", "p", "expected"), EACH)
def test_results_are_those_of_all_examples_together(name, arguments, y, p, expected):
    metric = getattr(metrics, name)(**arguments)
    for weights in (None, WEIGHTS):
        metric.reset_state()
        found = over_an_epoch(metric, y, p, weights)
        assert found.dtype == np.float64
        whole = getattr(metrics, name)(**arguments)
        np.testing.assert_allclose(found, whole(y, p, weights), rtol=1e-12)
        wanted = expected(y, p, np.ones(N) if weights is None else weights)
        np.testing.assert_allclose(found, wanted, rtol=1e-3 if expected is rising else 3e-6, atol=1e-7)
    metric.update_state(y[:0], p[:0])
    np.testing.assert_array_equal(metric.result(), found)
    metric.reset_state()
    assert np.all(np.asarray(metric.result()) == 0)
    again = getattr(metrics, name).from_config(metric.get_config())
    np.testing.assert_allclose(over_an_epoch(again, y, p, WEIGHTS), found, rtol=1e-12)


@pytest.mark.parametrize(("name", "arguments", "y", "p", "expected"), EACH)
def test_a_compiled_update_does_the_same(name, arguments, y, p, expected):
    metric, compiled = (getattr(metrics, name)(**arguments) for _ in range(2))
    compiled.build(y.shape, p.shape)
    eager = over_an_epoch(metric, y, p, WEIGHTS)

    @tg.compile
    def step(y, p, weights):
        predictions = tg.Tensor(np.ones(1)) * p
        compiled.update_state(y, predictions, weights)
        return np.sum(predictions)

    np.testing.assert_allclose(over_an_epoch(compiled, y, p, WEIGHTS, step), eager, rtol=1e-12)
    compiled.reset_state()
    np.testing.assert_allclose(over_an_epoch(compiled, y, p, WEIGHTS, step), eager, rtol=1e-12)


@pytest.mark.filterwarnings("ignore")  # jax's, of whole numbers of 64 bits
@pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="Keras is not installed")
@pytest.mark.parametrize(("name", "arguments", "y", "p", "expected"), EACH)
def test_results_are_those_of_keras(name, arguments, y, p, expected):
    os.environ.setdefault("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras")
    if name == "ConfusionMatrix":
        pytest.skip("not one of Keras's")
    if "num_regressors" in arguments and keras.__version__.startswith("3.15."):
        pytest.skip("until version 3.16 Keras adjusts by the number of numbers, not by that of examples")
    # Without weights Keras's metric counts an ignored class as a loss of 0; its loss leaves the examples out.
    for weights in (WEIGHTS,) if "ignore_class" in arguments else (None, WEIGHTS):
        # Keras counts regions in whole numbers unless it is told otherwise, and cuts weights off.
        own = {"dtype": "float32"} if "IoU" in name else {}
        ours, theirs = getattr(tg.keras.metrics, name)(**arguments), getattr(keras.metrics, name)(**arguments, **own)
        single = p.astype(np.float32) if p.dtype == np.float64 else p
        mine, wanted = over_an_epoch(ours, y, p, weights), over_an_epoch(theirs, y, single, weights)
        np.testing.assert_allclose(mine, wanted, rtol=1e-5, atol=2e-6)
        assert ours.name == getattr(metrics, name)(**arguments).name


def test_each_metric_is_tested():
    own = {name for name in metrics.__all__ if name[0].isupper()}
    assert set(CASES) == own - {"MeanMetricWrapper", "Mean", "Metric", "Sum"}


def test_of_equal_predictions_the_first_ones_are_among_the_highest():
    y, p = np.array([[1.0, 0.0, 1.0, 1.0, 1.0]]), np.array([[0.2, 0.6, 0.4, 0.2, 0.2]])
    assert metrics.Precision(top_k=3)(y, p) == pytest.approx(2 / 3)
    assert metrics.Recall(top_k=3)(y, p) == pytest.approx(2 / 4)


def test_a_bound_that_is_reached_exactly_is_high_enough():
    y = np.array([0.0, 0, 0, 0, 0, 1, 1, 1, 1, 1])
    p = np.array([0.0, 0.1, 0.2, 0.3, 0.4, 0.01, 0.02, 0.25, 0.26, 0.26])
    weights = np.arange(1.0, 11)
    assert metrics.SensitivityAtSpecificity(0.4)(y, p, weights) == pytest.approx(27 / 40)  # 6 of 15 are rightly no
    assert metrics.SpecificityAtSensitivity(1.0)(y, p) == pytest.approx(1 / 5)
    assert metrics.RecallAtPrecision(1.0)(y, 1 - p) == pytest.approx(0.0)


def test_weights_of_values_that_are_whole_numbers_are_not_cut():
    y, p = np.array([[0, 1], [0, 0], [1, 1], [0, 0]]), np.array([[0, 0], [1, 1], [0, 1], [1, 1]])
    weights = np.array([1.0, 1.5, 2.0, 2.5])
    squares = metrics.MeanMetricWrapper(lambda y, p: (y - p) ** 2, "squares")
    expected = np.sum(np.mean((y - p) ** 2, axis=1) * weights) / np.sum(weights)
    assert squares(y, p, weights) == pytest.approx(expected, rel=1e-12)
    assert metrics.Sum()(np.array([1, 2]), np.array([0.5, 0.5])) == pytest.approx(1.5)
    assert metrics.Mean()(np.array([True, False]), np.array([0.5, 0.25])) == pytest.approx(2 / 3)


def test_the_root_of_the_mean_square_of_single_numbers():
    y, p = np.array([2.0, 4, 6, 8]), np.array([1.0, 3, 2, 3])
    assert metrics.RootMeanSquaredError()(y, p, np.array([0, 1, 0, 1])) == pytest.approx(np.sqrt(13))
    assert metrics.RootMeanSquaredError()(y, p) == pytest.approx(np.sqrt(43 / 4))


def test_the_adjusted_score_counts_examples():
    """The numbers of scikit-learn's r2_score, adjusted by hand."""
    y = np.array([[0.0, 0, 1], [0, 1, 0], [1, 0, 0]])
    p = np.array([[0.4, 0.5, 0.6], [0.1, 0.2, 0.3], [0.5, 0.8, 0.2]])
    np.testing.assert_allclose(metrics.R2Score(None)(y, p), [0.37, -1.295, 0.565])
    np.testing.assert_allclose(metrics.R2Score(None, 1)(y, p), [-0.26, -3.59, 0.13])
    np.testing.assert_allclose(metrics.R2Score(None, 2)(y, p), [0.37, -1.295, 0.565])


def test_the_gains_of_precision_and_recall():
    y, p = np.array([0.0, 0, 0, 1, 0, 1, 0, 1, 1, 1]), np.array([0.1, 0.2, 0.3, 0.3, 0.4, 0.4, 0.6, 0.6, 0.8, 0.9])
    for method, area in (("interpolation", 1 / 2), ("minoring", 2 / 9), ("majoring", 7 / 9)):
        # recall gains 1, 1/3, 0 and precision gains 0, 2/3, 1 at the three thresholds
        found = metrics.AUC(3, "PRGAIN", method)(y, p)
        assert found == pytest.approx(area, abs=1e-6)


def test_a_class_of_predictions_without_classes():
    for name in ("Precision", "Recall"):
        with pytest.raises(tg.ShapeError, match=r"class_id=2 is a place in the last axis"):
            getattr(metrics, name)(class_id=2)(np.array([0.0, 1, 1]), np.array([0.2, 0.6, 0.4]))


def test_counts_have_keras_names():
    metric = metrics.Precision()
    metric(np.array([1.0, 0.0]), np.array([0.9, 0.8]))
    assert (float(metric.true_positives.numpy()[0]), float(metric.false_positives.numpy()[0])) == (1.0, 1.0)
    area = metrics.AUC(3)
    area(np.array([1.0, 0.0]), np.array([0.9, 0.8]))
    assert area.true_positives.shape == (3,)


# --- sums and means --------------------------------------------------------------------------------------------------


def test_means_and_sums_of_values():
    metric, total = metrics.Mean(), metrics.Sum()
    for values in (3.0, [1.0, 2.0], np.array([[4.0, 6.0]])):
        metric.update_state(values)
        total.update_state(values)
    assert metric.result() == pytest.approx((3 + 1 + 2 + 5) / 4)
    assert total.result() == 16
    metric.reset_state()
    metric.update_state([1.0, 2.0, 3.0], sample_weight=[0, 1, 3])
    assert metric.result() == pytest.approx(11 / 4)
    assert metrics.Mean(dtype="float32")(2.0).dtype == np.float32


def test_sums_are_kept_in_float64():
    metric = metrics.Mean()
    for _ in range(20):
        metric.update_state(np.full(1_000_003, 0.1, np.float32))
    assert metric.result() == pytest.approx(float(np.float32(0.1)), rel=1e-12)
    assert all(variable.dtype == np.float64 and not variable.requires_grad for variable in metric.variables)


def test_a_mean_over_steps_and_examples():
    y, p = RNG.normal(size=(2, 6, 5, 3))
    weights = RNG.uniform(0, 1, (6, 5))
    metric = metrics.MeanSquaredError()
    metric.update_state(y, p, weights)
    assert metric.result() == pytest.approx(np.sum(np.mean((y - p) ** 2, axis=-1) * weights) / np.sum(weights))


def test_a_mean_of_float16_times_large_weights():
    metric = metrics.Mean()
    metric.update_state(np.full(8, 100, np.float16), sample_weight=np.full(8, 1000))
    assert metric.result() == 100


# --- the edges -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threshold", [0.25, 0.5, 0.75])
def test_a_prediction_at_the_threshold_says_no(threshold):
    y, p = np.array([0.0, 0.0, 1.0, 1.0]), np.array([threshold, threshold, threshold, 1.0])
    assert metrics.BinaryAccuracy(threshold=threshold)(y, p) == 3 / 4
    assert metrics.TruePositives(threshold)(y, p) == metrics.FalseNegatives(threshold)(y, p) == 1
    assert metrics.TrueNegatives(threshold)(y, p) == 2
    assert metrics.FalsePositives(threshold)(y, p) == 0


@pytest.mark.parametrize("k", [1, 2, 3])
def test_equal_predictions_are_all_among_the_first(k):
    """Fewer than k classes are higher than the true one: none is."""
    p = np.full((3, 3), 0.5)
    assert metrics.SparseTopKCategoricalAccuracy(k)(np.arange(3), p) == 1
    assert metrics.TopKCategoricalAccuracy(k)(np.eye(3), p) == 1


@pytest.mark.parametrize("order", [*itertools.permutations([0.2, 0.5, 0.9])], ids=str)
@pytest.mark.parametrize("name", ["FalseNegatives", "FalsePositives", "Precision", "Recall", "TruePositives"])
def test_thresholds_in_any_order_are_those_alone(name, order):
    kind = getattr(metrics, name)
    together = kind(thresholds=list(order))(BITS, INSIDE, WEIGHTS)
    np.testing.assert_allclose(together, [kind(thresholds=item)(BITS, INSIDE, WEIGHTS) for item in order], rtol=1e-12)


@pytest.mark.parametrize("name", ["Precision", "Recall"])
def test_weights_of_answers_belong_to_their_class(name):
    """The weights (n, classes) of a class are those of its column."""
    weights = RNG.uniform(0, 2, MANY.shape)
    for place in range(3):
        found = getattr(metrics, name)(class_id=place)(MANY_BITS, MANY, weights)
        alone = getattr(metrics, name)()(MANY_BITS[:, place], MANY[:, place], weights[:, place])
        assert found == pytest.approx(alone, rel=1e-12)


# --- labels of any form ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["CategoricalAccuracy", "SparseCategoricalAccuracy", "TopKCategoricalAccuracy", "F1Score"]
)
def test_labels_of_each_form(name):
    expected = getattr(metrics, name)()(ONE_HOT, SHARES)
    for labels in (LABELS, LABELS[:, None], LABELS.astype(np.float32), ONE_HOT.astype(int), ONE_HOT == 1):
        np.testing.assert_array_equal(getattr(metrics, name)()(labels, SHARES), expected)
    with pytest.raises(tg.ShapeError, match=r"\(7,\)|\(7,"):
        getattr(metrics, name)()(LABELS[:7], SHARES)


def test_answers_of_each_form():
    for name in ("AUC", "BinaryAccuracy", "Precision", "Recall"):
        expected = getattr(metrics, name)()(BITS, INSIDE)
        for labels in (BITS[:, 0], BITS[:, 0] == 1, BITS.astype(int)):
            for predictions in (INSIDE, INSIDE[:, 0], tg.Tensor(INSIDE)):
                assert getattr(metrics, name)()(labels, predictions) == expected
    rows = metrics.Precision(class_id=1)(ONE_HOT, SHARES)
    assert (
        metrics.Precision(class_id=1)(LABELS, SHARES) == metrics.Precision(class_id=1)(LABELS[:, None], SHARES) == rows
    )
    with pytest.raises(tg.ShapeError, match=r"binary_accuracy: .*\(40,\).*\(40, 4\).*sparse_categorical_accuracy"):
        metrics.BinaryAccuracy()(LABELS, SHARES)
    with pytest.raises(TypeError, match="targets must be numbers"):
        metrics.Accuracy()(np.array(["a"]), np.array([1]))


def test_a_confusion_matrix_of_labels():
    metric = metrics.ConfusionMatrix(3)
    np.testing.assert_array_equal(metric([0, 1, 2, 2], np.array([0, 1, 1, 2])), [[1, 0, 0], [0, 1, 0], [0, 1, 1]])
    with pytest.raises(ValueError, match="confusion_matrix: labels run from 0 to 3, but num_classes is 3"):
        metric([0, 3], np.array([0, 1]))
    np.testing.assert_array_equal(metric.result().sum(), 4)


# --- by name ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "output", "target", "expected"),
    [
        (None, (8, 1), (8,), "BinaryAccuracy"),
        ("binary_crossentropy", (8, 1), None, "BinaryAccuracy"),
        ("binary_crossentropy", None, None, "BinaryAccuracy"),
        (None, (8, 4), (8,), "SparseCategoricalAccuracy"),
        (None, (8, 4), (8, 1), "SparseCategoricalAccuracy"),
        (None, (8, 4), (8, 4), "CategoricalAccuracy"),
        ("binary_crossentropy", (8, 4), (8, 4), "CategoricalAccuracy"),
        ("sparse_categorical_crossentropy", (8, 4), None, "SparseCategoricalAccuracy"),
        (tg.training.losses.SparseCategoricalCrossentropy(), None, None, "SparseCategoricalAccuracy"),
        (tg.training.losses.categorical_crossentropy, None, None, "CategoricalAccuracy"),
        (None, None, None, "AnyAccuracy"),
    ],
)
def test_accuracy_is_that_of_the_loss_and_the_shapes(loss, output, target, expected):
    for name in ("accuracy", "acc"):
        metric = metrics.get(name, loss=loss, output_shape=output, target_shape=target)
        assert type(metric).__name__ == expected
        assert metric.name == name
    entropy = metrics.get("ce", loss=loss, output_shape=output, target_shape=target)
    assert type(entropy).__name__ in (expected.replace("Accuracy", "Crossentropy"), "CategoricalCrossentropy")


def test_an_accuracy_of_which_nothing_is_known_looks_at_the_batch():
    assert metrics.get("accuracy")(LABELS, SHARES) == metrics.SparseCategoricalAccuracy()(LABELS, SHARES)
    assert metrics.get("accuracy")(ONE_HOT, SHARES) == metrics.SparseCategoricalAccuracy()(LABELS, SHARES)
    assert metrics.get("accuracy")(BITS, INSIDE) == metrics.BinaryAccuracy()(BITS, INSIDE)


# They need to be told what to count: `metrics.get` takes objects of these.
WITH_ARGUMENTS = (
    "IoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU", "PrecisionAtRecall", "RecallAtPrecision",
    "SensitivityAtSpecificity", "SpecificityAtSensitivity",
)  # fmt: skip


def test_every_name():
    for name in CASES:
        if name not in ("Accuracy", "ConfusionMatrix", *WITH_ARGUMENTS):
            assert type(metrics.get(name)) is getattr(metrics, name)
    assert type(metrics.get("mse")) is metrics.MeanSquaredError
    assert metrics.get("mse").name == "mse"
    assert type(metrics.get("kl_divergence")) is metrics.KLDivergence
    assert type(metrics.get("f1_score")) is metrics.F1Score
    assert type(metrics.get("auc")) is metrics.AUC
    assert metrics.get("huber")(ANY, OTHER) == pytest.approx(tg.training.losses.Huber()(ANY, OTHER))
    metric = metrics.AUC(name="area")
    assert metrics.get(metric) is metric
    assert metrics.get(None) is None
    assert type(metrics.get(metrics.AUC)) is metrics.AUC
    made = metrics.get({"class_name": "TopKCategoricalAccuracy", "config": {"k": 2}})
    assert made.k == 2
    for bad in ("acuracy", 3, {"class_name": "AOC"}):
        with pytest.raises(ValueError, match="a metric is a function, an object, or one of accuracy,"):
            metrics.get(bad)


def test_a_function_of_ones_own():
    def worst(y_true, y_pred):
        return np.max(np.abs(y_true - y_pred))

    metric = metrics.get(worst)
    metric.update_state(ANY[:1], OTHER[:1])
    metric.update_state(ANY[1:4], OTHER[1:4])
    assert metric.name == "worst"
    assert metric.result() == pytest.approx((worst(ANY[:1], OTHER[:1]) + 3 * worst(ANY[1:4], OTHER[1:4])) / 4)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: metrics.AUC(curve="RUC"), "curve must be 'ROC', 'PR' or 'PRGAIN'.*'RUC'"),
        (lambda: metrics.AUC(num_thresholds=1), "num_thresholds must be 2 or more, got 1"),
        (lambda: metrics.AUC(num_labels=3), "multi_label=True alone"),
        (lambda: metrics.Precision(thresholds=[0.5, 1.5]), "precision: thresholds must lie between 0 and 1"),
        (lambda: metrics.F1Score(average="mean"), "f1_score: average must be None"),
        (lambda: metrics.F1Score(threshold=2.0), "f1_score: threshold"),
        (lambda: metrics.FBetaScore(beta=0.0), "fbeta_score: beta"),
    ],
)
def test_arguments_that_mean_nothing(make, words):
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize(
    ("metric", "name"),
    [(metrics.AUC(), "num_thresholds"), (metrics.BinaryAccuracy(), "threshold"), (metrics.Precision(), "thresholds")],
    ids=["AUC", "BinaryAccuracy", "Precision"],
)
def test_an_argument_of_a_metric_is_not_set_later(metric, name):
    """Its sums were made with the first value, and a compiled update would keep it."""
    with pytest.raises(AttributeError, match=rf"{name} of '.*' belongs to the sums so far.*Make a new metric"):
        setattr(metric, name, 0.7)
    metric.name = "other"

    class Own(metrics.Metric):
        def __init__(self, factor=1.0):
            super().__init__("own")
            self.factor = factor

    own = Own()
    own.factor = 2.0
    assert own.factor == 2.0
