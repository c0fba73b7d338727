"""Layers that are built before their first batch, and the rules of weights whatever they are called."""

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import keras, nn

X = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)


@pytest.mark.parametrize(
    ("layer", "x"),
    [
        (nn.Dense(3), X),
        (nn.Conv2D(2, 3), np.ones((1, 4, 4, 2), np.float32)),
        (nn.BatchNormalization(), X),
        (nn.LSTM(3), np.ones((2, 5, 4), np.float32)),
        (nn.MultiHeadAttention(2, 3), None),
        (nn.PReLU(), X),
    ],
    ids=lambda item: getattr(item, "name", ""),
)
@pytest.mark.parametrize("named", [False, True])
def test_weights_that_build_made_stay(layer, x, named):
    layer = type(layer).from_config(layer.get_config())
    x = np.ones((2, 5, 4), np.float32) if x is None else x
    shapes = [[None, *x.shape[1:]]]
    if isinstance(layer, nn.MultiHeadAttention):
        names, shapes = ("query_shape", "value_shape"), 2 * shapes
    else:
        names = ("input_shape",)
    if named:
        layer.build(**dict(zip(names, shapes, strict=True)))
    else:
        layer.build(*shapes)
    assert layer.built
    assert layer.weights
    layer.set_weights([0.1 + np.cos(np.arange(float(w.size)).reshape(w.shape)) ** 2 for w in layer.weights])
    before = layer.get_weights()
    layer(*[x for _ in shapes], training=False)
    layer.build(*shapes)
    assert all(map(np.array_equal, before, layer.get_weights()))


class Own(keras.layers.Layer):
    def __init__(self, units=3, **options):
        super().__init__(**options)
        self.inner = keras.layers.Dense(units)

    def build(self, input_shape):
        self.inner.build(input_shape)
        self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones")
        super().build(input_shape)

    def call(self, x):
        return self.inner(self.scale * x)


def test_a_layer_that_builds_those_inside_it():
    layer = Own()
    layer.build((None, 4))
    assert layer.built
    assert layer.inner.built
    kernel = layer.inner.kernel.numpy().copy()
    np.testing.assert_allclose(layer(X).data, X @ kernel, rtol=1e-6)
    model = keras.Sequential([Own()])
    assert model(X).shape == (3, 3)


def test_a_build_that_fails_leaves_the_layer_as_it_was():
    class Failing(keras.layers.Layer):
        def build(self, input_shape):
            self.w = self.add_weight(shape=(2,))
            raise KeyError("too late")

    layer = Failing()
    before = set(vars(layer))
    with pytest.raises(KeyError):
        layer.build((None, 2))
    assert not layer.built
    assert set(vars(layer)) == before


def test_a_call_that_fails_takes_back_what_an_outer_build_built():
    class Outer(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.inner = keras.layers.Dense(2)

        def build(self, input_shape):
            self.inner.build(input_shape)

        def call(self, x):
            raise RuntimeError("no")

    layer = Outer()
    with pytest.raises(RuntimeError, match="no"):
        layer(X)
    assert not layer.built
    assert not layer.inner.built


def test_a_build_that_asks_for_several_shapes():
    class Pair(keras.layers.Layer):
        def build(self, query_shape, value_shape):
            self.shapes = query_shape, value_shape
            self.w = self.add_weight(shape=(query_shape[-1], value_shape[-1]))

        def call(self, query, value):
            return query @ self.w @ value.T

    layer = Pair()
    assert layer(X, X[:2, :3]).shape == (3, 2)
    assert layer.w.shape == (4, 3)
    other = Pair()
    other.build((None, 4), value_shape=(None, 3))
    w = other.w.numpy().copy()
    other(X, value=X[:2, :3])
    np.testing.assert_array_equal(other.w.numpy(), w)
    third = Pair.from_config({})
    third(X, value=X[:2, :3])
    assert third.shapes == ((3, 4), (2, 3))


class Ruled(keras.layers.Layer):
    def build(self, input_shape):
        self.a = self.add_weight(shape=(4,), initializer="ones", regularizer=keras.regularizers.L1(1.0))
        self.b = self.add_weight(shape=(4,), initializer="ones", name="kernel", regularizer="l2", constraint="non_neg")
        self.rest = [self.add_weight(shape=(4,), initializer="ones", regularizer=keras.regularizers.L1(0.5))]
        self.rest.append(self.add_weight(shape=(2,), initializer="ones", regularizer=keras.regularizers.L1(0.25)))

    def call(self, x):
        return x * self.a * self.b * self.rest[0] * self.rest[1][0]


def test_rules_of_weights_by_any_name():
    layer = Ruled()
    layer(X)
    assert sorted(float(loss) for loss in layer.losses) == pytest.approx([0.04, 0.5, 2.0, 4.0])
    assert [weight is layer.b for weight, _ in layer.constraints()] == [True]
    again = Ruled()
    again.build((None, 4))
    again.trainable = False
    assert not again.trainable_weights
    again.trainable = True
    assert len(again.trainable_weights) == 4
    frozen = Ruled(trainable=False)
    frozen.build((None, 4))
    assert not frozen.trainable_weights
    frozen.trainable = True
    assert len(frozen.trainable_weights) == 4


def test_any_layer_has_a_penalty_of_its_result():
    class Double(keras.layers.Layer):
        def call(self, x):
            return 2 * x

    layer = Double(activity_regularizer="l2")
    layer(X)
    np.testing.assert_allclose(layer.losses, [0.01 * np.sum((2 * X) ** 2) / 3], rtol=1e-6)
    assert type(layer).from_config(layer.get_config()).activity_regularizer == keras.regularizers.L2(0.01)
    norm = nn.LayerNormalization(activity_regularizer=keras.regularizers.L1(0.1))
    y = norm(X)
    assert [float(loss) for loss in norm.losses] == pytest.approx([0.1 * np.sum(np.abs(y.numpy())) / 3], rel=1e-6)


class Counting(keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden = keras.layers.Dense(8, activation="relu", activity_regularizer="l2")
        self.last = keras.layers.Dense(1)

    def call(self, x):
        h = self.hidden(x)
        self.add_loss(np.mean(h**2))
        return self.last(h)


@pytest.mark.parametrize("called_before", [False, True])
@pytest.mark.parametrize("calls", [1, 2])
def test_a_compiled_step_of_ones_own_adds_the_losses_of_layers(called_before, calls):
    y = np.ones((3, 1), np.float32)
    found = {}
    for run in (lambda f: f, tg.compile):
        keras.utils.set_random_seed(0)
        model = Counting()
        model.build((None, 4))
        if called_before:
            model(X)
        before = list(model.losses)
        optimizer = tg.optim.SGD(model.parameters(), 0.1)

        def step(x, y, model=model, optimizer=optimizer):
            for _ in range(calls):
                p = model(x)
            loss = np.mean((p - y) ** 2) + sum(model.losses)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss

        run_step = run(step)
        found[run] = [float(np.asarray(getattr(item, "data", item))) for item in (run_step(X, y) for _ in range(3))]
    one, other = found.values()
    np.testing.assert_allclose(one, other, rtol=1e-6)
    assert one[0] > one[-1]
    assert model.losses == before  # those of a compiled step are its own
