"""Each optimiser with each option: ten steps as Keras takes them, by formulas in plain NumPy and by Keras itself."""

from __future__ import annotations

import contextlib
import os

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import optim

KINDS = {
    "Adadelta": ("Adadelta", {}),
    "Adagrad": ("Adagrad", {}),
    "Adam": ("Adam", {}),
    "Adam, amsgrad": ("Adam", {"amsgrad": True, "beta_2": 0.8}),
    "AdamW": ("AdamW", {"weight_decay": 0.05}),
    "Adamax": ("Adamax", {"beta_2": 0.8}),
    "Ftrl": ("Ftrl", {}),
    "Ftrl, regularised": (
        "Ftrl",
        {
            "l1_regularization_strength": 0.05,
            "l2_regularization_strength": 0.1,
            "beta": 0.3,
            "l2_shrinkage_regularization_strength": 0.2,
            "learning_rate_power": -0.7,
        },
    ),
    "Adafactor": ("Adafactor", {}),
    "Adafactor, clipped": ("Adafactor", {"clip_threshold": 0.3, "beta_2_decay": -0.5, "epsilon_2": 0.4}),
    "Lamb": ("Lamb", {"beta_2": 0.8}),
    "Lion": ("Lion", {}),
    "Muon": ("Muon", {"adam_weight_decay": 0.3}),
    "Muon, plain": ("Muon", {"nesterov": False, "rms_rate": None, "ns_steps": 3, "adam_lr_ratio": 0.5}),
    "Nadam": ("Nadam", {"beta_2": 0.8}),
    "RMSprop": ("RMSprop", {}),
    "RMSprop, centered": ("RMSprop", {"centered": True, "rho": 0.8}),
    "RMSprop, momentum": ("RMSprop", {"momentum": 0.5, "centered": True}),
    "SGD": ("SGD", {}),
    "ScheduleFreeAdamW": ("ScheduleFreeAdamW", {"beta_2": 0.8}),
    "ScheduleFreeAdamW, warm-up": ("ScheduleFreeAdamW", {"warmup_steps": 4}),
    "SGD, Nesterov": ("SGD", {"momentum": 0.9, "nesterov": True}),
    "SGD, momentum": ("SGD", {"momentum": 0.9}),
}
OPTIONS = {
    "accumulated": {"gradient_accumulation_steps": 3},
    "accumulated, all": {
        "gradient_accumulation_steps": 2,
        "weight_decay": 0.1,
        "clipnorm": 0.5,
        "use_ema": True,
        "ema_momentum": 0.8,
        "ema_overwrite_frequency": 2,
    },
    "all": {"weight_decay": 0.1, "clipnorm": 0.5, "use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 4},
    "clipnorm": {"clipnorm": 0.5},
    "clipvalue": {"clipvalue": 0.2},
    "constraint": {"constraint": True},
    "ema": {"use_ema": True, "ema_momentum": 0.9},
    "global_clipnorm": {"global_clipnorm": 0.7},
    "none": {},
    "overwritten ema": {"use_ema": True, "ema_momentum": 0.9, "ema_overwrite_frequency": 3},
    "schedule": {"schedule": True},
    "weight_decay": {"weight_decay": 0.2},
}
CASES = [(kind, option) for kind in KINDS for option in OPTIONS]
RATE = 0.0078125
START = {"w": np.array([[1.0, -2.0], [0.5, 0.01]]), "b": np.array([0.25, -0.125, 3.0])}
GRADIENTS = [
    {name: (0.1 + step % 3) * np.sin(1.0 + step + np.arange(value.size)).reshape(value.shape)
     for name, value in START.items()}
    for step in range(10)
]  # fmt: skip


def options_of(kind, option):
    """The class, and its arguments without what is no argument of both libraries."""
    name, own = KINDS[kind]
    options = own | OPTIONS[option]
    return name, options, options.pop("constraint", False), options.pop("schedule", False)


# --- the formulas -----------------------------------------------------------------------------------------------------


def sgd(memory, value, g, rate, t, momentum=0.0, nesterov=False):
    velocity = memory["velocity"] = momentum * memory.get("velocity", 0) - rate * g
    return value + (momentum * velocity - rate * g if nesterov else velocity)


def adagrad(memory, value, g, rate, t):
    square = memory["square"] = memory.get("square", 0.1) + g**2
    return value - rate * g / np.sqrt(square + 1e-7)


def rmsprop(memory, value, g, rate, t, rho=0.9, momentum=0.0, centered=False):
    square = memory["square"] = rho * memory.get("square", 0) + (1 - rho) * g**2
    mean = memory["mean"] = rho * memory.get("mean", 0) + (1 - rho) * g
    step = rate * g / np.sqrt(square - centered * mean**2 + 1e-7)
    velocity = memory["velocity"] = momentum * memory.get("velocity", 0) + step
    return value - velocity


def adam(memory, value, g, rate, t, beta_1=0.9, beta_2=0.999, amsgrad=False):
    mean = memory["mean"] = beta_1 * memory.get("mean", 0) + (1 - beta_1) * g
    square = memory["square"] = beta_2 * memory.get("square", 0) + (1 - beta_2) * g**2
    largest = memory["largest"] = np.maximum(memory.get("largest", 0), square)
    alpha = rate * np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
    return value - alpha * mean / (np.sqrt(largest if amsgrad else square) + 1e-7)


def lion(memory, value, g, rate, t, beta_1=0.9, beta_2=0.99):
    mean = memory.get("mean", 0)
    memory["mean"] = beta_2 * mean + (1 - beta_2) * g
    return value - rate * np.sign(beta_1 * mean + (1 - beta_1) * g)


def adadelta(memory, value, g, rate, t, rho=0.95):
    square = memory["square"] = rho * memory.get("square", 0) + (1 - rho) * g**2
    step = np.sqrt(memory.get("moved", 0) + 1e-7) / np.sqrt(square + 1e-7) * g
    memory["moved"] = rho * memory.get("moved", 0) + (1 - rho) * step**2
    return value - rate * step


def adamax(memory, value, g, rate, t, beta_1=0.9, beta_2=0.999):
    mean = memory["mean"] = beta_1 * memory.get("mean", 0) + (1 - beta_1) * g
    largest = memory["largest"] = np.maximum(beta_2 * memory.get("largest", 0), np.abs(g))
    return value - rate / (1 - beta_1**t) * mean / (largest + 1e-7)


def nadam(memory, value, g, rate, t, beta_1=0.9, beta_2=0.999):
    share, following = (beta_1 * (1 - 0.5 * 0.96**at) for at in (t, t + 1))
    product = memory["product"] = memory.get("product", 1) * share
    mean = memory["mean"] = beta_1 * memory.get("mean", 0) + (1 - beta_1) * g
    square = memory["square"] = beta_2 * memory.get("square", 0) + (1 - beta_2) * g**2
    ahead = following * mean / (1 - product * following) + (1 - share) * g / (1 - product)
    return value - rate * ahead / (np.sqrt(square / (1 - beta_2**t)) + 1e-7)


def ftrl(memory, value, g, rate, t, learning_rate_power=-0.5, beta=0.0, **strengths):
    l1, l2, shrinkage = (strengths.get(f"{name}_regularization_strength", 0) for name in ("l1", "l2", "l2_shrinkage"))
    before = memory.get("square", 0.1)
    square = memory["square"] = before + g**2
    sizes = before**-learning_rate_power, square**-learning_rate_power
    linear = memory.get("linear", 0) + g + 2 * shrinkage * value - (sizes[1] - sizes[0]) / rate * value
    memory["linear"] = linear
    return (np.clip(linear, -l1, l1) - linear) / (sizes[1] / rate + 2 * (l2 + beta / (2 * rate)))


def adafactor(memory, value, g, rate, t, beta_2_decay=-0.8, epsilon_2=1e-3, clip_threshold=1.0):
    rate, keep = min(rate, t**-0.5), 1 - t**beta_2_decay
    square = g**2 + 1e-30
    if value.ndim == 2:
        rows = memory["rows"] = keep * memory.get("rows", 0) + (1 - keep) * square.mean(1)
        columns = memory["columns"] = keep * memory.get("columns", 0) + (1 - keep) * square.mean(0)
        square = np.outer(rows / rows.mean(), columns)
    else:
        square = memory["square"] = keep * memory.get("square", 0) + (1 - keep) * square
    step = g / np.sqrt(square)
    step /= max(1, np.sqrt(np.mean(step**2)) / clip_threshold)
    return value - max(epsilon_2, np.sqrt(np.mean(value**2))) * rate * step


def lamb(memory, value, g, rate, t, beta_1=0.9, beta_2=0.999):
    mean = memory["mean"] = beta_1 * memory.get("mean", 0) + (1 - beta_1) * g
    square = memory["square"] = beta_2 * memory.get("square", 0) + (1 - beta_2) * g**2
    step = mean / (1 - beta_1**t) / (np.sqrt(square / (1 - beta_2**t)) + 1e-7)
    return value - rate * np.sqrt(np.sum(value**2) / np.sum(step**2)) * step


def muon(memory, value, g, rate, t, nesterov=True, rms_rate=0.2, ns_steps=5, adam_lr_ratio=1, adam_weight_decay=None):
    if value.ndim < 2:
        return adam(memory, value, g, adam_lr_ratio * rate, t)
    velocity = memory["velocity"] = 0.95 * memory.get("velocity", 0) + g
    x = g + 0.95 * velocity if nesterov else velocity
    x = x / (np.sqrt(np.sum(x**2)) + 1e-7)
    for _ in range(ns_steps):
        square = x @ x.T
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return value - rate * x * (1 if rms_rate is None else np.sqrt(max(value.shape)) * rms_rate)


def schedule_free(memory, value, g, rate, t, beta_1=0.9, beta_2=0.999, warmup_steps=0):
    rate *= min(1, t / warmup_steps) if warmup_steps else 1
    z, x = memory.get("z", value), memory.get("x", value)
    # The parameter may have shrunk since the last step: the mean is found from it.
    x = (value - (1 - beta_1) * z) / beta_1
    square = memory["square"] = beta_2 * memory.get("square", 0) + (1 - beta_2) * g**2
    memory["z"] = z = z - rate * g / (np.sqrt(square / (1 - beta_2**t)) + 1e-8)
    x = x + (z - x) / t
    return (1 - beta_1) * z + beta_1 * x


FORMULAS = {
    "Adafactor": adafactor, "Lamb": lamb, "Muon": muon, "ScheduleFreeAdamW": schedule_free,
    "Adadelta": adadelta, "Adagrad": adagrad, "Adam": adam, "AdamW": adam, "Adamax": adamax, "Ftrl": ftrl,
    "Lion": lion, "Nadam": nadam, "RMSprop": rmsprop, "SGD": sgd,
}  # fmt: skip


def muon_decay(decay, value, options):
    """The weight decay of a parameter: 0.004 where none is given."""
    return options.get("adam_weight_decay", 0.004) if value.ndim < 2 else 0.004 if decay is None else decay


def by_formula(kind, option):
    """The values after ten steps, and the moving averages."""
    name, options, constraint, schedule = options_of(kind, option)
    decay, limit, value_limit, all_limit = (
        options.pop(key, None) for key in ("weight_decay", "clipnorm", "clipvalue", "global_clipnorm")
    )
    use_ema, keep, every = (options.pop(key, None) for key in ("use_ema", "ema_momentum", "ema_overwrite_frequency"))
    several = options.pop("gradient_accumulation_steps", 1)
    values, memories, averages = dict(START), {key: {} for key in START}, dict.fromkeys(START, 0.0)
    if name == "ScheduleFreeAdamW":
        memories = {key: {"z": value} for key, value in START.items()}
    sums = dict.fromkeys(START, 0.0)
    for call, gradients in enumerate(GRADIENTS, 1):
        t, is_whole = (call - 1) // several + 1, call % several == 0
        sums = {key: sums[key] + g for key, g in gradients.items()}
        means = {key: total / several for key, total in sums.items()}
        rate = RATE * 0.5 ** ((t - 1) / 4) if schedule else RATE
        together = np.sqrt(sum(np.sum(g**2) for g in means.values()))
        for key, g in means.items():
            if limit:
                g = g * min(1, limit / np.sqrt(np.sum(g**2)))
            if value_limit:
                g = np.clip(g, -value_limit, value_limit)
            if all_limit:
                g = g * min(1, all_limit / together)
            value = values[key]
            if is_whole:
                own = muon_decay(decay, value, options) if name == "Muon" else decay
                value = value * (1 - rate * own) if own else value
                value = FORMULAS[name](memories[key], value, g, rate, t, **options)
            averages[key] = keep * averages[key] + (1 - keep) * value if use_ema and t > 1 else value
            if every and t % every == 0:
                value = averages[key]
            values[key] = np.maximum(value, 0) if constraint else value
        sums = dict.fromkeys(START, 0.0) if is_whole else sums
    return values, averages if use_ema else None


# --- ours and Keras's -------------------------------------------------------------------------------------------------


def by_tinygraph(kind, option, dtype):
    name, options, constraint, schedule = options_of(kind, option)
    rate = optim.ExponentialDecay(RATE, 4, 0.5) if schedule else RATE
    tensors = {key: tg.Tensor(value.astype(dtype)) for key, value in START.items()}
    optimizer = getattr(optim, name)(tensors, rate, **options)
    for tensor in tensors.values():
        if constraint:
            optimizer.constrain(tensor, lambda w: np.maximum(w, 0))
    for gradients in GRADIENTS:
        for key, tensor in tensors.items():
            tensor.grad = gradients[key]
        optimizer.step()
    averages = {key: optimizer.state[f"average of {key}"].data for key in START} if options.get("use_ema") else None
    return {key: tensor.data for key, tensor in tensors.items()}, averages


def in_precision(keras, dtype):
    """A context in which the backend computes in this dtype."""
    if keras.backend.backend() == "jax" and dtype == "float64":
        import jax

        return jax.enable_x64(True) if hasattr(jax, "enable_x64") else jax.experimental.enable_x64()
    return contextlib.nullcontext()


def by_keras(keras, kind, option, dtype):
    name, options, constraint, schedule = options_of(kind, option)
    rate = keras.optimizers.schedules.ExponentialDecay(RATE, 4, 0.5) if schedule else RATE
    with in_precision(keras, dtype):
        variables = {key: keras.Variable(value, dtype=dtype) for key, value in START.items()}
        for variable in variables.values():
            variable.constraint = keras.constraints.NonNeg() if constraint else None
        optimizer = getattr(keras.optimizers, name)(rate, **options)
        for gradients in GRADIENTS:
            arrays = [keras.ops.convert_to_tensor(gradients[key], dtype=dtype) for key in START]
            optimizer.apply(arrays, list(variables.values()))
        averages = None
        if options.get("use_ema"):
            kept = optimizer._model_variables_moving_average
            averages = {key: np.array(keras.ops.convert_to_numpy(v)) for key, v in zip(START, kept, strict=True)}
        return {key: np.array(keras.ops.convert_to_numpy(v)) for key, v in variables.items()}, averages


def assert_same(found, expected, tolerance):
    assert (found[1] is None) == (expected[1] is None)
    for these, those in zip(found, expected, strict=True):
        for key in these or ():
            assert these[key].dtype in (np.float32, np.float64)
            np.testing.assert_allclose(these[key], those[key], rtol=tolerance, atol=tolerance, err_msg=key)


@pytest.mark.parametrize(("kind", "option"), CASES)
def test_ten_steps_are_those_of_the_formula(kind, option):
    expected = by_formula(kind, option)
    assert_same(by_tinygraph(kind, option, "float64"), expected, 1e-12)
    assert_same(by_tinygraph(kind, option, "float32"), expected, 1e-6)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", KINDS)
def test_ten_steps_are_those_of_keras(kind, dtype):
    os.environ.setdefault("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras")
    for option in OPTIONS:
        theirs = by_keras(keras, kind, option, dtype)
        assert theirs[0]["w"].dtype == dtype
        assert_same(by_tinygraph(kind, option, dtype), theirs, 1e-6)
