"""Recurrent layers against loops in NumPy; tests/keras compares them with Keras's own."""

import operator
import re
import time

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import nn
from tinygraph.compiler.trace import world
from tinygraph.nests import tree_leaves
from tinygraph.testing import check_grads

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 5, 4))
MASK = np.array([[1, 1, 0, 1, 0], [0, 1, 1, 1, 1], [1, 1, 1, 1, 1]], bool)
UNITS = 2


def plain(result):
    return result.data if isinstance(result, tg.Tensor) else result


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def simple_step(x, h, w, u, b, **_):
    h = np.tanh(x @ w + h[0] @ u + b)
    return h, [h]


def lstm_step(x, states, w, u, b, **_):
    h, c = states
    i, f, g, o = np.split(x @ w + h @ u + b, 4, axis=1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    h = sigmoid(o) * np.tanh(c)
    return h, [h, c]


def gru_step(x, states, w, u, b, reset_after=True, **_):
    h, n = states[0], w.shape[1] // 3
    on_x, on_h = b if reset_after else (b, 0 * b)
    (xz, xr, xh), (hz, hr, hh) = np.split(x @ w + on_x, 3, axis=1), np.split(h @ u + on_h, 3, axis=1)
    z, r = sigmoid(xz + hz), sigmoid(xr + hr)
    h = z * h + (1 - z) * np.tanh(xh + (r * hh if reset_after else (r * h) @ u[:, 2 * n :]))
    return h, [h]


STEPS = {"GRU": (gru_step, 1), "LSTM": (lstm_step, 2), "SimpleRNN": (simple_step, 1)}
kinds = pytest.mark.parametrize("kind", STEPS)


def loop(layer, kind, x, states=None, mask=None, **options):
    """All outputs in the order in which they are computed, and the last states."""
    step, number = STEPS[kind]
    weights = [tensor.data for tensor in layer.parameters()]
    states = states or [np.zeros((len(x), UNITS)) for _ in range(number)]
    outputs = []
    for t in range(x.shape[1])[:: -1 if layer.go_backwards else 1]:
        h, new = step(x[:, t], states, *weights, **options)
        if mask is not None:
            kept = mask[:, t][:, None]
            h = np.where(kept, h, 0 if layer.zero_output_for_mask else states[0])
            new = [np.where(kept, now, before) for now, before in zip(new, states, strict=True)]
        states = new
        outputs.append(h)
    return np.stack(outputs, axis=1), states


def made(kind, x=X, **options):
    layer = getattr(nn, kind)(UNITS, dtype="float64", seed=1, **options)
    layer(x)
    rng = np.random.default_rng(2)
    for tensor in layer.parameters():
        tensor.assign(0.5 * rng.normal(size=tensor.shape))
    layer.reset_states()
    return layer


@kinds
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("mask", [None, MASK, MASK.astype(float)], ids=["no mask", "mask", "mask of numbers"])
@pytest.mark.parametrize("zero", [False, True])
@pytest.mark.parametrize("begun", [False, True])
def test_sequences_and_states(kind, backwards, mask, zero, begun):
    options = {"return_sequences": True, "return_state": True, "go_backwards": backwards, "zero_output_for_mask": zero}
    layer = made(kind, **options)
    states = [RNG.normal(size=(3, UNITS)) for _ in range(STEPS[kind][1])] if begun else None
    outputs, *lasts = layer(X, initial_state=states, mask=mask)
    expected, expected_states = loop(layer, kind, X, states, None if mask is None else mask.astype(bool))
    np.testing.assert_allclose(outputs.data, expected, rtol=1e-12, atol=1e-14)
    for last, wanted in zip(lasts, expected_states, strict=True):
        np.testing.assert_allclose(last.data, wanted, rtol=1e-12, atol=1e-14)


@kinds
def test_what_is_returned(kind):
    sequences = made(kind, return_sequences=True)
    last, alone = made(kind), made(kind, return_state=True)
    np.testing.assert_array_equal(last(X).data, sequences(X).data[:, -1])
    h, *states = alone(X)
    assert len(states) == STEPS[kind][1]
    np.testing.assert_array_equal(h.data, states[0].data)
    one_state = alone(X, initial_state=tuple(states)) if len(states) > 1 else alone(X, initial_state=states[0])
    assert not np.array_equal(one_state[0].data, h.data)


def test_the_reset_gate_before_the_product():
    layer = made("GRU", reset_after=False, return_sequences=True)
    assert layer.bias.shape == (3 * UNITS,)
    np.testing.assert_allclose(layer(X).data, loop(layer, "GRU", X, reset_after=False)[0], rtol=1e-12)
    assert made("GRU").bias.shape == (2, 3 * UNITS)


def test_a_layer_takes_the_rows_of_its_bias_once():
    layer = nn.GRU(UNITS, seed=0)
    graph = tg.trace(layer, X)
    assert len([node for node in graph.nodes if node.function is operator.getitem and node.shape == (3 * UNITS,)]) == 2

    class Louder(nn.GRU):
        def step(self, x, states, masks):
            output, new = super().step(x, states, masks)
            return output * 2, new

    louder = Louder(UNITS, seed=0)
    np.testing.assert_allclose(plain(louder(X)), 2 * plain(nn.GRU(UNITS, seed=0)(X)), rtol=1e-6)


@kinds
def test_first_weights(kind):
    layer = getattr(nn, kind)(8, dtype="float64", seed=0)
    layer(X)
    u = layer.recurrent_kernel.data
    np.testing.assert_allclose(u @ u.T, np.eye(8), atol=1e-12)
    assert layer.kernel.shape == (4, u.shape[1])
    bias = layer.bias.data
    assert list(np.flatnonzero(bias)) == (list(range(8, 16)) if kind == "LSTM" else [])
    assert set(layer.named_parameters()) == {"kernel", "recurrent_kernel", "bias"}
    assert layer.cell.kernel is layer.kernel
    assert getattr(nn, kind)(8, use_bias=False)(X).shape == (3, 8)


def test_first_bias():
    layer = nn.LSTM(2, bias_initializer="ones", unit_forget_bias=False)
    layer(X)
    assert layer.bias.data.tolist() == [1] * 8


# --- gradients, compiled ----------------------------------------------------------------------------------------------

LAYERS = {
    "bidirectional": lambda: nn.Bidirectional(nn.GRU(UNITS, return_sequences=True, dtype="float64")),
    "cells": lambda: nn.RNN([nn.LSTMCell(3, dtype="float64"), nn.SimpleRNNCell(2, dtype="float64")], dtype="float64"),
    "GRU": lambda: made("GRU", return_sequences=True),
    "GRU, reset before": lambda: made("GRU", reset_after=False),
    "LSTM": lambda: made("LSTM"),
    "SimpleRNN": lambda: made("SimpleRNN", go_backwards=True),
    "time distributed": lambda: nn.TimeDistributed(nn.Dense(2, activation="tanh", dtype="float64")),
}
layers = pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)


@layers
@pytest.mark.parametrize("masked", [False, True])
def test_gradients(make, masked):
    layer, x = make(), X[:2, :2]
    options = {"mask": MASK[:2, :2]} if masked else {}
    layer(x)
    owners = {
        path: (module, name)
        for module in layer.modules()
        for name, value in vars(module).items()
        if isinstance(value, tg.Tensor)
        for path, tensor in layer.named_parameters().items()
        if tensor is value
    }
    values = {path: tensor.data for path, tensor in layer.named_parameters().items()}

    def f(x, values):
        for path, value in values.items():
            setattr(*owners[path], value)
        y = layer(x, **options)
        return np.sum(np.cos(np.arange(1.0, y.size + 1)).reshape(y.shape) * y)

    check_grads(f, x, values, order=2)


@layers
@pytest.mark.parametrize("masked", [False, True])
def test_compiled_equals_eager(make, masked):
    results = []
    for compiled in (False, True):
        layer = make()
        model = nn.Sequential([layer, nn.Flatten(), nn.Dense(2, dtype="float64", seed=0)])
        layer(X), model(X)
        rng = np.random.default_rng(3)
        for parameter in model.parameters():
            parameter.assign(0.4 * rng.normal(size=parameter.shape))
        adam = tg.optim.Adam(model.parameters(), 0.01)

        def step(x, mask, model=model, layer=layer, adam=adam):
            y = layer(x, mask=mask) if mask is not None else layer(x)
            loss = np.mean(model.layers[2](model.layers[1](y)) ** 2)
            adam.zero_grad()
            loss.backward()
            adam.step()
            return loss

        run = tg.compile(step) if compiled else step
        results.append([float(run(x, MASK if masked else None)) for x in (X, 2 * X, X)])
    np.testing.assert_allclose(*results, rtol=1e-9)


def training_step(model, adam):
    @tg.compile
    def step(x, y):
        loss = tg.cross_entropy(model(x), y, from_logits=True)
        adam.zero_grad()
        loss.backward()
        adam.step()
        return loss

    return step


@kinds
def test_programs_are_short_at_any_length(kind):
    lines = []
    for length in (10, 20, 50):
        x, y = RNG.normal(size=(4, length, 3)).astype(np.float32), np.array([0, 1, 2, 0])
        model = nn.Sequential([getattr(nn, kind)(5), nn.Dense(3)])
        model(x)
        step = training_step(model, tg.optim.Adam(model.parameters()))
        step(x, y)
        lines.append(len(step.source.splitlines()))
    assert max(lines) < 500
    assert max(lines) - min(lines) < 20


# --- stateful ---------------------------------------------------------------------------------------------------------


@kinds
@pytest.mark.parametrize("compiled", [False, True])
def test_stateful(kind, compiled):
    layer, whole = made(kind, stateful=True), made(kind)
    run = tg.compile(lambda x: layer(x)) if compiled else layer
    batches = [RNG.normal(size=X.shape) for _ in range(3)]
    for number, batch in enumerate(batches, 1):
        got = plain(run(batch))
        np.testing.assert_allclose(got, whole(np.concatenate(batches[:number], axis=1)).data, rtol=1e-9)
    assert len(layer.states) == STEPS[kind][1]
    assert "state" not in " ".join(layer.state_dict())
    layer.reset_states()
    np.testing.assert_allclose(plain(run(X)), whole(X).data, rtol=1e-9)
    with pytest.raises(tg.ShapeError, match="a stateful layer carries the states of 3 examples from batch to batch"):
        layer(X[:2])


@kinds
@pytest.mark.parametrize("compiled", [False, True])
def test_gradients_of_a_stateful_layer_end_at_the_states_it_began_with(kind, compiled):
    layer, plain_layer = made(kind, stateful=True), made(kind)
    states = [RNG.normal(size=state.shape) for state in layer.states]

    def loss(x, layer, **options):
        value = np.sum(layer(x, **options) ** 2)
        value.backward()
        return value

    for state, value in zip(layer.states, states, strict=True):
        state.assign(value)
    (tg.compile(loss) if compiled else loss)(X, layer)
    loss(X, plain_layer, initial_state=states)
    for tensor, other in zip(layer.parameters(), plain_layer.parameters(), strict=True):
        np.testing.assert_allclose(tensor.grad, other.grad, rtol=1e-9)


def test_bidirectional_states():
    layer = nn.Bidirectional(nn.LSTM(2, stateful=True, dtype="float64"))
    first = layer(X).data
    assert len(layer.states) == 4
    assert not np.array_equal(layer(X).data, first)
    layer.reset_states()
    np.testing.assert_array_equal(layer(X).data, first)


# --- dropout ----------------------------------------------------------------------------------------------------------


def test_dropout_is_the_same_at_all_time_steps():
    layer = made("SimpleRNN", dropout=0.5, return_sequences=True)
    layer.generator = np.random.default_rng(7)
    mask = (np.random.default_rng(7).random((3, 4)) >= 0.5) * 2.0
    np.testing.assert_allclose(layer(X).data, loop(layer, "SimpleRNN", X * mask[:, None])[0], rtol=1e-12)
    layer.eval()
    np.testing.assert_allclose(layer(X).data, loop(layer, "SimpleRNN", X)[0], rtol=1e-12)


@pytest.mark.parametrize(("kind", "options"), [(kind, {}) for kind in STEPS] + [("GRU", {"reset_after": False})])
def test_recurrent_dropout(kind, options):
    layer = made(kind, dropout=0.3, recurrent_dropout=0.4, return_sequences=True, **options)
    layer.generator = np.random.default_rng(7)
    result = layer(X).data
    rng, gates = np.random.default_rng(7), layer.gates
    on_x = [(rng.random((3, 4)) >= 0.3) / (1 - 0.3) for _ in range(gates)]
    on_h = [(rng.random((3, UNITS)) >= 0.4) / (1 - 0.4) for _ in range(gates)]
    w, u, b = [tensor.data for tensor in layer.parameters()]
    for example in range(3):  # a mask of one example scales the rows of its kernels
        columns = [slice(gate * UNITS, (gate + 1) * UNITS) for gate in range(gates)]
        wide, high = w.copy(), u.copy()
        for gate, part in enumerate(columns):
            wide[:, part] *= on_x[gate][example][:, None]
            high[:, part] *= on_h[gate][example][:, None]
        states = [np.zeros((1, UNITS)) for _ in range(STEPS[kind][1])]
        for t in range(5):
            h, states = STEPS[kind][0](X[example : example + 1, t], states, wide, high, b, **options)
            np.testing.assert_allclose(result[example, t], h[0], rtol=1e-9)
    layer.eval()
    np.testing.assert_allclose(layer(X).data, loop(layer, kind, X, **options)[0], rtol=1e-12)


# --- cells ------------------------------------------------------------------------------------------------------------


@kinds
def test_a_cell_is_one_step(kind):
    cell = getattr(nn, f"{kind}Cell")(UNITS, dtype="float64", seed=1)
    states = [RNG.normal(size=(3, UNITS)) for _ in range(STEPS[kind][1])]
    h, new = cell(X[:, 0], states)
    expected, wanted = STEPS[kind][0](X[:, 0], states, *[tensor.data for tensor in cell.parameters()])
    np.testing.assert_allclose(h.data, expected, rtol=1e-12)
    for one, other in zip(new, wanted, strict=True):
        np.testing.assert_allclose(one.data, other, rtol=1e-12)
    if kind != "LSTM":
        assert cell(X[:, 0], states[0])[1].shape == (3, UNITS)
    layer = nn.RNN(cell, return_sequences=True, dtype="float64")
    layer.go_backwards = False
    np.testing.assert_allclose(layer(X).data, loop(layer, kind, X)[0], rtol=1e-12)


class Running:
    """A cell of one's own: the running sum of the inputs, and the number of steps."""

    state_size = (4, 1)

    def call(self, x, states):
        total, count = states[0] + x, states[1] + 1
        return total / count, [total, count]


def test_a_cell_of_ones_own():
    layer = nn.RNN(Running(), return_sequences=True, return_state=True, dtype="float64")
    means, total, count = layer(tg.Tensor(X))
    np.testing.assert_allclose(means.data, np.cumsum(X, axis=1) / np.arange(1, 6)[:, None])
    np.testing.assert_allclose(total.data, X.sum(axis=1))
    assert plain(count).tolist() == [[5]] * 3


def test_stacked_cells():
    stack = nn.RNN(
        [nn.LSTMCell(3, dtype="float64"), nn.GRUCell(2, dtype="float64")], return_state=True, dtype="float64"
    )
    y, first, second = stack(X)
    assert [state.shape for state in first] == [(3, 3), (3, 3)]
    np.testing.assert_array_equal(y.data, second.data)
    lower = nn.RNN(stack.cell.cells[0], return_sequences=True, dtype="float64")
    upper = nn.RNN(stack.cell.cells[1], dtype="float64")
    np.testing.assert_allclose(upper(lower(X)).data, y.data, rtol=1e-12)
    again = stack(X, initial_state=[first, second])
    assert again[0].shape == (3, 2)


# --- wrappers ---------------------------------------------------------------------------------------------------------


@kinds
@pytest.mark.parametrize("merge_mode", ["ave", "concat", "mul", "sum", None])
@pytest.mark.parametrize("sequences", [False, True])
def test_bidirectional(kind, merge_mode, sequences):
    inner = getattr(nn, kind)(UNITS, dtype="float64", seed=3, return_sequences=sequences)
    layer = nn.Bidirectional(inner, merge_mode)
    result = layer(X, mask=MASK)
    one, other = layer.forward_layer, layer.backward_layer
    assert not np.array_equal(one.kernel.data, other.kernel.data)
    ahead, back = (loop(each, kind, X, mask=MASK)[0] for each in (one, other))
    ahead, back = (ahead, back[:, ::-1]) if sequences else (ahead[:, -1], back[:, -1])
    merged = {
        "ave": (ahead + back) / 2, "concat": np.concatenate([ahead, back], axis=-1), "mul": ahead * back,
        "sum": ahead + back, None: (ahead, back),
    }[merge_mode]  # fmt: skip
    if merge_mode is None:
        result, merged = np.stack(result), np.stack(merged)
    np.testing.assert_allclose(result.data, merged, rtol=1e-12, atol=1e-14)


def test_time_distributed():
    images = RNG.normal(size=(2, 3, 6, 6, 1))
    layer = nn.TimeDistributed(nn.Conv2D(2, 3, dtype="float64"))
    result = layer(images).data
    assert result.shape == (2, 3, 4, 4, 2)
    np.testing.assert_allclose(result[:, 1], layer.layer(images[:, 1]).data, rtol=1e-12)
    assert nn.TimeDistributed(nn.Dense(3))(X[:0]).shape == (0, 5, 3)


def test_time_distributed_keeps_the_steps_of_batches_apart():
    layer = nn.TimeDistributed(nn.Sequential([nn.BatchNormalization(dtype="float64")]))
    result = layer(X).data
    np.testing.assert_allclose(result.mean(axis=0), np.zeros((5, 4)), atol=1e-12)


def test_masks_of_results():
    assert nn.LSTM(2, return_sequences=True).compute_mask(X, MASK) is MASK
    assert nn.LSTM(2).compute_mask(X, MASK) is None
    assert nn.LSTM(2, return_sequences=True, return_state=True).compute_mask(X, MASK) == [MASK, None, None]
    both = nn.Bidirectional(nn.GRU(2, return_sequences=True), merge_mode=None)
    assert both.compute_mask(X, MASK) == [MASK, MASK]
    assert nn.Bidirectional(nn.GRU(2)).compute_mask(X, MASK) is None
    assert nn.TimeDistributed(nn.Dense(2)).compute_mask(X, MASK) is MASK


# --- edges and errors -------------------------------------------------------------------------------------------------


@kinds
def test_one_step_one_example_and_none(kind):
    layer = made(kind, return_sequences=True)
    np.testing.assert_allclose(layer(X[:1, :1]).data, loop(layer, kind, X[:1, :1])[0], rtol=1e-12)
    batch = tg.Tensor(X[:0])
    y = layer(batch)
    assert y.shape == (0, 5, UNITS)
    np.sum(y).backward()
    assert batch.grad.shape == (0, 5, 4)
    assert not layer.kernel.grad.any()


@kinds
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_dtypes(kind, dtype):
    layer = getattr(nn, kind)(3, dtype=dtype, return_state=True, dropout=0.2, recurrent_dropout=0.2)
    results = layer(X.astype(dtype))
    assert {result.dtype for result in results} == {np.dtype(dtype)}


@kinds
@pytest.mark.parametrize(
    ("x", "options", "message"),
    [
        (X[0], {}, "a batch must have 3 axes, (examples, time steps, features), got shape (5, 4)"),
        (X[:, :0], {}, "a batch of shape (3, 0, 4) has no time steps"),
        (X[:, :, :3], {}, "a batch of shape (3, 5, 3) does not have 4 features in its last axis"),
        (X, {"initial_state": np.zeros((3, 7))}, "the states for 3 examples must have the shapes [(3, 2)"),
        (X, {"initial_state": [np.zeros((2, 2))] * 2}, "the states for 3 examples must have the shapes [(3, 2)"),
        (X, {"mask": MASK[:, :4]}, "a mask must have shape (3, 5), (examples, time steps), got (3, 4)"),
    ],
    ids=["rank", "no steps", "features", "state", "states", "mask"],
)
def test_what_does_not_fit(kind, x, options, message):
    layer = made(kind)
    layer.name = "it"
    with pytest.raises(tg.ShapeError, match=re.escape(f'{kind} "it": {message}')):
        layer(x, **options)
    np.testing.assert_allclose(layer(X).data, loop(layer, kind, X)[0][:, -1], rtol=1e-12)


@kinds
def test_a_first_batch_that_fails_makes_no_weights(kind):
    layer = getattr(nn, kind)(2)
    with pytest.raises(tg.ShapeError):
        layer(X, mask=MASK[:1])
    assert not layer.built
    assert layer(X[:, :, :3]).shape == (3, 2)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: nn.LSTM(0), ValueError, "LSTM: units must be at least 1, got 0"),
        (lambda: nn.GRU(2, dropout=1.5), ValueError, "GRU: dropout must be at least 0 and less than 1, got 1.5"),
        (lambda: nn.LSTM(2, activation="tahn"), ValueError, "an activation is a function, or one of"),
        (lambda: nn.RNN(3), TypeError, "RNN: a cell has a method call(x, states), and a state_size; got 3"),
        (lambda: nn.RNN(nn.LSTM(3)), TypeError, "RNN: a cell has a method call(x, states), and a state_size"),
        (lambda: nn.RNN([]), ValueError, "StackedRNNCells: there must be at least one cell"),
        (lambda: nn.Bidirectional(nn.Dense(3)), TypeError, "is no recurrent layer"),
        (
            lambda: nn.Bidirectional(nn.LSTM(3), "sun"),
            ValueError,
            "merge_mode is one of concat, sum, ave, mul, or None",
        ),
        (
            lambda: nn.Bidirectional(nn.LSTM(3), backward_layer=nn.LSTM(3)),
            ValueError,
            "both layers have go_backwards=False",
        ),
        (
            lambda: nn.Bidirectional(nn.LSTM(3), backward_layer=nn.LSTM(3, go_backwards=True, return_state=True)),
            ValueError,
            "return_state is False in layer, and True in backward_layer",
        ),
        (lambda: nn.Bidirectional(made("LSTM")), ValueError, "has its weights already"),
        (lambda: nn.TimeDistributed(np.tanh), TypeError, "is no layer"),
    ],
)
def test_what_cannot_be_made(make, error, message):
    with pytest.raises(error, match=re.escape(message)):
        make()


def test_calls_of_wrappers_that_do_not_fit():
    with pytest.raises(tg.ShapeError, match=r'Bidirectional "bidirectional": initial_state must be a list'):
        nn.Bidirectional(nn.GRU(2), name="bidirectional")(X, initial_state=[np.zeros((3, 2))])
    with pytest.raises(tg.ShapeError, match=r"a batch must have 3 axes or more"):
        nn.TimeDistributed(nn.Dense(2))(X[0])
    with pytest.raises(tg.ShapeError, match=r"a mask of shape \(2, 5\) does not fit"):
        nn.TimeDistributed(nn.Dense(2))(X, mask=MASK[:2])
    with pytest.raises(tg.ShapeError, match=r"a batch of one time step must have shape \(examples, 4\)"):
        cell = nn.LSTMCell(2)
        cell(X[:, 0], [np.zeros((3, 2))] * 2)
        cell(X[:, 0, :2], [np.zeros((3, 2))] * 2)


@pytest.mark.parametrize("length", [5, 30])
def test_the_last_of_all_outputs_compiled(length):
    """Each state is reached, by way of the later ones: the program needs no masks of what no gradient reaches."""
    x = RNG.normal(size=(2, length, 3))
    lstm = nn.LSTM(2, return_sequences=True, dtype="float64", seed=0)
    lstm(x)

    def step(x):
        lstm.recurrent_kernel.grad = None
        loss = np.sum(lstm(x)[:, -1] ** 2)
        loss.backward()
        return loss

    expected, slope = step(x).item(), lstm.recurrent_kernel.grad.copy()
    compiled = tg.compile(step)
    np.testing.assert_allclose(compiled(x), expected, rtol=1e-12)
    np.testing.assert_allclose(lstm.recurrent_kernel.grad, slope, rtol=1e-9)
    assert "where=" not in compiled.source


def test_a_picture_of_a_program_has_one_loop():
    layer = nn.LSTM(2, name="memory")
    layer(X)
    run = tg.compile(lambda x: layer(x))
    run(X)
    picture = run.draw(rewritten=True).svg()
    assert picture.count("loop × 5") >= 1
    assert picture.count("tanh") < 10


# --- as parts of networks ---------------------------------------------------------------------------------------------


def test_in_a_network_of_symbols():
    sequences = nn.Input((None, 4))
    every, h, c = nn.LSTM(3, return_sequences=True, return_state=True, dtype="float64")(sequences)
    decoded = nn.LSTM(3, dtype="float64")(every, initial_state=[h, c])
    both = nn.Bidirectional(nn.GRU(2, dtype="float64"))(every)
    model = nn.Model(sequences, nn.Dense(2, dtype="float64")(decoded) + np.sum(both))
    assert every.shape == (None, None, 3)
    assert both.shape == (None, 4)
    for length in (5, 2):
        assert model(X[:, :length]).shape == (3, 2)
    first, last = [module for module in model.modules() if isinstance(module, nn.LSTM)]
    outputs, *states = first(X)
    np.testing.assert_allclose(last(outputs, initial_state=states).data, last(*first(X)[:1], states).data)


def test_masks_go_through_a_network_of_symbols():
    x = np.where(MASK[:, :, None], X, 0)
    symbol = nn.Input((5, 4), dtype="float64")
    layers = [
        nn.LSTM(3, return_sequences=True, return_state=True, dtype="float64"),
        nn.Bidirectional(nn.GRU(2, return_sequences=True, dtype="float64")),
        nn.TimeDistributed(nn.Dense(3, dtype="float64")),
        nn.GRU(2, dtype="float64"),
    ]
    h, *_ = layers[0](nn.Masking()(symbol))
    for layer in layers[1:]:
        h = layer(h)
    model = nn.Model(symbol, h)
    h, *_ = layers[0](x, mask=MASK)
    expected = layers[3](layers[2](layers[1](h, mask=MASK)), mask=MASK)
    np.testing.assert_allclose(model(x).data, expected.data, rtol=1e-12)


def test_a_stateful_layer_among_symbols_wants_the_size_of_the_batch():
    layer = nn.GRU(3, stateful=True)
    model = nn.Model(symbol := nn.Input((5, 4), batch_size=3), layer(symbol))
    assert not np.array_equal(model(X).data, model(X).data)
    with pytest.raises(tg.ShapeError, match=r"With symbols write Input\(shape, batch_size=32\), say"):
        nn.GRU(3, stateful=True)(nn.Input((5, 4)))


@kinds
def test_regularisers_constraints_and_frozen_weights(kind):
    options = {"kernel_regularizer": "l2", "recurrent_constraint": "unit_norm", "bias_regularizer": "l1"}
    layer = getattr(nn, kind)(3, **options)
    model = nn.Sequential([layer, nn.Dense(2)])
    model(X)
    bias = 0.01 * np.abs(layer.bias.data).sum()
    np.testing.assert_allclose(sum(layer.losses).item(), 0.01 * np.sum(layer.kernel.data**2) + bias, rtol=1e-5)
    model.compile(optimizer="sgd", loss="mse")
    model.fit(X, np.ones((3, 2)), epochs=1, verbose=0)
    np.testing.assert_allclose(np.sum(layer.recurrent_kernel.data**2, axis=0), 1, rtol=1e-4)
    layer.trainable = False
    assert [path.split(".")[-1] for path in model.named_parameters()] == ["kernel", "bias"]
    assert len(model.parameters()) == 2


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.Bidirectional(nn.LSTM(2, return_sequences=True, activation="relu"), merge_mode="sum"),
        lambda: nn.GRU(2, dropout=0.1, reset_after=False, go_backwards=True),
        lambda: nn.RNN([nn.LSTMCell(2), nn.GRUCell(3)], return_state=True),
        lambda: nn.TimeDistributed(nn.Dense(2)),
    ],
    ids=["bidirectional", "GRU", "cells", "time distributed"],
)
def test_made_again_of_plain_data(make):
    layer = make()
    twin = type(layer).from_config(layer.get_config())
    layer(X), twin(X)
    assert {path: tensor.shape for path, tensor in layer.tensors().items()} == {
        path: tensor.shape for path, tensor in twin.tensors().items()
    }
    twin.load_state_dict(layer.state_dict())
    layer.eval(), twin.eval()
    for one, other in zip(tree_leaves(layer(X)), tree_leaves(twin(X)), strict=True):
        np.testing.assert_array_equal(one.data, other.data)


def test_compiled_with_dropout_and_batches_of_other_sizes():
    results = []
    for compiled in (False, True):
        layers = [
            nn.Bidirectional(nn.LSTM(4, return_sequences=True, dropout=0.2, recurrent_dropout=0.1, dtype="float64")),
            nn.GRU(3, dropout=0.3, dtype="float64"),
        ]
        model = nn.Sequential(layers)
        model(X)
        for module in model.modules():
            module.generator = np.random.default_rng(5)
        rng = np.random.default_rng(1)
        for parameter in model.parameters():
            parameter.assign(0.4 * rng.normal(size=parameter.shape))
        sgd = tg.optim.SGD(model.parameters(), 0.1)

        def step(x, model=model, sgd=sgd):
            loss = np.mean(model(x) ** 2)
            sgd.zero_grad()
            loss.backward()
            sgd.step()
            return loss

        run = tg.compile(step) if compiled else step
        sizes = ((4, 6), (3, 6), (7, 6), (5, 9), (1, 6), (4, 6))
        results.append([float(run(rng.normal(size=(*size, 4)))) for size in sizes])
    np.testing.assert_allclose(*results, rtol=1e-9)


@kinds
def test_the_first_half_of_initial_states_is_of_the_forward_layer(kind):
    layer = nn.Bidirectional(getattr(nn, kind)(UNITS, dtype="float64", seed=1), merge_mode="concat", dtype="float64")
    layer(X)
    number = STEPS[kind][1]
    states = [RNG.normal(size=(3, UNITS)) for _ in range(2 * number)]
    parts = [
        one(X, initial_state=own).data
        for one, own in ((layer.forward_layer, states[:number]), (layer.backward_layer, states[number:]))
    ]
    np.testing.assert_allclose(layer(X, initial_state=states).data, np.concatenate(parts, axis=-1), rtol=1e-12)


# --- long sequences ---------------------------------------------------------------------------------------------------


class Counted(nn.LSTMCell):
    """A cell that counts its steps."""

    def step(self, x, states, masks):
        self.steps = getattr(self, "steps", 0) + 1
        return super().step(x, states, masks)


@pytest.mark.parametrize("options", [{}, {"return_sequences": True, "return_state": True}])
def test_a_model_of_long_sequences_is_made_of_few_steps(options):
    def steps(length):
        cell = Counted(UNITS)
        results = nn.RNN(cell, **options)(nn.Input((length, 4)))
        return cell.steps, [result.shape for result in (results if options else [results])]

    (few, short), (many, long) = steps(8), steps(800)
    assert few == many
    assert long == [tuple([800 if size == 8 else size for size in shape]) for shape in short]


@kinds
@pytest.mark.parametrize("options", [{}, {"return_sequences": True}, {"go_backwards": True, "return_sequences": True}])
def test_shapes_of_symbols_are_those_of_batches(kind, options):
    layer = getattr(nn, kind)(UNITS, **options)
    symbol = layer(nn.Input((5, 4)))
    assert (3, *symbol.shape[1:]) == layer(X).shape


@kinds
def test_a_clock_in_an_activation_is_refused_and_loops_of_ours_are_not_watched(kind, monkeypatch):
    def timed(z):
        return np.tanh(z) + 0 * time.perf_counter()

    x = X.astype(np.float32)
    with pytest.raises(tg.UnsupportedError, match="clock"):
        tg.compile(getattr(nn, kind)(UNITS, activation=timed))(x)

    class Own(getattr(nn, kind)):
        def step(self, x, states, masks):
            output, new = super().step(x, states, masks)
            return output + 0 * time.perf_counter(), new

    with pytest.raises(tg.UnsupportedError, match="clock"):
        tg.compile(Own(UNITS))(x)

    calls = []
    look = world._look
    monkeypatch.setattr(world, "_look", lambda *event: (calls.append(event[0].f_code.co_name), look(*event)))
    layer = getattr(nn, kind)(UNITS, seed=1)
    layer(x)
    found = tg.compile(layer)(x)
    assert "call" in calls
    assert "step" not in calls
    np.testing.assert_allclose(plain(found), layer(x).data, rtol=1e-5, atol=1e-6)
