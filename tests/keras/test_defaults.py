"""Defaults are Keras's: by the table here, and by Keras itself where it is installed."""

import importlib.util
import inspect

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.functions.pooling import max_pool2d
from tinygraph.nn.initializers import INITIALIZERS
from tinygraph.optim import schedules

REQUIRED = inspect.Parameter.empty

# For each of Keras's names what is ours, and the defaults of Keras 3 for the arguments that both have.
DEFAULTS = {
    "activations.elu": (tg.elu, {"alpha": 1.0}),
    "activations.gelu": (tg.gelu, {"approximate": False}),
    "activations.leaky_relu": (tg.leaky_relu, {"negative_slope": 0.2}),
    "activations.log_softmax": (tg.log_softmax, {"axis": -1}),
    "activations.relu": (tg.relu, {}),
    "activations.sigmoid": (tg.sigmoid, {}),
    "activations.silu": (tg.silu, {}),
    "activations.softmax": (tg.softmax, {"axis": -1}),
    "activations.softplus": (tg.softplus, {}),
    "ops.logsumexp": (tg.logsumexp, {"axis": None, "keepdims": False}),
    "losses.binary_crossentropy": (tg.binary_cross_entropy, {"from_logits": False}),
    "losses.categorical_crossentropy": (tg.cross_entropy, {"from_logits": False}),
    "losses.sparse_categorical_crossentropy": (tg.cross_entropy, {"from_logits": False}),
    "layers.AveragePooling2D": (tg.nn.AveragePooling2D, {"strides": None, "padding": "valid"}),
    "layers.BatchNormalization": (
        tg.nn.BatchNormalization,
        {
            "axis": -1, "momentum": 0.99, "epsilon": 0.001, "center": True, "scale": True,
            "moving_mean_initializer": "zeros", "moving_variance_initializer": "ones",
            "beta_initializer": "zeros", "gamma_initializer": "ones", "beta_regularizer": None,
            "gamma_regularizer": None, "beta_constraint": None, "gamma_constraint": None,
        },
    ),
    "layers.Conv2D": (
        tg.nn.Conv2D,
        {
            "filters": REQUIRED, "kernel_size": REQUIRED, "strides": (1, 1), "padding": "valid", "data_format": None,
            "dilation_rate": (1, 1), "groups": 1, "activation": None, "use_bias": True,
            "kernel_initializer": "glorot_uniform", "bias_initializer": "zeros",
        },
    ),
    "layers.Dense": (
        tg.nn.Dense,
        {
            "units": REQUIRED, "activation": None, "use_bias": True, "kernel_initializer": "glorot_uniform",
            "bias_initializer": "zeros",
        },
    ),
    "layers.Dropout": (tg.nn.Dropout, {"rate": REQUIRED, "seed": None}),
    "layers.Embedding": (
        tg.nn.Embedding,
        {"input_dim": REQUIRED, "output_dim": REQUIRED, "embeddings_initializer": "random_uniform"},
    ),
    "layers.LayerNormalization": (
        tg.nn.LayerNormalization,
        {
            "axis": -1, "epsilon": 0.001, "center": True, "scale": True,
            "beta_initializer": "zeros", "gamma_initializer": "ones", "beta_regularizer": None,
            "gamma_regularizer": None, "beta_constraint": None, "gamma_constraint": None,
        },
    ),
    "layers.GroupNormalization": (
        tg.nn.GroupNormalization,
        {
            "groups": 32, "axis": -1, "epsilon": 0.001, "center": True, "scale": True,
            "beta_initializer": "zeros", "gamma_initializer": "ones", "beta_regularizer": None,
            "gamma_regularizer": None, "beta_constraint": None, "gamma_constraint": None,
        },
    ),
    "layers.Attention": (tg.nn.Attention, {"use_scale": False, "score_mode": "dot", "dropout": 0.0}),
    "layers.Concatenate": (tg.nn.Concatenate, {"axis": -1}),
    "layers.Dot": (tg.nn.Dot, {"axes": REQUIRED, "normalize": False}),
    "layers.ELU": (tg.nn.ELU, {"alpha": 1.0}),
    "layers.GaussianDropout": (tg.nn.GaussianDropout, {"rate": REQUIRED, "seed": None}),
    "layers.GaussianNoise": (tg.nn.GaussianNoise, {"stddev": REQUIRED, "seed": None}),
    "layers.LeakyReLU": (tg.nn.LeakyReLU, {"negative_slope": 0.3}),
    "layers.Masking": (tg.nn.Masking, {"mask_value": 0.0}),
    "layers.MultiHeadAttention": (
        tg.nn.MultiHeadAttention,
        {
            "num_heads": REQUIRED, "key_dim": REQUIRED, "value_dim": None, "dropout": 0.0, "use_bias": True,
            "output_shape": None, "attention_axes": None, "kernel_initializer": "glorot_uniform",
            "bias_initializer": "zeros",
        },
    ),
    "layers.CategoryEncoding": (
        tg.nn.CategoryEncoding, {"num_tokens": None, "output_mode": "multi_hot", "sparse": False},
    ),
    "layers.Normalization": (tg.nn.Normalization, {"axis": -1, "mean": None, "variance": None, "invert": False}),
    "layers.RandomFlip": (
        tg.nn.RandomFlip, {"mode": "horizontal_and_vertical", "seed": None, "data_format": None},
    ),
    "layers.ReLU": (tg.nn.ReLU, {"max_value": None, "negative_slope": 0.0, "threshold": 0.0}),
    "layers.Rescaling": (tg.nn.Rescaling, {"scale": REQUIRED, "offset": 0.0}),
    "layers.Softmax": (tg.nn.Softmax, {"axis": -1}),
    "layers.RMSNormalization": (tg.nn.RMSNormalization, {"axis": -1, "epsilon": 1e-6}),
    "layers.UnitNormalization": (tg.nn.UnitNormalization, {"axis": -1}),
    "layers.MaxPooling2D": (tg.nn.MaxPooling2D, {"pool_size": (2, 2), "strides": None, "padding": "valid"}),
    "ops.max_pool": (max_pool2d, {"padding": "valid"}),
    **{
        f"optimizers.{name}": (
            getattr(tg.optim, name),
            {
                "weight_decay": None, "clipnorm": None, "clipvalue": None, "global_clipnorm": None, "use_ema": False,
                "ema_momentum": 0.99, "ema_overwrite_frequency": None, "name": None,
            } | defaults,
        )
        for name, defaults in {
            "Adadelta": {"learning_rate": 0.001, "rho": 0.95, "epsilon": 1e-7},
            "Adagrad": {"learning_rate": 0.001, "initial_accumulator_value": 0.1, "epsilon": 1e-7},
            "Adamax": {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7},
            "Adam": {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7, "amsgrad": False},
            "AdamW": {
                "learning_rate": 0.001, "weight_decay": 0.004, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7,
                "amsgrad": False,
            },
            "Ftrl": {
                "learning_rate": 0.001, "learning_rate_power": -0.5, "initial_accumulator_value": 0.1,
                "l1_regularization_strength": 0.0, "l2_regularization_strength": 0.0,
                "l2_shrinkage_regularization_strength": 0.0, "beta": 0.0,
            },
            "Lion": {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.99},
            "Nadam": {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7},
            "RMSprop": {"learning_rate": 0.001, "rho": 0.9, "momentum": 0.0, "epsilon": 1e-7, "centered": False},
            "SGD": {"learning_rate": 0.01, "momentum": 0.0, "nesterov": False},
        }.items()
    },
    "optimizers.schedules.CosineDecay": (
        schedules.CosineDecay,
        {
            "initial_learning_rate": REQUIRED, "decay_steps": REQUIRED, "alpha": 0.0, "warmup_target": None,
            "warmup_steps": 0,
        },
    ),
    "optimizers.schedules.ExponentialDecay": (
        schedules.ExponentialDecay,
        {
            "initial_learning_rate": REQUIRED, "decay_steps": REQUIRED, "decay_rate": REQUIRED, "staircase": False,
        },
    ),
    "optimizers.schedules.CosineDecayRestarts": (
        schedules.CosineDecayRestarts,
        {"initial_learning_rate": REQUIRED, "first_decay_steps": REQUIRED, "t_mul": 2.0, "m_mul": 1.0, "alpha": 0.0},
    ),
    "optimizers.schedules.InverseTimeDecay": (
        schedules.InverseTimeDecay,
        {
            "initial_learning_rate": REQUIRED, "decay_steps": REQUIRED, "decay_rate": REQUIRED, "staircase": False,
        },
    ),
    "optimizers.schedules.PiecewiseConstantDecay": (
        schedules.PiecewiseConstantDecay,
        {"boundaries": REQUIRED, "values": REQUIRED},
    ),
    "optimizers.schedules.PolynomialDecay": (
        schedules.PolynomialDecay,
        {
            "initial_learning_rate": REQUIRED, "decay_steps": REQUIRED, "end_learning_rate": 0.0001, "power": 1.0,
            "cycle": False,
        },
    ),
    **{
        f"losses.{name}": (getattr(tg.keras.losses, name), defaults)
        for name, defaults in {
            "binary_crossentropy": {"from_logits": False, "label_smoothing": 0.0, "axis": -1},
            "categorical_crossentropy": {"from_logits": False, "label_smoothing": 0.0, "axis": -1},
            "sparse_categorical_crossentropy": {"from_logits": False, "axis": -1},
            "kl_divergence": {},
            "mean_absolute_error": {},
            "mean_squared_error": {},
        }.items()
    },
}  # fmt: skip
DEFAULTS["losses.binary_crossentropy of tg"] = (tg.binary_cross_entropy, {"from_logits": False})
DEFAULTS["losses.sparse_categorical_crossentropy of tg"] = (tg.cross_entropy, {"from_logits": False})

# How Keras writes what is the same here.
SAME = {"uniform": "random_uniform", 1: (1, 1), 2: (2, 2)}


def defaults_of(function):
    return {name: item.default for name, item in inspect.signature(function).parameters.items()}


def same(found, expected):
    spelt = [SAME.get(item, item) if type(item) in (str, int) else item for item in (found, expected)]
    return spelt[0] == spelt[1]


@pytest.mark.parametrize("name", DEFAULTS)
def test_defaults(name):
    ours, expected = DEFAULTS[name]
    found = defaults_of(ours)
    wrong = {key: found[key] for key, item in expected.items() if not same(found[key], item)}
    assert not wrong


def test_initializers():
    """The variances that Keras's initialisers are documented to have, and their bounds."""
    shape, rng = (400, 300), np.random.default_rng(0)
    mean = (shape[0] + shape[1]) / 2
    variances = {
        "random_uniform": 0.05**2 / 3, "random_normal": 0.05**2, "glorot_uniform": 1 / mean, "glorot_normal": 1 / mean,
        "he_uniform": 2 / shape[0], "he_normal": 2 / shape[0], "lecun_uniform": 1 / shape[0],
        "lecun_normal": 1 / shape[0], "zeros": 0, "ones": 0, "zero": 0, "one": 0, "uniform": 0.05**2 / 3,
        "normal": 0.05**2, "truncated_normal": (0.05 * 0.87962566103423978) ** 2, "variance_scaling": 1 / shape[0],
        "orthogonal": 1 / shape[0], "identity": 1 / 400, "constant": 0,
    }  # fmt: skip
    assert set(variances) == set(INITIALIZERS)
    for name, variance in variances.items():
        values = INITIALIZERS[name](shape, rng, np.float64)
        np.testing.assert_allclose(np.var(values), variance, rtol=0.02, err_msg=name)
        assert "_" not in name or name.startswith("random") or np.abs(values).max() < 2.3 * variance**0.5


needs_keras = pytest.mark.skipif(
    importlib.util.find_spec("keras") is None, reason="keras is not installed; the table of its defaults is held above"
)


@needs_keras
@pytest.mark.filterwarnings("ignore")
def test_the_table_is_keras_own():
    import keras

    for name, (_, expected) in DEFAULTS.items():
        theirs = keras
        for part in name.partition(" ")[0].split("."):
            theirs = getattr(theirs, part)
        found = defaults_of(theirs)
        assert {key: found.get(key) for key, item in expected.items() if not same(found[key], item)} == {}, name


@needs_keras
@pytest.mark.filterwarnings("ignore")
def test_initializers_are_keras_own():
    import keras

    for name in set(INITIALIZERS) - {"constant"}:  # Keras has no default for its value here
        theirs = np.asarray(keras.initializers.get(name)((400, 300)))
        ours = INITIALIZERS[name]((400, 300), np.random.default_rng(0), np.float32)
        np.testing.assert_allclose(np.std(ours), np.std(theirs), rtol=0.01, atol=1e-9, err_msg=name)
        np.testing.assert_allclose(np.abs(ours).max(), np.abs(theirs).max(), rtol=0.15, err_msg=name)
