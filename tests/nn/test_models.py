"""Models put together from layers: sequential ones, and those of symbols."""

from __future__ import annotations

import copy
import io

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import nn

rng = np.random.default_rng(0)
X = rng.normal(size=(6, 4)).astype(np.float32)


def test_layers_are_added_and_make_their_weights_at_once():
    model = nn.Sequential()
    model.add(nn.Dense(32, input_shape=(4,), activation="relu"))
    model.add(nn.Dense(3, activation="softmax"))
    assert [layer.name for layer in model.layers] == ["dense", "dense_1"]
    assert model.input_shape == (None, 4) and model.output_shape == (None, 3)
    assert model.count_params() == 259
    np.testing.assert_allclose(np.sum(model(X).numpy(), axis=1), 1, rtol=1e-6)
    assert model.pop().units == 3 and model.output_shape == (None, 32)


def test_an_input_comes_first():
    model = nn.Sequential([nn.Input((28, 28, 1)), nn.Conv2D(2, 3), nn.Flatten(), nn.Dense(10)])
    assert len(model.layers) == 3 and model.output_shape == (None, 10)
    with pytest.raises(ValueError, match='the input of "Sequential" comes first'):
        model.add(nn.Input((3,)))


def test_a_layer_that_does_not_fit_is_not_appended():
    model = nn.Sequential([nn.Input((4, 4, 1))])
    with pytest.raises(tg.ShapeError, match="a window of \\(9, 9\\) does not fit"):
        model.add(nn.Conv2D(1, 9))
    assert model.layers == [] and model.output_shape == (None, 4, 4, 1)


def test_a_network_of_symbols_shares_layers_and_takes_functions():
    a, b = nn.Input((4,), name="a"), nn.Input((4,), name="b")
    shared = nn.Dense(5, seed=0)
    h = np.tanh(shared(a)) + 2 * shared(b)
    model = nn.Model(inputs={"a": a, "b": b}, outputs=[nn.Dense(2, seed=1)(h), h])
    assert [layer.name for layer in model.layers] == ["a", "b", "dense", "dense_1"]
    assert len(model.parameters()) == 4
    first, second = model({"a": X, "b": X + 1})
    expected = np.tanh(X @ shared.kernel.data) + 2 * ((X + 1) @ shared.kernel.data)
    np.testing.assert_allclose(second.data, expected, rtol=1e-5)
    assert first.shape == (6, 2)
    with pytest.raises(ValueError, match=r"there is no input 'b'"):
        model({"a": X})
    with pytest.raises(tg.ShapeError, match=r'an input "b" of shape \(None, 4\) was expected'):
        model({"a": X, "b": X[:, :2]})


def test_outputs_come_from_the_inputs():
    a, b = nn.Input((4,)), nn.Input((4,))
    with pytest.raises(ValueError, match="which is not among the inputs"):
        nn.Model(a, a + b)


def test_arrays_in_the_place_of_symbols_are_refused():
    x = np.ones((2, 3))
    with pytest.raises(TypeError, match=r"the inputs must be symbols, got ndarray. .*tg.nn.Input\(shape\)"):
        nn.Model(x, nn.Dense(2)(x))
    with pytest.raises(TypeError, match="the outputs must be symbols, got ndarray"):
        nn.Model(nn.Input((3,)), x)


def test_open_axes_of_symbols_are_found():
    x = nn.Input((None, 3))
    assert nn.Dense(7)(x).shape == (None, None, 7)
    assert np.sum(x, axis=1).shape == (None, 3)
    assert x[:, -1].shape == (None, 3)
    with pytest.raises(tg.GraphError, match="has no values yet"):
        float(x)


def test_a_result_whose_axes_depend_on_the_batch_is_refused():
    with pytest.raises(tg.GraphError, match="squeeze: the number of axes of its result depends on the size of the ba"):
        np.squeeze(nn.Input((1,)))
    assert np.squeeze(nn.Input((1,)), axis=-1).shape == (None,)


def test_training_holds_for_a_call_and_all_that_is_called():
    model = nn.Sequential([nn.Input((4,)), nn.Sequential([nn.Dropout(0.5, seed=0)])])
    np.testing.assert_array_equal(model(X, training=False), X)
    assert np.any(model(X) == 0)
    model.eval()
    np.testing.assert_array_equal(model(X), X)
    assert np.any(model(X, training=True) == 0)
    assert not model.training and not model.layers[0].layers[0].training


def test_a_call_that_takes_training_is_told():
    class Told(nn.Layer):
        def call(self, x, training=None):
            return x * (2 if training else 3)

    layer = Told()
    outer = nn.Sequential([layer])
    np.testing.assert_array_equal(outer(X), X * 2)
    np.testing.assert_array_equal(outer(X, training=False), X * 3)


def test_frozen_weights_get_no_gradient_and_come_back():
    model = nn.Sequential([nn.Input((4,)), nn.Dense(3), nn.BatchNormalization(), nn.Dense(2)])
    everything = model.parameters()
    model.layers[0].trainable = False
    assert len(model.parameters()) == len(everything) - 2
    np.sum(model(X)).backward()
    assert model.layers[0].kernel.grad is None and model.layers[2].kernel.grad is not None
    model.trainable = False
    assert model.parameters() == []
    model.trainable = True
    assert [id(t) for t in model.parameters()] == [id(t) for t in everything]
    assert not model.layers[1].moving_mean.requires_grad
    late = nn.Dense(3, trainable=False)
    late(X)
    assert late.parameters() == []
    late.trainable = True
    assert len(late.parameters()) == 2


def test_one_seed_makes_the_same_layers():
    def weights():
        nn.set_seed(3)
        model = nn.Sequential([nn.Input((4,)), nn.Dense(3), nn.Dense(3), nn.Dropout(0.5)])
        return [*model.get_weights(), model(X, training=True).data]

    try:
        first, second = weights(), weights()
    finally:
        nn.set_seed(None)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(first[2][:3], first[0][:3])


def added_one_by_one():
    model = nn.Sequential()
    model.add(nn.Input((4,)))
    for layer in (nn.Dense(3), nn.Dense(2)):
        model.add(layer)
    return model


def of_symbols():
    x, first, last = nn.Input((4,)), nn.Dense(3), nn.Dense(2)
    return nn.Model(x, last(first(x)))


def made_at_the_first_batch():
    model = nn.Sequential([nn.Dense(3), nn.Dense(2)])
    model(np.ones((1, 4), np.float32))
    return model


@pytest.mark.parametrize("form", [added_one_by_one, of_symbols, made_at_the_first_batch])
def test_one_seed_gives_the_same_weights_however_a_network_is_written(form):
    try:
        nn.set_seed(3)
        expected = nn.Sequential([nn.Input((4,)), nn.Dense(3), nn.Dense(2)]).get_weights()
        nn.set_seed(3)
        for one, other in zip(form().get_weights(), expected, strict=True):
            np.testing.assert_array_equal(one, other)
    finally:
        nn.set_seed(None)


def test_a_network_of_ones_own_may_draw():
    class Own(nn.Model):
        def build(self, shape):
            self.scale = self.weight("scale", (shape[-1],), "normal")

        def call(self, x):
            return x * self.scale

    try:
        drawn = []
        for _ in range(2):
            nn.set_seed(3)
            model = Own()
            model(np.ones((1, 4), np.float32))
            drawn.append(model.get_weights()[0])
        np.testing.assert_array_equal(*drawn)
        assert np.any(drawn[0])
    finally:
        nn.set_seed(None)


def test_a_layer_called_on_a_layer_says_so():
    with pytest.raises(TypeError, match="a layer is called on a batch, got the layer"):
        nn.Dense(3)(nn.Dense(4))


@pytest.mark.parametrize("built", [False, True])
def test_a_layer_called_on_a_list_says_so(built):
    layer = nn.Sequential([nn.Dense(3, name="first")])
    if built:
        layer(np.ones((2, 4)))
    with pytest.raises((AttributeError, TypeError)) as caught:
        layer([np.ones((2, 4))])
    (note,) = caught.value.__notes__
    assert note.startswith('Dense "first" was called on a list of 1 arrays')


def test_a_call_without_return_says_so():
    class Doubled(nn.Layer):
        def build(self, shape):
            self.scale = self.weight("scale", shape[-1:], "ones")

        def call(self, x):
            x * self.scale

    layer = Doubled(name="twice")
    with pytest.raises(TypeError, match='Doubled "twice": its `call` returns None'):
        layer(np.ones((2, 3)))
    assert not layer.built


def test_configurations_make_the_layer_again():
    layer = nn.Dense(3, activation=tg.relu, kernel_initializer="he_normal", name="hidden", input_shape=(4,))
    twin = nn.Dense.from_config(layer.get_config())
    assert twin.get_config() == layer.get_config()
    assert twin.activation is tg.relu and twin.name == "hidden" and twin._input_shape == (None, 4)
    with pytest.raises(TypeError, match=r"Dense: activation: .* cannot be written as data"):
        nn.Dense(3, activation=lambda x: x).get_config()


def test_the_summary_is_keras_table(capsys):
    model = nn.Sequential([nn.Dense(32, input_shape=(4,)), nn.Dense(3)])
    model.summary()
    text = capsys.readouterr().out
    assert 'Model: "sequential"' in text and "dense_1 (Dense)" in text and "(None, 3)" in text
    assert " Total params: 259 (1.01 KB)" in text


def test_penalties_and_constraints_are_those_of_the_weights():
    class Kept(nn.Layer):
        def build(self, shape):
            self.w = self.weight("w", (3,), "ones", regularizer=lambda w: 0.5 * np.sum(w * w), constraint=np.abs)

        def call(self, x):
            self.add_loss(np.sum(x * self.w) * 0.1)
            return x * self.w

    model = nn.Sequential([Kept()])
    model(np.ones((1, 3)))
    model(np.ones((1, 3)))
    assert [float(loss.data) for loss in model.losses] == pytest.approx([1.5, 0.3])
    assert [rule for _, rule in model.constraints()] == [np.abs]


def test_a_compiled_network_of_symbols_equals_the_eager_one():
    x = nn.Input((4,))
    h = nn.Dense(5, activation="tanh", seed=0)(x)
    model = nn.Model(x, nn.Dense(2, seed=1)(h) + np.sum(h, axis=1, keepdims=True))
    assert [type(layer) for layer in model.layers[:1]] == [nn.InputLayer]

    def loss(x):
        return np.sum(model(x) ** 2)

    for size in (6, 3, 5, 2):
        np.testing.assert_allclose(tg.compile(loss)(X[:size]), loss(X[:size]).data, rtol=1e-6)


def test_a_compiled_function_sees_the_defaults_and_the_call_around_it_change():
    class Fast(nn.Module):
        def __init__(self):
            self.dropout = nn.Dropout(0.5, seed=0)
            self.fast = tg.compile(self.dropout)

        def call(self, x):
            return self.fast(x)

    module, ones = Fast(), np.ones(8, np.float32)
    assert 0 in module(ones)
    assert 0 not in module(ones, training=False)
    assert 0 in module(ones, training=True)
    size = tg.compile(lambda x: x * nn.floatx().itemsize)
    assert size(ones)[0] == 4
    try:
        nn.set_floatx("float64")
        assert size(ones)[0] == 8
    finally:
        nn.set_floatx("float32")


def test_a_list_of_one_output_is_that_output():
    x = nn.Input((4,))
    model = nn.Model(inputs=[x], outputs=[nn.Dense(3)(x)])
    model.compile("sgd", "mse")
    batch = np.ones((2, 4), np.float32)
    assert model(batch).shape == model.predict(batch).shape == (2, 3)
    assert model.output_shape == (None, 3)


def test_training_in_a_call_on_symbols_holds_for_each_call(tmp_path):
    inner = nn.Sequential([nn.Input((4,)), nn.Dropout(0.5, seed=1), nn.BatchNormalization()])
    x = nn.Input((4,))
    model = nn.Model(x, nn.Dense(1, seed=2)(inner(x, training=False)))
    model.compile("sgd", "mse")
    path = tmp_path / "model.safetensors"
    model.save(path)
    for one in (model, copy.deepcopy(model), nn.load_model(path)):
        means = one.layers[1].layers[-1].moving_mean.numpy().copy()
        loss = one.evaluate(X, X[:, :1], batch_size=len(X), verbose=0)
        assert one.fit(X, X[:, :1], batch_size=len(X), verbose=0).history["loss"] == [pytest.approx(loss)]
        np.testing.assert_array_equal(one.layers[1].layers[-1].moving_mean.data, means)


def test_dropout_that_always_drops(tmp_path):
    x = nn.Input((4,))
    model = nn.Model(x, nn.Dropout(0.5, seed=1)(x, training=True))
    first, second = (model.predict(X, verbose=0) for _ in range(2))
    assert (first == 0).any() and not np.array_equal(first, second)


def test_symbols_leave_statistics_as_they_were():
    layer = nn.BatchNormalization()
    x = nn.Input((4,))
    nn.Model.from_config(nn.Model(x, layer(x, training=True)).get_config())
    np.testing.assert_array_equal(layer.moving_variance.data, 1)


def test_a_model_of_symbols_is_called_as_in_keras(capsys: pytest.CaptureFixture[str]) -> None:
    x = tg.nn.Input((4,))
    inner = tg.nn.Model(x, tg.nn.Dense(3)(x))
    inner.summary()
    assert 'Model: "functional"' in capsys.readouterr().out
    outer = tg.nn.Sequential([tg.nn.Input((4,)), inner, tg.nn.Dense(2)])
    assert [layer.name for layer in outer.layers] == ["functional", "dense"]


def test_a_file_without_the_lines_of_the_table_gets_others(monkeypatch):
    model = nn.Sequential([nn.Input((3,)), nn.Dense(2, name="größe")])
    for encoding in ("ascii", "cp1252", "utf-8"):
        file = io.TextIOWrapper(io.BytesIO(), encoding)
        monkeypatch.setattr("sys.stdout", file)
        model.summary()
        file.flush()
        text = file.buffer.getvalue().decode(encoding)
        assert ("┃ Layer (type)" if encoding == "utf-8" else "| Layer (type)") in text
        assert ("gr??e" if encoding == "ascii" else "größe") in text


def test_the_summary_has_keras_options():
    base = nn.Sequential([nn.Input((4,)), nn.Dense(3), nn.Dropout(0.1)], name="base")
    base.trainable = False
    x = nn.Input((4,))
    model = nn.Model(x, nn.Dense(2, name="head")(base(x)))
    tables = []
    model.summary(None, None, tables.append, expand_nested=True, show_trainable=True)
    model.summary(print_fn=tables.append, layer_range=("base", "he.*"))
    full, part = ([line.strip("│").split("│") for line in table.splitlines() if line[0] == "│"] for table in tables)
    rows = {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in full}
    assert [name.split(" (")[0] for name in rows] == ["input_layer", "base", "└ dense", "└ dropout", "head"]
    assert rows["base (Sequential)"] == ["(None, 3)", "15", "N", "input_layer"]
    assert rows["└ dense (Dense)"][2] == "N" and rows["└ dropout (Dropout)"][2] == "-"
    assert rows["head (Dense)"][1:3] == ["8", "Y"]
    assert [cells[0].split()[0] for cells in part] == ["base", "head"]
    with pytest.raises(ValueError, match="no layer 'tail' for layer_range"):
        model.summary(layer_range=("base", "tail"))
