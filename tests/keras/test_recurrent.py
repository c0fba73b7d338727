"""Recurrent layers beside Keras's own, where it is installed: outputs, states and gradients, in float64."""

import inspect
import itertools
import os
import zlib

import numpy as np
import pytest

import tinygraph as tg

torch = pytest.importorskip("torch")
os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras")
if keras.backend.backend() != "torch":
    pytest.skip("with jax, Keras's activations compute in float32", allow_module_level=True)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 5, 4))
MASK = np.array([[1, 1, 0, 1, 0], [0, 1, 1, 1, 1], [1, 1, 1, 1, 1]], bool)
# Before the first step that is not masked Keras's outputs are those of the first state with jax, and zeros with torch.
MASK_INSIDE = np.array([[1, 1, 0, 1, 1], [1, 0, 0, 1, 1], [1, 1, 1, 1, 1]], bool)
UNITS = 6
STATES = {"SimpleRNN": 1, "LSTM": 2, "GRU": 1}
OPTIONS = {
    "as it is": {},
    "sequences": {"return_sequences": True},
    "states": {"return_state": True},
    "sequences and states": {"return_sequences": True, "return_state": True},
    "backwards": {"go_backwards": True, "return_sequences": True, "return_state": True},
    "unrolled": {"unroll": True, "return_sequences": True},
    "no bias": {"use_bias": False, "return_state": True},
    "other activations": {"activation": "relu", "return_state": True},
    "no activation": {"activation": None},
    "zeros for masked steps": {"return_sequences": True, "zero_output_for_mask": True},
}
OF_ONE = {
    "LSTM": {"other gates": {"recurrent_activation": "relu"}, "no forget bias": {"unit_forget_bias": False}},
    "GRU": {
        "other gates": {"recurrent_activation": "relu"},
        "reset before": {"reset_after": False, "return_sequences": True},
        "reset before, no bias": {"reset_after": False, "use_bias": False},
    },
}
CASES = [
    (kind, options, masked, masked and options[0] != "unrolled")
    for kind in STATES
    for options, masked in itertools.product({**OPTIONS, **OF_ONE.get(kind, {})}.items(), (False, True))
]


@pytest.fixture(autouse=True)
def float64():
    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    yield
    keras.config.set_floatx(before)


def named(case):
    kind, (name, _), masked, begun = case
    return f"{kind}, {name}{', masked' if masked else ''}{', from given states' if begun else ''}"


def both(kind, layer_of, x=X):
    """A layer of Keras and ours with the same weights, none of them zero."""
    keras_layer, ours = layer_of(keras.layers, "float64"), layer_of(tg.nn, np.float64)
    keras_layer.build(x.shape)
    ours.eval()
    ours(x)
    ours.train()
    rng = np.random.default_rng(zlib.crc32(kind.encode()))
    tensors = ours.named_parameters()
    weights = keras_layer.trainable_variables
    assert [tuple(weight.shape) for weight in weights] == [tensor.shape for tensor in tensors.values()]
    assert [weight.name for weight in weights] == [path.rpartition(".")[2] for path in tensors]
    for weight, tensor in zip(weights, tensors.values(), strict=True):
        value = 0.5 * rng.normal(size=tensor.shape)
        weight.assign(value)
        tensor.assign(value)
    return keras_layer, ours


def agree(ours, theirs):
    """Keras rounds some results of float64 to float32 on the way, those of tanh and of sums among them."""
    theirs = np.asarray(theirs)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6 * max(1, np.abs(theirs).max()))


def flat(result):
    return list(result) if isinstance(result, list | tuple) else [result]


def summed(parts, weights_of):
    """A sum with another weight for each number, so that each has a gradient of its own."""
    return sum((part * weights_of(_weights(part.shape, number))).sum() for number, part in enumerate(parts))


def _weights(shape, number):
    return np.cos(np.arange(1.0, np.prod(shape) + 1) + number).reshape(tuple(shape))


def compare(kind, layer_of, x=X, **options):
    theirs, ours = both(kind, layer_of, x)
    sequences = torch.tensor(x, requires_grad=True)
    parts = flat(theirs(sequences, **options))
    summed(parts, torch.tensor).backward()
    batch = tg.Tensor(x)
    result = flat(ours(batch, **options))
    summed(result, np.asarray).backward()
    for one, other in zip(parts, result, strict=True):
        agree(other.data, one.detach())
    agree(batch.grad, sequences.grad)
    for weight, parameter in zip(theirs.trainable_variables, ours.parameters(), strict=True):
        agree(parameter.grad, weight.value.grad)


def call_options(kind, masked, begun, copies=1):
    states = [RNG.normal(size=(3, UNITS)) for _ in range(copies * STATES[kind])]
    return {
        **({"mask": MASK_INSIDE if begun else MASK} if masked else {}),
        **({"initial_state": states} if begun else {}),
    }


@pytest.mark.parametrize("case", CASES, ids=map(named, CASES))
def test_layers(case):
    kind, (name, options), masked, begun = case
    compare(
        name,
        lambda home, dtype: getattr(home, kind)(UNITS, dtype=dtype, **options),
        **call_options(kind, masked, begun),
    )


@pytest.mark.parametrize(
    ("kind", "merge_mode", "options", "masked", "begun"),
    [
        ("LSTM", "concat", {}, True, False),
        ("LSTM", "sum", {"return_sequences": True}, True, True),
        ("LSTM", "ave", {"return_sequences": True, "return_state": True}, False, True),
        ("LSTM", None, {"return_sequences": True, "return_state": True}, True, False),
        ("GRU", "concat", {"return_sequences": True, "return_state": True}, True, True),
        ("GRU", "mul", {}, False, True),
        ("SimpleRNN", "concat", {"return_sequences": True}, False, False),
        ("SimpleRNN", None, {}, True, False),
    ],
)
def test_bidirectional(kind, merge_mode, options, masked, begun):
    def layer_of(home, dtype):
        inner = getattr(home, kind)(UNITS, dtype=dtype, **options)
        return home.Bidirectional(inner, merge_mode=merge_mode, dtype=dtype)

    compare("bidirectional", layer_of, **call_options(kind, masked, begun, copies=2))


@pytest.mark.parametrize("masked", [False, True])
def test_another_layer_backwards(masked):
    def layer_of(home, dtype):
        backward = home.LSTM(UNITS, activation="relu", go_backwards=True, return_sequences=True, dtype=dtype)
        forward = home.LSTM(UNITS, return_sequences=True, dtype=dtype)
        return home.Bidirectional(forward, backward_layer=backward, dtype=dtype)

    compare("bidirectional", layer_of, **call_options("LSTM", masked, begun=False))


@pytest.mark.parametrize("kind", STATES)
@pytest.mark.parametrize("masked", [False, True])
def test_cells_in_rnn(kind, masked):
    def layer_of(home, dtype):
        return home.RNN(
            getattr(home, f"{kind}Cell")(UNITS, dtype=dtype), return_sequences=True, return_state=True, dtype=dtype
        )

    compare("cell", layer_of, **call_options(kind, masked, begun=True))


def test_stacked_cells():
    def layer_of(home, dtype):
        cells = [home.LSTMCell(UNITS, dtype=dtype), home.GRUCell(3, dtype=dtype), home.SimpleRNNCell(2, dtype=dtype)]
        return home.RNN(cells, return_sequences=True, dtype=dtype)

    compare("stacked", layer_of)


@pytest.mark.parametrize("inner", ["Dense", "LSTM", "BatchNormalization"])
def test_time_distributed(inner):
    def layer_of(home, dtype):
        options = {} if inner == "BatchNormalization" else {"units": 4}
        return home.TimeDistributed(getattr(home, inner)(dtype=dtype, **options), dtype=dtype)

    x = RNG.normal(size=(3, 2, 5, 4))
    theirs, ours = both("time", layer_of, x)
    for training in (False, True):
        ours.train(training)
        agree(ours(x).data, theirs(x, training=training).detach())
    for name in ("moving_mean", "moving_variance"):
        if inner == "BatchNormalization":
            agree(getattr(ours.layer, name).data, getattr(theirs.layer, name).value.detach())


@pytest.mark.parametrize("kind", STATES)
def test_stateful(kind):
    theirs, ours = both(kind, lambda home, dtype: getattr(home, kind)(UNITS, stateful=True, dtype=dtype))
    theirs.reset_state()
    ours.reset_state()
    for _ in range(3):
        agree(ours(X).data, theirs(X).detach())
    for one, other in zip(theirs.states, ours.states, strict=True):
        agree(other.data, one.value.detach())
    theirs.reset_states()
    ours.reset_states()
    agree(ours(X).data, theirs(X).detach())


@pytest.mark.parametrize(
    "kind", [*STATES, *[f"{kind}Cell" for kind in STATES], "RNN", "StackedRNNCells", "TimeDistributed"]
)
def test_arguments_and_defaults(kind):
    theirs = inspect.signature(getattr(keras.layers, kind)).parameters
    ours = inspect.signature(getattr(tg.nn, kind).__init__).parameters
    left_out = {"activity_regularizer", "use_cudnn", "kwargs"}
    expected = {name: item.default for name, item in theirs.items() if name not in left_out}
    assert {name: item.default for name, item in ours.items() if name not in ("self", "options")} == expected
