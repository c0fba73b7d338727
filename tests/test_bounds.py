"""Numbers that users give are numbers, and within their bounds, or an error names the call and the argument."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph import bounds, nn, optim
from tinygraph.training import callbacks

NOT_NUMBERS = ["0.1", None, [0.1], True, np.bool_(True), 1j, np.ones(2)]


@given(st.floats() | st.integers(-5, 5), st.integers(-3, 3), st.integers(-3, 3))
def test_a_number_is_within_its_bounds_or_refused(value, low, high):
    fits = np.isfinite(value) and low <= value < high
    if fits:
        assert bounds.number("call", "name", value, least=low, below=high) is value
    else:
        with pytest.raises(ValueError, match=f"call: name must be at least {low} and less than {high}"):
            bounds.number("call", "name", value, least=low, below=high)


@pytest.mark.parametrize("given", NOT_NUMBERS, ids=repr)
def test_what_is_no_number_is_a_type_error(given):
    with pytest.raises(TypeError, match="call: name must be a number, got "):
        bounds.number("call", "name", given)
    with pytest.raises(TypeError, match="call: name must be a whole number, got "):
        bounds.whole("call", "name", given)


def test_a_whole_number_has_no_fraction():
    assert type(bounds.whole("call", "name", np.int8(3))) is int
    with pytest.raises(TypeError, match=r"call: name must be a whole number, got 3.0. Write name=10"):
        bounds.whole("call", "name", 3.0, example="Write name=10")
    with pytest.raises(ValueError, match="call: name must be at least 1 and at most 4, got 5"):
        bounds.whole("call", "name", 5, least=1, most=4)


def model():
    made = nn.Sequential([nn.Dense(1)])
    made.compile("sgd", "mse")
    return made


X, Y = np.ones((8, 3)), np.ones((8, 1))

USERS = {
    "Adam: the learning rate must be a number or a schedule": lambda bad: optim.Adam(learning_rate=bad),
    "SGD: momentum must be a number": lambda bad: optim.SGD(0.1, bad),
    "Adam: clipnorm must be a number": lambda bad: optim.Adam(clipnorm=bad),
    "Adam: ema_momentum must be a number": lambda bad: optim.Adam(ema_momentum=bad),
    "ExponentialDecay: initial_learning_rate must be a number": lambda bad: optim.ExponentialDecay(bad, 10, 0.9),
    "OneCycle: total_steps must be a number": lambda bad: optim.OneCycle(0.1, bad),
    "EarlyStopping: patience must be a whole number": lambda bad: callbacks.EarlyStopping(patience=bad),
    "EarlyStopping: min_delta must be a number": lambda bad: callbacks.EarlyStopping(min_delta=bad),
    "ReduceLROnPlateau: factor must be a number": lambda bad: callbacks.ReduceLROnPlateau(factor=bad),
    "ReduceLROnPlateau: cooldown must be a whole number": lambda bad: callbacks.ReduceLROnPlateau(cooldown=bad),
    "Dropout: rate must be a number": lambda bad: nn.Dropout(bad),
    "GaussianNoise: stddev must be a number": lambda bad: nn.GaussianNoise(bad),
    "LSTM: dropout must be a number": lambda bad: nn.LSTM(3, dropout=bad),
    "BatchNormalization: momentum must be a number": lambda bad: nn.BatchNormalization(momentum=bad),
    "L2: l2 must be a number": lambda bad: nn.regularizers.L2(bad),
    "fit: batch_size must be a whole number": lambda bad: model().fit(X, Y, batch_size=bad, verbose=0),
    "fit: epochs must be a whole number": lambda bad: model().fit(X, Y, epochs=bad, verbose=0),
    "fit: steps_per_epoch must be a whole number": lambda bad: model().fit(X, Y, steps_per_epoch=bad, verbose=0),
    "fit: validation_split must be a number": lambda bad: model().fit(X, Y, validation_split=bad, verbose=0),
    "evaluate: steps must be a whole number": lambda bad: model().evaluate(X, Y, steps=bad, verbose=0),
    "predict: batch_size must be a whole number": lambda bad: model().predict(X, batch_size=bad),
}


@pytest.mark.parametrize("words", sorted(USERS))
def test_texts_in_place_of_numbers(words):
    with pytest.raises(TypeError, match=words):
        USERS[words]("3")


@pytest.mark.parametrize("size", [0, -1])
def test_no_batch_is_empty(size):
    for call in ("fit", "evaluate", "predict"):
        arguments = (X,) if call == "predict" else (X, Y)
        with pytest.raises(ValueError, match=f"{call}: batch_size must be at least 1, got {size}"):
            getattr(model(), call)(*arguments, batch_size=size, verbose=0)


def test_complex_targets_of_real_predictions_are_refused():
    with pytest.raises(TypeError, match=r"the targets are complex, complex128, and the predictions are real, float32"):
        model().fit(X, Y + 1j, verbose=0)


def test_a_text_is_no_learning_rate():
    with pytest.raises(TypeError, match=r"a learning rate is a number, Adam\(0.001\)"):
        tg.optim.Adam("0.1")
