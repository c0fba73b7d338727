"""Regularisers and constraints: their values by definition, by name, and as plain data."""

import json

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.nn import constraints, regularizers
from tinygraph.testing import check_grads

RNG = np.random.default_rng(0)
MATRIX = RNG.normal(size=(4, 3))


def cosines(rows):
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return [abs(unit[i] @ unit[j]) for i in range(len(unit)) for j in range(i)]


PENALTIES = [
    (regularizers.L1(0.3), 0.3 * abs(MATRIX).sum()),
    (regularizers.L2(0.3), 0.3 * (MATRIX**2).sum()),
    (regularizers.L1L2(0.3, 0.2), 0.3 * abs(MATRIX).sum() + 0.2 * (MATRIX**2).sum()),
    (regularizers.OrthogonalRegularizer(2.0), 2 * np.mean(cosines(MATRIX))),
    (regularizers.OrthogonalRegularizer(mode="columns"), 0.01 * np.mean(cosines(MATRIX.T))),
]


@pytest.mark.parametrize(("made", "expected"), PENALTIES, ids=repr)
def test_penalties(made, expected):
    np.testing.assert_allclose(made(MATRIX), expected, rtol=1e-12)
    check_grads(made, MATRIX, order=2)
    step = tg.value_and_grad(made)
    for found, eager in zip(tg.compile(step)(MATRIX), step(MATRIX), strict=True):
        np.testing.assert_allclose(found, eager, rtol=1e-12)
    assert made(MATRIX.astype(np.float32)).dtype == np.float32


def norm(w):
    return np.linalg.norm(w, axis=0, keepdims=True)


LONGEST = [
    (constraints.MaxNorm(1.5), MATRIX * np.minimum(1, 1.5 / norm(MATRIX))),
    (constraints.UnitNorm(), MATRIX / norm(MATRIX)),
    (constraints.UnitNorm([0, 1]), MATRIX / np.linalg.norm(MATRIX)),
    (constraints.NonNeg(), np.maximum(MATRIX, 0)),
    (constraints.MinMaxNorm(1.9, 2.0), MATRIX * np.clip(norm(MATRIX), 1.9, 2) / norm(MATRIX)),
    (constraints.MinMaxNorm(1.9, 2.0, 0.25), MATRIX * (0.75 + 0.25 * np.clip(norm(MATRIX), 1.9, 2) / norm(MATRIX))),
]


@pytest.mark.parametrize(("made", "expected"), LONGEST, ids=repr)
def test_constraints(made, expected):
    np.testing.assert_allclose(made(MATRIX), expected, rtol=1e-6)
    np.testing.assert_allclose(tg.compile(made)(MATRIX), expected, rtol=1e-6)
    assert made(MATRIX.astype(np.float32)).dtype == np.float32
    assert np.isfinite(made(0 * MATRIX)).all()


OBJECTS = [(regularizers, made) for made, _ in PENALTIES] + [(constraints, made) for made, _ in LONGEST]


@pytest.mark.parametrize(("module", "made"), OBJECTS, ids=repr)
def test_a_description_is_plain_data_and_makes_the_same(module, made):
    again = module.get(json.loads(json.dumps(module.serialize(made))))
    assert again == made == eval(repr(made), vars(module))
    assert module.get(made) is made
    assert module.get(type(made)) == module.get(type(made).__name__)


def test_names():
    assert regularizers.get("l2") == regularizers.L2(0.01)
    assert regularizers.get("l1_l2") == regularizers.get("l1l2") == regularizers.L1L2()
    assert regularizers.get("orthogonal_regularizer") == regularizers.OrthogonalRegularizer()
    assert constraints.get("max_norm") == constraints.MaxNorm(2)
    assert regularizers.get(None) is None and constraints.get(None) is None
    assert regularizers.get(np.sum) is np.sum


def test_a_class_of_the_users():
    class Own(regularizers.Regularizer):
        def __init__(self, power=4):
            self.power = power

        def __call__(self, x):
            return np.sum(x**self.power)

    description = regularizers.serialize(Own(6))
    assert description == {"class_name": "Own", "config": {"power": 6}}
    assert regularizers.deserialize(description, custom_objects={"Own": Own}) == Own(6)


WRONG = [
    (lambda: regularizers.get("l3"), ValueError, "a regulariser is a function, or one of l1, .* got 'l3'"),
    (lambda: constraints.get("l2"), ValueError, "a constraint is a function, or one of max_norm, .* got 'l2'"),
    (lambda: regularizers.L2(-1), ValueError, "L2: l2 must be at least 0, got -1"),
    (lambda: regularizers.L1(np.nan), ValueError, "L1: l1 must be"),
    (lambda: regularizers.OrthogonalRegularizer(mode="all"), ValueError, "mode must be"),
    (lambda: regularizers.OrthogonalRegularizer()(np.ones(3)), tg.ShapeError, r"must be a matrix, got shape \(3,\)"),
    (lambda: regularizers.Regularizer()(MATRIX), NotImplementedError, "give it a method __call__"),
    (lambda: constraints.Constraint()(MATRIX), NotImplementedError, "give it a method __call__"),
]


@pytest.mark.parametrize(("call", "error", "words"), WRONG)
def test_what_is_no_good(call, error, words):
    with pytest.raises(error, match=words):
        call()
