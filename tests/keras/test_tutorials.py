"""Programs as tutorials of Keras write them, on small data: only the import line is another."""

import itertools

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import keras
from tinygraph.keras import layers, ops
from tinygraph.keras.callbacks import EarlyStopping
from tinygraph.keras.layers import LSTM, Dense, Input
from tinygraph.keras.models import Model, Sequential
from tinygraph.keras.utils import to_categorical

from . import beside

RNG = np.random.default_rng(3)
FLOWERS = RNG.normal(size=(90, 4))
KINDS = np.argmax(FLOWERS[:, :3], axis=1)
DIGITS = (RNG.random((60, 28, 28)) * 255).astype("uint8")
NUMBERS = (np.arange(60) % 10).astype("uint8")


@pytest.fixture(autouse=True)
def _the_same_weights_in_each_run():
    keras.utils.set_random_seed(7)
    yield
    tg.nn.set_seed(None)


def test_flowers_layer_by_layer():
    targets = to_categorical(KINDS)
    model = Sequential()
    model.add(Dense(32, input_shape=(4,), activation="relu"))
    model.add(Dense(32, activation="relu"))
    model.add(Dense(3, activation="softmax"))
    model.summary()
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    stop = EarlyStopping(min_delta=0.0005, patience=2)
    history = model.fit(FLOWERS, targets, batch_size=8, epochs=30, callbacks=[stop], validation_split=0.1)
    loss, accuracy = model.evaluate(FLOWERS, targets)
    assert accuracy > 0.9
    assert loss < history.history["loss"][0]
    assert sorted(history.history) == ["accuracy", "loss", "val_accuracy", "val_loss"]
    np.testing.assert_allclose(model.predict(FLOWERS).sum(axis=1), 1, rtol=1e-6)


def test_flowers_by_calls_of_layers(capsys):
    inputs = Input((4,))
    x = Dense(32, activation="relu")(inputs)
    x = Dense(32, activation="relu")(x)
    outputs = Dense(3, activation="softmax")(x)
    model = Model(inputs=[inputs], outputs=[outputs])
    model.summary()
    printed = capsys.readouterr().out
    assert "dense_2 (Dense)" in printed
    assert "Total params: 1,315 (5.14 KB)" in printed
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    model.fit(FLOWERS, to_categorical(KINDS), batch_size=16, epochs=40, validation_split=0.1, verbose=0)
    assert model.evaluate(FLOWERS, to_categorical(KINDS))[1] > 0.9


def test_digits_with_convolutions():
    x = np.expand_dims(DIGITS.astype("float32") / 255, -1)
    y = keras.utils.to_categorical(NUMBERS, 10)
    model = keras.Sequential(
        [
            keras.Input(shape=(28, 28, 1)),
            layers.Conv2D(4, kernel_size=(3, 3), activation="relu"),
            layers.MaxPooling2D(pool_size=(2, 2)),
            layers.Conv2D(4, kernel_size=(3, 3), activation="relu"),
            layers.MaxPooling2D(pool_size=(2, 2)),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    model.fit(x, y, batch_size=32, epochs=2, validation_split=0.1)
    score = model.evaluate(x, y, verbose=0)
    assert len(score) == 2
    assert model.count_params() == 40 + 148 + 1010


def test_digits_of_the_beginners_page():
    x = DIGITS / 255.0
    model = keras.models.Sequential(
        [
            keras.layers.Flatten(input_shape=(28, 28)),
            keras.layers.Dense(16, activation="relu"),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(10),
        ]
    )
    predictions = model(x[:1]).numpy()
    assert predictions.shape == (1, 10)
    assert predictions.dtype == np.float32
    loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    assert 1 < loss_fn(NUMBERS[:1], predictions).numpy() < 5
    model.compile(optimizer="adam", loss=loss_fn, metrics=["accuracy"])
    model.fit(x, NUMBERS, epochs=2)
    model.evaluate(x, NUMBERS, verbose=2)
    probability_model = keras.Sequential([model, keras.layers.Softmax()])
    probabilities = probability_model(x[:5]).numpy()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(probability_model.predict(x[:5]), probabilities, rtol=1e-5)


def test_the_next_number_of_a_series():
    series = np.sin(np.arange(60) / 4).astype("float32")
    x = np.stack([series[place : place + 5] for place in range(50)])[:, :, None]
    model = Sequential()
    model.add(LSTM(8, input_shape=(5, 1)))
    model.add(Dense(1))
    model.compile(loss="mean_squared_error", optimizer="adam")
    history = model.fit(x, series[5:55], epochs=8, batch_size=5, verbose=0).history["loss"]
    assert history[-1] < history[0]
    assert model.predict(x).shape == (50, 1)


# --- more than the five ---------------------------------------------------------------------------------------------


def test_parts_of_a_network_are_networks():
    model = keras.Sequential([keras.Input((4,)), Dense(6, "relu", name="first"), Dense(5, name="second"), Dense(2)])
    features = keras.Model(inputs=model.inputs, outputs=[layer.output for layer in model.layers])
    middle = keras.Model(model.input, model.get_layer("first").output)
    rest = keras.Model(model.layers[1].input, model.output)
    found = features.predict(FLOWERS)
    np.testing.assert_array_equal(found[0], middle.predict(FLOWERS))
    np.testing.assert_allclose(found[2], rest.predict(found[0]), rtol=1e-6)
    network = keras.Model(model.input, model.output)
    assert [layer.output.shape for layer in network.layers] == [(None, 4), (None, 6), (None, 5), (None, 2)]
    assert network.layers[1].get_weights()[0].shape == (4, 6)
    with pytest.raises(AttributeError, match=r'Dense "Dense" has no output: it was not called on symbols'):
        Dense(3).output  # noqa: B018


def test_copies_of_a_network_have_the_outputs_of_their_layers():
    import copy

    model = keras.Sequential([keras.Input((4,)), Dense(6, name="first"), Dense(2)])
    other = copy.deepcopy(keras.Model(model.input, model.output))
    part = keras.Model(other.input, other.get_layer("first").output)
    np.testing.assert_allclose(part.predict(FLOWERS), model.layers[0](FLOWERS).numpy(), rtol=1e-5)


class Net(keras.Model):
    def __init__(self, **options):
        super().__init__(**options)
        self.hidden = Dense(5, activation="tanh")
        self.out = Dense(1)

    def call(self, x, training=None):
        return self.out(self.hidden(x))


class Squared(Net):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
        return 2 * super().compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight)


def test_models_of_a_class():
    model = Net(name="net")
    model.build(input_shape=(None, 4))
    assert [layer.name for layer in model.layers] == ["hidden", "out"]
    assert [weight.shape for weight in model.weights] == [(4, 5), (5,), (5, 1), (1,)]
    assert model.get_layer(index=1) is model.out


@pytest.mark.parametrize("run_eagerly", [False, True])
def test_a_loss_of_the_models_own(run_eagerly):
    losses = []
    for kind in (Net, Squared):
        model = kind()
        model.build((None, 4))
        model.set_weights([np.full(weight.shape, 0.1) for weight in model.get_weights()])
        model.compile("sgd", "mse", run_eagerly=run_eagerly)
        losses.append(model.evaluate(FLOWERS, FLOWERS[:, 0]))
        model.fit(FLOWERS, FLOWERS[:, 0], shuffle=False)
    np.testing.assert_allclose(2 * losses[0], losses[1], rtol=1e-6)


class Linear(keras.layers.Layer):
    def __init__(self, units=3, **options):
        super().__init__(**options)
        self.units = units

    def build(self, input_shape):
        self.w = self.add_weight(shape=(input_shape[-1], self.units), initializer="random_normal", trainable=True)
        self.b = self.add_weight(shape=(self.units,), initializer="zeros")

    def call(self, inputs):
        self.add_loss(0.1 * ops.mean(ops.square(inputs)))
        return ops.relu(ops.matmul(inputs, self.w) + self.b)


def mean_of_squares(y_true, y_pred):
    return ops.mean(ops.square(y_true - y_pred), axis=-1)


class Hits(keras.metrics.Metric):
    def __init__(self, name="hits", **options):
        super().__init__(name=name, **options)
        self.count = self.add_weight(shape=(), name="count", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.count.assign_add(ops.sum(ops.cast(ops.argmax(y_pred, axis=1) == ops.argmax(y_true, axis=1), "float32")))

    def result(self):
        return self.count.value


@pytest.mark.parametrize("run_eagerly", [False, True])
def test_layers_losses_and_metrics_of_ones_own(run_eagerly):
    model = keras.Sequential([keras.Input((4,)), Linear(5), Linear(3)])
    model.compile("adam", mean_of_squares, metrics=[Hits()], run_eagerly=run_eagerly)
    targets = to_categorical(KINDS)
    history = model.fit(FLOWERS, targets, epochs=2, batch_size=30, verbose=0).history
    hits = np.sum(np.argmax(model.predict(FLOWERS), axis=1) == KINDS)
    assert model.evaluate(FLOWERS, targets)[1] == hits
    assert history["loss"][1] < history["loss"][0]
    assert Linear.from_config(Linear(7).get_config()).units == 7


def test_operations_on_symbols():
    a, b = keras.Input((4,)), keras.Input((4,))
    z = ops.add(Dense(4)(a), b) * 2 + ops.relu(b) - ops.mean(b, axis=-1, keepdims=True)
    z = keras.activations.gelu(ops.concatenate([z, a], axis=-1))[:, :6]
    model = keras.Model([a, b], keras.layers.Dense(2)(z))
    assert model.predict([FLOWERS, FLOWERS]).shape == (90, 2)
    assert z.shape == (None, 6)


def test_random_layers_draw_anew_in_each_step():
    class Noise(keras.layers.Layer):
        def __init__(self, **options):
            super().__init__(**options)
            self.seeds = keras.random.SeedGenerator(1)

        def call(self, x):
            return x * 0 + keras.random.normal(ops.shape(x), seed=self.seeds)

    model = keras.Sequential([keras.Input((4,)), Noise()])
    first, second = model.predict(FLOWERS[:32]), model.predict(FLOWERS[:32])
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(keras.random.uniform((3,), seed=5), keras.random.uniform((3,), seed=5))
    keras.utils.set_random_seed(2)
    drawn = keras.random.normal((3,))
    keras.utils.set_random_seed(2)
    np.testing.assert_array_equal(drawn, keras.random.normal((3,)))
    assert set(keras.random.randint((50,), 2, 4)) == {2, 3}
    assert keras.random.categorical(np.log([[0.0001, 0.9999]]), 20).sum() > 15
    assert sorted(keras.random.shuffle(np.arange(9)).tolist()) == list(range(9))


def test_words_as_floats_are_looked_up():
    model = keras.Sequential([keras.Input((3,)), layers.Embedding(5, 2), layers.Flatten()])
    whole = np.array([[0.0, 1.0, 4.0]])
    np.testing.assert_array_equal(model.predict(whole), model.predict(whole.astype(int)))
    with pytest.raises(TypeError, match=r"indices must be whole numbers, got 0.5"):
        model.predict(np.array([[0.5, 1.0, 2.0]]))


def test_the_state_of_a_stateful_layer_begins_with_the_first_batch():
    x, y = RNG.normal(size=(8, 3, 1)), RNG.normal(size=(8, 1))
    model = keras.Sequential([keras.Input(batch_shape=(4, 3, 1)), LSTM(4, stateful=True), Dense(1)])
    model.set_weights([np.full(weight.shape, 0.1) for weight in model.get_weights()])
    model.compile("sgd", "mse")
    state = model.layers[0].states[0]
    np.testing.assert_array_equal(state.data, 0)
    first = model.train_on_batch(x[:4], y[:4])
    assert not np.array_equal(state.data, np.zeros((4, 4)))
    model.layers[0].reset_state()
    other = keras.Sequential([keras.Input((3, 1)), LSTM(4), Dense(1)])
    other.set_weights([np.full(weight.shape, 0.1) for weight in other.get_weights()])
    other.compile("sgd", "mse")
    np.testing.assert_allclose(first, other.train_on_batch(x[:4], y[:4]), rtol=1e-6)
    model.fit(x, y, batch_size=4, shuffle=False, verbose=0)


def test_batches_by_number():
    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 3

        def __getitem__(self, index):
            return FLOWERS[30 * index : 30 * index + 30], KINDS[30 * index : 30 * index + 30]

    model = keras.Sequential([keras.Input((4,)), Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    assert len(model.fit(Batches(workers=2), epochs=2, verbose=0).history["loss"]) == 2
    assert issubclass(keras.utils.Sequence, keras.utils.PyDataset)
    assert len([*Batches()]) == 3  # a loop over them ends


def test_batches_whose_number_is_a_property():
    """Keras 3 asks for `num_batches`, which may be None."""
    told = []

    class Batches(keras.utils.PyDataset):
        num_batches = 3

        def __getitem__(self, index):
            told.append(index)
            return FLOWERS[30 * index : 30 * index + 30], KINDS[30 * index : 30 * index + 30]

        def on_epoch_begin(self):
            told.append("begin")

        def on_epoch_end(self):
            told.append("end")

    model = keras.Sequential([keras.Input((4,)), Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(Batches(), epochs=2, verbose=0)
    assert told[-10:] == ["begin", 0, 1, 2, "end"] * 2
    assert model.evaluate(Batches(), verbose=0) > 0
    assert len([*Batches()]) == 3

    class Endless(Batches):
        num_batches = None

    model.fit(Endless(), steps_per_epoch=3, verbose=0)
    assert [batch[1][0] for batch, _ in zip(Endless(), range(2), strict=False)] == [KINDS[0], KINDS[30]]
    with pytest.raises(ValueError, match="no last batch"):
        model.fit(Endless(), verbose=0)


def test_class_weights_of_batches_are_those_of_arrays():
    weights = {0: 1.0, 1: 3.0, 2: 0.5}

    def trained(*data, **options):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((4,)), Dense(3, activation="softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy")
        return model.fit(*data, class_weight=weights, shuffle=False, epochs=2, verbose=0, **options).history["loss"]

    batches = [(FLOWERS[i : i + 30], KINDS[i : i + 30]) for i in range(0, 90, 30)]

    class Pairs(keras.utils.PyDataset):
        num_batches = 3

        def __getitem__(self, index):
            return batches[index]

    expected = trained(FLOWERS, KINDS, batch_size=30)
    assert trained(Pairs()) == expected
    assert trained(itertools.cycle(batches), steps_per_epoch=3) == expected


def test_metrics_of_one_name_are_told_apart():
    model = keras.Sequential([keras.Input((4,)), Dense(1, activation="sigmoid")])
    kinds = [keras.metrics.AUC(), keras.metrics.AUC(curve="PR"), "accuracy"]
    model.compile("sgd", "binary_crossentropy", metrics=kinds)
    history = model.fit(FLOWERS, FLOWERS[:, 0] > 0, epochs=1, verbose=0).history
    assert list(history) == ["loss", "auc", "auc_1", "accuracy"]


@pytest.mark.parametrize("make", [lambda *parts: keras.Sequential([*parts]), None], ids=["sequential", "functional"])
def test_a_last_axis_of_one_may_be_missing_or_too_many(make):
    """Keras gives images a channel where their input has one, and takes it away where it has none."""
    first, rest = keras.Input((28, 28, 1)), [layers.Conv2D(2, 5), layers.GlobalAveragePooling2D(), Dense(1)]
    out = first
    for layer in rest if make is None else []:
        out = layer(out)
    model = make(first, *rest) if make is not None else Model(first, out)
    expected = model.predict(DIGITS[..., None] / 255)
    np.testing.assert_array_equal(model.predict(DIGITS / 255), expected)
    model.compile("sgd", "mse")
    assert model.fit(DIGITS / 255, NUMBERS, verbose=0).history["loss"][0] > 0
    flat = keras.Sequential([keras.Input((4,)), Dense(2)])
    np.testing.assert_array_equal(flat.predict(FLOWERS[..., None]), flat.predict(FLOWERS))
    with pytest.raises(tg.ShapeError):
        model.predict(DIGITS[:, :20] if make is None else DIGITS[:, :3])


class MaskedSoftmax(keras.layers.Layer):
    """Of the guide on masking: it cannot be called without a mask."""

    supports_masking = True

    def call(self, inputs, mask=None):
        assert mask is not None
        counts = ops.expand_dims(ops.cast(mask, "float32"), -1)
        powers = ops.exp(inputs) * counts
        return powers / ops.maximum(ops.sum(powers, axis=1, keepdims=True), 1e-9)


def test_a_layer_gets_its_mask_while_a_network_is_put_together():
    words = np.array([[1, 2, 0, 0], [3, 1, 2, 0], [4, 4, 4, 4]])
    inputs = Input((None,), dtype="int32")
    x = layers.Dense(1)(layers.Embedding(5, 3, mask_zero=True)(inputs))
    model = Model(inputs, MaskedSoftmax()(x))
    shares = model.predict(words)[..., 0]
    np.testing.assert_array_equal(shares == 0, words == 0)
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-6)
    states = layers.LSTM(2, return_sequences=True, return_state=True)(x)
    assert MaskedSoftmax()(states[0]).shape == (None, None, 2)
    with pytest.raises(AssertionError):
        MaskedSoftmax()(Input((None, 2)))


def test_sums_of_segments_are_programs(recwarn):
    ids = np.array([0, 2, 2, 0, 1])
    rows = RNG.normal(size=(5, 3))
    expected = np.stack([rows[ids == place].sum(axis=0) for place in range(4)])
    found = tg.compile(lambda x, ids: ops.segment_sum(x, ids, num_segments=4))(rows, ids)
    np.testing.assert_allclose(found, expected)
    assert not recwarn.list


def test_the_version_is_ours():
    assert keras.__version__ == tg.__version__


def branching(the_keras, names, outputs_in_dict):
    """A network in which layers are called in another order than that of their distances from the outputs."""
    its = the_keras.layers
    first, second = the_keras.Input((5,), name="x"), the_keras.Input((5,), name="y")
    short = its.Dense(5, name=names[0])(second)
    long = its.Dense(5, name=names[2])(its.Dense(5, name=names[1])(first))
    shared = its.Dense(5, name=names[3])
    joined = its.Add(name="joined")([short, long, shared(second)])
    one, other = its.Dense(2, name="b")(joined), its.Dense(2, name="a")(shared(joined))
    outputs = {"b": one, "a": other} if outputs_in_dict else [one, other]
    return the_keras.Model([first, second], outputs)


ORDERS = [
    (False, ["x", "y", "h2", "h1", "h3", "h4", "joined", "b", "a"]),
    (True, ["x", "y", "h2", "h4", "h1", "h3", "joined", "a", "b"]),
]


@pytest.mark.parametrize(("in_dict", "expected"), ORDERS)
def test_layers_are_in_the_order_of_keras(in_dict, expected):
    """So that `set_weights(theirs.get_weights())` gives each layer its own."""
    model = branching(keras, ["h1", "h2", "h3", "h4"], in_dict)
    assert [layer.name for layer in model.layers] == expected
    for place, name in enumerate(expected[2:6]):
        np.testing.assert_array_equal(model.get_weights()[2 * place], model.get_layer(name).kernel.data)


@pytest.mark.parametrize("in_dict", [False, True])
def test_the_order_of_layers_is_that_of_keras_itself(in_dict):
    theirs = branching(beside.keras(), ["h1", "h2", "h3", "h4"], in_dict)
    ours = branching(keras, ["h1", "h2", "h3", "h4"], in_dict)
    assert [layer.name for layer in ours.layers] == [layer.name for layer in theirs.layers]


def test_operations_in_their_files():
    """Keras has `ops.nn` and `ops.numpy` beside `ops`."""
    assert ops.nn.sigmoid is ops.sigmoid
    assert ops.numpy.mean is ops.mean


@pytest.mark.parametrize("run_eagerly", [False, True])
def test_a_layer_that_only_adds_its_size_to_the_loss(run_eagerly):
    model = keras.Sequential([Input((4,)), layers.ActivityRegularization(l1=0.1, l2=0.2), layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=run_eagerly)
    error = np.mean((model.predict(FLOWERS)[:, 0] - FLOWERS[:, 0]) ** 2)
    size = np.sum(0.1 * np.abs(FLOWERS) + 0.2 * FLOWERS**2) / len(FLOWERS)
    np.testing.assert_allclose(model.evaluate(FLOWERS, FLOWERS[:, 0], batch_size=90), error + size, rtol=1e-5)


def test_an_initialiser_of_ones_own():
    class Even(keras.initializers.Initializer):
        def __init__(self, value=2.0):
            self.value = value

        def __call__(self, shape, dtype=None):
            return self.value * ops.ones(shape, dtype=dtype)

    layer = Dense(3, kernel_initializer=Even(0.5))
    layer(FLOWERS)
    np.testing.assert_array_equal(layer.kernel.data, np.full((4, 3), 0.5, np.float32))
    assert Even(0.5).get_config() == {"value": 0.5}
    with pytest.raises(NotImplementedError, match=r"give it a method __call__\(self, shape, dtype=None\)"):
        Dense(3, kernel_initializer=keras.Initializer())(FLOWERS)


# --- PyTorch's fingers ----------------------------------------------------------------------------------------------


def test_a_loop_as_pytorch_has_it():
    model = keras.Sequential([keras.Input((4,)), Dense(3)])
    optimizer = tg.optim.Adam(model.parameters(), learning_rate=0.1)
    losses = []
    model.train()
    for _ in range(3):
        optimizer.zero_grad()
        loss = tg.cross_entropy(model(FLOWERS), KINDS, from_logits=True)
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    model.eval()
    assert losses[2] < losses[0]
    model.load_state_dict(model.state_dict())


FINGERS = [
    (lambda: keras.optimizers.Adam(lr=0.1), TypeError, "Adam: there is no argument lr=. Write learning_rate="),
    (lambda: tg.nn.Linear(4, 3), AttributeError, r"no attribute 'Linear'. Write tg.nn.Dense\(3\)"),
    (lambda: keras.layers.Linear(4, 3), AttributeError, r"no attribute 'Linear'. Write tg.nn.Dense\(3\)"),
    (lambda: Dense(3).cuda(), AttributeError, "all arrays are in the memory of the processor"),
    (lambda: keras.utils.np_utils, AttributeError, r"Write tg.keras.utils.to_categorical\(labels\)"),
]


@pytest.mark.parametrize(("typed", "error", "words"), FINGERS)
def test_names_of_elsewhere_are_answered(typed, error, words):
    with pytest.raises(error, match=words):
        typed()


# --- bad input ------------------------------------------------------------------------------------------------------


def trained():
    """Return a model after a step, and the state of its training."""
    model = keras.Sequential([keras.Input((4,)), Dense(6, activation="relu", name="hidden"), Dense(3, name="logits")])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    model.fit(FLOWERS, KINDS, epochs=1, verbose=0)
    return model


def state_of(model):
    """Return copies of all that a training changes."""
    return [np.array(item.data) for item in itertools.chain(model.weights, model.optimizer.state.values())]


WITH_NAN = np.where(np.arange(360).reshape(90, 4) == 13, np.nan, FLOWERS)
BAD = {
    "a label too large": (lambda m: m.fit(FLOWERS, KINDS + 1), Exception, "3"),
    "a negative label": (lambda m: m.fit(FLOWERS, KINDS - 1), Exception, "-1"),
    "features": (
        lambda m: m.fit(FLOWERS[:, :3], KINDS),
        tg.ShapeError,
        r'"hidden": a batch of shape \(\d+, 3\) does not have 4 .*test_tutorials.py:\d+',
    ),
    "no rows": (lambda m: m.fit(FLOWERS[:0], KINDS[:0]), ValueError, "there are no rows"),
    "nan in inputs": (lambda m: m.fit(WITH_NAN, KINDS), ValueError, "inputs have a NaN, first in row 3"),
    "numbers of rows": (lambda m: m.fit(FLOWERS, KINDS[:50]), ValueError, "inputs 90, targets 50"),
    "targets of words": (lambda m: m.fit(FLOWERS, np.array(["a", "b", "c"])[KINDS]), TypeError, "must be numbers"),
    "targets of a shape": (lambda m: m.fit(FLOWERS, np.zeros((90, 7))), Exception, "7"),
}


@pytest.mark.parametrize("case", sorted(BAD))
def test_bad_data_are_refused_and_nothing_is_lost(case):
    call, error, words = BAD[case]
    model = trained()
    before, history = state_of(model), model.history
    with pytest.raises(error, match=words):
        call(model)
    for mine, theirs in zip(before, state_of(model), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert history.history["loss"]
    model.fit(FLOWERS, KINDS, epochs=1, verbose=0)


def test_a_layer_that_does_not_fit_is_named_with_the_line():
    with pytest.raises(tg.ShapeError, match=r'Conv2D "conv2d".*\(\d+, 4\)') as caught:
        keras.Sequential([keras.Input((4,)), layers.Conv2D(3, 3)])
    assert "test_tutorials.py:" in str(caught.value)


def test_a_batch_larger_than_the_data_is_all_data():
    model = trained()
    assert len(model.fit(FLOWERS, KINDS, batch_size=1000, verbose=0).history["loss"]) == 1


def test_a_loss_that_is_not_finite_puts_the_weights_back():
    model = keras.Sequential([keras.Input((4,)), Dense(3)])
    model.compile(keras.optimizers.SGD(1e30), "mse")
    model.fit(FLOWERS * 0, FLOWERS[:, :3] * 0, verbose=0)
    before = state_of(model)
    with pytest.raises(FloatingPointError, match="weights are those before this epoch"), np.errstate(all="ignore"):
        model.fit(FLOWERS, FLOWERS[:, :3], epochs=3, verbose=0)
    for mine, theirs in zip(before, state_of(model), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert model.history is not None
