import copy
import json

import numpy as np
import pytest

from tinygraph import nn
from tinygraph.nn import initializers
from tinygraph.nn.initializers import INITIALIZERS

SHAPE = (3, 3, 40, 60)
FANS = {"fan_in": 360, "fan_out": 540, "fan_avg": 450}
VARIANCE = {
    "zeros": 0,
    "one": 0,
    "ones": 0,
    "zero": 0,
    "constant": 0,
    "uniform": 0.1**2 / 12,
    "normal": 0.05**2,
    "truncated_normal": (0.05 * 0.8796256610342398) ** 2,
    "variance_scaling": 1 / FANS["fan_in"],
    "orthogonal": 1 / 360,
    "random_uniform": 0.1**2 / 12,
    "random_normal": 0.05**2,
    "glorot_uniform": 1 / FANS["fan_avg"],
    "glorot_normal": 1 / FANS["fan_avg"],
    "he_uniform": 2 / FANS["fan_in"],
    "he_normal": 2 / FANS["fan_in"],
    "lecun_uniform": 1 / FANS["fan_in"],
    "lecun_normal": 1 / FANS["fan_in"],
}


@pytest.mark.parametrize("name", sorted(VARIANCE))
def test_mean_and_variance(name):
    values = INITIALIZERS[name](SHAPE, np.random.default_rng(0), np.float64)
    variance = VARIANCE[name]
    assert values.shape == SHAPE
    assert values.var() == pytest.approx(variance, rel=0.02)
    assert values.mean() == pytest.approx(float(name in ("one", "ones")), abs=0.02 * variance**0.5)
    if name.endswith("uniform"):
        assert np.abs(values).max() <= (3 * variance) ** 0.5 * (1 + 1e-9)
    elif name.endswith("_normal") and name not in ("random_normal", "truncated_normal"):
        assert 0.99 < np.abs(values).max() / (2 * variance**0.5 / 0.8796256610342398) <= 1


@pytest.mark.parametrize("name", sorted(INITIALIZERS))
@pytest.mark.parametrize("shape", [(), (0,), (5,), (4, 0), (2, 3)])
def test_any_shape_and_dtype(name, shape):
    if name in ("identity", "orthogonal") and len(shape) < 2:
        with pytest.raises(ValueError, match="must have two axes"):
            INITIALIZERS[name](shape, np.random.default_rng(0), np.float64)
        return
    for dtype in (np.float64, np.float32, np.float16):
        values = INITIALIZERS[name](shape, np.random.default_rng(0), dtype)
        assert np.shape(values) == shape
        assert values.dtype == dtype


MADE = [
    initializers.Constant(2.5),
    initializers.Constant([1.0, 2.0, 3.0]),
    initializers.GlorotUniform(seed=3),
    initializers.HeNormal(),
    initializers.Identity(2.0),
    initializers.Orthogonal(0.5, seed=1),
    initializers.RandomNormal(1.0, 2.0, seed=0),
    initializers.RandomUniform(0, 1),
    initializers.TruncatedNormal(seed=4),
    initializers.VarianceScaling(0.5, "fan_out", "untruncated_normal"),
]


@pytest.mark.parametrize("made", MADE, ids=repr)
def test_a_description_is_plain_data_and_makes_the_same(made):
    description = json.loads(json.dumps(initializers.serialize(made)))
    again = initializers.get(description)
    assert again == made and hash(again) == hash(made)
    assert again == type(made).from_config(made.get_config()) == eval(repr(made), vars(initializers))
    assert again != initializers.Zeros()
    draws = [item((3, 3), np.random.default_rng(0), np.float64) for item in (made, again, copy.deepcopy(made))]
    np.testing.assert_array_equal(draws[0], draws[1])
    np.testing.assert_array_equal(draws[0], draws[2])


def test_a_seed_makes_the_same_values_at_each_call():
    made, rng = initializers.HeNormal(seed=1), np.random.default_rng(0)
    np.testing.assert_array_equal(made((2, 3), rng, np.float32), made((2, 3)))
    np.testing.assert_array_equal(rng.normal(), np.random.default_rng(0).normal())  # it drew nothing from the layer's
    assert not np.array_equal(initializers.HeNormal()((2, 3)), initializers.HeNormal()((2, 3)))
    assert made(shape=(2, 3), dtype="float64").dtype == np.float64


def test_orthogonal():
    for shape in ((5, 3), (3, 5), (2, 3, 4), (4, 4)):
        values = initializers.Orthogonal(2.0, seed=0)(shape, dtype=np.float64)
        matrix = values.reshape(-1, shape[-1])
        product = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
        np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-12)
    np.testing.assert_array_equal(initializers.Identity(3.0)((2, 3)), [[3, 0, 0], [0, 3, 0]])


@pytest.mark.parametrize(
    "given", ["he_normal", "HeNormal", initializers.HeNormal, {"class_name": "HeNormal", "config": {"seed": None}}]
)
def test_layers_take_names_classes_and_descriptions(given):
    x = np.ones((2, 30))
    layer = nn.Dense(40, kernel_initializer=given, seed=1)
    layer(x)
    expected = INITIALIZERS["he_normal"]((30, 40), np.random.default_rng(1), layer.kernel.dtype)
    np.testing.assert_array_equal(layer.kernel.data, expected)


def test_functions_of_keras_take_shape_and_dtype():
    def threes(shape, dtype=None):
        return np.full(shape, 3.0, dtype)

    layer = nn.Dense(2, kernel_initializer=threes, use_bias=False)
    np.testing.assert_array_equal(layer(np.ones((1, 4))).data, [[12, 12]])


WRONG = [
    (lambda: initializers.get("he"), ValueError, "an initialiser is a function, or one of zeros, .* got 'he'"),
    (lambda: initializers.get(3), ValueError, "got 3"),
    (lambda: initializers.get({"class_name": "Own"}), ValueError, "got 'Own'"),
    (lambda: initializers.HeNormal(seed=np.random.default_rng()), TypeError, "seed must be an int or None"),
    (lambda: initializers.HeNormal()((2,), "float32"), TypeError, "the second argument is a NumPy generator.*dtype="),
    (lambda: initializers.VarianceScaling(0.0), ValueError, "scale must be positive"),
    (lambda: initializers.VarianceScaling(mode="fan"), ValueError, "mode must be one of fan_in"),
    (lambda: initializers.VarianceScaling(distribution="flat"), ValueError, "distribution must be one of uniform"),
    (lambda: initializers.serialize(np.zeros), ValueError, "is no plain data"),
]


@pytest.mark.parametrize(("call", "error", "words"), WRONG)
def test_what_is_no_good(call, error, words):
    with pytest.raises(error, match=words):
        call()
